"""How many values of a histogram lie up to a place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from modelwatch.exporters.summary.histogram import Floats, Histogram, Ints


@dataclass(frozen=True, eq=False)
class Distribution:
    """``below[i]`` values are at most ``ends[i]``, which increase; none lies from ``ends[i - 1]`` to ``starts[i]``.

    ``exact`` tells that ``ends`` are all distinct values.
    """

    starts: Floats
    ends: Floats
    below: Ints
    exact: bool

    @classmethod
    def of(cls, histogram: Histogram) -> Distribution:
        """The distribution of a histogram that is not empty."""
        starts, ends, below = histogram.starts, histogram.borders, np.cumsum(histogram.counts)
        if ends[0] > histogram.minimum:
            # How often the lowest value is there is known even in cells.
            starts = np.concatenate([starts[:1], [histogram.minimum], starts[1:]])
            ends, below = np.insert(ends, 0, histogram.minimum), np.insert(below, 0, histogram.at_minimum)
        return cls(starts, ends, below, histogram.exact)

    @cached_property
    def free(self) -> Floats:
        """Up to which place there is no further value after each end."""
        return np.append(self.starts[1:], np.inf)

    @property
    def total(self) -> int:
        return int(self.below[-1])

    def between(self, edges: Sequence[float]) -> Ints:
        """Counts by the intervals that rising ``edges`` make, shape (edges + 1,).

        Exact where edges are ends or lie where no value is; within a cell, its values are taken as evenly spread.
        """
        found = np.asarray(edges, dtype=np.float64)
        places = np.searchsorted(self.ends, found, side="right")
        at_most = np.concatenate([[0], self.below])[places]
        for i in np.flatnonzero(places < len(self.ends)):
            place = places[i]
            start, end = float(self.starts[place]), float(self.ends[place])
            if found[i] > start:
                inside = int(self.below[place]) - int(at_most[i])
                share = (float(found[i]) / 2 - start / 2) / (end / 2 - start / 2)
                at_most[i] += min(math.floor(inside * share + 0.5), inside)
        return np.diff(np.concatenate([[0], at_most, [self.total]]))

    def place(self, share: float) -> int:
        """The first place that ``share`` of the values do not exceed."""
        return min(int(np.searchsorted(self.below, share * self.total, side="left")), len(self.ends) - 1)

    def quantile(self, share: float) -> float:
        """As ``numpy.quantile`` does it where all values are known, else the end of the cell it is in."""
        if not self.exact:
            return float(self.ends[self.place(share)])
        place = (self.total - 1) * share
        low, rest = math.floor(place), place - math.floor(place)
        a, b = (
            float(self.ends[np.searchsorted(self.below, min(rank, self.total - 1), side="right")])
            for rank in (low, low + 1)
        )
        return b - (b - a) * (1 - rest) if rest >= 0.5 else a + (b - a) * rest
