"""One model at run time: its ledger, its time line and its journal, behind one lock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from modelwatch.exporters.clock import Clock, TimeLine
from modelwatch.exporters.counting import Counted, count
from modelwatch.exporters.decoded import Decoded
from modelwatch.exporters.ingest.table import Table
from modelwatch.exporters.journal import Journal
from modelwatch.exporters.layout import Layout
from modelwatch.exporters.ledger import Ledger, Mark, Record, Tally
from modelwatch.exporters.records import Header, body_bytes
from modelwatch.exporters.shape import delta_of, shape_of
from modelwatch.exporters.vectors import Vectors
from modelwatch.exporters.windows import Floats, Ints

# What somebody who is refused should wait: a disk is not emptied in a moment.
RETRY_SECONDS = 5
# Sums of products take 5 kB of the journal for 30 features, however few rows they are of.
RELATED_EVERY = 32


class RetiredError(Exception):
    """Another monitor has taken this one's place: count again, in the other's bins."""


class NotKeptError(Exception):
    """The rows cannot be written to the journal, so they are not counted. The message says why."""

    retry_after = RETRY_SECONDS


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """A model at one moment.

    ``totals`` and ``total_sums`` are the counts and sums within each window (in milliseconds), shapes (layout.width,)
    and (layout.float_width,).
    """

    layout: Layout
    tally: Tally
    totals: dict[int, Ints]
    total_sums: dict[int, Floats]

    def total(self, milliseconds: int) -> Vectors:
        """The vectors of a window."""
        return Vectors(self.totals[milliseconds], self.total_sums[milliseconds])


class Monitor:
    """Counts the rows of one model. Safe to use from several threads."""

    def __init__(
        self,
        layout: Layout,
        clock: Clock,
        before: Tally | None = None,
        journal: Callable[[Header], Journal] | None = None,
    ) -> None:
        """``before`` is what was counted earlier, by another process or over another profile.

        ``journal`` makes the one that rows are written to before they count; without one they end with the process.
        """
        self.layout = layout
        self._lock = threading.Lock()
        self._clock = clock
        self._line = TimeLine(clock, None if before is None else before.moment)
        self._ledger = Ledger(shape_of(layout), before)
        self._retired = False
        self._unrelated = 0
        self.journal = None
        if journal is not None:
            self.journal = journal(Header(layout.model.name, self._ledger.shape, self._line.now()))

    def ingest(self, table: Table | Decoded, mark: Mark | None = None) -> Counted:
        """Count the rows of ``table`` that agree with the spec, as of now. Raises RetiredError and NotKeptError.

        ``mark`` is where they end in the file that they were read from: it is kept if they are, and only then.
        """
        decoded = Decoded.of(table)
        counted = count(self.layout, decoded, self._relate(decoded.table.rows), self._clock.wall())
        self.add(counted, mark)
        return counted

    def _relate(self, rows: int) -> bool:
        """Whether features are looked at together in this request. Of single rows, one in so many is enough.

        It goes by the rows' number alone, never by what they hold, so that what is looked at is a fair sample.
        """
        self._unrelated += rows
        if self._unrelated < RELATED_EVERY:
            return False
        self._unrelated = 0
        return True

    def add(self, counted: Counted, mark: Mark | None = None) -> None:
        """Add what ``count`` has found over this layout. Raises RetiredError and NotKeptError."""
        delta = delta_of(counted)
        body = body_bytes(delta) if self.journal is not None else b""
        with self._lock:
            if self._retired:
                raise RetiredError(self.layout.model.name)
            if delta.empty:
                return
            now = self._line.now()
            record = Record(self._ledger.sequence + 1, now.time, now.wall, delta, mark)
            if self.journal is not None:
                try:
                    self.journal.append(record, body)
                except OSError as error:
                    reason = error.strerror.lower() if error.strerror else str(error)
                    raise NotKeptError(f"the rows cannot be kept on disk ({reason}): send them again later") from error
            self._ledger.apply(record)

    def mark(self, file: int) -> Mark | None:
        """How far ``file`` has been counted."""
        with self._lock:
            return self._ledger.marks.get(file)

    @property
    def sequence(self) -> int:
        """Number of the last request that was counted."""
        return self._ledger.sequence

    def snapshot(self) -> Snapshot:
        """What has been counted up to now; later rows do not change it."""
        with self._lock:
            tally = self._tally()
            return Snapshot(self.layout, tally, self._ledger.totals(), self._ledger.total_sums())

    def rest(self) -> Tally:
        """What has been counted up to now. The journal's later records begin a new segment."""
        with self._lock:
            if self.journal is not None:
                self.journal.rest()
            return self._tally()

    def retire(self, handed_over: Callable[[Tally], None]) -> None:
        """Count no more, once ``handed_over`` has taken what has been counted. If it raises, all stays as it was."""
        with self._lock:
            if self.journal is not None:
                self.journal.rest()
            handed_over(self._tally())
            self._retired = True
        if self.journal is not None:
            self.journal.close()

    def _tally(self) -> Tally:
        now = self._line.now()
        self._ledger.advance(now.time)
        return self._ledger.tally(now)
