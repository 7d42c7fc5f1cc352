"""Hands a service's predictions to the drift sidecar without ever slowing or breaking the service.

    log = PredictionLog("flight-delay")
    log.record(features={"hour": 7, "carrier": "UA"}, prediction="late", confidence=0.93)

``record`` only puts the row into a bounded queue; a background thread sends batches. What does not fit, or cannot be
sent within the retries, is dropped and counted. Apart from that delivery is at least once: a batch whose answer got
lost is sent again. Standard library only.
"""

from __future__ import annotations

import atexit
import contextlib
import http.client
import json
import logging
import math
import os
import queue
import random
import threading
import time
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

from modelwatch.exporters.wire import Connection
from modelwatch.telemetry.metrics import CLIENT_ROWS
from modelwatch.telemetry.rows import document

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter

_log = logging.getLogger(__name__)

SENT, REJECTED, DROPPED = "sent", "rejected", "dropped"
# Busy, starting, or a proxy in between that cannot reach it.
_RETRIED = frozenset((408, 429, 502, 503, 504))


@dataclass(frozen=True, slots=True)
class Sending:
    """How rows are sent; the defaults suit a service of a few thousand predictions per second.

    A batch goes out with ``batch_rows`` rows, ``batch_bytes`` bytes or after ``interval`` seconds, whichever is first.
    ``capacity`` rows wait at the most. A batch is tried ``attempts`` times, with pauses that double from ``pause``
    seconds up to ``longest_pause``; ``timeout`` is for one connection or answer, in seconds.
    """

    batch_rows: int = 1000
    batch_bytes: int = 4 << 20
    interval: float = 1.0
    capacity: int = 20_000
    attempts: int = 8
    pause: float = 0.2
    longest_pause: float = 10.0
    timeout: float = 5.0


class _Row(NamedTuple):
    features: dict[str, Any]
    timestamp: Any
    prediction: Any
    confidence: Any
    id: Any


