"""The columns of a model by season or segment: a small summary for each hour, weekday or category.

Numbers are counted exactly up to 1,024 distinct ones a group, in up to 1,024 cells beyond. The edges of a profile's
bins are not known before the end, so within the one cell that an edge cuts, values are taken as evenly spread.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.bins import CategoricalBins, NumericBins
from modelwatch.exporters.reference import FeatureProfile, Slice
from modelwatch.exporters.summary.distribution import Distribution
from modelwatch.exporters.summary.histogram import Histogram

CELLS = 1024
# More distinct texts than this in a group are not worth their memory: such a column is left out of it.
MOST_TEXTS = 2000
# Fewer rows say too little of a season or a segment: 25 in each of 20 bins.
LEAST_ROWS = 500

Codes = NDArray[np.int64]
Column = NDArray[np.float64] | tuple[list[str | None], Codes]


class Group:
    """``numbers`` and their count of missing values by column, ``texts`` by column; None where there are too many."""

    def __init__(self) -> None:
        self.rows = 0
        self.numbers: dict[str, tuple[Histogram, int]] = {}
        self.texts: dict[str, dict[str, int] | None] = {}

    def add(self, columns: Mapping[str, Column], rows: Codes) -> None:
        """Count the values of the rows that ``rows`` names."""
        self.rows += len(rows)
        for name, column in columns.items():
            if isinstance(column, tuple):
                texts, codes = column
                found = np.bincount(codes[rows] + 1, minlength=len(texts) + 1)[1:].tolist()
                self._count(name, {text: n for text, n in zip(texts, found, strict=True) if n and text is not None})
            else:
                values = column[rows]
                finite = values[np.isfinite(values)]
                histogram = self.histogram(name)
                histogram.add(finite)
                self._put(name, histogram, len(values) - len(finite))

    def merge(self, other: Group) -> None:
        self.rows += other.rows
        for name, (its, more) in other.numbers.items():
            histogram = self.histogram(name)
            histogram.merge(its)
            self._put(name, histogram, more)
        for name, counts in other.texts.items():
            self._count(name, counts)

    def histogram(self, name: str) -> Histogram:
        """The histogram of a column, or a new one."""
        return self.numbers[name][0] if name in self.numbers else Histogram(CELLS, CELLS, pending=CELLS)

    def _put(self, name: str, histogram: Histogram, missing: int) -> None:
        self.numbers[name] = histogram, missing + (self.numbers[name][1] if name in self.numbers else 0)

    def _count(self, name: str, counts: Mapping[str, int] | None) -> None:
        known = self.texts.setdefault(name, {})
        if known is None or counts is None:
            self.texts[name] = None
            return
        for text, count in counts.items():
            known[text] = known.get(text, 0) + count
        if len(known) > MOST_TEXTS:
            self.texts[name] = None

    def slice(self, value: str, features: Mapping[str, FeatureProfile]) -> Slice:
        """The counts by the bins of ``features``."""
        counts: dict[str, tuple[int, ...]] = {}
        for name, feature in features.items():
            found = self._binned(name, feature.bins)
            if found is not None:
                counts[name] = found
        return Slice(value, self.rows, counts)

    def _binned(self, name: str, bins: NumericBins | CategoricalBins) -> tuple[int, ...] | None:
        if isinstance(bins, NumericBins):
            histogram, missing = self.numbers[name]
            if not histogram.total:
                return (*([0] * (len(bins.labels) - 1)), missing)
            return (*Distribution.of(histogram).between(bins.limits.tolist()).tolist(), missing)
        texts = self.texts.get(name)
        if texts is None:
            return None
        found = np.zeros(len(bins.labels), dtype=np.int64)
        for text, count in texts.items():
            # What was cut off the list of rare categories is known all the same.
            place = bins.lookup.get(text, bins.other)
            found[place] += count
        found[bins.missing] = self.rows - sum(texts.values())
        return tuple(found.tolist())


class Groups:
    """A group for each value of a grouping; there may be ``most``, and with more ``too_many`` is true for good."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.groups: dict[str, Group] = {}
        self.too_many = False

    def add(self, columns: Mapping[str, Column], values: list[str | None], codes: Codes) -> None:
        """Count each row in the group ``values[codes[row]]``; None and -1 are in none."""
        if self.too_many:
            return
        for code in np.unique(codes[codes >= 0]).tolist():
            value = values[code]
            if value is not None:
                self.groups.setdefault(value, Group()).add(columns, np.flatnonzero(codes == code))
        self._bound()

    def merge(self, other: Groups) -> None:
        self.too_many = self.too_many or other.too_many
        if not self.too_many:
            for value, group in other.groups.items():
                self.groups.setdefault(value, Group()).merge(group)
        self._bound()

    def _bound(self) -> None:
        self.too_many = self.too_many or len(self.groups) > self.most
        if self.too_many:
            self.groups.clear()
