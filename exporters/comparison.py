"""From a model's two vectors to the arrays that drift methods look at: one row for each distribution.

Which place of the vectors goes where is worked out once for a layout, so a window costs a few look-ups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.layout import ABOVE, BELOW, SUM_Z, SUM_Z2, Layout, Watched
from modelwatch.exporters.slices import Mixture
from modelwatch.exporters.statistics import OF_HISTOGRAMS
from modelwatch.exporters.statistics.likelihood_ratio import LikelihoodRatio
from modelwatch.exporters.statistics.method import Cells, Counts, Floats, Histograms, Moments, ReferenceCells

Places = NDArray[np.int64]
# Windows of more rows are seldom, and worked out when somebody asks.
MOST_ROWS = 1 << 24


@dataclass(frozen=True, eq=False)
class Comparison:
    """Rows of ``histograms`` are those of ``layout.compared``; of ``cells`` and ``moments``, those of ``numeric``."""

    layout: Layout

    @cached_property
    def numeric(self) -> tuple[Watched, ...]:
        return tuple(w for w in self.layout.compared if w.cells is not None)

    # --- coarse bins ---

    @cached_property
    def _bins(self) -> int:
        return max((len(w.bins.labels) for w in self.layout.compared), default=0)

    @cached_property
    def _binned(self) -> tuple[Places, Places]:
        """Places of the vector, and the place in the flat histograms that each counts for."""
        every = self.layout.compared
        places = [np.arange(w.block.start, w.block.start + w.size) for w in every]
        bins = [w.bin_of_place + row * self._bins for row, w in enumerate(every)]
        return _joined(places), _joined(bins)

    @cached_property
    def _reference(self) -> Counts:
        return _padded([w.reference for w in self.layout.compared], self._bins)

    def histograms(self, total: Counts) -> Histograms:
        """Coarse bins of ``total``, shape (layout.width,)."""
        places, bins = self._binned
        rows = len(self.layout.compared)
        # Weights are float64: exact below 2**53 rows.
        flat = np.bincount(bins, weights=total[places], minlength=rows * self._bins)
        counts = flat.astype(np.int64).reshape(rows, self._bins)
        if self.mixture is None:
            return Histograms(counts, self._reference)
        return Histograms(counts, self.mixture.reference(self._sliced(total)), self._reference)

    @cached_property
    def mixture(self) -> Mixture | None:
        """Where rows are compared with their own part of the reference."""
        slices = self.layout.slices
        return None if slices is None else Mixture.made(slices, self.layout.compared, self._reference)

    def _sliced(self, total: Counts) -> Counts:
        slices = self.layout.slices
        assert slices is not None
        return total[slices.block.start : slices.block.start + slices.block.width]

    def warm(self, alpha: float) -> None:
        """Work out the critical values of windows of all usual sizes, smaller ones first, so that no scrape has to."""
        if not self.layout.compared:
            return
        self.likelihood_quantile(alpha)
        empty = Histograms(np.zeros_like(self._reference), self._reference)
        rows = int(self.layout.model.drift.min_samples)
        while rows < MOST_ROWS:
            for method in (LikelihoodRatio(), *OF_HISTOGRAMS.values()):
                method.critical_value(empty, np.full(len(self._reference), rows), alpha)
            rows *= 2

    def likelihood_quantile(self, alpha: float) -> Floats:
        """What the likelihood ratio of a window of any size exceeds with probability ``alpha`` at the most, (rows,).

        It hardly hangs on the window's rows, so that one number serves whoever adds up the counts of many sidecars.
        """
        if not self.layout.compared:
            return np.empty(0)
        empty = Histograms(np.zeros_like(self._reference), self._reference)
        return LikelihoodRatio().quantile(empty, int(self.layout.model.drift.min_samples), alpha)

    # --- cells ---

    @cached_property
    def _cells(self) -> int:
        return max((len(w.cells) for w in self.numeric if w.cells is not None), default=0)

    @cached_property
    def _celled(self) -> tuple[Places, Places]:
        places = [np.arange(w.block.start, w.missing) for w in self.numeric]
        cells = [np.arange(w.size - 1) + row * self._cells for row, w in enumerate(self.numeric)]
        return _joined(places), _joined(cells)

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
        """Cells of ``total``, shape (layout.width,), and ``sums``, shape (layout.float_width,)."""
        places, cells = self._celled
        counts = np.zeros((len(self.numeric), self._cells), dtype=np.int64)
        counts.reshape(-1)[cells] = total[places]
        n = np.maximum(counts.sum(axis=1), 1)
        below, above = (sums[self._sums + place] / n for place in (BELOW, ABOVE))
        return Cells(counts, below, above, self._cell_reference)

    # --- moments ---

    @cached_property
    def _sums(self) -> Places:
        return np.array([w.block.float_start for w in self.numeric], dtype=np.int64)

    @cached_property
    def _moments(self) -> tuple[Counts, Floats]:
        return self._cell_reference.m, np.array([(w.profile and w.profile.kurtosis) or np.nan for w in self.numeric])

    def moments(self, cells: Cells, sums: Floats) -> Moments:
        m, kurtosis = self._moments
        return Moments.standardised(cells.n, sums[self._sums + SUM_Z], sums[self._sums + SUM_Z2], m, kurtosis)

    # --- one place each ---

    @cached_property
    def _ends(self) -> Places:
        return np.array([(w.block.start, w.block.start + w.size) for w in self.layout.watched]).reshape(-1)

    def rows(self, total: Counts) -> Counts:
        """Rows that ``total`` holds of each of ``layout.watched``, missing values included."""
        return np.asarray(np.add.reduceat(total, self._ends)[::2])

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
        return self.histograms(total).counts[self._filled]

    def expected(self, total: Counts) -> Floats:
        """What ``by_bin`` would be, were the rows as in their parts of the reference; empty where it has none."""
        return np.empty(0) if self.mixture is None else self.mixture.expected(self._sliced(total))[self._filled]

    @cached_property
    def _filled(self) -> NDArray[np.bool_]:
        return np.array([[i < len(w.bins.labels) for i in range(self._bins)] for w in self.layout.compared], dtype=bool)

    @cached_property
    def numeric_rows(self) -> Places:
        """Where the rows of ``numeric`` stand among those of ``layout.compared``."""
        where = {w.name: row for row, w in enumerate(self.layout.compared)}
        return np.array([where[w.name] for w in self.numeric], dtype=np.int64)


def _joined(arrays: Sequence[Places]) -> Places:
    return np.concatenate([np.empty(0, dtype=np.int64), *arrays])


def _padded(rows: Sequence[Counts | None], width: int) -> Counts:
    found = np.zeros((len(rows), width), dtype=np.int64)
    for place, row in enumerate(rows):
        if row is not None:
            found[place, : len(row)] = row
    return found
