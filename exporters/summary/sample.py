"""A fair sample of rows that does not depend on how the rows were parted: those whose hash is lowest.

Equal rows are one, with their number. A row among the lowest of the whole is among the lowest of every part that holds
it, so its number is exact, and parts merge into exactly the sample of the whole.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

KEPT = 4096
_MULTIPLIERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def row_hashes(columns: Floats) -> NDArray[np.uint64]:
    """A hash of each row of ``columns``, shape (columns, n); the mixing is SplitMix64's (Steele et al., 2014)."""
    found = np.full(columns.shape[1], _GOLDEN, dtype=np.uint64)
    for column in columns.view(np.uint64):
        found ^= column
        found += _GOLDEN
        found ^= found >> np.uint64(30)
        found *= _MULTIPLIERS[0]
        found ^= found >> np.uint64(27)
        found *= _MULTIPLIERS[1]
        found ^= found >> np.uint64(31)
    return found


class RowSample:
    """Up to KEPT distinct rows of ``size`` values; ``numbers[i]`` rows of the data are ``rows[i]``. NaN is missing."""

    def __init__(self, size: int, kept: int = KEPT) -> None:
        self._kept = kept
        self.hashes: NDArray[np.uint64] = np.empty(0, dtype=np.uint64)
        self.rows: Floats = np.empty((0, size))
        self.numbers: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def add(self, columns: Floats) -> None:
        """Look at the rows of ``columns``, shape (size, n); what is not finite is missing."""
        # Adding 0 makes a negative zero the other one; there are many NaNs, and one stands for all.
        plain = np.where(np.isfinite(columns), columns + 0.0, np.nan)
        hashes = row_hashes(plain)
        low = np.flatnonzero(hashes <= self.hashes[-1]) if len(self.hashes) == self._kept else np.arange(len(hashes))
        if len(low):
            self._take(hashes[low], plain[:, low].T, np.ones(len(low), dtype=np.int64))

    def merge(self, other: RowSample) -> None:
        self._take(other.hashes, other.rows, other.numbers)

    def _take(self, hashes: NDArray[np.uint64], rows: Floats, numbers: NDArray[np.int64]) -> None:
        hashes = np.concatenate([self.hashes, hashes])
        rows = np.concatenate([self.rows, rows])
        numbers = np.concatenate([self.numbers, numbers])
        # As bytes, the hash first and with its highest byte first, rows sort by hash and then by content.
        whole = np.ascontiguousarray(
            np.concatenate([hashes.astype(">u8").view(np.uint8).reshape(-1, 8), _bytes(rows)], axis=1)
        )
        texts = whole.view(f"V{whole.shape[1]}").ravel()
        order = np.argsort(texts, kind="stable")
        ordered = texts[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(ordered) else order
        first = order[starts][: self._kept]
        self.numbers = (np.add.reduceat(numbers[order], starts) if len(starts) else numbers)[: self._kept]
        self.hashes, self.rows = hashes[first], np.ascontiguousarray(rows[first])


def _bytes(rows: Floats) -> NDArray[np.uint8]:
    return np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), -1)
