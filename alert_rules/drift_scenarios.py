"""Input series of promtool tests: what two replicas of the sidecar expose of a model's distributions, minute by minute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modelwatch.alert_rules.drift_counts import step, windows
from modelwatch.alert_rules.rules import Scenario, Scope
from modelwatch.alert_rules.series import flat, grow, series, then
from modelwatch.model.units import Duration
from modelwatch.telemetry import metrics as m

REPLICAS = ("a", "b")
MINUTES = 100
# An alert waits a quarter of an hour; windows that are made of whole hours are told after one.
_SOON, _LATE = "40m", "90m"
_HOUR = Duration.parse("1h")
# When a replica loses its counts, and when a burst of rows comes.
_EVENT = 20
# Two halves: PSI is 0 for equal halves, 0.136 for LEANING and 0.879 for LOPSIDED ones.
EVEN, LEANING, LOPSIDED = (0.5, 0.5), (0.68, 0.32), (0.9, 0.1)
_HALVES = ("low", "high")
REFERENCE = 100_000
WARNING, CRITICAL = 0.1, 0.25
# What G of two bins passes once in a hundred million windows, and what nothing ever passes.
RARELY, NEVER = 33.0, 1e12


def at_the_end(scope: Scope, title: str, series: Mapping[str, str], *fires: Mapping[str, str]) -> Scenario:
    """Evaluated as often as the rules of drift are, since they take steps of that length."""
    late = any(window.part >= _HOUR for window in windows(scope))
    return Scenario(title, series, _LATE if late else _SOON, fires, every=step(scope).text)


@dataclass(frozen=True, slots=True)
class Told:
    """One distribution. ``rows`` come a minute to each replica, in shares ``halves``, of which ``extra`` in another bin.

    ``burst``: all of them in one minute and none before and after. ``starts_again``: replica b loses its counts.
    """

    feature: str
    rows: int
    halves: tuple[float, float] = EVEN
    extra: tuple[str, float] = ("missing", 0.0)
    burst: bool = False
    idle: bool = False
    starts_again: bool = False
    quantile: float = RARELY


def sidecars(scope: Scope, *told: Told) -> dict[str, str]:
    """Series of two replicas, with a step of a minute."""
    model = scope.model.name
    out: dict[str, str] = {}
    for replica in REPLICAS:
        place = {"model": model, "instance": replica}
        out[series(m.REFERENCE_INFO, **place, reference="r", rows=str(REFERENCE))] = flat(1, MINUTES)
        for one in told:
            here = {**place, "feature": one.feature}
            out.update(_distribution(one, here, replica))
            if scope.model.drift.same is not None:
                out.update(_parted(scope, one, here, replica))
    return out


def _distribution(told: Told, place: Mapping[str, str], replica: str) -> dict[str, str]:
    out = {
        series(m.REFERENCE_ROWS, **place): flat(REFERENCE, MINUTES),
        series(m.DRIFT_CHI_SQUARED_QUANTILE, **place): flat(told.quantile, MINUTES),
        series(m.DRIFT_THRESHOLD, **place, method="psi", level="warning"): flat(WARNING, MINUTES),
        series(m.DRIFT_THRESHOLD, **place, method="psi", level="critical"): flat(CRITICAL, MINUTES),
    }
    extra, share = told.extra
    counted = {half: part * (1 - share) for half, part in zip(_HALVES, told.halves, strict=True)}
    for bin, part in {**counted, extra: share}.items():
        reference = 0.5 if bin in _HALVES else 0.0
        out[series(m.FEATURE_REFERENCE, **place, bin=bin)] = flat(reference, MINUTES)
        out[series(m.FEATURE_VALUES, **place, bin=bin)] = _counter(told, told.rows * part, replica)
    return out


def _parted(scope: Scope, told: Told, place: Mapping[str, str], replica: str) -> dict[str, str]:
    """What is to be expected where rows are compared with a part of the reference: here, equal halves too."""
    expected = {bin: 0.5 if bin in _HALVES else 0.0 for bin in (*_HALVES, told.extra[0])}
    return {
        **{
            series(m.FEATURE_EXPECTED, **place, bin=bin): _counter(told, told.rows * share, replica)
            for bin, share in expected.items()
        },
        **{
            series(m.REFERENCE_EFFECTIVE_ROWS, **place, window=window.text): flat(REFERENCE, MINUTES)
            for window in scope.model.drift.windows
        },
    }


def _counter(told: Told, rows: float, replica: str) -> str:
    if told.idle:
        return flat(1000 * rows, MINUTES)
    if told.burst:
        return then(flat(0, _EVENT), flat(rows, MINUTES))
    if told.starts_again and replica == "b":
        return then(grow(rows, _EVENT), grow(rows, MINUTES))
    return grow(rows, MINUTES)
