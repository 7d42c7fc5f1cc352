"""What the recording rules count when replicas restart, join, leave, fall silent or get another reference.

Asked of the real promtool, oldest and newest. Replicas are scraped every 15 seconds; each counts four rows a minute into
the bin ``often`` and one into ``rare``. Looked at is the window of five minutes that ends after ten.
"""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelwatch.alert_rules import drift_records
from modelwatch.alert_rules.drift_counts import windows
from modelwatch.alert_rules.rules import Scope
from modelwatch.model import types as t
from modelwatch.model.units import Duration
from modelwatch.telemetry import records as r

MODEL = "flight-delay"
# Values that a series has in a minute of scrapes.
SCRAPES = 4
PER_MINUTE = {"often": 4, "rare": 1}


def steady(minutes: int, start: float = 0, per_minute: float = 4) -> str:
    """A counter over some minutes, up to the last scrape before the next begins."""
    return f"{start}+{per_minute / SCRAPES}x{minutes * SCRAPES - 1}"


def silent(minutes: int) -> str:
    return f"stale _x{minutes * SCRAPES - 1}"


def always(value: float, minutes: int = 15) -> str:
    return f"{value}+0x{minutes * SCRAPES - 1}"


@dataclasses.dataclass(frozen=True)
class Replica:
    """``values`` are the counters by bin; ``references`` the values of the info series by reference."""

    values: Mapping[str, str]
    references: Mapping[str, str] = dataclasses.field(default_factory=lambda: {"r": always(1)})

    def series(self, name: str) -> dict[str, str]:
        place = f'model="{MODEL}",instance="{name}"'
        here = f'{place},feature="carrier"'
        return {
            **{
                f'modelwatch_reference_info{{{place},reference="{reference}",rows="9"}}': values
                for reference, values in self.references.items()
            },
            **{f'model_feature_values_total{{{here},bin="{bin}"}}': text for bin, text in self.values.items()},
            **{f'model_feature_reference_ratio{{{here},bin="{bin}"}}': always(0.5) for bin in self.values},
            f"model_reference_rows{{{here}}}": always(1000),
        }


def counting() -> dict[str, str]:
    return {bin: steady(15, per_minute=rate) for bin, rate in PER_MINUTE.items()}


USUAL = Replica(counting())
# What a replica counts in a step.
OFTEN, RARE = 4, 1


