"""Writes kept rows in a thread of its own: whoever hands them over never waits, whatever the disk does."""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, get_args

from modelwatch.exporters.sampling.files import Files
from modelwatch.exporters.sampling.records import Line
from modelwatch.exporters.sampling.strata import STRATA
from modelwatch.model import types as t

# Lines that may wait. A thousand bytes a row make this sixteen thousand rows.
MOST_BYTES = 16 << 20
# Written at once, and so the most by which a file can be larger than it should.
_BLOCK_BYTES = 1 << 20
_TICK_SECONDS = 5.0
_log = logging.getLogger(__name__)

Lost = Literal["queue", "disk"]


class Tally:
    """Rows of one model that were written, by stratum, and those that were lost, by why."""

    def __init__(self) -> None:
        self.written: Counter[t.Stratum] = Counter(dict.fromkeys(STRATA, 0))
        self.lost: Counter[Lost] = Counter(dict.fromkeys(get_args(Lost), 0))
        self._untold = 0
        self._lock = threading.Lock()

    def lose(self, rows: int, why: Lost) -> None:
        """Count rows that are not going to be written; the next one that is tells how many."""
        with self._lock:
            self.lost[why] += rows
            self._untold += rows

    @property
    def untold(self) -> int:
        return self._untold

    def tell(self, rows: int) -> None:
        with self._lock:
            self._untold -= rows


class Keeper:
    """The kept rows of one model: its files, and its tally, which outlives a change of the spec."""

    def __init__(self, model: str, files: Files, tally: Tally | None = None) -> None:
        self.model, self.files, self.tally, self.retired = model, files, tally or Tally(), False
        self._failures = 0

    def write(self, lines: Sequence[Line]) -> None:
        """Write what can be written; with no lines only take the folder. For the writer's thread."""
        if not lines:
            self.files.enter()
        block: list[Line] = []
        size = 0
        for line in lines:
            block.append(line)
            size += len(line.text)
            if size >= _BLOCK_BYTES:
                self._put(block)
                block, size = [], 0
        if block:
            self._put(block)

    def _put(self, block: Sequence[Line]) -> None:
        untold = self.tally.untold
        data = b"".join(line.text for line in block)
        if untold:
            # The line is an object with fields.
            data = b'{"lost":%d,' % untold + data[1:]
        try:
            self.files.append(data)
        except OSError as error:
            self.tally.lose(len(block), "disk")
            self.failed(error)
            return
        self.tally.tell(untold)
        self.tally.written.update(line.stratum for line in block)

    def failed(self, error: OSError) -> None:
        """Tell of a failure; a full disk fails at every row, so each power of two is often enough."""
        self._failures += 1
        if self._failures & (self._failures - 1) == 0:
            _log.error(
                "%s: rows of %s cannot be kept (%s); %d lost so far. Free the disk, make the folder writable, or name "
                "another one in sampling.folder",
                self.files.folder,
                self.model,
                (error.strerror or str(error)).lower(),
                self.tally.lost.total(),
            )


class Writer:
    """One thread for the rows of all models, started with the first of them."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._wake = threading.Condition()
        # Rows to write, and None for a keeper whose files are to be closed, in the order in which they came.
        self._waiting: deque[tuple[Keeper, Sequence[Line] | None]] = deque()
        self._held = 0
        self._keepers: set[Keeper] = set()
        self._closing = False
        self._thread: threading.Thread | None = None

    def put(self, keeper: Keeper, lines: Sequence[Line]) -> None:
        """Hand rows over; where too many wait already they are lost, and counted."""
        size = _size(lines)
        with self._wake:
            if self._closing or keeper.retired or self._held + size > self._most:
                keeper.tally.lose(len(lines), "queue")
                return
            self._held += size
            self._keepers.add(keeper)
            self._waiting.append((keeper, lines))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="sampling", daemon=True)
                self._thread.start()
            self._wake.notify()

    def retire(self, keeper: Keeper) -> None:
        """Close the files of a keeper as soon as its rows are written; it takes no more."""
        with self._wake:
            keeper.retired = True
            if keeper in self._keepers:
                self._keepers.discard(keeper)
                self._waiting.append((keeper, None))
                self._wake.notify()

    def close(self, seconds: float = 5.0) -> None:
        """Write what waits and close all files, within ``seconds``."""
        for keeper in self._keepers.copy():
            self.retire(keeper)
        with self._wake:
            self._closing = True
            thread = self._thread
            self._wake.notify()
        if thread is not None:
            thread.join(seconds)

    def _run(self) -> None:
        closing = False
        while not closing:
            with self._wake:
                if not self._waiting and not self._closing:
                    self._wake.wait(_TICK_SECONDS)
                taken, closing, keepers = list(self._waiting), self._closing, list(self._keepers)
                self._waiting.clear()
            for keeper, lines in taken:
                if lines is None:
                    _safely(keeper, keeper.files.close)
                    continue
                _safely(keeper, partial(keeper.write, lines))
                with self._wake:
                    self._held -= _size(lines)
            for keeper in keepers:
                _safely(keeper, keeper.files.tick)


def _size(lines: Sequence[Line]) -> int:
    return sum(len(line.text) for line in lines)


def _safely(keeper: Keeper, work: Callable[[], None]) -> None:
    """The thread outlives whatever one model's files bring."""
    try:
        work()
    except OSError as error:
        keeper.failed(error)
    except Exception:  # the writer outlives whatever one batch of rows brings; it is logged
        _log.exception("rows of %s", keeper.model)
