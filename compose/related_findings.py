"""What a model's numeric features say together: rows that are like none of the reference, and correlations that moved.

The limits are those of the alerts, as the sidecar tells them; one of before that tells none has no findings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelwatch.compose.drift_findings import MOST, in_windows

_ERROR, _CHANGE = "reconstruction_error_ratio", "correlation_change"


@dataclass(frozen=True, slots=True)
class Unlike:
    """Rows lie ``ratio`` times as far off the reference's principal components as its own do."""

    window: str
    ratio: float
    limit: float
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = in_windows(self.window, self.also)
        return f"rows unlike the reference (error {self.ratio:.3g} x > {self.limit:.3g} x in {where})"


@dataclass(frozen=True, slots=True)
class Correlation:
    """Two features whose correlation moved, in the window in which it moved furthest."""

    feature: str
    other: str
    window: str
    change: float
    limit: float
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = in_windows(self.window, self.also)
        return f"of {self.feature} and {self.other} changed by {self.change:+.2g} ({where})"


def unlike(answers: Sequence[Mapping[str, Any]]) -> Unlike | None:
    """In the window in which rows lie furthest off."""
    found = [Unlike(one["window"], one[_ERROR], one["limits"][_ERROR]) for one in answers if _above(one, _ERROR)]
    if not found:
        return None
    worst = max(found, key=lambda one: one.ratio)
    return replace(worst, also=tuple(one.window for one in found if one is not worst))


def correlations(answers: Sequence[Mapping[str, Any]]) -> tuple[Correlation, ...]:
    """Those beyond the limit, the furthest first."""
    by_pair: dict[tuple[str, str], list[Correlation]] = {}
    for one in answers:
        for moved in one["correlation_changes"] if _above(one, _CHANGE) else ():
            pair, limit = (moved["feature"], moved["other"]), one["limits"][_CHANGE]
            if abs(moved["change"]) > limit:
                by_pair.setdefault(pair, []).append(Correlation(*pair, one["window"], moved["change"], limit))
    worst = []
    for found in by_pair.values():
        furthest = max(found, key=lambda one: abs(one.change))
        worst.append(replace(furthest, also=tuple(one.window for one in found if one is not furthest)))
    return tuple(sorted(worst, key=lambda one: -abs(one.change)))


def told(far: Unlike | None, moved: Sequence[Correlation]) -> list[str]:
    """A sentence for each of both kinds."""
    out = [str(far)] if far else []
    if moved:
        more = f" and {len(moved) - MOST} more" if len(moved) > MOST else ""
        out.append(f"correlation {', '.join(map(str, moved[:MOST]))}{more}")
    return out


def _above(answer: Mapping[str, Any], what: str) -> bool:
    return what in answer.get("above_limits", ())
