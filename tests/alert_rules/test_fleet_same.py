"""Scores of a fleet whose rows are compared with those of the same hour: a real Prometheus against numpy.

The counters are those of test_fleet_scores; what is expected of each minute's rows changes with the hour.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from modelwatch.alert_rules import drift_records
from modelwatch.alert_rules.rules import Scope
from modelwatch.exporters.statistics.method import Histograms
from modelwatch.model import types as t
from modelwatch.model.units import Duration
from modelwatch.telemetry import metrics as m
from modelwatch.telemetry import records as r
from tests.alert_rules.recorder import Found, Recorder, line
from tests.alert_rules.test_fleet_scores import (
    END,
    FEATURES,
    METHODS,
    MIN_SAMPLES,
    MODEL,
    QUANTILE,
    START,
    WINDOWS,
    Counts,
    counted,
    exposed,
    minutes,
)

# Rows that the parts of the reference are worth, by window.
EFFECTIVE = dict(zip(WINDOWS, (4_000, 4_100, 5_000, 20_000, 90_000.5), strict=True))
REPLICAS = {"a:9180": minutes(1), "b:9180": minutes(2)}


def expected(feature: str, counts: Counts) -> NDArray[np.float64]:
    """Shape (minutes, bins): the reference's shares, turned by a bin every hour."""
    shares = np.array(FEATURES[feature][1]) / sum(FEATURES[feature][1])
    hour = np.arange(len(counts[feature])) // 60
    turned = np.array([np.roll(shares, step % 2) for step in range(int(hour[-1]) + 1)])
    found: NDArray[np.float64] = counts[feature].sum(axis=1)[:, None] * turned[hour]
    return found


def more(replicas: Mapping[str, Counts]) -> Iterator[str]:
    """What such sidecars expose besides."""
    times = range(START, END + 1, 60)
    for replica, counts in replicas.items():
        for name, (shares, _) in FEATURES.items():
            here = {"model": MODEL, "job": "sidecar", "instance": replica, "feature": name}
            for window, rows in EFFECTIVE.items():
                # One replica has a little more of another hour.
                for at in (END - 60, END):
                    worth = rows + (10 if replica == "b:9180" else 0)
                    yield line(m.REFERENCE_EFFECTIVE_ROWS.name, {**here, "window": window}, worth, at)
            standing = np.cumsum(np.vstack([np.zeros(len(shares)), expected(name, counts)]), axis=0)
            for place, bin in enumerate(shares):
                for at, value in zip(times, standing[:, place].tolist(), strict=True):
                    yield line(m.FEATURE_EXPECTED.name, {**here, "bin": bin}, repr(value), at)


@pytest.fixture(scope="module")
def recorder(part: Any, tmp_path_factory: pytest.TempPathFactory, model: t.Model, stack: t.Stack) -> Recorder:
    folder = tmp_path_factory.mktemp("same")
    recorder = Recorder(part("prometheus", "newest"), part("promtool", "newest"), folder, END)
    recorder.store([*exposed(REPLICAS), *more(REPLICAS)])
    policy = t.DriftPolicy(tuple(map(Duration.parse, WINDOWS)), MIN_SAMPLES, model.drift.false_alarm_rate, same="hour")
    rules = drift_records.rules(Scope(dataclasses.replace(model, drift=policy), stack))
    steps = (r.VALUES_STEP, r.VALUES_SLICE, r.EXPECTED_STEP, r.EXPECTED_SLICE)
    recorder.record(rules, over_time=tuple(one.name for one in steps), start=START)
    return recorder


def shares(feature: str, window: str) -> NDArray[np.float64]:
    first, last = ((at - START) // 60 for at in WINDOWS[window])
    rows = np.sum([expected(feature, counts)[first:last].sum(axis=0) for counts in REPLICAS.values()], axis=0)
    return np.asarray(rows / rows.sum())


def test_what_is_expected_of_a_window_is_the_mixture_of_its_rows(recorder: Recorder) -> None:
    found, rows = recorder.read(r.FLEET_EXPECTED, r.FLEET_EFFECTIVE_ROWS)
    for name, (bins, _) in FEATURES.items():
        for window, worth in EFFECTIVE.items():
            assert rows[name, window] == worth
            for bin, share in zip(bins, shares(name, window).tolist(), strict=True):
                assert found[name, bin, window] == pytest.approx(share, rel=1e-9, abs=1e-12), (name, bin, window)


def test_scores_and_verdicts_compare_with_that_mixture(recorder: Recorder) -> None:
    scores, critical, detected = recorder.read(r.FLEET_SCORE, r.FLEET_CRITICAL_VALUE, r.FLEET_DETECTED)
    wanted: Found = {}
    for name in FEATURES:
        for window, worth in EFFECTIVE.items():
            now = counted(REPLICAS, name, window)
            data = Histograms(now[None, :], (shares(name, window) * worth)[None, :])
            for method, of in METHODS.items():
                wanted[name, method, window] = float(of.score(data)[0])
            psi = QUANTILE * (1 / now.sum() + 1 / worth)
            assert critical[name, "psi", window] == pytest.approx(psi, rel=1e-9)
            far = wanted[name, "js", window] > max(0.13, critical[name, "js", window])
            assert detected[name, window] == (far and wanted[name, "g", window] > QUANTILE)
    assert scores.keys() == wanted.keys()
    for key, score in wanted.items():
        assert scores[key] == pytest.approx(score, rel=1e-9, abs=1e-9), key
