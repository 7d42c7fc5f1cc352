"""Drift is told when it is there, and only then: after the threshold, the critical value and the samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import specs

from modelwatch.exporters.clock import Clock
from modelwatch.exporters.comparison import Comparison
from modelwatch.exporters.guards import alpha
from modelwatch.exporters.ingest.json_rows import rows_table
from modelwatch.exporters.layout import layout
from modelwatch.exporters.monitor import Monitor
from modelwatch.exporters.profile import build_profile
from modelwatch.exporters.reference import Profile
from modelwatch.exporters.statistics.looks import looks
from modelwatch.exporters.verdicts import judge
from modelwatch.model import types as t
from modelwatch.model.units import Duration


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    return build_profile(specs.model(), specs.write_reference(tmp_path_factory.mktemp("data") / "reference.csv"))


@dataclass(frozen=True)
class Verdict:
    """What a judgement says of one distribution by its own method; None where it says nothing."""

    name: str
    window: str
    samples: int
    score: float | None
    critical_value: float | None
    detected: bool | None
    inactive: str | None
    missing_ratio: float | None
    out_of_range_ratio: float | None
    new_category_ratio: float | None


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _verdicts(monitor: Monitor) -> Iterator[Verdict]:
    snapshot = monitor.snapshot()
    comparison = Comparison(snapshot.layout)
    for window in snapshot.layout.windows:
        [found] = judge(comparison, [window], [snapshot.total(window.milliseconds)])
        for place, watched in enumerate(snapshot.layout.watched):
            method, why, drifted = watched.subject.feature.drift.method, found.inactive[place], found.drifted[place]
            yield Verdict(
                watched.name,
                window.text,
                int(found.samples[place]),
                _known(found.scores[method][place]) if found.scores else None,
                _known(found.critical[method][place]) if found.critical else None,
                None if np.isnan(drifted) else bool(drifted),
                why and why.sentence,
                _known(found.missing[place]),
                _known(found.outside[place]),
                _known(found.new[place]),
            )


def _by_name(monitor: Monitor, window: str = "15m") -> dict[str, Verdict]:
    return {found.name: found for found in _verdicts(monitor) if found.window == window}


def test_a_day_without_drift_detects_nothing(profile: Profile, clock) -> None:  # type: ignore[no-untyped-def]
    monitor = Monitor(layout(specs.model(), profile), clock)
    above = 0
    for step in range(24 * 12):
        monitor.ingest(rows_table(specs.rows(1000 + step, 300)))
        clock.pass_(300)
        for found in _verdicts(monitor):
            assert not found.detected
            above += found.score is not None and found.critical_value is not None and found.score > found.critical_value
    assert above <= 10


def test_a_shift_is_detected_in_what_has_shifted_and_ends_with_it(profile: Profile, clock) -> None:  # type: ignore[no-untyped-def]
    monitor = Monitor(layout(specs.model(), profile), clock)
    for step in range(12):
        monitor.ingest(rows_table(specs.rows(step, 300)))
        clock.pass_(60)
    for step in range(20):
        monitor.ingest(rows_table(specs.rows(step, 300, shift=0.8)))
        clock.pass_(60)
    found = _by_name(monitor)
    assert [name for name, verdict in found.items() if verdict.detected] == ["distance", "carrier"]
    assert all(verdict.score is not None for verdict in found.values())
    for step in range(20):
        monitor.ingest(rows_table(specs.rows(step, 300)))
        clock.pass_(60)
    assert not any(verdict.detected for verdict in _by_name(monitor).values())
    clock.pass_(3600)
    assert all(verdict.samples == 0 and verdict.score is None for verdict in _verdicts(monitor))


def test_too_few_rows_give_a_reason_and_a_critical_value_but_no_score(profile: Profile, clock) -> None:  # type: ignore[no-untyped-def]
    monitor = Monitor(layout(specs.model(), profile), clock)
    monitor.ingest(rows_table(specs.rows(1, 120, shift=3)))
    for verdict in _verdicts(monitor):
        assert verdict.samples == 120
        assert verdict.score is None
        assert verdict.detected is False
        assert verdict.inactive == "needs 500 rows, has 120"
        assert verdict.critical_value is not None and verdict.critical_value > 0
    waiting = {found.name: found.critical_value for found in _verdicts(monitor)}
    monitor.ingest(rows_table(specs.rows(2, 380, shift=3)))
    enough = {found.name: found.critical_value for found in _verdicts(monitor)}
    assert enough == waiting
    assert _by_name(monitor)["distance"].detected


@pytest.mark.parametrize("method", ["ks", "wasserstein_scaled", "mean_shift", "std_shift"])
def test_a_method_of_values_has_the_critical_value_of_as_many_values_whatever_else_lacks_them(
    profile: Profile, clock: Clock, method: t.DriftMethod
) -> None:
    def told(*parts: list[dict[str, object]]) -> float | None:
        monitor = Monitor(layout(specs.model(features=(specs.feature("distance", method=method),)), profile), clock)
        for part in parts:
            monitor.ingest(rows_table(part))
        return _by_name(monitor)["distance"].critical_value

    lacking = [{**row, "features": {"distance": None}} for row in specs.rows(2, 3000)]
    values = specs.rows(1, 1000)
    assert told(values, lacking) == pytest.approx(told(values), rel=1e-12)


def test_a_score_above_the_threshold_but_within_chance_is_no_drift(profile: Profile, clock) -> None:  # type: ignore[no-untyped-def]
    touchy = t.Drift("psi", Decimal("0.0001"), Decimal("0.0002"))
    features = tuple(specs.feature(f.name, f.type, drift=touchy) for f in specs.FEATURES)
    monitor = Monitor(layout(specs.model(features=features), profile), clock)
    monitor.ingest(rows_table(specs.rows(5, 600)))
    found = _by_name(monitor)["hour"]
    assert found.score is not None and found.critical_value is not None
    assert 0.0001 < found.score < found.critical_value
    assert found.detected is False


def test_a_score_above_chance_but_below_the_threshold_is_no_drift(profile: Profile, clock) -> None:  # type: ignore[no-untyped-def]
    monitor = Monitor(layout(specs.model(), profile), clock)
    monitor.ingest(rows_table(specs.rows(5, 20_000, shift=0.2)))
    found = _by_name(monitor)["carrier"]
    assert found.score is not None and found.critical_value is not None
    assert found.critical_value < found.score < 0.1
    assert found.detected is False


def test_the_false_alarm_rate_is_shared_out_over_the_features_that_are_compared_and_the_looks(
    profile: Profile,
) -> None:
    model = specs.model()
    found = layout(model, profile)
    degrees = max(int((w.reference > 0).sum()) for w in found.compared if w.reference is not None) - 1
    shared = alpha(found)
    assert shared * looks(shared, degrees) == pytest.approx(float(model.drift.false_alarm_rate) / 5)


def test_a_reference_too_small_to_tell_chance_is_inactive(tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    small = build_profile(specs.model(), specs.write_reference(tmp_path / "small.csv", 99))
    monitor = Monitor(layout(specs.model(), small), clock)
    monitor.ingest(rows_table(specs.rows(1, 600, shift=3)))
    assert {found.inactive for found in _verdicts(monitor)} == {"needs 100 rows in the reference, has 99"}
    assert not any(found.detected for found in _verdicts(monitor))


def test_a_feature_that_the_profile_lacks_or_types_otherwise_says_so_and_the_others_go_on(
    profile: Profile, clock
) -> None:  # type: ignore[no-untyped-def]
    features = (specs.feature("weather"), specs.feature("carrier"), specs.feature("distance"))
    monitor = Monitor(layout(specs.model(features=features), profile), clock)
    monitor.ingest(rows_table([{"features": {"weather": 1, "carrier": 2, "distance": 1000}}] * 600))
    found = _by_name(monitor)
    assert found["weather"].inactive == "the reference has no 'weather': make it again from data that has this column"
    assert "numeric in the spec and categorical in the reference" in str(found["carrier"].inactive)
    assert found["weather"].detected is None
    assert found["distance"].detected is True


def test_ratios_of_missing_out_of_range_and_new_values(profile: Profile, clock) -> None:  # type: ignore[no-untyped-def]
    monitor = Monitor(layout(specs.model(), profile), clock)
    monitor.ingest(rows_table([{"features": {"hour": value, "carrier": "ZZ"}} for value in (1, 2, 99, None)]))
    found = _by_name(monitor)
    assert found["hour"].missing_ratio == 0.25
    assert found["hour"].out_of_range_ratio == pytest.approx(1 / 3)
    assert found["hour"].new_category_ratio is None
    assert found["distance"].missing_ratio == 1.0
    assert found["distance"].out_of_range_ratio is None
    assert found["carrier"].new_category_ratio == 1.0
    assert found["carrier"].out_of_range_ratio is None
    assert found["prediction"].samples == 0
    assert found["prediction"].missing_ratio is None


def test_values_below_a_constant_reference_drift(tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "r.csv").write_text("x\n" + "5\n" * 1000)
    model = specs.model(features=(specs.feature("x"),))
    monitor = Monitor(layout(model, build_profile(model, tmp_path / "r.csv")), clock)
    monitor.ingest(rows_table([{"features": {"x": 5}}] * 600))
    quiet = _by_name(monitor)["x"]
    assert (quiet.score, quiet.detected) == (0.0, False)
    monitor.ingest(rows_table([{"features": {"x": 4}}] * 600))
    assert _by_name(monitor)["x"].detected is True


def test_a_rare_value_that_becomes_frequent_is_detected_in_a_small_window(tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "r.csv").write_text("x\n" + "0\n" * 9990 + "1\n" * 10)
    model = specs.model(features=(specs.feature("x", "categorical"),))
    monitor = Monitor(layout(model, build_profile(model, tmp_path / "r.csv")), clock)
    monitor.ingest(rows_table([{"features": {"x": int(i % 2)}} for i in range(500)]))
    assert _by_name(monitor)["x"].detected is True


def test_windows_of_the_same_length_are_told_once(profile: Profile, clock) -> None:  # type: ignore[no-untyped-def]
    policy = t.DriftPolicy((Duration.parse("60m"), Duration.parse("1h")), 500, Decimal("0.001"))
    monitor = Monitor(layout(specs.model(drift=policy), profile), clock)
    assert [found.window for found in _verdicts(monitor)] == ["1h"] * 5


@pytest.mark.parametrize("count", [0, 1])
def test_hardly_any_rows_do_no_harm(profile: Profile, clock, count: int) -> None:  # type: ignore[no-untyped-def]
    monitor = Monitor(layout(specs.model(), profile), clock)
    monitor.ingest(rows_table(specs.rows(1, count)))
    assert {found.samples for found in _verdicts(monitor)} == {count}
    assert np.isfinite([found.critical_value for found in _verdicts(monitor) if found.critical_value is not None]).all()


@pytest.mark.parametrize("method", get_args(t.DriftMethod))
def test_every_method_that_a_spec_may_name_tells_a_shift_and_its_absence(
    profile: Profile,
    clock,
    method: t.DriftMethod,  # type: ignore[no-untyped-def]
) -> None:
    """Also a shift to lower values, whose score is negative where it has a sign."""
    features = (
        specs.feature("hour"),
        specs.feature("distance", method=method),
        specs.feature("carrier", "categorical"),
    )
    for size, drifts in ((0.0, False), (-0.7, True), (0.7, True)):
        monitor = Monitor(layout(specs.model(features=features), profile), clock)
        rows = specs.rows(3, 3000)
        for row in rows:
            found = row["features"]
            assert isinstance(found, dict)
            # A wider spread too, which is all that std_shift looks at.
            found["distance"] = (found["distance"] - 1000) * (1 + abs(size)) + 1000 + 200 * size
        monitor.ingest(rows_table(rows))
        assert _by_name(monitor)["distance"].detected is drifts


def test_a_warning_of_zero_tells_whatever_chance_does_not_explain(profile: Profile, clock) -> None:  # type: ignore[no-untyped-def]
    drift = {"zero": Decimal(0), "usual": Decimal("0.1")}
    found = {}
    for name, warning in drift.items():
        features = (
            specs.feature("hour"),
            specs.feature("distance", drift=t.Drift("psi", warning, Decimal("0.25"))),
            specs.feature("carrier", "categorical"),
        )
        monitor = Monitor(layout(specs.model(features=features), profile), clock)
        rows = specs.rows(3, 5000)
        for row in rows:
            row["features"]["distance"] += 50  # type: ignore[index]
        monitor.ingest(rows_table(rows))
        verdicts = _by_name(monitor)
        found[name] = verdicts["distance"].detected
        assert verdicts["hour"].detected is False
    assert found == {"zero": True, "usual": False}
