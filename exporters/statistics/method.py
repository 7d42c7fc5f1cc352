"""What a drift method is: a distance between two histograms over the same bins."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Shares = NDArray[np.float64]

# Five pooled bins of 20 rows: the fewest for which the false-alarm rate was measured to hold (see pooling).
LEAST_ROWS = 100


class Method(Protocol):
    """A distance between counts, both of shape (bins,) and over the same bins; it is 0 where the shares are equal."""

    @property
    def name(self) -> str:
        """As in a spec and in the label ``method``."""

    def score(self, counts: Counts, reference: Counts) -> float:
        """Distance of ``counts`` from ``reference``. Raises ValueError when either has no rows."""

    def critical_value(self, n: int, m: int, bins: int, alpha: float) -> float:
        """Score that ``n`` rows without drift exceed with probability ``alpha``.

        ``m`` rows are in the reference, which fills ``bins`` bins.
        """

    def needs(self, bins: int) -> int:
        """Fewest rows, in the window and in the reference, for which the critical value holds."""


def shares(counts: Counts) -> Shares:
    """Counts as shares of their sum. Raises ValueError when there is nothing to share."""
    total = int(counts.sum())
    if total <= 0:
        raise ValueError("no rows: a distance needs rows on both sides")
    return counts / total
