"""Finds the cell of each of many values by arithmetic, instead of by search.

A fine even grid is laid over the limits. Most of its squares hold no limit, so that the square alone tells the cell;
values in the others are looked up, two in a hundred with quantiles of a normal distribution. Finding a square rounds,
but the same way for values and limits: a larger number never finds a lower square, so no rounding changes a cell. On
257 limits it takes 3 ns a value; searching takes 46, and sorting first from 5 to 28, by the machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.statistics.method import Floats

# Squares between the outermost limits, and beyond them on either side: 2^16 at the most. What has drifted a little lies
# beyond; what has drifted further is moved there, which costs a step more.
SQUARES = 32_768
MARGIN = 8_192
# In a square that holds a limit the cell is the one below it or above it; where it holds several, it takes a search.
_FEW = 4


class Work:
    """Room for what is worked out of ``size`` values at a time, so that it stays in the processor's cache."""

    def __init__(self, size: int) -> None:
        self.away: Floats = np.empty(size)
        self._at: Floats = np.empty(size)
        self._squares: NDArray[np.int32] = np.empty(size, dtype=np.int32)

    def some(self, size: int) -> tuple[Floats, NDArray[np.int32]]:
        return self._at[:size], self._squares[:size]


@dataclass(frozen=True, eq=False)
class Grid:
    """Cells between ``limits``, ascending and finite: cell i holds limits[i-1] < x <= limits[i].

    Squares are numbered from ``origin``, which lies between the outermost limits: below it they are negative.
    """

    limits: Floats
    origin: float

    @classmethod
    def over(cls, limits: Floats) -> Grid:
        return cls(limits, float(limits[0]) if len(limits) else 0.0)

    @cached_property
    def _scale(self) -> tuple[float, int, int] | None:
        """Squares per unit, the first and the last square; None where the limits leave no room for a grid."""
        if len(self.limits) < 2:
            return None
        low, high = float(self.limits[0]), float(self.limits[-1])
        width = (high - low) / SQUARES
        if not (0 < width < np.inf and 1 / width < np.inf and low <= self.origin <= high):
            return None
        first, last = (int((end - self.origin) / width) for end in (low, high))
        # Rounding to 0 makes one square less, where it is not the margin's.
        return 1 / width, first - MARGIN + 2, last + MARGIN - 2

    @cached_property
    def _cells(self) -> NDArray[np.int16]:
        """The cell of each square, or ``~i`` where limit i is the first that it holds; square i is at i modulo 2^16."""
        _, first, last = self._scale or (0.0, 0, 0)
        squares = np.arange(first, last + 1, dtype=np.int32)
        found = np.zeros(1 << 16, dtype=np.int16)
        found[squares.astype(np.uint16)] = np.searchsorted(self._squared, squares, side="left")
        held, at = np.unique(self._squared, return_index=True)
        found[held.astype(np.uint16)] = ~at
        return found

    @cached_property
    def _squared(self) -> NDArray[np.int32]:
        """The square of each limit, never falling."""
        return self._squares(self.limits - self.origin, True, Work(len(self.limits)))

    @cached_property
    def _most(self) -> int:
        """How many limits a square holds at the most."""
        return int(np.unique(self._squared, return_counts=True)[1].max(initial=0))

    @cached_property
    def _padded(self) -> Floats:
        return np.append(self.limits, np.inf)

    def _squares(self, away: Floats, far: bool, work: Work) -> NDArray[np.int32]:
        per_unit, first, last = self._scale or (0.0, 0, 0)
        at, squares = work.some(len(away))
        np.multiply(away, per_unit, out=at)
        if far:
            np.clip(at, first, last, out=at)
        np.copyto(squares, at, casting="unsafe")
        return squares

    def reaches(self, low: float, high: float) -> bool:
        """Whether values from ``low`` to ``high`` lie on the grid."""
        if self._scale is None:
            return False
        per_unit, first, last = self._scale
        return (low - self.origin) * per_unit >= first and (high - self.origin) * per_unit <= last

    def codes(self, values: Floats) -> NDArray[np.intp] | NDArray[np.int16]:
        """The cell of each of the finite ``values``, shape (n,)."""
        work = Work(len(values))
        # What is too far away for a float lies beyond the last square all the same.
        with np.errstate(over="ignore"):
            np.subtract(values, self.origin, out=work.away)
            return self.cells(values, work.away, True, work)

    def cells(self, values: Floats, away: Floats, far: bool, work: Work) -> NDArray[np.intp] | NDArray[np.int16]:
        """The same, where ``away`` is ``values - origin``; without ``far``, the grid must reach all values.

        Numbers too large for a float may come up on the way: the caller keeps numpy from telling.
        """
        if self._scale is None:
            return np.searchsorted(self.limits, values, side="left")
        # Numbers without a sign: the processor cannot foretell signs, and guesses wrong for half of the values.
        squares = self._squares(away, far, work).astype(np.uint16)
        codes = self._cells.take(squares)
        either = (codes < 0).nonzero()[0]
        if len(either):
            codes[either] = self._looked_up(values[either], ~codes[either])
        return codes

    def _looked_up(self, values: Floats, found: NDArray[np.int16]) -> NDArray[np.integer]:
        """The cells of ``values`` in squares that hold limits, of which ``found`` are the first."""
        if self._most > _FEW:
            return np.searchsorted(self.limits, values, side="left")
        for _ in range(self._most):
            # Limits of further squares are larger than the value, so it does not matter that they are looked at.
            found += values > self._padded.take(found)
        return found
