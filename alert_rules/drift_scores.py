"""Scores of the whole fleet, from its counts: textbook definitions that equal exporters/statistics to the last digits.

Expressions are of one model, which its rules name: they match and keep the other labels only. Each method that is a sum
over bins is one expression over five vectors: ``c`` and ``n``, the window's values by bin and
in all; ``q``, its shares; ``p`` and ``m``, the reference's shares and rows. Only windows with ``drift.min_samples`` have a
score. Other methods (KS, Wasserstein) need more than bins; what the sidecars say of them is handed on, of the replica
with the highest score.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from modelwatch.alert_rules.drift_counts import named
from modelwatch.alert_rules.rules import Recording, Scope
from modelwatch.telemetry import promql as q
from modelwatch.telemetry import records as r
from modelwatch.telemetry.metrics import (
    DRIFT_CHI_SQUARED_QUANTILE,
    DRIFT_CRITICAL_VALUE,
    DRIFT_DETECTED,
    DRIFT_SCORE,
    DRIFT_THRESHOLD,
    FEATURE_NEW_CATEGORY,
    Metric,
)

_WINDOW, _FEATURE = "(feature, window)", "(feature)"
# Shares count as this much at the least, or as half a row (exporters/statistics/sums.py).
_FLOOR, _LEAST_ROWS = "0.0001", "0.5"
# The likelihood ratio statistic: not a method that a spec may choose, but what every verdict rests on.
_G = "g"


@dataclass(frozen=True, slots=True)
class _Vectors:
    """The five vectors of one model as expressions. With ``parted``, ``p`` and ``m`` are those of the rows of the
    reference that are like the window's, so that there is one for each window.
    """

    model: str
    min_samples: int
    parted: bool

    @property
    def c(self) -> str:
        return r.FLEET_VALUES.select(model=self.model)

    @property
    def n(self) -> str:
        return f"({r.FLEET_SAMPLES.select(model=self.model)} >= {self.min_samples})"

    @property
    def m(self) -> str:
        return (r.FLEET_EFFECTIVE_ROWS if self.parted else r.FLEET_REFERENCE_ROWS).select(model=self.model)

    @property
    def p(self) -> str:
        return (r.FLEET_EXPECTED if self.parted else r.FLEET_REFERENCE).select(model=self.model)

    @property
    def of_reference(self) -> str:
        """Labels that tell one ``m`` from another."""
        return _WINDOW if self.parted else _FEATURE

    @property
    def q(self) -> str:
        return self.by_window(self.c, "/", self.n)

    @property
    def r(self) -> str:
        """Rows of the reference by bin."""
        return self.by_reference(self.p, "*", self.m)

    @property
    def both(self) -> str:
        """Rows of the window and of the reference by bin."""
        return self.by_bin(self.c, "+", self.r)

    @staticmethod
    def by_window(left: str, operator: str, right: str) -> str:
        return f"({left} {operator} on {_WINDOW} group_left () {right})"

    @staticmethod
    def by_feature(left: str, operator: str, right: str) -> str:
        return f"({left} {operator} on {_FEATURE} group_left () {right})"

    def by_reference(self, left: str, operator: str, right: str) -> str:
        """``right`` is of the reference, like ``m``."""
        return f"({left} {operator} on {self.of_reference} group_left () {right})"

    def by_bin(self, left: str, operator: str, right: str) -> str:
        """``left`` is of windows and bins, ``right`` of the reference's bins."""
        labels = "(feature, bin, window)" if self.parted else "(feature, bin)"
        return f"({left} {operator} on {labels} group_left () {right})"


def _total(expression: str) -> str:
    return f"sum by {_WINDOW} ({expression})"


def _psi(v: _Vectors) -> str:
    def floored(shares: str, rows: str, join: str) -> str:
        least = f"clamp_min({_LEAST_ROWS} / {rows}, {_FLOOR})"
        # The greater of two vectors.
        return f"(clamp_min({shares} / on {join} group_left () {least}, 1) * on {join} group_left () {least})"

    now, then = floored(v.q, v.n, _WINDOW), floored(v.p, v.m, v.of_reference)
    terms = f"{v.by_bin(now, '-', then)} * ln{v.by_bin(now, '/', then)}"
    return _total(f"{terms} and on (feature, bin, window) ({v.by_bin(v.c, '+', v.p)} > 0)")


