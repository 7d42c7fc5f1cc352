"""Finished spans on their way out of the process: a bounded queue that nobody waits for and that counts losses."""

from __future__ import annotations

import enum
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
from prometheus_client import Counter, Gauge

from modelwatch.otel.backlog import BACKLOG
from modelwatch.otel.outage import AwayError, Outage
from modelwatch.telemetry import metrics as M

log = logging.getLogger("modelwatch.otel")


class _Answer(enum.Enum):
    TAKEN = enum.auto()
    REFUSED = enum.auto()
    AWAY = enum.auto()


class _Level:
    """The gauge of those that wait."""

    def __init__(self, waiting: deque[ReadableSpan], gauge: Gauge) -> None:
        self._waiting, self._gauge = waiting, gauge

    def show(self) -> None:
        self._gauge.set(len(self._waiting))

    def forked(self) -> None:
        self._gauge.set(0)


class SpanQueue(SpanProcessor):
    """Sends spans in batches from a thread of its own.

    Unlike the SDK's batch processor it counts by outcome, keeps spans while the Collector is away (the exporter's
    ``AwayError``), makes the exporter anew in a forked process (the old one's connection is the parent's), and starts
    its thread with the first span, so a process that forks early has none. ``spans`` has the label ``outcome``.

    A span is in the queue until it is taken or refused. Who finds it full is dropped: of an outage that is longer than
    the queue, its begin stays, which no later trace can show.
    """

    def __init__(
        self,
        exporter: Callable[[], SpanExporter],
        spans: Counter,
        waiting: Gauge | None = None,
        *,
        limit: int,
        batch: int,
        delay: float,
    ) -> None:
        self._make, self._exporter = exporter, exporter()
        self._sent, self._failed, self._dropped = (spans.labels(outcome) for outcome in M.SPAN_OUTCOMES)
        self._limit, self._batch, self._delay = limit, min(batch, limit), delay
        self._waiting: deque[ReadableSpan] = deque()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._begin()
        _QUEUES.add(self)
        if waiting is not None:
            self._level = _Level(self._waiting, waiting)  # held here, and weakly where it is read
            BACKLOG.show(self._level)

    def _begin(self) -> None:
        """What belongs to one process."""
        self._outage, self._lost, self._vain = Outage(), 0, 0
        self._exporting, self._counting = threading.Lock(), threading.Lock()
        self._roused, self._resumed = threading.Event(), threading.Event()

    @property
    def waiting(self) -> int:
        """Spans that have ended and are neither sent nor failed nor dropped."""
        return len(self._waiting)

    def on_end(self, span: ReadableSpan) -> None:
        context = span.context
        if context is None or not context.trace_flags.sampled:
            return
        waiting = self._waiting
        if len(waiting) >= self._limit or self._closed:
            with self._counting:
                self._lost += 1
                self._dropped.inc()
            return
        waiting.append(span)
        if self._closed:  # meanwhile
            self._give_up()
        if self._thread is None:
            self._start()
        if len(waiting) >= self._batch and not self._roused.is_set():
            self._roused.set()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Send all that has ended, in an outage too by one try. False when it could not be sent in time."""
        end = time.monotonic() + timeout_millis / 1000
        BACKLOG.drain()
        taken = True
        while True:  # once at least: what another thread is sending may yet fail
            left = max(0.0, end - time.monotonic())
            answer = self._send(left)
            taken = taken and answer is _Answer.TAKEN
            if answer is _Answer.AWAY or not self._waiting or not left:
                return taken and not self._waiting

    def shutdown(self, timeout_millis: int = 30000) -> None:
        """Send what is left; what cannot be sent is counted."""
        if self._closed:
            return
        self.force_flush(timeout_millis)
        self._closed = True
        self._roused.set()
        self._resumed.set()
        self._exporter.shutdown()
        lost = self._give_up()
        if lost:
            log.warning("%d spans are lost: the process ends while they do not reach the Collector", lost)

    def forked(self) -> None:
        """Start afresh in a child process; what waited is its parent's to send."""
        self._waiting.clear()
        self._thread = None
        self._begin()
        self._exporter = self._make()

    def _give_up(self) -> int:
        with self._counting:
            left = len(self._waiting)
            self._waiting.clear()
            self._dropped.inc(left)
        return left

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name="modelwatch-spans", daemon=True)
        self._thread = thread
        try:
            thread.start()
        except RuntimeError:  # no thread is to be had, or the interpreter ends: exit sends what the queue holds
            log.debug("no thread for the spans", exc_info=True)

    def _work(self) -> None:
        while not self._closed:
            pause = self._outage.pause(time.monotonic())
            if pause:
                self._resumed.wait(pause)
            else:
                self._roused.wait(self._delay)
            self._roused.clear()
            while self._send() is not _Answer.AWAY and len(self._waiting) >= self._batch and not self._closed:
                pass

    def _send(self, wait: float = -1) -> _Answer:
        """One batch; AWAY too where another thread sends longer than ``wait`` seconds, or has just done so in vain."""
        vain = self._vain
        if not self._exporting.acquire(timeout=wait):
            return _Answer.AWAY
        try:
            if self._vain != vain:
                return _Answer.AWAY
            with self._counting:
                spans = self._next()
            if not spans:
                return _Answer.TAKEN
            answer = self._export(spans)
            if answer is not _Answer.AWAY:
                self._settle(len(spans), self._sent if answer is _Answer.TAKEN else self._failed)
            return answer
        finally:
            self._exporting.release()

    def _next(self) -> list[ReadableSpan]:
        """A batch that ends with a trace, where one fits: a Collector that comes or goes between two has it whole."""
        waiting = self._waiting
        # By index: an iterator minds that others append.
        spans = [waiting[place] for place in range(min(self._batch, len(waiting)))]
        if len(waiting) > len(spans):
            behind = _trace(waiting[len(spans)])
            whole = next((place for place in range(len(spans), 0, -1) if _trace(spans[place - 1]) != behind), 0)
            del spans[whole or len(spans) :]
        return spans

    def _settle(self, spans: int, counter: Counter) -> None:
        with self._counting:
            if self._closed:  # and all that waited is counted already
                return
            for _ in range(spans):
                self._waiting.popleft()
            counter.inc(spans)
            lost = self._lost
        if self._outage.over():
            self._resumed.set()
            log.warning("spans reach the Collector again; %d were lost meanwhile", lost)

    def _export(self, spans: list[ReadableSpan]) -> _Answer:
        # Instrumented HTTP libraries would trace the sending of traces.
        token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
        try:
            taken = self._exporter.export(spans) is SpanExportResult.SUCCESS
        except AwayError as away:
            self._vain += 1
            self._resumed.clear()
            if self._outage.failed(time.monotonic(), away.after):
                self._lost = 0
                where = f" ({away.why})" if away.why else ""
                log.warning(
                    "spans do not reach the Collector%s; up to %d wait until they do, and predictions go on",
                    where,
                    self._limit,
                )
            return _Answer.AWAY
        except Exception:  # an exporter of somebody else's may raise anything: its spans count as failed
            log.debug("the span exporter failed", exc_info=True)
            return _Answer.REFUSED
        finally:
            detach(token)
        return _Answer.TAKEN if taken else _Answer.REFUSED


def _trace(span: ReadableSpan) -> int | None:
    context = span.context
    return None if context is None else context.trace_id


_QUEUES: WeakSet[SpanQueue] = WeakSet()


def _in_child() -> None:
    for queue in list(_QUEUES):
        queue.forked()


os.register_at_fork(after_in_child=_in_child)
