"""Lines on their way to a file or stream: a bounded queue that nobody waits for, and that counts what it drops."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing import util as multiprocessing_util
from typing import Any, Generic, TypeVar
from weakref import WeakSet

from prometheus_client import Counter

from modelwatch.otel.backlog import BACKLOG
from modelwatch.otel.logs.reasons import reason

log = logging.getLogger("modelwatch.otel")

_Item = TypeVar("_Item")

LIMIT = 8192
_BATCH = 512
_GATHER_SECONDS = 0.1
_FLUSH_SECONDS = 2.0


class Outbox(Generic[_Item]):
    """``write`` takes items in batches, in a thread of this outbox, and says how many of them it has written.

    A forked process begins with an empty one; what waited is its parent's to write.
    """

    def __init__(
        self,
        write: Callable[[Sequence[_Item]], int],
        written: Counter,
        dropped: Counter,
        *,
        limit: int = LIMIT,
        what: str = "lines",
    ) -> None:
        """``what`` names the items where it is told that they are dropped."""
        self._write, self._written, self._dropped, self._limit, self._what = write, written, dropped, limit, what
        self._start_afresh()
        _OPEN.add(self)

    def _start_afresh(self) -> None:
        self._waiting: deque[_Item] = deque()
        self._writing, self._starting = threading.Lock(), threading.Lock()
        self._roused = threading.Event()
        self._thread: threading.Thread | None = None
        self._complained = False

    def put(self, item: _Item) -> None:
        """Never waits and never raises."""
        if len(self._waiting) >= self._limit:
            self._dropped.inc()
            return
        self._waiting.append(item)
        if self._thread is None:
            self._start()
        if not self._roused.is_set():
            self._roused.set()

    def flush(self, timeout: float = _FLUSH_SECONDS) -> None:
        """Write all that waits, in the thread that calls."""
        while self._waiting and self._batch(timeout):
            pass
        if self._writing.acquire(timeout=timeout):  # what another thread is writing has left the queue
            self._writing.release()

    def forked(self) -> None:
        self._start_afresh()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                thread = threading.Thread(target=self._work, name="modelwatch-lines", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # no thread is to be had, or the interpreter ends: exit writes what waits
                    log.debug("no thread for lines", exc_info=True)
                else:
                    self._thread = thread

    def _work(self) -> None:
        while True:
            self._roused.wait()
            # A moment, so that one write takes many lines.
            threading.Event().wait(_GATHER_SECONDS)
            self._roused.clear()
            while self._waiting:
                self._batch()

    def _batch(self, wait: float = -1) -> bool:
        """Write some. False where another thread writes for longer than ``wait`` seconds."""
        if not self._writing.acquire(timeout=wait):
            return False
        try:
            items: list[_Item] = []
            with contextlib.suppress(IndexError):
                while len(items) < _BATCH:
                    items.append(self._waiting.popleft())
            written = self._attempt(items) if items else 0
            self._written.inc(written)
            self._dropped.inc(len(items) - written)
        finally:
            self._writing.release()
        return True

    def _attempt(self, items: Sequence[_Item]) -> int:
        try:
            return self._write(items)
        except Exception as error:  # whatever a disk or a handler of the service brings
            if not self._complained:
                self._complained = True
                log.warning("%s are dropped while they cannot be written: %s", self._what, reason(error))
            return 0


_OPEN: WeakSet[Outbox[Any]] = WeakSet()


def flush_all() -> None:
    """Write what requests that have ended leave behind."""
    BACKLOG.drain()
    for outbox in list(_OPEN):
        outbox.flush()


def _in_child() -> None:
    for outbox in list(_OPEN):
        outbox.forked()


def _flush_at_exit_of_child(_: object) -> None:
    multiprocessing_util.Finalize(None, flush_all, exitpriority=1)


atexit.register(flush_all)
# A child of multiprocessing skips exit handlers and runs these; it forgets those of its parent.
multiprocessing_util.register_after_fork(_OPEN, _flush_at_exit_of_child)
os.register_at_fork(after_in_child=_in_child)
