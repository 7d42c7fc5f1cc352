"""All that a model has counted, ever and within each window, and the one way in which it changes.

Rows as they come in and the replay of the journal take the same steps in the same order, so both end in the same state,
to the last digit of every sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from modelwatch.exporters.clock import Moment
from modelwatch.exporters.shape import Delta, Move, Shape
from modelwatch.exporters.windows import Floats, Ints, Slot, Window

# A mark is needed until the place that reading goes on from is kept, which is a second. So long a reader has at most
# 200 files open, and may open as many others.
MOST_MARKS = 512


class Mark(NamedTuple):
    """The rows of a model in the file ``file`` that end at ``offset``, or before it, have been counted.

    ``check`` is of the bytes before ``offset``: they tell whether the file is still the one that the mark is of.
    """

    file: int
    offset: int
    check: int


class Record(NamedTuple):
    """What one request added: the ``sequence``-th of its model, at ``time`` of its time line.

    ``mark`` is where its rows end, where they were read from a file: what counts them counts it.
    """

    sequence: int
    time: int
    wall: float
    delta: Delta
    mark: Mark | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A window as it is kept: the newest slot's number and vectors, and the earlier slots."""

    newest: int
    counts: Ints
    sums: Floats
    earlier: tuple[Slot, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """A ledger at one moment; later rows do not change it.

    ``sequence`` numbers the last request in it. ``counters`` and ``sums`` have the shapes (shape.width,) and
    (shape.float_width,). ``reasons`` counts rejected rows. ``last_row`` is when the last row was accepted, in seconds
    since the epoch, and ``lag`` how old the newest row of the last request was that said so. ``marks`` are by file.
    """

    shape: Shape
    sequence: int
    moment: Moment
    accepted: int
    reasons: Mapping[str, int]
    last_row: float | None
    lag: float | None
    counters: Ints
    sums: Floats
    windows: Mapping[int, Kept]
    marks: Mapping[int, Mark]

    @property
    def rejected(self) -> int:
        return sum(self.reasons.values())


class Ledger:
    """Not safe to use from several threads; whoever has it holds a lock."""

    def __init__(self, shape: Shape, before: Tally | None = None) -> None:
        """``before`` is taken over where blocks and windows are the same."""
        self.shape = shape
        self.sequence = self.accepted = 0
        self.reasons: dict[str, int] = {}
        self.last_row: float | None = None
        self.lag: float | None = None
        # The one that was moved last stands last.
        self.marks: dict[int, Mark] = {}
        rows = 1 + len(shape.windows)
        self._counts: Ints = np.zeros((rows, shape.width), dtype=np.int64)
        self._sums: Floats = np.zeros((rows, shape.float_width))
        self._windows = [
            Window(milliseconds, self._counts[row], self._sums[row])
            for row, milliseconds in enumerate(shape.windows, start=1)
        ]
        self._ends = 0
        if before is not None:
            self._restore(before)

    def _restore(self, before: Tally) -> None:
        self.sequence, self.accepted, self.reasons = before.sequence, before.accepted, dict(before.reasons)
        self.last_row, self.lag, self.marks = before.last_row, before.lag, dict(before.marks)
        move = None if before.shape.blocks == self.shape.blocks else Move(before.shape, self.shape)
        self._counts[0] = before.counters if move is None else move.counts(before.counters)
        self._sums[0] = before.sums if move is None else move.sums(before.sums)
        for row, window in enumerate(self._windows, start=1):
            kept = before.windows.get(window.milliseconds)
            if kept is None:
                continue
            self._counts[row] = kept.counts if move is None else move.counts(kept.counts)
            self._sums[row] = kept.sums if move is None else move.sums(kept.sums)
            earlier = kept.earlier
            if move is not None:
                earlier = tuple(Slot(slot.number, *move.packed(slot.counts, slot.sums)) for slot in earlier)
            window.restore(kept.newest, earlier)
        self.advance(before.moment.time)

    def advance(self, time: int) -> None:
        """Let go of what is too old at ``time``."""
        if time >= self._ends:
            for window in self._windows:
                window.advance(time)
            self._ends = min((window.ends for window in self._windows), default=1 << 62)

    def apply(self, record: Record) -> None:
        """Count what one request added."""
        delta = record.delta
        # First of all: should memory run out below, no other record may get the number of one that is in the journal.
        self.sequence = record.sequence
        self.advance(record.time)
        delta.counts.add_to(self._counts)
        if not delta.sums.empty:
            delta.sums.add_to(self._sums)
        for reason, rows in delta.reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + rows
        if delta.accepted:
            self.accepted += delta.accepted
            self.last_row = record.wall
            if delta.newest is not None:
                self.lag = record.wall - delta.newest
        if record.mark is not None:
            self._mark(record.mark)

    def _mark(self, mark: Mark) -> None:
        self.marks.pop(mark.file, None)
        self.marks[mark.file] = mark
        if len(self.marks) > MOST_MARKS:
            del self.marks[next(iter(self.marks))]

    def totals(self) -> dict[int, Ints]:
        """Counts within each window, by its length in milliseconds."""
        return {window.milliseconds: window.total() for window in self._windows}

    def total_sums(self) -> dict[int, Floats]:
        """Sums within each window, by its length in milliseconds."""
        return {window.milliseconds: window.total_sums() for window in self._windows}

    def tally(self, moment: Moment) -> Tally:
        counts, sums = self._counts.copy(), self._sums.copy()
        return Tally(
            shape=self.shape,
            sequence=self.sequence,
            moment=moment,
            accepted=self.accepted,
            reasons=dict(self.reasons),
            last_row=self.last_row,
            lag=self.lag,
            counters=counts[0],
            sums=sums[0],
            windows={
                window.milliseconds: Kept(window.newest, counts[row], sums[row], tuple(window.earlier))
                for row, window in enumerate(self._windows, start=1)
            },
            marks=dict(self.marks),
        )