class PredictionLog:
    """Rows of one model on their way to the sidecar. Safe to use from several threads and after a fork."""

    def __init__(
        self,
        model: str,
        url: str = "http://127.0.0.1:9180",
        registry: CollectorRegistry | None = None,
        sending: Sending | None = None,
        token_file: str | os.PathLike[str] | None = None,
    ) -> None:
        """``registry`` is where ``modelwatch_client_rows_total`` is counted. Raises ValueError for what is no URL.

        ``token_file`` holds the token that the sidecar asks for, on its first line; it is read for each batch, so that
        a new one is taken up.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no URL of a sidecar: write http://host:port")
        base, found, _ = parts.path.partition("/v1/")
        if found:
            good = f"{parts.scheme}://{parts.netloc}{base}"
            raise ValueError(f"{url!r} is more than the sidecar's base URL, the path of rows is added: write {good}")
        self._https, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._path = f"{parts.path.rstrip('/')}/v1/models/{quote(model, safe='')}/predictions"
        self._sending = sending or Sending()
        self._token_file = token_file
        self._model = model
        self._counter = _counter(registry) if registry is not None else None
        self._start_afresh()
        for outcome in (SENT, REJECTED, DROPPED):
            self._count(outcome, 0)
        _open.add(self)
        _hook_once()

    def _start_afresh(self) -> None:
        """Empty, and without a thread: at the start, and in a forked child, whose parent sends what was queued."""
        self._queue: queue.SimpleQueue[_Row | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._hurry = threading.Event()
        self._deadline = math.inf
        self._closed = False
        self._counts = {SENT: 0, REJECTED: 0, DROPPED: 0}
        # When each kind of loss was told last.
        self._told: dict[str, float] = {}
        self._summed = False

    def record(
        self,
        features: Mapping[str, Any],
        prediction: Any = None,
        confidence: Any = None,
        id: Any = None,
        timestamp: Any = None,
    ) -> None:
        """Queue one row. Never waits and never raises; a row that cannot be queued is dropped and counted.

        Values may be numbers, texts, booleans, None or their numpy scalars. ``timestamp`` is seconds since the epoch,
        an ISO 8601 text or a datetime; without one it is now.
        """
        try:
            if self._closed:
                self._count(DROPPED, 1)
                return
            if self._queue.qsize() >= self._sending.capacity:
                self._count(DROPPED, 1)
                self._tell("full", f"rows are dropped: {self._sending.capacity} wait to be sent already")
                return
            now = time.time() if timestamp is None else timestamp
            self._queue.put(_Row(dict(features), now, prediction, confidence, id))
            if self._thread is None:
                self._start()
        except Exception as error:  # a monitoring client must not break the answer that it watches
            with contextlib.suppress(Exception):
                self._drop(1, "not_queued", f"a row could not be queued: {error}")

    @property
    def counts(self) -> Mapping[str, int]:
        """Rows so far by outcome: ``sent``, ``rejected`` (by the sidecar) and ``dropped``."""
        return dict(self._counts)

    def close(self, timeout: float = 2.0) -> None:
        """Send what is queued for at most ``timeout`` seconds; the rest is dropped. Further rows are dropped too."""
        self._closed = True
        self._deadline = time.monotonic() + timeout
        self._hurry.set()
        self._queue.put(None)
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            # A request that is under way keeps its own timeout, cut to the deadline.
            thread.join(timeout + 0.5)
        _open.discard(self)
        left = self._emptied()
        if left:
            self._drop(left, "closed", "the log was closed before they were sent")
        self._sum_up()

    def __enter__(self) -> PredictionLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the background thread ---

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name=f"modelwatch-{self._model}", daemon=True)
                thread.start()
                self._thread = thread

    def _run(self) -> None:
        connection = Connection(self._https, self._host, self._port)
        while True:
            try:
                rows, ending = self._next_batch()
                for batch in self._texts(rows):
                    self._send(connection, batch)
            except Exception as error:  # the thread outlives whatever one batch brings
                _log.warning("modelwatch: a batch of %s was lost: %s", self._model, error)
                ending = self._closed
            if ending and self._queue.empty():
                connection.close()
                return

    def _next_batch(self) -> tuple[list[_Row], bool]:
        """Rows for one batch, and whether the log is being closed."""
        first = self._queue.get()
        if first is None:
            return [], True
        rows, due = [first], time.monotonic() + self._sending.interval
        while len(rows) < self._sending.batch_rows:
            wait = 0.0 if self._closed else due - time.monotonic()
            try:
                row = self._queue.get(timeout=wait) if wait > 0 else self._queue.get_nowait()
            except queue.Empty:
                if wait <= 0:
                    return rows, self._closed
                continue
            if row is None:
                return rows, True
            rows.append(row)
        return rows, self._closed

    def _texts(self, rows: list[_Row]) -> Iterable[list[str]]:
        """JSON texts of rows, in batches within the byte limit."""
        batch: list[str] = []
        size = 0
        for number, row in enumerate(rows):
            if time.monotonic() >= self._deadline:
                self._drop(len(batch) + len(rows) - number, "closed", "the log was closed before they were sent")
                return
            try:
                text = json.dumps(document(*row), allow_nan=False)
            except Exception as error:  # an object of the service's own may raise anything when it is read
                self._drop(1, "not_json", f"a row could not be written as JSON: {error}")
                continue
            if batch and size + len(text) > self._sending.batch_bytes:
                yield batch
                batch, size = [], 0
            batch.append(text)
            size += len(text)
        if batch:
            yield batch

    def _send(self, connection: Connection, batch: list[str]) -> None:
        body = ('{"rows":[' + ",".join(batch) + "]}").encode("ascii")
        pause, reason = self._sending.pause, ""
        for attempt in range(self._sending.attempts):
            timeout = min(self._sending.timeout, self._deadline - time.monotonic())
            if timeout <= 0:
                break
            try:
                status, after, answer = connection.post(self._path, body, timeout, self._token())
            except (OSError, http.client.HTTPException) as error:
                reason, after = f"{type(error).__name__}: {error}", 0.0
            else:
                if status not in _RETRIED:
                    self._answered(connection, batch, status, answer)
                    return
                reason = f"status {status}"
            if attempt + 1 < self._sending.attempts:
                # Jitter, so that many services do not come back at the same moment.
                wait = min(max(pause * random.uniform(0.5, 1.0), after), self._sending.longest_pause)  # noqa: S311  # no secret
                if self._closed:
                    time.sleep(max(0.0, min(wait, 0.25, self._deadline - time.monotonic())))
                else:
                    self._hurry.wait(wait)
                pause *= 2
        self._drop(len(batch), "not_taken", f"the sidecar did not take them ({reason or 'no time left'})")

    def _token(self) -> str | None:
        """Raises OSError; the batch is tried again then."""
        if self._token_file is None:
            return None
        with open(self._token_file, encoding="ascii", errors="replace") as file:  # noqa: PTH123  # quick to import
            return file.readline().strip()

    def _answered(self, connection: Connection, batch: list[str], status: int, answer: Mapping[str, Any]) -> None:
        if status == 413 and len(batch) > 1:
            middle = len(batch) // 2
            self._send(connection, batch[:middle])
            self._send(connection, batch[middle:])
            return
        accepted = answer.get("accepted")
        taken = min(max(accepted, 0), len(batch)) if isinstance(accepted, int) and status in (200, 422) else 0
        if status == 200 and not isinstance(accepted, int):
            taken = len(batch)
        self._count(SENT, taken)
        if taken < len(batch):
            self._count(REJECTED, len(batch) - taken)
            errors = answer.get("errors")
            why = answer.get("error") or (errors[0].get("reason") if isinstance(errors, list) and errors else "")
            # A request that is refused as a whole has another cause than a row that is.
            kind = "rejected" if status in (200, 422) else f"refused {status}"
            self._tell(kind, f"the sidecar rejected {len(batch) - taken} rows (status {status}): {str(why)[:300]}")

    # --- counting and telling ---

    def _emptied(self) -> int:
        left = 0
        with contextlib.suppress(queue.Empty):
            while True:
                left += self._queue.get_nowait() is not None
        return left

    def _count(self, outcome: str, rows: int) -> None:
        with self._lock:
            self._counts[outcome] += rows
        if self._counter is not None:
            self._counter.labels(self._model, outcome).inc(rows)

    def _drop(self, rows: int, kind: str, reason: str) -> None:
        self._count(DROPPED, rows)
        self._tell(kind, f"{rows} rows were dropped: {reason}")

    def _tell(self, kind: str, message: str) -> None:
        """Log, each kind at most once a minute: a sidecar that is down must not fill the service's log."""
        now = time.monotonic()
        if kind not in self._told or now - self._told[kind] >= 60:
            self._told[kind] = now
            _log.warning("modelwatch: %s: %s", self._model, message)

    def _sum_up(self) -> None:
        """At the end say how much was lost, if anything was: single warnings tell only of the first."""
        if not self._summed and (self._counts[REJECTED] or self._counts[DROPPED]):
            self._summed = True
            told = ", ".join(f"{rows} rows {outcome}" for outcome, rows in self._counts.items())
            _log.warning("modelwatch: %s: closed: %s", self._model, told)


