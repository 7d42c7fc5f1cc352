"""From a model's two vectors to the arrays that drift methods look at: one row for each distribution.

Which place of the vectors goes where is worked out once for a layout, so a window costs a few look-ups. Several windows
are looked at together, one below the other: what a few numbers cost is the call, however many windows they are of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.bins import CategoricalBins
from modelwatch.exporters.critical import CriticalValues
from modelwatch.exporters.guards import Inactive, alpha, without_score
from modelwatch.exporters.layout import ABOVE, BELOW, SUM_Z, SUM_Z2, Layout, Watched
from modelwatch.exporters.slices import Mixture
from modelwatch.exporters.statistics.method import Cells, Counts, Floats, Histograms, Law, Moments, ReferenceCells

Places = NDArray[np.int64]
S = TypeVar("S", bound=np.generic)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Rows of ``histograms`` are those of ``layout.compared``; of ``cells`` and ``moments``, those of ``numeric``.

    For vectors of several windows, shapes (windows, layout.width) and (windows, layout.float_width), they are those of
    the first window, then those of the second, and so on.

    ``hurried``: what critical values would have to be worked out for is not told yet.
    """

    layout: Layout
    hurried: bool = False

    @cached_property
    def numeric(self) -> tuple[Watched, ...]:
        return tuple(w for w in self.layout.compared if w.cells is not None)

    @cached_property
    def alpha(self) -> float:
        """Rate at which chance may pass at one look at one distribution."""
        return alpha(self.layout)

    @cached_property
    def critical(self) -> CriticalValues:
        """Of the rows of ``histograms``."""
        return CriticalValues(self._reference, int(self.layout.model.drift.min_samples), self.alpha)

    def ready(self, windows: Counts) -> list[bool]:
        """Of which windows the scores can be told, shape (windows, layout.width)."""
        if not self.hurried or not self.layout.compared:
            return [True] * len(windows)
        return self.critical.known(self.compared_rows(windows))

    def compared_rows(self, total: Counts) -> Counts:
        """Rows that ``total`` holds of each of ``layout.compared``."""
        return self.rows(total)[..., self.compared]

    def likelihood_quantile(self) -> Floats | None:
        """See ``critical``; None where it cannot be told yet."""
        return None if self.hurried and not self.critical.likelihood_known() else self.critical.likelihood_quantile()

    @cached_property
    def inactive(self) -> tuple[Inactive | None, ...]:
        """Why each of ``layout.watched`` has no score, however many rows come."""
        return tuple(without_score(self.layout, watched) for watched in self.layout.watched)

    @cached_property
    def scored(self) -> NDArray[np.bool_]:
        """Which of ``layout.watched`` have a score as soon as there are enough rows."""
        return np.array([why is None for why in self.inactive], dtype=bool)

    @cached_property
    def own(self) -> dict[str, Places]:
        """Places in ``layout.watched`` by the method that the spec names."""
        named = np.array([w.subject.feature.drift.method for w in self.layout.watched])
        return {str(method): np.flatnonzero(named == method) for method in np.unique(named)}

    @cached_property
    def warnings(self) -> Floats:
        """The warning threshold of each of ``layout.watched``."""
        return np.array([float(w.subject.feature.drift.warning) for w in self.layout.watched])

    # --- coarse bins ---

    @cached_property
    def _bins(self) -> int:
        return max((len(w.bins.labels) for w in self.layout.compared), default=0)

    @cached_property
    def _binned(self) -> tuple[Places, Places, Places]:
        """Places of the vector, one bin's after the other's; where each bin's begin; and its place in the flat
        histograms."""
        every = self.layout.compared
        places = _joined([np.arange(w.block.start, w.block.start + w.size) for w in every])
        bins = _joined([w.bin_of_place + row * self._bins for row, w in enumerate(every)])
        order = np.argsort(bins, kind="stable")
        filled, begins = np.unique(bins[order], return_index=True)
        return places[order], begins, filled

    @cached_property
    def _reference(self) -> Counts:
        return _padded([w.reference for w in self.layout.compared], self._bins)

    def histograms(self, total: Counts) -> Histograms:
        """Coarse bins of ``total``."""
        windows = np.atleast_2d(total)
        counts = self._coarse(windows).reshape(-1, self._bins)
        law = self._law(len(windows))
        if self.mixture is None:
            return Histograms.beside(counts, law)
        mixed = [self.mixture.reference(self._sliced(window)) for window in windows]
        return Histograms(counts, np.concatenate(mixed), law)

    def _coarse(self, windows: Counts) -> Counts:
        """Shape (windows, rows x bins)."""
        places, begins, filled = self._binned
        found = np.zeros((len(windows), len(self.layout.compared) * self._bins), dtype=np.int64)
        if len(filled):
            found[:, filled] = np.add.reduceat(windows.take(places, axis=1), begins, axis=1)
        return found

    def _law(self, count: int) -> Law:
        """The reference below itself as often as there are windows."""
        found = self._laws.get(count)
        if found is None:
            found = self._laws[count] = Law(self._below(self._reference, count))
        return found

    @cached_property
    def _laws(self) -> dict[int, Law]:
        return {}

    def _below(self, array: NDArray[S], count: int) -> NDArray[S]:
        """So many copies of an array, one below the other."""
        return array if count == 1 else np.concatenate([array] * count)

    @cached_property
    def mixture(self) -> Mixture | None:
        """Where rows are compared with their own part of the reference."""
        slices = self.layout.slices
        return None if slices is None else Mixture.made(slices, self.layout.compared, self._reference)

    def _sliced(self, total: Counts) -> Counts:
        slices = self.layout.slices
        assert slices is not None
        return total[slices.block.start : slices.block.start + slices.block.width]

    # --- cells ---

    @cached_property
    def _cells(self) -> int:
        return max((len(w.cells) for w in self.numeric if w.cells is not None), default=0)

    @cached_property
    def _celled(self) -> tuple[Places, NDArray[np.bool_]]:
        """The place of the vector for each of the flat cells, and which are cells and no padding."""
        places = _padded([np.arange(w.block.start, w.missing) for w in self.numeric], self._cells)
        here = _padded([np.ones(w.size - 1, dtype=np.int64) for w in self.numeric], self._cells)
        return places.reshape(-1), here.reshape(-1) > 0

    @cached_property
    def _cell_reference(self) -> ReferenceCells:
        counts = _padded(
            [np.array(w.cells.counts, dtype=np.int64) if w.cells else None for w in self.numeric], self._cells
        )
        widths = np.zeros((len(self.numeric), self._cells))
        for row, w in enumerate(self.numeric):
            if w.cells is not None:
                widths[row, : len(w.cells)] = w.cells.widths
        return ReferenceCells(counts, widths, np.array([(w.profile and w.profile.std) or 0.0 for w in self.numeric]))

    def cells(self, total: Counts, sums: Floats) -> Cells:
        """Cells of ``total`` and ``sums``."""
        windows = np.atleast_2d(total)
        places, here = self._celled
        counts = windows.take(places, axis=1)
        counts *= here
        counts = counts.reshape(-1, self._cells)
        n = np.maximum(counts.sum(axis=1), 1)
        below, above = (self._summed(sums, place) / n for place in (BELOW, ABOVE))
        return Cells(counts, below, above, self._cell_references(len(windows)))

    def _cell_references(self, count: int) -> ReferenceCells:
        """The reference below itself as often as there are windows; what follows from it is worked out once."""
        found = self._repeated.get(count)
        if found is None:
            one, below = self._cell_reference, self._below
            found = ReferenceCells(below(one.counts, count), below(one.widths, count), below(one.std, count))
            self._repeated[count] = found
        return found

    @cached_property
    def _repeated(self) -> dict[int, ReferenceCells]:
        return {}

    # --- moments ---

    @cached_property
    def _sums(self) -> Places:
        return np.array([w.block.float_start for w in self.numeric], dtype=np.int64)

    def _summed(self, sums: Floats, which: int) -> Floats:
        """One of the sums of each of ``numeric``."""
        return np.asarray(np.atleast_2d(sums)[:, self._sums + which]).reshape(-1)

    @cached_property
    def _kurtosis(self) -> Floats:
        return np.array([(w.profile and w.profile.kurtosis) or np.nan for w in self.numeric])

    def moments(self, cells: Cells, sums: Floats) -> Moments:
        kurtosis = self._below(self._kurtosis, len(np.atleast_2d(sums)))
        z, z2 = (self._summed(sums, which) for which in (SUM_Z, SUM_Z2))
        return Moments.standardised(cells.n, z, z2, cells.m, kurtosis)

    # --- one place each ---

    @cached_property
    def _ends(self) -> Places:
        return np.array([(w.block.start, w.block.start + w.size) for w in self.layout.watched]).reshape(-1)

    def rows(self, total: Counts) -> Counts:
        """Rows that ``total`` holds of each of ``layout.watched``, missing values included."""
        return np.asarray(np.add.reduceat(total, self._ends, axis=-1)[..., ::2])

    @cached_property
    def bounded(self) -> NDArray[np.bool_]:
        """Which of ``layout.watched`` have a range."""
        return np.array([w.subject.feature.range is not None for w in self.layout.watched], dtype=bool)

    @cached_property
    def features(self) -> NDArray[np.bool_]:
        """Which of ``layout.watched`` are features."""
        return np.array([w.subject.role == "feature" for w in self.layout.watched], dtype=bool)

    @cached_property
    def compared(self) -> NDArray[np.bool_]:
        """Which of ``layout.watched`` have a reference."""
        return np.array([w.profile is not None for w in self.layout.watched], dtype=bool)

    def places(self, which: str) -> Places:
        """Where ``missing``, ``outside`` or ``mismatched`` values of each of ``layout.watched`` stand."""
        return self._places[which]

    @cached_property
    def _places(self) -> dict[str, Places]:
        return {
            which: np.array([getattr(w, which) for w in self.layout.watched], dtype=np.int64)
            for which in ("missing", "outside", "mismatched")
        }

    def by_bin(self, total: Counts) -> Counts:
        """Counts by bin of all of ``layout.compared``, one after the other."""
        return np.asarray(self._coarse(total[None])[0, self._filled.reshape(-1)])

    def expected(self, total: Counts) -> Floats:
        """What ``by_bin`` would be, were the rows as in their parts of the reference; empty where it has none."""
        return np.empty(0) if self.mixture is None else self.mixture.expected(self._sliced(total))[self._filled]

    @cached_property
    def _filled(self) -> NDArray[np.bool_]:
        found = [[i < len(w.bins.labels) for i in range(self._bins)] for w in self.layout.compared]
        return np.array(found, dtype=bool).reshape(len(found), self._bins)

    @cached_property
    def new(self) -> tuple[Places, Places]:
        """Which of ``layout.watched`` know all categories of the reference, and where values of other ones stand."""
        found = [
            (place, w.block.start + w.bins.new)
            for place, w in enumerate(self.layout.watched)
            if isinstance(w.bins, CategoricalBins) and w.bins.complete
        ]
        places, where = np.array(found, dtype=np.int64).reshape(-1, 2).T
        return places, where

    @cached_property
    def compared_places(self) -> Places:
        """Where those of ``layout.compared`` stand in ``layout.watched``."""
        return np.flatnonzero(self.compared)

    @cached_property
    def numeric_places(self) -> Places:
        """Where those of ``numeric`` stand in ``layout.watched``."""
        numeric = {w.name for w in self.numeric}
        return np.array([place for place, w in enumerate(self.layout.watched) if w.name in numeric], dtype=np.int64)


def _joined(arrays: Sequence[Places]) -> Places:
    return np.concatenate([np.empty(0, dtype=np.int64), *arrays])


def _padded(rows: Sequence[Counts | None], width: int) -> Counts:
    found = np.zeros((len(rows), width), dtype=np.int64)
    for place, row in enumerate(rows):
        if row is not None:
            found[place, : len(row)] = row
    return found
