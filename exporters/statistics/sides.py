"""What a bin looks like from both sides: a window's rows and the reference's, as shares of either.

Worked out once, whichever methods ask; that of a reference once for all windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from modelwatch.exporters.statistics.method import Floats

FLOOR = 1e-4


@dataclass(frozen=True, eq=False)
class Side:
    """``counts`` of all ``rows``; arrays that broadcast. There is a row at least."""

    counts: Floats
    rows: Floats

    @cached_property
    def share(self) -> Floats:
        return self.counts / self.rows

    @cached_property
    def floored(self) -> Floats:
        """Shares of 1e-4 at the least, the customary floor, or half a row where there are fewer than 5,000 rows.

        A share of 0 would make a score infinite, and one absent row must not weigh more than the sample can tell.
        """
        return np.maximum(self.share, np.maximum(FLOOR, 0.5 / self.rows))

    @cached_property
    def root(self) -> Floats:
        """Square root of the share."""
        return np.sqrt(self.share)


@dataclass(frozen=True, eq=False)
class Sides:
    """Arrays that broadcast."""

    window: Side
    reference: Side

    @classmethod
    def of(cls, c: Floats, r: Floats, n: Floats, m: Floats) -> Sides:
        """``c`` of the window's ``n`` rows and ``r`` of the reference's ``m`` rows."""
        return cls(Side(c, n), Side(r, m))

    @cached_property
    def _rows(self) -> Floats:
        return self.window.counts + self.reference.counts

    @cached_property
    def filled(self) -> NDArray[np.bool_]:
        """Whether there is a row on either side."""
        return self._rows > 0

    @cached_property
    def pooled(self) -> Floats:
        """Share of both sides together; 1 in a bin that neither fills, which it is divided by."""
        return np.where(self.filled, self._rows / (self.window.rows + self.reference.rows), 1.0)


def times_log(x: Floats, ratio: Floats) -> Floats:
    """x ln(ratio); 0 where x is 0."""
    return x * np.log(np.where(x > 0, ratio, 1.0))
