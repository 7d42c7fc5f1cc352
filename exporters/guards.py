"""What every window of a layout is judged by: how often chance may pass, and what has no score at all."""

from __future__ import annotations

from dataclasses import dataclass

from modelwatch.exporters.layout import Layout, Watched
from modelwatch.exporters.statistics.looks import per_look
from modelwatch.model.profile_head import LEAST_REFERENCE


@dataclass(frozen=True, slots=True)
class Inactive:
    """Why there is no score: ``reason`` for a label, ``sentence`` for people, with what is needed."""

    reason: str
    sentence: str


# For seconds, after a start or a reload.
WARMING = Inactive("warming", "its critical values are being worked out: ask again in some seconds")


# Of values, and no matter whether those of the reference vary.
_OF_ANY_SPREAD = frozenset({"ks", "wasserstein"})


def alpha(layout: Layout) -> float:
    """Rate at which chance may pass at one look at one distribution; see ``statistics.looks``."""
    filled = [int((watched.reference > 0).sum()) for watched in layout.compared if watched.reference is not None]
    return per_look(float(layout.model.drift.false_alarm_rate), len(filled), max(filled, default=2) - 1)


def without_score(layout: Layout, watched: Watched) -> Inactive | None:
    """Why a distribution has no score however many rows come; None where it has one as soon as there are enough."""
    if watched.reference is None:
        return Inactive(watched.reason, watched.inactive or "")
    if layout.unlike is not None:
        return Inactive("no_baseline", layout.unlike)
    known = int(watched.reference.sum())
    if known < LEAST_REFERENCE:
        return Inactive("reference_too_small", f"needs {LEAST_REFERENCE} rows in the reference, has {known}")
    return None


def without_answer(watched: Watched, rows: int, values: int, least: int) -> Inactive:
    """Why its own method cannot tell of a window that has as many ``rows`` as are needed, ``values`` of which are not
    missing."""
    method = watched.subject.feature.drift.method
    profile = watched.profile
    if watched.cells is None or not any(watched.cells.counts):
        return Inactive("reference_too_small", f"the reference has no values of it, and {method} looks at values")
    if profile is not None and not profile.std and method not in _OF_ANY_SPREAD:
        return Inactive(
            "constant_reference", f"all its values in the reference are equal: {method} measures in their deviations"
        )
    if values < max(least, 1):
        return Inactive(
            "few_values", f"needs {max(least, 1)} values, has {values}: the other {rows - values} rows lack it"
        )
    return Inactive("constant_values", f"all its values in the window are equal: {method} compares how they vary")
