"""Finished spans on their way out of the process: a bounded queue that nobody waits for and that counts losses."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from weakref import WeakSet

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, detach, set_value
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from prometheus_client import Counter

from modelwatch.otel.backlog import BACKLOG
from modelwatch.telemetry import metrics as M

log = logging.getLogger("modelwatch.otel")


class SpanQueue(SpanProcessor):
    """Sends spans in batches from a thread of its own.

    Unlike the SDK's batch processor it counts by outcome, makes the exporter anew in a forked process (the old one's
    connection is the parent's), and starts its thread with the first span, so a process that forks early has none.
    ``spans`` has the label ``outcome``.
    """

    def __init__(
        self, exporter: Callable[[], SpanExporter], spans: Counter, *, limit: int, batch: int, delay: float
    ) -> None:
        self._make, self._exporter = exporter, exporter()
        self._sent, self._failed, self._dropped = (spans.labels(outcome) for outcome in M.SPAN_OUTCOMES)
        self._limit, self._batch, self._delay = limit, min(batch, limit), delay
        self._waiting: deque[ReadableSpan] = deque()
        self._exporting = threading.Lock()
        self._roused = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False
        _QUEUES.add(self)

    def on_end(self, span: ReadableSpan) -> None:
        context = span.context
        if context is None or not context.trace_flags.sampled:
            return
        waiting = self._waiting
        if len(waiting) >= self._limit or self._closed:
            self._dropped.inc()
            return
        waiting.append(span)
        if self._thread is None:
            self._start()
        if len(waiting) >= self._batch and not self._roused.is_set():
            self._roused.set()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Send all that has ended. False when it could not be sent in time."""
        end = time.monotonic() + timeout_millis / 1000
        BACKLOG.drain()
        sent = True
        while True:  # once at least: what another thread is sending has left the queue, but not the process
            left = max(0.0, end - time.monotonic())
            sent = self._send(left) and sent
            if not self._waiting or not left:
                return sent and not self._waiting

    def shutdown(self, timeout_millis: int = 30000) -> None:
        """Send what is left; what cannot be sent is counted."""
        if self._closed:
            return
        self.force_flush(timeout_millis)
        self._closed = True
        self._roused.set()
        self._exporter.shutdown()
        left = len(self._waiting)
        self._dropped.inc(left)
        self._waiting.clear()

    def forked(self) -> None:
        """Start afresh in a child process; what waited is its parent's to send."""
        self._waiting.clear()
        self._exporting, self._roused, self._thread = threading.Lock(), threading.Event(), None
        self._exporter = self._make()

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name="modelwatch-spans", daemon=True)
        self._thread = thread
        try:
            thread.start()
        except RuntimeError:  # no thread is to be had, or the interpreter ends: exit sends what the queue holds
            log.debug("no thread for the spans", exc_info=True)

    def _work(self) -> None:
        while not self._closed:
            self._roused.wait(self._delay)
            self._roused.clear()
            self._send()
            while len(self._waiting) >= self._batch and not self._closed:
                self._send()

    def _send(self, wait: float = -1) -> bool:
        """One batch. False when it is lost, or another thread sends for longer than ``wait`` seconds."""
        if not self._exporting.acquire(timeout=wait):
            return False
        try:
            spans: list[ReadableSpan] = []
            while self._waiting and len(spans) < self._batch:
                spans.append(self._waiting.popleft())
            if not spans:
                return True
            sent = self._export(spans)
            (self._sent if sent else self._failed).inc(len(spans))
            return sent
        finally:
            self._exporting.release()

    def _export(self, spans: list[ReadableSpan]) -> bool:
        # Instrumented HTTP libraries would trace the sending of traces.
        token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
        try:
            return self._exporter.export(spans) is SpanExportResult.SUCCESS
        except Exception:
            log.debug("the span exporter failed", exc_info=True)
            return False
        finally:
            detach(token)


_QUEUES: WeakSet[SpanQueue] = WeakSet()


def _in_child() -> None:
    for queue in list(_QUEUES):
        queue.forked()


os.register_at_fork(after_in_child=_in_child)
