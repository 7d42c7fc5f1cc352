"""What is left to do for a request when its answer is on the way: observing its metrics and handing on its spans.

A request leaves one record here, which costs it well under a microsecond; one thread of the process does the rest some
milliseconds later. Every read of the metrics settles what waits first, so no page misses a request that has ended.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections import deque
from typing import Protocol
from weakref import WeakSet

log = logging.getLogger("modelwatch.otel")

_LIMIT = 4096
_SLICE = 16  # records settled at a time, about a quarter of a millisecond, before others get a turn
_GATHER_SECONDS = 0.1
_YIELD_SECONDS = 0.0005

Linked = set[tuple[object, int]]
"""Buckets that have got an exemplar from the records settled together: only the newest of each would be seen."""


class Record(Protocol):
    """A request, or a part of one, that has ended."""

    def emit(self) -> None:
        """Hand its spans on."""

    def settle(self, linked: Linked) -> None:
        """Observe its metrics."""

    def drop_spans(self) -> None:
        """Count its spans as lost instead of handing them on."""


class Level(Protocol):
    """A gauge that is read off and not counted up and down."""

    def show(self) -> None:
        """Set it to what is now."""

    def forked(self) -> None:
        """Forget what only the parent process does."""


class Backlog:
    """Records that wait, at most ``limit``: who finds it full counts itself at once, and its spans as lost."""

    def __init__(self, limit: int = _LIMIT) -> None:
        self._limit = limit
        self._waiting: deque[Record] = deque()
        # Reentrant: a signal handler may read metrics while its thread settles some.
        self._lock = threading.RLock()
        self._levels: WeakSet[Level] = WeakSet()
        self._roused = threading.Event()
        self._thread: threading.Thread | None = None
        self.asleep = True
        self._told: set[str] = set()
        os.register_at_fork(before=self._before_fork, after_in_parent=self._in_parent, after_in_child=self._in_child)
        atexit.register(self.drain)

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, record: Record) -> None:
        """Never waits."""
        if len(self._waiting) >= self._limit:
            record.drop_spans()
            record.settle(set())
            return
        self._waiting.append(record)
        if self.asleep:
            self.rouse()

    def show(self, level: Level) -> None:
        """Keep a gauge up to date. It is held weakly."""
        self._levels.add(level)

    def rouse(self) -> None:
        """Have the thread work; called only while it is ``asleep``, so hardly ever under load."""
        self.asleep = False
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._start()
        self._roused.set()

    def drain(self) -> None:
        """Settle all that waits now."""
        for _ in range(len(self._waiting) // _SLICE + 1):
            self._settle()
        with self._lock:
            for level in list(self._levels):
                level.show()

    def _settle(self) -> None:
        with self._lock:
            records: list[Record] = []
            while self._waiting and len(records) < _SLICE:
                records.append(self._waiting.popleft())
            for record in records:
                try:
                    record.emit()
                except Exception as error:  # one record's fault costs neither the others nor the thread
                    self._complain("spans of a request are", error)
            linked: Linked = set()
            for record in reversed(records):
                try:
                    record.settle(linked)
                except Exception as error:  # as above; it is told, once
                    self._complain("metrics of a request are", error)

    def _complain(self, what: str, error: Exception) -> None:
        """Once; without the exception's text, which may quote what the service was asked."""
        if what not in self._told:
            self._told.add(what)
            log.error("%s lost, since they could not be worked out: %s", what, type(error).__name__)
        log.debug("%s lost", what, exc_info=error)

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name="modelwatch-backlog", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no thread is to be had, or the interpreter ends: reading metrics and exit drain it
            log.debug("no thread for the backlog", exc_info=True)
        else:
            self._thread = thread

    def _work(self) -> None:
        while True:
            self._roused.wait()
            self._roused.clear()
            while True:
                time.sleep(_GATHER_SECONDS)
                busy = bool(self._waiting)
                while len(self._waiting) > _SLICE:
                    self._settle()
                    # Without a pause a busy thread keeps the interpreter for five milliseconds at a time.
                    time.sleep(_YIELD_SECONDS)
                self.drain()
                if not busy:
                    break
            self.asleep = True
            if self._waiting:  # put while this thread fell asleep
                self.asleep = False
                self._roused.set()

    # The lock is held over a fork, so that the child finds no metric half changed and none of its locks taken.
    def _before_fork(self) -> None:
        self._lock.acquire()

    def _in_parent(self) -> None:
        self._lock.release()

    def _in_child(self) -> None:
        self._lock = threading.RLock()
        self._roused = threading.Event()
        self._thread, self.asleep = None, True
        self._waiting.clear()  # the parent settles these
        for level in list(self._levels):
            level.forked()


BACKLOG = Backlog()
