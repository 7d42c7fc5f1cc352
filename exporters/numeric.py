"""Counts the values of numeric distributions: where each falls, and the sums that moments and distances are made of.

A request of few rows costs by the call, so all distributions are counted together as one matrix; one of many rows
costs by the value, so each is counted by itself on a grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.bins import FARTHEST, Scale
from modelwatch.exporters.grid import Grid, Work
from modelwatch.exporters.ingest.columns import Numbers
from modelwatch.exporters.layout import ABOVE, BELOW, SUM_Z, SUM_Z2, SUMS, Watched
from modelwatch.exporters.statistics.method import Counts, Floats

# From so many rows on, each distribution by itself is quicker than all together.
MANY = 2048
# What is counted and summed at once stays in a core's cache.
AT_ONCE = 32_768
# From 10,000 numbers on OpenBLAS shares a product out among threads, which costs more than it saves.
ALONE = 8192


class Sums:
    """What moments and distances are made of, in the order of the layout: z, z squared, below and above the range.

    ``span`` bounds the values that are going to be added.
    """

    def __init__(self, scale: Scale, span: tuple[float, float]) -> None:
        self._mean, self._unit, self._far = scale.mean, scale.unit, FARTHEST * scale.unit
        lowest, highest = span
        self._clipped = lowest - scale.mean < -self._far or highest - scale.mean > self._far
        self._minimum = scale.minimum if lowest < scale.minimum else None
        self._maximum = scale.maximum if highest > scale.maximum else None
        self._away = self._squares = self._below = self._above = 0.0

    def add(self, here: Floats, away: Floats) -> None:
        """Values, and how far each is from the mean, which is overwritten."""
        if self._clipped:
            np.clip(away, -self._far, self._far, out=away)
        self._away += float(away.sum())
        for start in range(0, len(away), ALONE):
            part = away[start : start + ALONE]
            self._squares += float(np.dot(part, part))
        if self._minimum is not None:
            self._below += float(np.minimum(self._minimum - here[here < self._minimum], self._far).sum())
        if self._maximum is not None:
            self._above += float(np.minimum(here[here > self._maximum] - self._maximum, self._far).sum())

    @property
    def values(self) -> Floats:
        unit = self._unit
        return np.array([self._away / unit, self._squares / unit / unit, self._below, self._above])


@dataclass(frozen=True, eq=False)
class Numeric:
    """The numeric distributions of a layout, shape (k,), and what their values are taken against."""

    watched: tuple[Watched, ...]

    def count(self, columns: Sequence[Numbers], counts: Counts, sums: Floats) -> None:
        """Add ``columns``, one of n rows for each distribution, to a layout's vectors."""
        if not columns:
            return
        rows = len(columns[0].values)
        if rows < MANY:
            self._together(np.array([column.values for column in columns], dtype=np.float64), counts, sums)
            return
        work = Work(min(rows, AT_ONCE))
        # What is too far away for a float is moved to where it can be counted.
        with np.errstate(over="ignore"):
            for place, column in enumerate(columns):
                self._alone(place, column, counts, sums, work)

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

    def _alone(self, place: int, column: Numbers, counts: Counts, sums: Floats, work: Work) -> None:
        values, span, watched = column.values, column.span, self.watched[place]
        if span is None:
            values = values[~np.isnan(values)]
            counts[watched.missing] += len(column.values) - len(values)
            if not len(values):
                return
            span = (float(values.min()), float(values.max()))
        lowest, highest = span
        low, high = float(self._low[place]), float(self._high[place])
        outside = lowest < low or highest > high
        grid, counted = self._grids[place], counts[watched.block.start : watched.missing]
        far = not grid.reaches(lowest, highest)
        scale = None if watched.profile is None else watched.profile.scale
        summed = Sums(scale, span) if watched.block.float_width and scale is not None else None
        for start in range(0, len(values), AT_ONCE):
            here = values[start : start + AT_ONCE].astype(np.float64, copy=False)
            away = np.subtract(here, grid.origin, out=work.away[: len(here)])
            counted += np.bincount(grid.cells(here, away, far, work), minlength=len(counted))
            if outside:
                counts[watched.outside] += np.count_nonzero((here < low) | (here > high))
            if summed is not None:
                summed.add(here, away)
        if summed is not None:
            at = watched.block.float_start
            sums[at : at + SUMS] += summed.values

    # --- what values are taken against, shape (k,) ---

    @cached_property
    def _grids(self) -> list[Grid]:
        """Those that sums are kept of lie around the mean that the sums are taken against."""
        scales = [None if watched.profile is None else watched.profile.scale for watched in self.watched]
        return [
            Grid.over(watched.limits) if scale is None else Grid(watched.limits, scale.mean)
            for watched, scale in zip(self.watched, scales, strict=True)
        ]

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