# --- counters, forks and the end of the process ---

_open: weakref.WeakSet[PredictionLog] = weakref.WeakSet()
_counters: weakref.WeakKeyDictionary[CollectorRegistry, Counter] = weakref.WeakKeyDictionary()
_module_lock = threading.Lock()
_hooked = False


def _counter(registry: CollectorRegistry) -> Counter:
    """The counter of a registry: several logs of one process share it."""
    from prometheus_client import Counter  # noqa: PLC0415  # only who passes a registry has to have it

    with _module_lock:
        if registry not in _counters:
            name, text = CLIENT_ROWS.name, CLIENT_ROWS.help
            _counters[registry] = Counter(name, text, CLIENT_ROWS.labels, registry=registry)
        return _counters[registry]


def _hook_once() -> None:
    global _hooked  # noqa: PLW0603  # the interpreter's hooks are global as well
    with _module_lock:
        if not _hooked:
            atexit.register(_close_all)
            os.register_at_fork(after_in_child=_after_fork)
            _hooked = True


def _close_all() -> None:
    for log in list(_open):
        log.close()


def _after_fork() -> None:
    global _module_lock  # noqa: PLW0603  # another thread of the parent may have held it
    _module_lock = threading.Lock()
    for log in list(_open):
        log._start_afresh()
