"""Counts the values of numeric distributions: where each falls, and the sums that moments and distances are made of.

A request of few rows costs by the call, so all distributions are counted together as one matrix; one of many rows
costs by the value, so each is sorted by itself and the limits are looked up in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.bins import FARTHEST
from modelwatch.exporters.layout import ABOVE, BELOW, SUM_Z, SUM_Z2, Watched
from modelwatch.exporters.statistics.method import Counts, Floats

# Measured with 256 limits: from so many values on, sorting is quicker than looking up every value.
SORTED_FROM = 2048
# What is sorted and summed at once stays in a core's cache.
AT_ONCE = 16_384
_Column = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Numeric:
    """The numeric distributions of a layout, shape (k,), and what their values are taken against."""

    watched: tuple[Watched, ...]

    def count(self, columns: Sequence[_Column], counts: Counts, sums: Floats) -> None:
        """Add ``columns``, one of shape (n,) for each distribution, NaN for missing ones, to a layout's vectors."""
        if not columns:
            return
        if len(columns[0]) < SORTED_FROM:
            self._together(np.array(columns), counts, sums)
            return
        for place, values in enumerate(columns):
            for start in range(0, len(values), AT_ONCE):
                self._sorted(place, values[start : start + AT_ONCE], counts, sums)

    def _together(self, values: NDArray[np.float64], counts: Counts, sums: Floats) -> None:
        there = ~np.isnan(values)
        places = np.empty(values.shape, dtype=np.int64)
        for row, watched in enumerate(self.watched):
            places[row] = np.searchsorted(watched.limits, values[row], side="left")
        places += self._starts[:, None]
        # Looking up NaN finds the place behind the last limit.
        places = np.where(there, places, self._missing[:, None])
        found = np.bincount(places.ravel(), minlength=len(counts))
        counts += found[: len(counts)]
        # NaN compares as False on both sides.
        counts[self._outside] += ((values < self._low[:, None]) | (values > self._high[:, None])).sum(axis=1)
        scaled = self._scaled
        if not len(scaled):
            return
        some, here = values[scaled], there[scaled]
        z = np.where(here, (some - self._mean[:, None]) / self._unit[:, None], 0.0)
        np.clip(z, -FARTHEST, FARTHEST, out=z)
        far = FARTHEST * self._unit[:, None]
        below = np.where(here, np.clip(self._minimum[:, None] - some, 0.0, far), 0.0)
        above = np.where(here, np.clip(some - self._maximum[:, None], 0.0, far), 0.0)
        at = self._float_starts
        sums[at + SUM_Z] += z.sum(axis=1)
        sums[at + SUM_Z2] += np.einsum("ij,ij->i", z, z)
        sums[at + BELOW] += below.sum(axis=1)
        sums[at + ABOVE] += above.sum(axis=1)

    def _sorted(self, place: int, values: _Column, counts: Counts, sums: Floats) -> None:
        watched = self.watched[place]
        ordered = np.sort(values)
        # NaN stands at the end.
        here = ordered[: np.searchsorted(ordered, np.inf, side="right")]
        n = len(here)
        counts[watched.missing] += len(values) - n
        inside = np.searchsorted(here, self._high[place], side="right") - np.searchsorted(here, self._low[place])
        counts[watched.outside] += n - inside
        ends = np.searchsorted(here, watched.limits, side="right")
        counts[watched.block.start : watched.missing] += np.diff(ends, prepend=0, append=n)
        scale = None if watched.profile is None else watched.profile.scale
        if not watched.block.float_width or scale is None or not n:
            return
        far = FARTHEST * scale.unit
        away = here - scale.mean
        if away[0] < -far or away[-1] > far:
            np.clip(away, -far, far, out=away)
        at = watched.block.float_start
        # Not a product by BLAS: its threads cost more than they save, most of all where cores are busy.
        sums[at + SUM_Z] += away.sum() / scale.unit
        sums[at + SUM_Z2] += np.einsum("i,i->", away, away) / scale.unit / scale.unit
        lower, upper = np.searchsorted(here, scale.minimum), np.searchsorted(here, scale.maximum, side="right")
        sums[at + BELOW] += np.minimum(scale.minimum - here[:lower], far).sum()
        sums[at + ABOVE] += np.minimum(here[upper:] - scale.maximum, far).sum()

    # --- what values are taken against, shape (k,) ---

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        return np.array([watched.block.start for watched in self.watched], dtype=np.int64)

    @cached_property
    def _missing(self) -> NDArray[np.int64]:
        return np.array([watched.missing for watched in self.watched], dtype=np.int64)

    @cached_property
    def _outside(self) -> NDArray[np.int64]:
        return np.array([watched.outside for watched in self.watched], dtype=np.int64)

    @cached_property
    def _low(self) -> Floats:
        ranges = [watched.subject.feature.range for watched in self.watched]
        return np.array([-np.inf if one is None else float(one[0]) for one in ranges])

    @cached_property
    def _high(self) -> Floats:
        ranges = [watched.subject.feature.range for watched in self.watched]
        return np.array([np.inf if one is None else float(one[1]) for one in ranges])

    # --- of those that sums are kept of, in the order of ``_scaled`` ---

    @cached_property
    def _scaled(self) -> NDArray[np.int64]:
        return np.array([row for row, watched in enumerate(self.watched) if watched.block.float_width], dtype=np.int64)

    @cached_property
    def _float_starts(self) -> NDArray[np.int64]:
        return np.array([self.watched[row].block.float_start for row in self._scaled.tolist()], dtype=np.int64)

    @cached_property
    def _scales(self) -> Floats:
        found = [self.watched[row].profile for row in self._scaled.tolist()]
        scales = [one.scale for one in found if one is not None]
        return np.array([(one.mean, one.unit, one.minimum, one.maximum) for one in scales if one is not None])

    @property
    def _mean(self) -> Floats:
        return self._scales[:, 0]

    @property
    def _unit(self) -> Floats:
        return self._scales[:, 1]

    @property
    def _minimum(self) -> Floats:
        return self._scales[:, 2]

    @property
    def _maximum(self) -> Floats:
        return self._scales[:, 3]
