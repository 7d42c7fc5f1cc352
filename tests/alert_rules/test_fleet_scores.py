"""What the recording rules make of two replicas' counters in a real Prometheus, against numpy on the same counts.

A day of counters is put into Prometheus' storage, and the generated expressions are evaluated in their order, as rules
of a group are: what one records is there when the next is asked.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from modelwatch.alert_rules import drift_records
from modelwatch.alert_rules.rules import Scope
from modelwatch.exporters.statistics.chi_squared import ChiSquared
from modelwatch.exporters.statistics.hellinger import Hellinger
from modelwatch.exporters.statistics.jensen_shannon import JensenShannon
from modelwatch.exporters.statistics.likelihood_ratio import LikelihoodRatio
from modelwatch.exporters.statistics.method import Histograms
from modelwatch.exporters.statistics.psi import Psi
from modelwatch.model import types as t
from modelwatch.model.units import Duration
from modelwatch.telemetry import metrics as m
from modelwatch.telemetry import records as r
from tests.alert_rules.recorder import Found, Recorder, line

MODEL = "flight-delay"
HOUR = 3600
START = 1_700_000_400 // HOUR * HOUR
# Not at a full hour: a day then ends at the last one, and six hours at the last ten minutes.
END = START + 25 * HOUR + 37 * 60
WINDOWS = {
    "5m": (END - 300, END),
    "15m": (END - 900, END),
    "1h": (END - HOUR, END),
    "6h": (END - 420 - 6 * HOUR, END - 420),
    "1d": (START + HOUR, START + 25 * HOUR),
}
MIN_SAMPLES = 100
# Shares of the window by bin, and rows of the reference: ordinary, with empty bins on either side and on both, and rare.
FEATURES: dict[str, tuple[dict[str, float], tuple[int, ...]]] = {
    "amount": ({"(-Inf,1]": 0.2, "(1,5]": 0.3, "(5,+Inf)": 0.45, "missing": 0.05}, (30_000, 30_000, 39_000, 1_000)),
    "carrier": ({"UA": 0.8, "AA": 0.0, "other": 0.15, "new": 0.05, "missing": 0.0}, (900, 100, 233, 0, 0)),
    "rare": ({"a": 0.995, "b": 0.003, "c": 0.002, "d": 0.0, "new": 0.0, "missing": 0.0}, (1_000_000, 1, 0, 7, 0, 0)),
}
# A feature whose own method needs more than bins: what each replica says of it over an hour.
SPEED = "speed"
SHIFTS = {"a:9180": (-0.6, 0.2, 1), "b:9180": (0.1, 0.3, 0)}
QUANTILE = 31.5
METHODS = {"psi": Psi(), "js": JensenShannon(), "hellinger": Hellinger(), "chi2": ChiSquared(), "g": LikelihoodRatio()}

Counts = dict[str, NDArray[np.int64]]


def minutes(seed: int) -> Counts:
    """New rows of one replica, shape (minutes, bins): busy by day, idle by night, a flood once."""
    rng = np.random.default_rng(seed)
    time_of_day = np.arange((END - START) // 60) % 1440
    rows = rng.poisson(np.where((time_of_day > 400) & (time_of_day < 900), 0.3, 40.0))
    rows[700] = 50_000
    return {
        name: np.array([rng.multinomial(n, list(shares.values())) for n in rows], dtype=np.int64)
        for name, (shares, _) in FEATURES.items()
    }


def exposed(replicas: Mapping[str, Counts]) -> Iterator[str]:
    """All that two sidecars expose, scraped once a minute; their counters do not begin at 0."""
    times = range(START, END + 1, 60)
    for replica, counts in replicas.items():
        place = {"model": MODEL, "job": "sidecar", "instance": replica}
        for at in times:
            yield line(m.REFERENCE_INFO.name, {**place, "reference": "abc", "rows": "9"}, 1, at)
        score, critical, detected = SHIFTS[replica]
        shift = {**place, "feature": SPEED, "window": "1h"}
        yield line(m.DRIFT_SCORE.name, {**shift, "method": "mean_shift"}, score, END)
        yield line(m.DRIFT_CRITICAL_VALUE.name, {**shift, "method": "mean_shift"}, critical, END)
        yield line(m.DRIFT_DETECTED.name, shift, detected, END)
        yield line(
            m.DRIFT_THRESHOLD.name, {**place, "feature": SPEED, "method": "mean_shift", "level": "warning"}, 0.3, END
        )
        for name, (shares, reference) in FEATURES.items():
            here = {**place, "feature": name}
            for at in (END - 60, END):
                yield line(m.REFERENCE_ROWS.name, here, sum(reference), at)
                yield line(m.DRIFT_CHI_SQUARED_QUANTILE.name, here, QUANTILE, at)
                yield line(m.DRIFT_THRESHOLD.name, {**here, "method": "js", "level": "warning"}, 0.13, at)
            # What any other labels than these hold does not matter.
            yield line(m.FEATURE_NEW_CATEGORY.name, {**here, "window": "1d"}, 0, END)
            for place_of_bin, bin in enumerate(shares):
                share = reference[place_of_bin] / sum(reference)
                for at in (END - 60, END):
                    yield line(m.FEATURE_REFERENCE.name, {**here, "bin": bin}, repr(share), at)
                standing = 1_000_003 * (place_of_bin + 1) + np.cumsum(np.append(0, counts[name][:, place_of_bin]))
                for at, value in zip(times, standing.tolist(), strict=True):
                    yield line(m.FEATURE_VALUES.name, {**here, "bin": bin}, value, at)


@pytest.fixture(scope="module")
def replicas() -> dict[str, Counts]:
    return {"a:9180": minutes(1), "b:9180": minutes(2)}


@pytest.fixture(scope="module", params=["oldest", "newest"])
def recorder(
    request: pytest.FixtureRequest,
    part: Any,
    tmp_path_factory: pytest.TempPathFactory,
    replicas: dict[str, Counts],
    model: t.Model,
    stack: t.Stack,
) -> Recorder:
    """Holds every record at the end of the day."""
    folder = tmp_path_factory.mktemp("fleet")
    recorder = Recorder(part("prometheus", request.param), part("promtool", request.param), folder, END)
    recorder.store(exposed(replicas))
    policy = t.DriftPolicy(tuple(map(Duration.parse, WINDOWS)), MIN_SAMPLES, model.drift.false_alarm_rate)
    speed = t.Feature(SPEED, "numeric", t.Drift("mean_shift", Decimal("0.3"), Decimal("0.5")), Decimal(1))
    watched = dataclasses.replace(model, drift=policy, features=(*model.features, speed))
    rules = drift_records.rules(Scope(watched, stack))
    recorder.record(rules, over_time=(r.VALUES_STEP.name, r.VALUES_SLICE.name), start=START)
    return recorder


def counted(replicas: dict[str, Counts], feature: str, window: str) -> NDArray[np.int64]:
    first, last = ((at - START) // 60 for at in WINDOWS[window])
    total: NDArray[np.int64] = np.sum([counts[feature][first:last].sum(axis=0) for counts in replicas.values()], axis=0)
    return total


def test_counts_of_every_window_are_those_of_the_replicas_to_the_last_row(
    recorder: Recorder, replicas: dict[str, Counts]
) -> None:
    found, samples, missing, new = recorder.read(r.FLEET_VALUES, r.FLEET_SAMPLES, r.FLEET_MISSING, r.FLEET_NEW_CATEGORY)
    expected = {
        (name, bin, window): float(count)
        for name, (shares, _) in FEATURES.items()
        for window in WINDOWS
        for bin, count in zip(shares, counted(replicas, name, window), strict=True)
    }
    assert found == expected
    assert samples == {
        (name, window): float(counted(replicas, name, window).sum()) for name in FEATURES for window in WINDOWS
    }
    of_carrier = counted(replicas, "carrier", "1d")
    assert missing["amount", "1d"] == pytest.approx(
        expected["amount", "missing", "1d"] / samples["amount", "1d"], 1e-12
    )
    assert new["carrier", "1d"] == pytest.approx(of_carrier[3] / of_carrier[:4].sum(), 1e-12)


def test_scores_equal_numpys_on_the_same_counts(recorder: Recorder, replicas: dict[str, Counts]) -> None:
    """To 1e-9, in each window, with bins that are empty on either side and on both."""
    (scores,) = recorder.read(r.FLEET_SCORE)
    expected: Found = {}
    for name, (_, reference) in FEATURES.items():
        for window in WINDOWS:
            data = Histograms(counted(replicas, name, window)[None, :], np.array([reference], dtype=np.int64))
            for method, of in METHODS.items():
                expected[name, method, window] = float(of.score(data)[0])
    expected[SPEED, "mean_shift", "1h"] = 0.6
    assert scores.keys() == expected.keys()
    for key, score in expected.items():
        assert scores[key] == pytest.approx(score, rel=1e-9, abs=1e-12), key


def test_verdicts_stand_on_critical_values_at_the_sidecars_quantile(
    recorder: Recorder, replicas: dict[str, Counts]
) -> None:
    scores, critical, detected = recorder.read(r.FLEET_SCORE, r.FLEET_CRITICAL_VALUE, r.FLEET_DETECTED)
    for name, (_, reference) in FEATURES.items():
        for window in WINDOWS:
            inverse = 1 / counted(replicas, name, window).sum() + 1 / sum(reference)
            psi = QUANTILE * inverse
            expected = {
                "psi": psi,
                "js": math.sqrt(psi / 8 / math.log(2)),
                "hellinger": math.sqrt(psi / 8),
                "chi2": QUANTILE,
                "g": QUANTILE,
            }
            for method, value in expected.items():
                assert critical[name, method, window] == pytest.approx(value, rel=1e-9), (name, method, window)
            drifts = scores[name, "js", window] > max(0.13, expected["js"]) and scores[name, "g", window] > QUANTILE
            assert detected[name, window] == drifts
    assert set(detected.values()) == {0.0, 1.0}


def test_a_method_that_bins_do_not_tell_is_told_by_the_replica_that_drifts_furthest(recorder: Recorder) -> None:
    scores, critical, detected = recorder.read(r.FLEET_SCORE, r.FLEET_CRITICAL_VALUE, r.FLEET_DETECTED)
    key = (SPEED, "mean_shift", "1h")
    assert (scores[key], critical[key], detected[SPEED, "1h"]) == (0.6, 0.3, 1.0)