@pytest.fixture
def count(part: Any, tmp_path: Path, model: t.Model, stack: t.Stack, version: str) -> Any:
    policy = t.DriftPolicy((Duration.parse("5m"),), 1, model.drift.false_alarm_rate)
    recordings = drift_records.rules(Scope(dataclasses.replace(model, name=MODEL, drift=policy), stack))
    rules = [{"record": rule.record, "expr": rule.expr, "labels": dict(rule.labels)} for rule in recordings]
    body = {"groups": [{"name": "drift", "interval": "1m", "rules": rules}]}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(body), "utf-8")

    def ask(replicas: Mapping[str, Replica], expected: Mapping[str, Mapping[str, float]], at: str = "10m") -> None:
        """Each query gives exactly these values; the keys are its labels."""
        every = {key: text for name, replica in replicas.items() for key, text in replica.series(name).items()}
        tests = [
            {
                "expr": expr,
                "eval_time": at,
                "exp_samples": [{"labels": labels, "value": value} for labels, value in found.items()],
            }
            for expr, found in expected.items()
        ]
        test = {
            "interval": "15s",
            "input_series": [{"series": key, "values": text} for key, text in every.items()],
            "promql_expr_test": tests,
        }
        body = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [test]}
        (tmp_path / "test.yaml").write_text(yaml.safe_dump(body), "utf-8")
        done = subprocess.run(
            [part("promtool", version), "test", "rules", "test.yaml"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    return ask


each_version = pytest.mark.parametrize("version", ["oldest", "newest"])


@pytest.mark.parametrize("text", ["30s", "5m", "90s", "1h", "6h", "1d", "25h", "7d"])
def test_a_window_reads_all_its_parts_however_long_ago_the_last_was_written(
    model: t.Model, stack: t.Stack, text: str
) -> None:
    """In Prometheus 2, where a range holds both its ends, and in Prometheus 3, where it holds the later only."""
    policy = t.DriftPolicy((Duration.parse(text),), 1, model.drift.false_alarm_rate)
    (found,) = windows(Scope(dataclasses.replace(model, drift=policy), stack))
    reach, part = Duration.parse(found.range).seconds, found.part.seconds
    assert found.text == Duration.parse(text).text
    step = found.step.seconds
    assert part == step or part * 24 <= found.length.seconds
    for lag in range(0, int(part), int(step)):
        ages = [lag + part * number for number in range(20_000)]
        assert sum(age <= reach for age in ages) == sum(age < reach for age in ages) == found.length.seconds / part


def window(often: float, rare: float) -> dict[str, dict[str, float]]:
    """The window's counts, and nothing else."""
    return {
        f"sum by (bin) ({r.FLEET_VALUES.name})": {'{bin="often"}': often, '{bin="rare"}': rare},
        f"sum by (window) ({r.FLEET_SAMPLES.name})": {'{window="5m"}': often + rare},
    }


@each_version
def test_replicas_add_up(count: Any) -> None:
    count({"a": USUAL, "b": USUAL}, window(10 * OFTEN, 10 * RARE))


@each_version
def test_a_step_in_which_a_replica_starts_to_count_again_is_left_out_in_all_its_bins(count: Any) -> None:
    """Also in those that did not fall: the rare bin stood at 8, then at 9."""
    again = {
        "often": f"{steady(8)} {steady(7)}",
        "rare": f"{steady(8, per_minute=1)} {steady(7, start=9, per_minute=1)}",
    }
    count({"a": USUAL, "b": Replica(again)}, window(9 * OFTEN, 9 * RARE))


@each_version
def test_a_replica_that_joins_counts_from_its_second_step_whatever_it_has_counted_before(count: Any) -> None:
    late = {bin: f"{silent(7)} {steady(8, start=1e6, per_minute=rate)}" for bin, rate in PER_MINUTE.items()}
    joining = Replica(late, {"r": f"{silent(7)} {always(1, 8)}"})
    count({"a": USUAL, "b": joining}, window(8 * OFTEN, 8 * RARE))


@each_version
def test_what_a_replica_counted_up_to_its_last_scrape_stays_when_it_leaves(count: Any) -> None:
    gone = {bin: f"{steady(8, per_minute=rate)} {silent(7)}" for bin, rate in PER_MINUTE.items()}
    count({"a": USUAL, "b": Replica(gone, {"r": f"{always(1, 8)} {silent(7)}"})}, window(7.75 * OFTEN, 7.75 * RARE))


@each_version
def test_a_restart_within_two_minutes_loses_nothing_when_the_sidecar_goes_on_counting(count: Any) -> None:
    away = {
        bin: f"{steady(8, per_minute=rate)} {silent(1)} {steady(6, start=9 * rate, per_minute=rate)}"
        for bin, rate in PER_MINUTE.items()
    }
    restarted = Replica(away, {"r": f"{always(1, 8)} {silent(1)} {always(1, 6)}"})
    count({"a": USUAL, "b": restarted}, window(10 * OFTEN, 10 * RARE))


@each_version
def test_rows_of_a_longer_silence_are_in_no_window(count: Any) -> None:
    away = {
        bin: f"{steady(5, per_minute=rate)} {silent(4)} {steady(6, start=9 * rate, per_minute=rate)}"
        for bin, rate in PER_MINUTE.items()
    }
    lost = Replica(away, {"r": f"{always(1, 5)} {silent(4)} {always(1, 6)}"})
    count({"a": USUAL, "b": lost}, window(6 * OFTEN, 6 * RARE))


@each_version
def test_in_a_rollout_windows_hold_the_rows_of_the_reference_that_most_replicas_have(count: Any) -> None:
    """The third replica's rows are told up to its change, and kept apart from then on, but for the step of it."""
    changed = {"old": f"{always(1, 8)} {silent(7)}", "new": f"{silent(8)} {always(1, 7)}"}
    old = Replica(counting(), {"old": always(1)})
    expected = window(12 * OFTEN, 12 * RARE)
    expected[f'sum by (reference, bin) ({r.VALUES_STEP.name}{{bin="often"}})'] = {
        '{reference="old",bin="often"}': 2 * OFTEN,
        '{reference="new",bin="often"}': OFTEN,
    }
    expected[f"count by (reference) ({r.FLEET_REFERENCE_ROWS.name})"] = {'{reference="old"}': 1}
    count({"a": old, "b": old, "c": Replica(counting(), changed)}, expected)


@each_version
def test_after_a_rollout_only_rows_compared_with_the_new_reference_count(count: Any) -> None:
    """Three steps of two replicas: neither the step of the change nor the rows before it."""
    changed = {"old": f"{always(1, 7)} {silent(8)}", "new": f"{silent(7)} {always(1, 8)}"}
    new = Replica(counting(), changed)
    count({"a": new, "b": new}, window(6 * OFTEN, 6 * RARE))


@each_version
def test_a_reference_that_is_too_small_tells_nothing(count: Any) -> None:
    class Small(Replica):
        def series(self, name: str) -> dict[str, str]:
            return {
                **super().series(name),
                f'model_reference_rows{{model="{MODEL}",instance="{name}",feature="carrier"}}': always(99),
            }

    nothing: dict[str, dict[str, float]] = {expr: {} for expr in window(0, 0)}
    count({"a": Small(counting())}, nothing)


@each_version
def test_an_idle_model_has_no_score_and_no_verdict(count: Any) -> None:
    idle = Replica({bin: always(1000) for bin in PER_MINUTE})
    expected = window(0, 0)
    expected |= {record.name: {} for record in (r.FLEET_SCORE, r.FLEET_DETECTED, r.FLEET_MISSING)}
    count({"a": idle, "b": idle}, expected)


@each_version
def test_without_sidecars_there_is_nothing(count: Any) -> None:
    every = (r.VALUES_STEP, r.FLEET_VALUES, r.FLEET_SAMPLES, r.FLEET_SCORE, r.FLEET_CRITICAL_VALUE, r.FLEET_DETECTED)
    count({}, {record.name: {} for record in every})


@each_version
def test_what_bins_cannot_tell_is_handed_on_from_the_sidecars(
    part: Any, tmp_path: Path, model: t.Model, stack: t.Stack, version: str
) -> None:
    """A feature that is watched by KS: the verdict and the highest score of its replicas, under the same names."""
    ks = dataclasses.replace(model.features[0].drift, method="ks")
    feature = dataclasses.replace(model.features[0], drift=ks)
    recordings = drift_records.rules(Scope(dataclasses.replace(model, features=(feature,)), stack))
    rules = [{"record": rule.record, "expr": rule.expr, "labels": dict(rule.labels)} for rule in recordings]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "drift", "rules": rules}]}), "utf-8")
    series = []
    for place, score in (('instance="a"', 0.2), ('instance="b"', 0.3)):
        here = f'model="{model.name}",feature="{feature.name}",{place}'
        for name, value in (
            (f'model_drift_threshold{{{here},method="ks",level="warning"}}', 0.1),
            (f'model_drift_score{{{here},method="ks",window="15m"}}', score),
            (f'model_drift_score{{{here},method="psi",window="15m"}}', 9),
            (f'model_drift_critical_value{{{here},method="ks",window="15m"}}', 0.05),
            (f'model_drift_detected{{{here},window="15m"}}', 1),
        ):
            series.append({"series": name, "values": always(value)})
    labels = f'feature="{feature.name}",model="{model.name}"'
    by_method = f'{labels},method="ks",window="15m"'
    expected = {
        r.FLEET_SCORE.name: (by_method, 0.3),
        r.FLEET_CRITICAL_VALUE.name: (by_method, 0.05),
        r.FLEET_DETECTED.name: (f'{labels},window="15m"', 1),
    }
    tests = [
        {"expr": name, "eval_time": "10m", "exp_samples": [{"labels": f"{name}{{{shown}}}", "value": value}]}
        for name, (shown, value) in expected.items()
    ]
    test = {"interval": "15s", "input_series": series, "promql_expr_test": tests}
    body = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [test]}
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(body), "utf-8")
    done = subprocess.run(
        [part("promtool", version), "test", "rules", "test.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
