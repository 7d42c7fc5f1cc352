"""The critical values that a layout's scores need: which are at hand, and the working out of those that are not."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property

import numpy as np

from modelwatch.exporters.statistics import OF_HISTOGRAMS
from modelwatch.exporters.statistics.likelihood_ratio import LikelihoodRatio
from modelwatch.exporters.statistics.method import Counts, Floats, Histograms
from modelwatch.exporters.statistics.quantiles import Reference
from modelwatch.exporters.statistics.sums import SumOverBins, references, work_out

# Windows of more rows are seldom, and worked out when somebody asks.
MOST_ROWS = 1 << 24
_RATIO = LikelihoodRatio()
_METHODS: tuple[SumOverBins, ...] = (_RATIO, *OF_HISTOGRAMS.values())


class CriticalValues:
    """Of the distributions of ``reference``, shape (distributions, bins), in windows of ``least`` rows or more."""

    def __init__(self, reference: Counts, least: int, alpha: float) -> None:
        self._reference, self._least, self._alpha = reference, least, alpha
        self._empty = Histograms(np.zeros_like(reference), reference)
        # By their bytes, the rows of windows that have been found to be at hand: a scrape asks for few others.
        self._at_hand: set[bytes] = set()

    def known(self, windows: Counts) -> list[bool]:
        """Of which windows they are at hand, that have so many rows of each distribution: (windows, distributions)."""
        powers = np.log2(np.maximum(windows, self._least)).astype(np.int8)
        return [self._known(rows, power.tobytes()) for rows, power in zip(windows, powers, strict=True)]

    def _known(self, rows: Counts, powers: bytes) -> bool:
        if powers not in self._at_hand:
            waited = self._waited(rows)
            if not all(method.known(self._empty, waited, self._alpha) for method in _METHODS):
                return False
            self._at_hand.add(powers)
        return True

    def work_out(self, rows: Counts) -> None:
        """Have those of a window with so many rows of each distribution at hand."""
        waited = self._waited(rows)
        work_out([type(method) for method in _METHODS], self._empty, waited, self._alpha)
        for method in _METHODS:
            method.critical_value(self._empty, waited, self._alpha)

    def work_out_for(self, windows: Collection[int]) -> None:
        """Those of windows with so many rows, and what whole fleets are judged by."""
        for rows in windows:
            self.work_out(np.full(len(self._reference), rows))
        self.likelihood_quantile()

    def _waited(self, rows: Counts) -> Counts:
        return np.maximum(rows, self._least)

    def work_out_all(self) -> Iterator[None]:
        """Those of windows of all usual sizes, smaller ones first, in steps of some tenths of a second."""
        if not len(self._reference):
            return
        rows = self._least
        while rows < MOST_ROWS:
            self.work_out(np.full(len(self._reference), rows))
            yield
            if rows == self._least:
                self.likelihood_quantile()
                yield
            rows *= 2

    def likelihood_quantile(self) -> Floats:
        """What the likelihood ratio of a window of any size exceeds with probability ``alpha`` at the most, (rows,).

        It hardly hangs on the window's rows, so that one number serves whoever adds up the counts of many sidecars.
        """
        if not len(self._reference):
            return np.empty(0)
        return _RATIO.quantile(self._empty, self._least, self._alpha)

    @cached_property
    def references(self) -> tuple[Reference, ...]:
        return references(self._reference, self._alpha)

    def likelihood_known(self) -> bool:
        """Whether ``likelihood_quantile`` has nothing to work out."""
        return not len(self._reference) or _RATIO.quantile_known(self._empty, self._least, self._alpha)
