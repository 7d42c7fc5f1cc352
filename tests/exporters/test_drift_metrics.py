"""What /metrics shows: the telemetry contract to the letter, and no more series than it says."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import specs
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from modelwatch.exporters.exposition import Scrape
from modelwatch.exporters.ingest.json_rows import rows_table
from modelwatch.exporters.sidecar import Sidecar
from modelwatch.exporters.state import State
from modelwatch.exporters.statistics import METHODS, OF_CELLS, OF_HISTOGRAMS, OF_MOMENTS, Histograms
from modelwatch.model import defaults
from modelwatch.model import types as t
from modelwatch.telemetry.metrics import BY_NAME, CONTRACT, Emitter, MetricType

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def sidecar(reference: Path, tmp_path: Path, clock) -> Sidecar:  # type: ignore[no-untyped-def]
    kept = dataclasses.replace(defaults.SAMPLING, folder=str(tmp_path / "kept"))
    spec = specs.model(baseline=t.Baseline(data=str(reference)), sampling=kept)
    found = Sidecar(specs.fleet(spec), None, clock)
    found.load()
    return found


def _text(sidecar: Sidecar, openmetrics: bool = False) -> str:
    return Scrape(sidecar).page().text(openmetrics) + ("# EOF\n" if openmetrics else "")


def _scrape(sidecar: Sidecar) -> Series:
    found: Series = {}
    for family in parse(_text(sidecar)):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, f"{key} is there twice"
            found[key] = sample.value
    return found


def _of(series: Series, name: str, **labels: str) -> dict[Mapping[str, str], float]:
    return {
        tuple(sorted(dict(held).items())): value  # type: ignore[misc]
        for (found, held), value in series.items()
        if found == name and labels.items() <= dict(held).items()
    }


def _one(series: Series, name: str, **labels: str) -> float:
    (value,) = _of(series, name, **labels).values()
    return value


# Only what has correlated features has these; test_drift_relations sees to them.
_RELATED = {"model_correlation_change", "model_pca_reconstruction_error_ratio"}
# And only what is compared hour by hour these; test_same_slices sees to them.
_PARTED = {"model_feature_expected_total", "model_reference_effective_rows"}


@pytest.mark.parametrize("openmetrics", [False, True])
def test_every_metric_is_in_the_contract_with_its_type_help_and_labels(sidecar: Sidecar, openmetrics: bool) -> None:
    rows = rows_table([*specs.rows(1, 700), {"features": {"hour": "x"}, "timestamp": 1_699_999_990}])
    sidecar.ingest(specs.NAME, rows)
    sidecar.ingest(specs.NAME, rows_table([{**specs.rows(2, 1)[0], "timestamp": 1_699_999_990}]))
    read = parse_openmetrics if openmetrics else parse
    seen = set()
    for family in read(_text(sidecar, openmetrics)):
        name = f"{family.name.removesuffix('_total')}_total" if family.type == "counter" else family.name
        metric = BY_NAME[name]
        assert metric.emitter is Emitter.SIDECAR
        assert family.type == metric.type
        assert family.documentation == metric.help
        for sample in family.samples:
            assert sample.name == metric.name
            assert sorted(sample.labels) == sorted(metric.labels)
        if family.samples:
            seen.add(metric.name)
    expected = {metric.name for metric in CONTRACT if metric.emitter is Emitter.SIDECAR}
    assert (
        seen | _RELATED | _PARTED | {"model_drift_inactive", "modelwatch_exporter_last_snapshot_timestamp_seconds"}
        == expected
    )


def test_what_a_window_says_is_judged_again_when_rows_come_and_when_time_goes_by(sidecar: Sidecar, clock) -> None:  # type: ignore[no-untyped-def]
    scrape = Scrape(sidecar)

    def samples() -> list[str]:
        lines = scrape.page().text().splitlines()
        return [line.split()[-1] for line in lines if line.startswith("model_drift_samples{") and '"hour"' in line]

    def judgements() -> list[object]:
        return sidecar.judged()[0][1]  # type: ignore[return-value]

    assert samples() == ["0.0", "0.0"]
    sidecar.ingest(specs.NAME, rows_table(specs.rows(1, 600)))
    assert samples() == ["600.0", "600.0"]
    assert judgements() == judgements()
    assert samples() == ["600.0", "600.0"]
    clock.pass_(15 * 60)
    assert samples() == ["0.0", "600.0"]
    sidecar.ingest(specs.NAME, rows_table(specs.rows(1, 1)))
    assert samples() == ["1.0", "601.0"]


def test_counters_begin_at_zero_and_what_is_not_known_yet_is_absent(sidecar: Sidecar) -> None:
    series = _scrape(sidecar)
    for outcome in ("accepted", "rejected"):
        assert _one(series, "modelwatch_exporter_rows_total", model=specs.NAME, outcome=outcome) == 0
    for operation in ("load", "save"):
        assert _one(series, "modelwatch_exporter_state_failures_total", operation=operation) == 0
    assert list(_of(series, "modelwatch_exporter_sampled_rows_total").values()) == [0] * 5
    assert list(_of(series, "modelwatch_exporter_sampled_rows_lost_total").values()) == [0] * 2
    bins = _of(series, "model_feature_values_total", feature="carrier")
    assert list(bins.values()) == [0] * 7
    for name in ("model_drift_score", "modelwatch_exporter_last_row_timestamp_seconds", "model_feature_missing_ratio"):
        assert not _of(series, name)
    assert set(_of(series, "model_drift_detected").values()) == {0}
    assert set(_of(series, "model_drift_samples").values()) == {0}
    assert all(value > 0 for value in _of(series, "model_drift_critical_value").values())


def test_a_score_appears_with_enough_rows_and_never_as_zero_before(sidecar: Sidecar, clock) -> None:  # type: ignore[no-untyped-def]
    sidecar.ingest(specs.NAME, rows_table(specs.rows(1, 499)))
    few = _scrape(sidecar)
    assert not _of(few, "model_drift_score")
    assert _one(few, "model_drift_samples", feature="hour", window="1h") == 499
    assert _one(few, "modelwatch_exporter_last_row_timestamp_seconds", model=specs.NAME) == clock.epoch
    sidecar.ingest(specs.NAME, rows_table(specs.rows(2, 1)))
    enough = _scrape(sidecar)
    numeric, every = len(OF_CELLS) + len(OF_MOMENTS), len(OF_HISTOGRAMS)
    assert len(_of(enough, "model_drift_score")) == (5 * every + 3 * numeric) * 2
    assert _of(enough, "model_drift_critical_value") == _of(few, "model_drift_critical_value")
    clock.pass_(1000)
    later = _scrape(sidecar)
    assert not _of(later, "model_drift_score", window="15m")
    assert len(_of(later, "model_drift_score", window="1h")) == 5 * every + 3 * numeric


def test_scores_can_be_computed_again_from_the_exported_counts(sidecar: Sidecar) -> None:
    rows = specs.rows(1, 4000, shift=0.4)
    for row in rows[:100]:
        row["features"]["carrier"] = "ZZ"  # type: ignore[index]
    sidecar.ingest(specs.NAME, rows_table(rows))
    series = _scrape(sidecar)
    for feature, method in (("carrier", "psi"), ("distance", "js")):
        counts = _of(series, "model_feature_values_total", feature=feature)
        shares = _of(series, "model_feature_reference_ratio", feature=feature)
        assert counts.keys() == shares.keys()
        assert sum(shares.values()) == pytest.approx(1)

        histograms = Histograms(
            np.array([[int(counts[key]) for key in counts]]), np.array([[round(shares[key] * 2000) for key in counts]])
        )
        (again,) = OF_HISTOGRAMS[method].score(histograms)
        assert _one(series, "model_drift_score", feature=feature, method=method, window="1h") == pytest.approx(
            again, rel=1e-9
        )


def test_thresholds_and_the_reference_are_told(sidecar: Sidecar) -> None:
    series = _scrape(sidecar)
    assert _one(series, "model_drift_threshold", feature="hour", method="psi", level="warning") == 0.1
    assert _one(series, "model_drift_threshold", feature="distance", method="js", level="critical") == 0.21
    profile = sidecar.snapshots()[0].layout.profile
    assert profile is not None
    assert _one(series, "modelwatch_reference_info", reference=profile.sha256[:12], rows="2000") == 1


def test_whatever_comes_in_makes_no_new_series_and_is_never_a_label(sidecar: Sidecar) -> None:
    sidecar.ingest(specs.NAME, rows_table(specs.rows(1, 600)))
    before = _scrape(sidecar).keys()
    odd = [
        {"features": {"hour": 1e300 * i, "carrier": f"secret-{i}", f"column-{i}": i}, "prediction": "late"}
        for i in range(2000)
    ]
    sidecar.ingest(specs.NAME, rows_table(odd))
    refused = sidecar.ingest(specs.NAME, rows_table([{**row, "prediction": "secret"} for row in odd]))
    assert refused.accepted == 0
    after = _scrape(sidecar)
    assert after.keys() == before
    assert "secret" not in _text(sidecar)
    assert _one(after, "model_feature_values_total", feature="carrier", bin="new") == 2000


def test_a_model_has_no_more_series_than_the_contract_allows(sidecar: Sidecar) -> None:
    sidecar.ingest(specs.NAME, rows_table(specs.rows(1, 600)))
    series = _scrape(sidecar)
    for feature in ("hour", "distance", "confidence"):
        assert len(_of(series, "model_feature_values_total", feature=feature)) <= 10 + 4
    for name in ("model_drift_samples", "model_drift_detected"):
        assert len(_of(series, name)) == 5 * 2
    for name in ("model_drift_score", "model_drift_critical_value"):
        assert len(_of(series, name)) <= 5 * len(METHODS) * 2


def test_labels_of_any_category_can_be_read_back(tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    odd = ['quo"te', "back\\slash", "new", "é", "日本", "a" * 300, " space "]
    lines = ["c", *('"' + text.replace('"', '""') + '"' for text in odd for _ in range(100))]
    (tmp_path / "r.csv").write_text("\n".join(lines) + "\n")
    model = specs.model(
        features=(specs.feature("c", "categorical"),), baseline=t.Baseline(data=str(tmp_path / "r.csv"))
    )
    sidecar = Sidecar(specs.fleet(model), None, clock)
    sidecar.load()
    sidecar.ingest(specs.NAME, rows_table([{"features": {"c": text}} for text in odd]))
    counts = _of(_scrape(sidecar), "model_feature_values_total", feature="c")
    assert sorted(counts.values()) == [0, 0, 0, 1, 1, 1, 1, 1, 1, 1]


def test_failures_of_state_are_counted(reference: Path, tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / f"{specs.NAME}.state").write_text("damaged")
    found = Sidecar(specs.fleet(specs.model(baseline=t.Baseline(data=str(reference)))), State(tmp_path), clock)
    found.load()
    assert _one(_scrape(found), "modelwatch_exporter_state_failures_total", operation="load") == 1


def test_counters_of_the_contract_end_in_total_and_only_they() -> None:
    for metric in CONTRACT:
        if metric.emitter is Emitter.SIDECAR:
            assert metric.name.endswith("_total") == (metric.type is MetricType.COUNTER)
