"""Sums of products of columns, without rounding, from which correlations come.

A matrix product of floats depends on the order of rows in its last digits; one of whole numbers below 2^53 does not. So
each value is cut into digits of 20 bits at places that are the same for all values (bit 20 starts a digit, bit 40 the
next), and the digits are multiplied as matrices: Ozaki, Ogita, Oishi and Rump, Error-free transformations of matrix
multiplication (2012). Kept are three digits from the highest that a column needs: at least 41 bits below its largest
value. A column of the whole never needs a lower highest digit than a part of it, so parts add up exactly.

Pairs are complete by pairs: each coefficient is of the rows where both columns have a value.
"""

from __future__ import annotations

import math
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.summary.exact import LARGEST

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DIGITS, BITS = 3, 20
# Rows at a time: 2^13 products of two digits of 20 bits stay below 2^53.
BLOCK = 1 << 13
_PAIRS = tuple(combinations_with_replacement(range(DIGITS), 2))
# Place of the highest digit of a column that has been 0 so far: below that of the smallest float.
_NOWHERE = -60
_STEP = 2.0**BITS
# Powers of two beyond this are applied in two steps.
_FARTHEST = 1000


class _Wide:
    """Whole numbers of up to 95 bits: ``high`` * 2^32 + ``low``, 0 <= low < 2^32."""

    def __init__(self, high: Ints, low: Ints) -> None:
        self.high, self.low = high, low

    @classmethod
    def zeros(cls, *shape: int) -> _Wide:
        return cls(np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64))

    def add(self, high: Ints | int, low: Ints) -> None:
        self.low += low
        self.high += high + (self.low >> 32)
        self.low &= 0xFFFF_FFFF

    def whole(self) -> Any:
        """As an array of Python's integers."""
        return self.high.astype(object) * (1 << 32) + self.low.astype(object)


