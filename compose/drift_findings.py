"""What a model's features say that somebody has to know at night: which drift, how far, and which values are wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

# A line has room for so many.
MOST = 3
# How ratios of values are called; the sidecar's names without ``_ratio``.
_SHARES = {"missing": "missing values", "new_category": "new categories", "out_of_range": "values out of range"}


@dataclass(frozen=True, slots=True)
class Drift:
    """A feature in drift, in the window in which it lies furthest above its ``bar``.

    ``level`` says what the bar is: the critical or the warning threshold, or ``chance`` where the critical value is
    higher than that.
    """

    feature: str
    window: str
    method: str
    score: float
    level: Literal["critical", "warning", "chance"]
    bar: float
    warning: float
    critical: float
    critical_value: float
    samples: int
    also: tuple[str, ...] = ()

    @property
    def excess(self) -> float:
        return abs(self.score) / self.bar if self.bar > 0 else float("inf")

    def __str__(self) -> str:
        where = in_windows(self.window, self.also)
        return f"{self.feature} ({self.method} {self.score:.3g} > {self.level} {self.bar:.3g} in {where})"


@dataclass(frozen=True, slots=True)
class Share:
    """A share of a feature's values that is above its ``limit``, in the window where it is largest."""

    feature: str
    window: str
    what: str
    ratio: float
    limit: float
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = in_windows(self.window, self.also)
        return f"{self.feature} ({_percent(self.ratio)} > {_percent(self.limit)} in {where})"


def in_windows(worst: str, also: Sequence[str]) -> str:
    """The window in which something is worst, and the others."""
    return worst + (f", also {', '.join(also)}" if also else "")


def drifts(features: Sequence[Mapping[str, Any]]) -> tuple[Drift, ...]:
    """The furthest first."""
    found = [one for feature in features if (one := _drift(feature))]
    return tuple(sorted(found, key=lambda one: (one.level != "critical", -one.excess)))


def shares(features: Sequence[Mapping[str, Any]]) -> tuple[Share, ...]:
    """By what they are shares of, the largest first."""
    found = [one for feature in features for one in _shares(feature)]
    order = list(_SHARES)
    return tuple(sorted(found, key=lambda one: (order.index(one.what), -one.ratio / max(one.limit, 1e-9))))


def told(drift: Sequence[Drift], share: Sequence[Share]) -> list[str]:
    """A sentence for drift and one for each kind of wrong values."""
    out = [f"drift in {_some(drift)}"] if drift else []
    for what, words in _SHARES.items():
        of_these = [one for one in share if one.what == what]
        if of_these:
            out.append(f"too many {words}: {_some(of_these)}")
    return out


def _drift(feature: Mapping[str, Any]) -> Drift | None:
    warning, critical = feature.get("warning", 0.0), feature.get("critical", 0.0)
    found = []
    for window in feature["windows"]:
        if window["detected"]:
            score, chance = window["score"], window["critical_value"]
            level, bar = _bar(abs(score), warning, critical, chance)
            found.append(
                Drift(
                    feature["name"],
                    window["window"],
                    feature["method"],
                    score,
                    level,
                    bar,
                    warning,
                    critical,
                    chance,
                    window["samples"],
                )
            )
    if not found:
        return None
    worst = min(found, key=lambda one: (one.level != "critical", -one.excess))
    return replace(worst, also=_others(worst, found))


def _bar(
    size: float, warning: float, critical: float, chance: float
) -> tuple[Literal["critical", "warning", "chance"], float]:
    """The highest threshold that is passed, or what chance makes where that is higher."""
    level: Literal["critical", "warning"] = "critical" if size > critical else "warning"
    bar = critical if level == "critical" else warning
    return (level, bar) if bar >= chance else ("chance", chance)


def _shares(feature: Mapping[str, Any]) -> Iterator[Share]:
    limits = feature.get("limits", {})
    for what in _SHARES:
        name = f"{what}_ratio"
        found = [
            Share(feature["name"], window["window"], what, window[name], limits[name])
            for window in feature["windows"]
            if name in window.get("above_limits", ())
        ]
        if found:
            worst = max(found, key=lambda one: one.ratio)
            yield replace(worst, also=_others(worst, found))


def _others(worst: Drift | Share, every: Sequence[Drift | Share]) -> tuple[str, ...]:
    return tuple(one.window for one in every if one.window != worst.window)


def _some(found: Sequence[Drift | Share]) -> str:
    more = len(found) - MOST
    return ", ".join(map(str, found[:MOST])) + (f" and {more} more" if more > 0 else "")


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
