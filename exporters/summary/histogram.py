"""The values of one numeric column, counted: exactly while few are distinct, by fine cells beyond.

A float's bits, read as a whole number, are in the order of the floats; cutting off its last bits joins neighbours to a
cell. Cells are open on the left and closed on the right, so with 10 bits of the mantissa left each whole number up to
2^11 still ends a cell. How many bits are cut depends on the values alone: none up to ``EXACT`` values or ``CELLS``
distinct ones, beyond that the fewest that leave ``CELLS`` cells at the most. A part of the data never needs a coarser
cut than the whole, and coarser cells are unions of finer ones, so parts merge into exactly the histogram of the whole.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EXACT = 262_144
CELLS = 32_768
# Values that wait to be counted: many at a time are cheaper, as long as they fit into the processor's cache.
PENDING = 65_536
# With so many bits cut off a cell's number fits into 32 bits, which sort in half the time.
_NARROW = 32
_MANY = 1 << 31
# Numbers that are spread so many times as wide as there are of them are sorted instead of counted.
_SPREAD = 16

_MAGNITUDE = np.int64(0x7FFF_FFFF_FFFF_FFFF)
_LARGEST = np.array([np.finfo(np.float64).max]).view(np.int64)[0]


def keys(values: Floats) -> Ints:
    """Finite floats as whole numbers in the same order; both zeros are 0."""
    bits = values.view(np.int64)
    sign = bits >> 63
    found: Ints = ((bits & _MAGNITUDE) ^ sign) - sign
    return found


def floats(found: Ints) -> Floats:
    """The inverse of ``keys``."""
    return np.where(found < 0, -1.0, 1.0) * np.abs(found).view(np.float64)


def _cut(found: Ints, bits: int) -> Ints:
    """Numbers of the cells that are 2^bits wide and closed on the right."""
    return -((-found) >> bits)


def _ends(cells: Ints, bits: int) -> Floats:
    """The upper end of each cell; what lies beyond the largest float becomes that."""
    most = _LARGEST >> bits
    return floats(np.where(np.abs(cells) > most, np.sign(cells) * _LARGEST, cells << bits))


def _distinct(ordered: Ints, bits: int) -> int:
    return int(np.count_nonzero(np.diff(_cut(ordered, bits)))) + 1 if len(ordered) else 0


def _joined(ordered: Any, counts: Any) -> tuple[Any, Ints]:
    """Each number once, with the sum of its counts (1 each without ``counts``)."""
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    if counts is None:
        return ordered[starts], np.diff(np.append(starts, len(ordered)))
    return ordered[starts], np.add.reduceat(counts, starts)


def _counted(some: Any) -> tuple[Ints, Ints]:
    """Each of some numbers once, in order, with how often it is there."""
    low, high = int(some.min()), int(some.max())
    if high - low >= _SPREAD * len(some):
        found, counts = _joined(np.sort(some), None)
        return found.astype(np.int64), counts
    # Close together, as cells mostly are, they are counted in a tenth of the time that sorting takes.
    every = np.bincount(some - low)
    places = every.nonzero()[0]
    return places + low, every[places]


class Histogram:
    """Finite values, counted. ``cells`` and ``counts`` are in order and hold no empty cell; ``bits`` are cut off."""

    def __init__(self, exact: int = EXACT, cells: int = CELLS, pending: int = PENDING) -> None:
        self._exact, self._most, self._wait = exact, cells, pending
        self._cells: Ints = np.empty(0, dtype=np.int64)
        self._bits = 0
        self._counts: Any = np.empty(0, dtype=np.int64)
        self._buffer: Any = None
        self._held = 0
        self._total = 0
        self._minimum = np.inf
        self._maximum = -np.inf
        self._at_minimum = 0

    def add(self, values: Floats) -> None:
        """Count ``values``, shape (n,), all finite."""
        if not len(values):
            return
        low = float(values.min())
        self._see(low, float(values.max()), int(np.count_nonzero(values == low)))
        self._total += len(values)
        found = keys(values)
        for start in range(0, len(found), self._wait):
            self._hold(found[start : start + self._wait])

    def _hold(self, found: Ints) -> None:
        """Keep some keys until there are enough to be counted."""
        if self._buffer is None or self._held + len(found) > len(self._buffer):
            self._settle()
            # Up to EXACT values need no counts, and memory that is not yet filled is none.
            room = self._wait if self._total > self._exact else self._exact
            self._buffer = np.empty(max(room, len(found)), dtype=np.int32 if self._bits >= _NARROW else np.int64)
        self._buffer[self._held : self._held + len(found)] = _cut(found, self._bits)
        self._held += len(found)

    def merge(self, other: Histogram) -> None:
        """Add all that ``other`` has seen. Both must have the same limits."""
        other._settle()
        self._settle()
        if not other._total:
            return
        self._see(other._minimum, other._maximum, other._at_minimum)
        self._total += other._total
        bits = max(self._bits, other._bits)
        both = np.concatenate([_cut(self._cells, bits - self._bits), _cut(other._cells, bits - other._bits)])
        order = np.argsort(both, kind="stable")
        self._bits = bits
        counts = np.concatenate([self._counts, other._counts]).astype(self._kind, copy=False)
        self._cells, self._counts = _joined(both[order], counts[order])
        self._bound()

    def _see(self, low: float, high: float, at_low: int) -> None:
        # Adding 0 turns a negative zero, which is the same value, into the other one.
        if low < self._minimum:
            self._minimum, self._at_minimum = low + 0.0, at_low
        elif low == self._minimum:
            self._at_minimum += at_low
        self._maximum = max(self._maximum, high + 0.0)

    def _settle(self) -> None:
        if not self._held:
            return
        found, counts = _counted(self._buffer[: self._held])
        self._buffer, self._held = None, 0
        places = np.searchsorted(self._cells, found)
        known = places < len(self._cells)
        known[known] = self._cells[places[known]] == found[known]
        self._counts = self._counts.astype(self._kind, copy=False)
        self._counts[places[known]] += counts[known]
        fresh = ~known
        if fresh.any():
            self._cells = np.insert(self._cells, places[fresh], found[fresh])
            self._counts = np.insert(self._counts, places[fresh], counts[fresh])
        self._bound()

    @property
    def _kind(self) -> type[np.int32] | type[np.int64]:
        # Most columns have fewer values than 32 bits count, and those that are still exact have many cells.
        return np.int32 if self._total < _MANY else np.int64

    def _bound(self) -> None:
        """Join cells where there are too many."""
        if len(self._cells) <= self._most or (not self._bits and self._total <= self._exact):
            return
        low, high = 1, 63 - self._bits
        while low < high:
            middle = (low + high) // 2
            if _distinct(self._cells, middle) <= self._most:
                high = middle
            else:
                low = middle + 1
        self._cells, counts = _joined(_cut(self._cells, low), self._counts)
        self._counts = counts.astype(self._kind, copy=False)
        self._bits += low

    @property
    def bits(self) -> int:
        self._settle()
        return self._bits

    @property
    def exact(self) -> bool:
        """Whether every distinct value is known."""
        return self.bits == 0

    @property
    def cells(self) -> Ints:
        self._settle()
        return self._cells

    @property
    def counts(self) -> Ints:
        self._settle()
        found: Ints = self._counts.astype(np.int64, copy=False)
        return found

    @property
    def total(self) -> int:
        return self._total

    @property
    def minimum(self) -> float:
        return self._minimum

    @property
    def maximum(self) -> float:
        return self._maximum

    @property
    def at_minimum(self) -> int:
        """How many values equal the minimum: in cells that would not be known."""
        return self._at_minimum

    @property
    def borders(self) -> Floats:
        """Upper end of each cell, closed: the value itself where the histogram is exact."""
        return np.minimum(_ends(self.cells, self._bits), self._maximum)

    @property
    def starts(self) -> Floats:
        """Lower end of each cell, open: the float below the value where the histogram is exact."""
        return _ends(self.cells - 1, self._bits)

    @property
    def centres(self) -> Floats:
        """The middle of each cell; the value itself where the histogram is exact."""
        if self.exact:
            return self.borders
        below, above = _ends(self._cells - 1, self._bits), _ends(self._cells, self._bits)
        return below / 2 + above / 2

    def restore(self, cells: Ints, counts: Ints, *, bits: int, minimum: float, maximum: float, at_minimum: int) -> None:
        """Be what another one of the same limits, which told this, was."""
        self._cells, self._counts, self._bits = cells, counts, bits
        self._total = int(counts.sum())
        self._minimum, self._maximum, self._at_minimum = minimum, maximum, at_minimum
