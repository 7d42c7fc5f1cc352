"""Sliding windows of counts in fixed memory."""

from __future__ import annotations

from collections.abc import Iterable
from math import floor

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.statistics.method import Counts

SLOTS = 60


class Window:
    """Counts of the last ``seconds``, as a ring of blocks of shape (width,).

    A row counts from its arrival until it is between 59/60 of the window and the whole window old: it leaves with its
    slot of 1/60. ``now`` is a monotonic clock, so a step of the wall clock moves nothing; a ``now`` that runs backwards
    counts into the newest slot.
    """

    def __init__(self, seconds: float, width: int, slots: int = SLOTS) -> None:
        self._step = seconds / slots
        self._ring: NDArray[np.int64] = np.zeros((slots, width), dtype=np.int64)
        self._total: Counts = np.zeros(width, dtype=np.int64)
        self._newest: int | None = None

    def _advance(self, now: float) -> int:
        """Drops the slots that have passed and returns the newest one's place."""
        slots, target = len(self._ring), floor(now / self._step)
        if self._newest is None:
            self._newest = target
        passed = target - self._newest
        if passed >= slots:
            self._ring[:] = 0
            self._total[:] = 0
        else:
            for slot in range(self._newest + 1, target + 1):
                self._total -= self._ring[slot % slots]
                self._ring[slot % slots] = 0
        self._newest = max(self._newest, target)
        return self._newest % slots

    def add(self, counts: Counts, now: float) -> None:
        """Count a block, shape (width,)."""
        place = self._advance(now)
        self._ring[place] += counts
        self._total += counts

    def total(self, now: float) -> Counts:
        """Counts within the window, shape (width,); a copy."""
        self._advance(now)
        return self._total.copy()

    def blocks(self, now: float) -> list[tuple[float, Counts]]:
        """Filled slots as (age in seconds, counts): what ``restore`` takes."""
        self._advance(now)
        slots, newest = len(self._ring), self._newest or 0
        filled = [slot for slot in range(newest - slots + 1, newest + 1) if self._ring[slot % slots].any()]
        return [(now - slot * self._step, self._ring[slot % slots].copy()) for slot in filled]

    def restore(self, blocks: Iterable[tuple[float, Counts]], now: float) -> None:
        """Add blocks by their age at ``now``; those that are too old are left out."""
        self._advance(now)
        slots, newest = len(self._ring), self._newest or 0
        for age, counts in blocks:
            slot = min(round((now - age) / self._step), newest)
            if slot > newest - slots:
                self._ring[slot % slots] += counts
                self._total += counts
