"""What is summarised of one column."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.summary.categories import Categories
from modelwatch.exporters.summary.exact import LARGEST, exact_squares, exact_sum
from modelwatch.exporters.summary.histogram import Histogram


class Numbers:
    """A numeric column: its values counted, their sum and that of their squares without rounding.

    ``squares`` leaves out values beyond LARGEST. What is not finite is ``missing``.
    """

    def __init__(self) -> None:
        self.histogram = Histogram()
        self.sum = self.squares = 0
        self.missing = 0

    def add(self, values: NDArray[np.float64]) -> None:
        """Count ``values``, shape (n,)."""
        finite = np.isfinite(values)
        if not finite.all():
            self.missing += len(values) - int(np.count_nonzero(finite))
            values = values[finite]
        self.histogram.add(values)
        self.sum += exact_sum(values)
        self.squares += exact_squares(values if _usual(values) else values[np.abs(values) <= LARGEST])

    def merge(self, other: Numbers) -> None:
        self.histogram.merge(other.histogram)
        self.sum += other.sum
        self.squares += other.squares
        self.missing += other.missing


def _usual(values: NDArray[np.float64]) -> bool:
    return not len(values) or bool(max(values.max(), -values.min()) <= LARGEST)


class Texts:
    """A categorical column."""

    def __init__(self) -> None:
        self.categories = Categories()
        self.missing = 0

    def add(self, texts: list[str | None], codes: NDArray[np.int64]) -> None:
        """Count the texts that ``codes`` point to, shape (n,); None and -1 are missing."""
        found = np.bincount(codes + 1, minlength=len(texts) + 1)
        self.missing += int(found[0])
        known: dict[str, int] = {}
        for text, count in zip(texts, found[1:].tolist(), strict=True):
            if text is None:
                self.missing += count
            elif count:
                known[text] = known.get(text, 0) + count
        self.categories.add(known.items())

    def merge(self, other: Texts) -> None:
        self.categories.merge(other.categories)
        self.missing += other.missing