def _jensen_shannon(v: _Vectors) -> str:
    # Twice the middle of both shares; 0 ln 0 is 0, so that each part leaves out its empty bins.
    middle = v.by_bin(v.q, "+", v.p)
    of_window = _total(f"({v.q} > 0) * ln(2 * {v.q} / {middle})")
    of_reference = _total(v.by_bin(f"ln({v.by_bin(middle, '/', f'(2 * ({v.p} > 0))')})", "*", v.p))
    return f"sqrt(clamp(({of_window} - {of_reference}) / {q.number(2 * math.log(2))}, 0, 1))"


def _hellinger(v: _Vectors) -> str:
    roots = v.by_bin(f"sqrt({v.q})", "-", f"sqrt({v.p})")
    return f"sqrt(clamp({_total(f'{roots} ^ 2')} / 2, 0, 1))"


def _chi_squared(v: _Vectors) -> str:
    # (n + m) / (1/n + 1/m) is n m.
    shares = f"{v.by_bin(v.q, '-', v.p)} ^ 2 / ({v.both} > 0)"
    return f"{_total(shares)} * on {_WINDOW} {v.by_reference(v.n, '*', v.m)}"


def _likelihood_ratio(v: _Vectors) -> str:
    # The sizes n and m stand before the sums, so that these are of c / (c + r) and r / (c + r).
    of_window = _total(f"({v.c} > 0) * ln({v.c} / {v.both})")
    of_reference = _total(v.by_bin(f"ln({v.by_bin(v.both, '/', f'({v.r} > 0)')})", "*", v.r))
    every = v.by_reference(v.n, "+", v.m)
    of_n = f"{v.n} * ln({every} / {v.n})"
    of_m = v.by_reference(f"ln{v.by_reference(every, '/', v.m)}", "*", v.m)
    return f"clamp_min(2 * ({of_window} - {of_reference} + on {_WINDOW} ({of_n} + {of_m})), 0)"


@dataclass(frozen=True, slots=True)
class _Method:
    """``score`` of the vectors, and the critical value from that of PSI, which is the quantile times (1/n + 1/m); the
    quantile itself where there is none.
    """

    score: Callable[[_Vectors], str]
    critical: Callable[[str], str] | None = None


def _root(of_psi: str, divided_by: float) -> str:
    return f"sqrt({of_psi} / {q.number(divided_by)})"


# Where bins expect many rows all of these are the same quadratic form of the differences, in other units.
OF_BINS: Mapping[str, _Method] = {
    "psi": _Method(_psi, lambda psi: psi),
    "js": _Method(_jensen_shannon, lambda psi: _root(psi, 8 * math.log(2))),
    "hellinger": _Method(_hellinger, lambda psi: _root(psi, 8)),
    "chi2": _Method(_chi_squared),
}


def records(scope: Scope) -> tuple[Recording, ...]:
    """In order: rows, shares of missing values and new categories, scores, critical values, verdicts."""
    name = scope.model.name
    v = _Vectors(name, scope.model.drift.min_samples, scope.model.drift.same is not None)
    others = _others(scope)
    return (
        scope.recording(r.FLEET_SAMPLES.name, _total(v.c)),
        scope.recording(r.FLEET_MISSING.name, _missing(name)),
        *((scope.recording(r.FLEET_NEW_CATEGORY.name, _new(name)),) if _categorical(scope) else ()),
        scope.recording(r.FLEET_SCORE.name, _scores(v, others)),
        scope.recording(r.FLEET_CRITICAL_VALUE.name, _critical(v, others)),
        scope.recording(r.FLEET_DETECTED.name, _detected(v, others)),
    )