class Products:
    """Sums over rows for ``size`` columns.

    ``tops`` is the place of each column's highest digit. ``values[a, i, b, j]`` sums digit a of column i times digit b
    of column j. Over the rows where column j has a value, ``sums[a, i, j]`` sums digit a of column i, ``squares[k, i,
    j]`` the k-th product of two of its digits, and ``rows[i, j]`` counts its values.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.tops: Ints = np.full(size, _NOWHERE, dtype=np.int64)
        self.values = _Wide.zeros(DIGITS, size, DIGITS, size)
        self.sums = _Wide.zeros(DIGITS, size, size)
        self.squares = _Wide.zeros(len(_PAIRS), size, size)
        self.rows: Ints = np.zeros((size, size), dtype=np.int64)

    def add(self, columns: Floats) -> None:
        """Count rows: ``columns`` has shape (size, n), n at most BLOCK. What is not finite or beyond LARGEST misses."""
        present = np.abs(columns) <= LARGEST
        gaps = np.flatnonzero(~present.all(axis=1))
        if len(gaps):
            columns = np.where(present, columns, 0.0)
        self._reach(_tops(columns))
        digits = _digits(columns, self.tops)
        flat = digits.reshape(DIGITS * self.size, -1)
        values = (flat @ flat.T).reshape(DIGITS, self.size, DIGITS, self.size)
        sums = np.repeat(digits.sum(axis=2)[:, :, None], self.size, axis=2)
        own = np.arange(self.size)
        squares = np.repeat(np.stack([values[a, own, b, own] for a, b in _PAIRS])[:, :, None], self.size, axis=2)
        rows = np.repeat(np.count_nonzero(present, axis=1)[:, None], self.size, axis=1)
        if len(gaps):
            mask = present.astype(np.float64)
            some = mask[gaps].T
            sums[:, :, gaps] = digits @ some
            for k, (a, b) in enumerate(_PAIRS):
                squares[k][:, gaps] = (digits[a] * digits[b]) @ some
            rows[:, gaps] = (mask @ some).astype(np.int64)
        self.values.add(0, values.astype(np.int64))
        self.sums.add(0, sums.astype(np.int64))
        self.squares.add(0, squares.astype(np.int64))
        self.rows += rows

    def merge(self, other: Products) -> None:
        """Add all that ``other`` has seen of the same columns."""
        self._reach(other.tops)
        other._reach(self.tops)
        for mine, its in (
            (self.values, other.values),
            (self.sums, other.sums),
            (self.squares, other.squares),
        ):
            mine.add(its.high, its.low)
        self.rows += other.rows

    def _reach(self, tops: Ints) -> None:
        """Make room for higher digits; the lowest ones are dropped for them."""
        moves = np.maximum(tops - self.tops, 0)
        for column in np.flatnonzero(moves):
            move = int(min(moves[column], DIGITS))
            if self.tops[column] != _NOWHERE:
                for part in (self.values.high, self.values.low):
                    part[:, column] = _moved(part[:, column], move)
                    part[:, :, :, column] = _moved(part[:, :, :, column].transpose(2, 0, 1), move).transpose(1, 2, 0)
                for part in (self.sums.high, self.sums.low):
                    part[:, column] = _moved(part[:, column], move)
                for part in (self.squares.high, self.squares.low):
                    part[:, column] = _moved_pairs(part[:, column], move)
            self.tops[column] = tops[column]

    def correlations(self) -> list[float | None]:
        """Pearson's coefficients above the diagonal, row by row, to 6 digits; None where a column does not vary."""
        sums = sum(self.sums.whole()[a] * (1 << BITS * (DIGITS - 1 - a)) for a in range(DIGITS))
        squares, values = self.squares.whole(), self.values.whole()
        powers = {(a, b): 1 << BITS * (2 * DIGITS - 2 - a - b) for a in range(DIGITS) for b in range(DIGITS)}
        square = sum(squares[k] * (powers[a, b] * (1 if a == b else 2)) for k, (a, b) in enumerate(_PAIRS))
        product = sum(values[a, :, b, :] * powers[a, b] for a in range(DIGITS) for b in range(DIGITS))
        found: list[float | None] = []
        for i in range(self.size):
            for j in range(i + 1, self.size):
                n = int(self.rows[i, j])
                x, y = sums[i, j], sums[j, i]
                spread = (n * square[i, j] - x * x) * (n * square[j, i] - y * y)
                found.append(_ratio(n * product[i, j] - x * y, spread))
        return found


def _ratio(covariance: int, spread: int) -> float | None:
    """covariance / sqrt(spread), to 6 digits."""
    if spread <= 0:
        return None
    # Adding 0 makes a negative zero the other one.
    return round(max(-1.0, min(1.0, (covariance << 32) / math.isqrt(spread << 64))), 6) + 0.0


def _tops(columns: Floats) -> Ints:
    most = np.abs(columns).max(axis=1, initial=0.0)
    places = (np.frexp(most)[1].astype(np.int64) - 1) // BITS
    return np.where(most > 0, places, _NOWHERE)


def _digits(columns: Floats, tops: Ints) -> Floats:
    """Digits of each value from the highest place down, with its sign; shape (DIGITS, size, n)."""
    found = np.empty((DIGITS, *columns.shape))
    powers = -BITS * tops
    near = np.clip(powers, -_FARTHEST, _FARTHEST)
    left = columns * np.ldexp(1.0, near)[:, None]
    if (near != powers).any():
        left *= np.ldexp(1.0, powers - near)[:, None]
    for digit in range(DIGITS):
        np.trunc(left, out=found[digit])
        if digit < DIGITS - 1:
            left -= found[digit]
            left *= _STEP
    return found


def _moved(part: Ints, move: int) -> Ints:
    """Digits, the first axis, one place lower a move; what falls out is gone."""
    found = np.zeros_like(part)
    found[move:] = part[: DIGITS - move]
    return found


def _moved_pairs(part: Ints, move: int) -> Ints:
    found = np.zeros_like(part)
    for k, (a, b) in enumerate(_PAIRS):
        if (a + move, b + move) in _PAIRS:
            found[_PAIRS.index((a + move, b + move))] = part[k]
    return found
