"""Which features are in drift, and how much more frequent each of their bins is than in the reference."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.statistics.method import Counts
from modelwatch.exporters.verdicts import Judgement

# From this ratio on a row counts as drifted: its bin holds at least twice the share that it has in the reference.
LIKELY = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Drifting:
    """A distribution in drift. ``ratios``, shape (bins,): share in the window over share in the reference."""

    name: str
    window: str
    score: float
    ratios: NDArray[np.float64]


def drifting(judgements: Iterable[Judgement]) -> tuple[Drifting, ...]:
    """What is in drift, each in the first of ``judgements`` that shows it: the shortest window."""
    found: dict[str, Drifting] = {}
    for judgement in judgements:
        for place in np.flatnonzero(judgement.drifted == 1).tolist():
            watched = judgement.layout.watched[place]
            if watched.reference is not None:
                score = float(judgement.scores[watched.subject.feature.drift.method][place])
                counts = watched.counts(judgement.total.counts)
                one = Drifting(watched.name, judgement.window.text, score, ratios(counts, watched.reference))
                found.setdefault(watched.name, one)
    return tuple(found.values())


def ratios(counts: Counts, reference: Counts) -> NDArray[np.float64]:
    """Likelihood ratio of each bin, shape (bins,). Half a row is added to each, so that an empty bin has one too."""
    shares: tuple[NDArray[np.float64], ...] = tuple(
        (side + 0.5) / (side.sum() + 0.5 * len(side)) for side in (counts, reference)
    )
    return shares[0] / shares[1]
