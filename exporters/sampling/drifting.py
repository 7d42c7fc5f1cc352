"""Which features are in drift, and how much more frequent each of their bins is than in the reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.layout import Layout
from modelwatch.exporters.statistics.method import Counts
from modelwatch.exporters.verdicts import verdicts

# From this ratio on a row counts as drifted: its bin holds at least twice the share that it has in the reference.
LIKELY = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Drifting:
    """A distribution in drift. ``ratios``, shape (bins,): share in the window over share in the reference."""

    name: str
    window: str
    score: float
    ratios: NDArray[np.float64]


def drifting(layout: Layout, totals: Mapping[int, Counts]) -> tuple[Drifting, ...]:
    """What is in drift, each in the shortest window that shows it; ``totals`` are the counts by window."""
    found: dict[str, Drifting] = {}
    for window in layout.windows:
        for verdict in verdicts(layout, window, totals[window.milliseconds]):
            watched = verdict.watched
            if verdict.detected and verdict.score is not None and watched.reference is not None:
                counts = watched.counts(totals[window.milliseconds])
                one = Drifting(watched.name, window.text, verdict.score, ratios(counts, watched.reference))
                found.setdefault(watched.name, one)
    return tuple(found.values())


def ratios(counts: Counts, reference: Counts) -> NDArray[np.float64]:
    """Likelihood ratio of each bin, shape (bins,). Half a row is added to each, so that an empty bin has one too."""
    shares: tuple[NDArray[np.float64], ...] = tuple(
        (side + 0.5) / (side.sum() + 0.5 * len(side)) for side in (counts, reference)
    )
    return shares[0] / shares[1]
