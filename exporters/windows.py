"""Sliding windows of counts and sums, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.packed import Packed, pack

SLOTS = 60

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Slot(NamedTuple):
    """What came in one slot of time, number ``number`` since the time line began."""

    number: int
    counts: Packed
    sums: Packed


class Window:
    """Counts and sums of the last ``milliseconds``: the newest slot as vectors, up to 59 earlier ones packed.

    A row counts from its arrival until it is between 59/60 of the window and the whole window old: it leaves with its
    slot of 1/60. Times are microseconds of a time line that never runs backwards.

    ``counts`` and ``sums`` are the newest slot's vectors, shapes (width,) and (float_width,). Whoever made the window
    adds to them, after ``advance``: so all windows of a model are rows of one matrix, and a request is one addition.
    """

    def __init__(self, milliseconds: int, counts: Ints, sums: Floats) -> None:
        self.milliseconds = milliseconds
        self.counts, self.sums = counts, sums
        self.newest = 0
        self.earlier: deque[Slot] = deque()
        # Whole numbers can be taken back exactly when a slot leaves. Sums cannot: they are added up anew.
        self._counts, self._sums = np.zeros_like(counts), np.zeros_like(sums)

    def _number(self, time: int) -> int:
        return time * SLOTS // (self.milliseconds * 1000)

    @property
    def ends(self) -> int:
        """The first time that is of a later slot."""
        return -(-(self.newest + 1) * self.milliseconds * 1000 // SLOTS)

    def advance(self, time: int) -> None:
        """Close the newest slot if it is over, and let go of those that have become too old."""
        number = self._number(time)
        if number <= self.newest:
            return
        if self.counts.any() or self.sums.any():
            slot = Slot(self.newest, pack(self.counts), pack(self.sums))
            self.earlier.append(slot)
            self._counts += self.counts
            self.counts[:] = 0
            self.sums[:] = 0
        self.newest = number
        while self.earlier and self.earlier[0].number <= number - SLOTS:
            self.earlier.popleft().counts.take_from(self._counts)
        self._sum()

    def restore(self, newest: int, earlier: Iterable[Slot]) -> None:
        """Go on from where another window of this length stood; the newest slot's vectors are the caller's."""
        self.newest = newest
        self.earlier = deque(earlier)
        self._counts[:] = 0
        for slot in self.earlier:
            slot.counts.add_to(self._counts)
        self._sum()

    def _sum(self) -> None:
        # Always in this order, so that a restart changes no digit.
        self._sums[:] = 0
        for slot in self.earlier:
            slot.sums.add_to(self._sums)

    def total(self) -> Ints:
        """Counts within the window, shape (width,); a copy."""
        return self._counts + self.counts

    def total_sums(self) -> Floats:
        """Sums within the window, shape (float_width,); a copy."""
        return self._sums + self.sums