def _scores(v: _Vectors, others: str) -> str:
    """One rule for all, since Mimir takes twenty rules a group."""
    parts = [named(method.score(v), "method", key) for key, method in OF_BINS.items()]
    parts.append(named(_likelihood_ratio(v), "method", _G))
    if others:
        parts.append(_handed_on(DRIFT_SCORE, others, v.model))
    return " or ".join(parts)


def _categorical(scope: Scope) -> bool:
    # What a classification answers is a category too, but never a new one without an alert of its own.
    return any(feature.type == "categorical" for feature in scope.model.features)


def _others(scope: Scope) -> str:
    """A matcher of the methods in use that bins alone do not tell; empty where there is none."""
    wanted = {feature.drift.method for feature in scope.model.features} - set(OF_BINS)
    if len(wanted) == 1:
        return f'method="{wanted.pop()}"'
    return f'method=~"{"|".join(sorted(wanted))}"' if wanted else ""


def threshold(model: str, level: str) -> str:
    """Of each feature and its own method."""
    return f"max by (feature, method) ({q.selector(DRIFT_THRESHOLD, model=model, level=level)})"


def _missing(model: str) -> str:
    every = f"({r.FLEET_SAMPLES.select(model=model)} > 0)"
    return f"{_total(r.FLEET_VALUES.select(model=model, bin='missing'))} / on {_WINDOW} {every}"


def _new(model: str) -> str:
    """Of the values that are there. Only where a sidecar tells it of any window: it knows all of the reference."""
    new = _total(r.FLEET_VALUES.select(model=model, bin="new"))
    values = r.FLEET_VALUES.select('bin!="missing"', model=model)
    there = f"({_total(values)} > 0)"
    known = f"group by {_FEATURE} ({q.selector(FEATURE_NEW_CATEGORY, model=model)})"
    return f"{new} / {there} and on {_FEATURE} {known}"


def _handed_on(metric: Metric, methods: str, model: str) -> str:
    # A shift may be negative, and is as far.
    return f"max by (feature, method, window) (abs({q.selector(metric, methods, model=model)}))"


def _critical(v: _Vectors, others: str) -> str:
    quantile = f"max by {_FEATURE} ({q.selector(DRIFT_CHI_SQUARED_QUANTILE, model=v.model)})"
    # With too few rows, what the score will have to pass as soon as there are enough.
    rows = f"clamp_min({r.FLEET_SAMPLES.select(model=v.model)}, {v.min_samples})"
    inverse = v.by_reference(f"1 / {rows}", "+", f"1 / {v.m}")
    psi = v.by_feature(inverse, "*", quantile)
    plain = v.by_feature(f"0 * {rows}", "+", quantile)
    parts = [
        named(method.critical(psi) if method.critical else plain, "method", key) for key, method in OF_BINS.items()
    ]
    parts.append(named(plain, "method", _G))
    if others:
        parts.append(_handed_on(DRIFT_CRITICAL_VALUE, others, v.model))
    return " or ".join(parts)


def _detected(v: _Vectors, others: str) -> str:
    """Above the warning threshold and above chance, by the feature's own method; and above chance by G."""
    own = "on (feature, method) group_left ()"
    score = r.FLEET_SCORE.select(f'method=~"{"|".join(OF_BINS)}"', model=v.model)
    g, critical = (record.select(model=v.model, method=_G) for record in (r.FLEET_SCORE, r.FLEET_CRITICAL_VALUE))
    above = f"(({score} > bool {own} {threshold(v.model, 'warning')}) * ({score} > bool {r.FLEET_CRITICAL_VALUE.select(model=v.model)}))"
    judged = f"max by {_WINDOW} ({above} * on {_WINDOW} group_left () ({g} > bool {critical}))"
    if not others:
        return judged
    # What sidecars say of those features whose own method they alone can tell.
    told = q.selector(DRIFT_DETECTED, model=v.model)
    theirs = f"group by (feature) ({q.selector(DRIFT_THRESHOLD, others, model=v.model)})"
    return f"{judged} or max by {_WINDOW} ({told} and on {_FEATURE} {theirs})"
