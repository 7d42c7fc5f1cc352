"""One model at run time: its counters and its windows, behind one lock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.clock import Clock
from modelwatch.exporters.counting import Counted, count
from modelwatch.exporters.ingest.table import Table
from modelwatch.exporters.layout import Layout
from modelwatch.exporters.statistics.method import Counts
from modelwatch.exporters.windows import Window


@dataclass(frozen=True, slots=True)
class Block:
    """Whose counts a part of the vector holds; counts are carried over where name and signature are the same."""

    name: str
    signature: str
    width: int


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """All that a model has counted, as it is kept on disk.

    ``counters`` has shape (sum of the widths of ``blocks``,). ``windows`` holds for each window (in milliseconds) the
    ages of its filled slots in seconds, shape (slots,), and their counts, shape (slots, sum of widths). ``wall`` is
    when it was taken, and ``last_row`` when the last row was accepted, in seconds since the epoch.
    """

    accepted: int
    rejected: int
    last_row: float | None
    wall: float
    blocks: tuple[Block, ...]
    counters: Counts
    windows: dict[int, tuple[NDArray[np.float64], NDArray[np.int64]]]


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """A model at one moment. ``totals`` are the counts within each window (in milliseconds), shape (layout.width,)."""

    layout: Layout
    tally: Tally
    totals: dict[int, Counts]
    revision: int


class Monitor:
    """Counts the rows of one model. Safe to use from several threads."""

    def __init__(self, layout: Layout, clock: Clock, before: Tally | None = None) -> None:
        """``before`` is what was counted earlier, by another process or over another profile."""
        self.layout = layout
        self._clock = clock
        self._lock = threading.Lock()
        self._accepted = self._rejected = self._revision = 0
        self._last_row: float | None = None
        self._counters: Counts = np.zeros(layout.width, dtype=np.int64)
        self._windows = {window.milliseconds: Window(window.seconds, layout.width) for window in layout.windows}
        if before is not None:
            self._restore(before)

    def ingest(self, table: Table) -> Counted:
        """Count the rows of ``table`` that agree with the spec, as of now."""
        counted = count(self.layout, table)
        with self._lock:
            now = self._clock.monotonic()
            self._rejected += len(counted.errors)
            self._accepted += counted.accepted
            self._revision += 1
            if counted.accepted:
                self._last_row = self._clock.wall()
                self._counters += counted.counts
                for window in self._windows.values():
                    window.add(counted.counts, now)
        return counted

    def snapshot(self) -> Snapshot:
        """What has been counted up to now; later rows do not change it."""
        with self._lock:
            now = self._clock.monotonic()
            totals = {name: window.total(now) for name, window in self._windows.items()}
            blocks = {name: window.blocks(now) for name, window in self._windows.items()}
            counters, revision = self._counters.copy(), self._revision
            accepted, rejected, last_row, wall = self._accepted, self._rejected, self._last_row, self._clock.wall()
        width = self.layout.width
        tally = Tally(
            accepted=accepted,
            rejected=rejected,
            last_row=last_row,
            wall=wall,
            blocks=tuple(Block(w.name, w.bins.signature, w.width) for w in self.layout.watched),
            counters=counters,
            windows={
                name: (
                    np.array([age for age, _ in found], dtype=np.float64),
                    np.array([counts for _, counts in found], dtype=np.int64).reshape(len(found), width),
                )
                for name, found in blocks.items()
            },
        )
        return Snapshot(self.layout, tally, totals, revision)

    def _restore(self, before: Tally) -> None:
        """Take over the counts of features whose bins are the same."""
        self._accepted, self._rejected, self._last_row = before.accepted, before.rejected, before.last_row
        moved = _moved(self.layout, before.blocks)
        self._counters = moved(before.counters)
        now = self._clock.monotonic()
        # A wall clock that was set back makes the time in between negative; then none has passed.
        passed = max(self._clock.wall() - before.wall, 0.0)
        for name, window in self._windows.items():
            ages, blocks = before.windows.get(name, (np.empty(0), np.empty((0, 0), dtype=np.int64)))
            window.restore(((float(age) + passed, moved(row)) for age, row in zip(ages, blocks, strict=True)), now)


def _moved(layout: Layout, blocks: tuple[Block, ...]) -> Callable[[Counts], Counts]:
    """A function from a vector over ``blocks`` to one over ``layout``; what is not known there is 0."""
    places, start = {}, 0
    for block in blocks:
        places[block] = slice(start, start + block.width)
        start += block.width
    pairs = [
        (slice(watched.start, watched.start + watched.width), places[block])
        for watched in layout.watched
        if (block := Block(watched.name, watched.bins.signature, watched.width)) in places
    ]

    def move(vector: Counts) -> Counts:
        found = np.zeros(layout.width, dtype=np.int64)
        for to, source in pairs:
            found[to] = vector[source]
        return found

    return move
