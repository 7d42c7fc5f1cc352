"""Replay July to December against the service: each flight when it left, its true label when it arrived.

Open loop: simulated time goes on whether the service answers or not. What is due while too many requests are under way
is dropped and counted, so an overloaded or absent service never makes work pile up.
"""

from __future__ import annotations

import heapq
import http
import http.client
import json
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from demo.dataset import NEW_YORK, Flights
from demo.models import AIR_TIME, FLIGHT_DELAY, LATE, ON_TIME

SPEED = 600.0
"""Simulated seconds in a second: a day passes in 2.4 minutes."""
TICK = 0.1
_WORKERS = 8
_IN_FLIGHT = 32
_TIMEOUT = 5.0
_REPORT_SECONDS = 1.0
_SAY_SECONDS = 10.0
_READY_SECONDS = 0.5


class Sender(Protocol):
    def __call__(self, method: str, path: str, body: object) -> bool:
        """Send JSON; whether the service took it."""


@dataclass(frozen=True)
class Due:
    """What has happened since the last look: positions of flights that left, and of those that arrived."""

    left: Sequence[int]
    arrived: Sequence[int]


class Timetable:
    """Departures and arrivals in order of simulated time."""

    def __init__(self, flights: Flights, start: float) -> None:
        """Flights that left before ``start`` are passed over, with their labels."""
        self._departed = flights.departed.tolist()
        self._arrived = flights.arrived.tolist()
        self._next = next((n for n, moment in enumerate(self._departed) if moment >= start), len(self._departed))
        self._flying: list[tuple[int, int]] = []

    def due(self, now: float) -> Due:
        """Everything up to ``now``, once."""
        left = []
        while self._next < len(self._departed) and self._departed[self._next] <= now:
            left.append(self._next)
            heapq.heappush(self._flying, (self._arrived[self._next], self._next))
            self._next += 1
        arrived = []
        while self._flying and self._flying[0][0] <= now:
            arrived.append(heapq.heappop(self._flying)[1])
        return Due(left, arrived)

    def following(self) -> float:
        """When the next thing happens; infinity when nothing is left."""
        departure = self._departed[self._next] if self._next < len(self._departed) else math.inf
        return min(departure, self._flying[0][0] if self._flying else math.inf)


def departure(flights: Flights, position: int) -> dict[str, object]:
    """A flight as a request tells it."""
    return {
        "id": flights.id[position],
        "time": datetime.fromtimestamp(int(flights.departed[position]), UTC).isoformat(),
        "carrier": flights.carrier[position],
        "origin": flights.origin[position],
        "distance": int(flights.distance[position]),
        "dep_hour": int(flights.dep_hour[position]),
        "dep_delay": int(flights.dep_delay[position]),
    }


def chunks(items: Sequence[Any], parts: int) -> Iterator[Sequence[Any]]:
    """At most ``parts`` slices of nearly equal size, each of at least one item."""
    size = max(1, math.ceil(len(items) / parts))
    for start in range(0, len(items), size):
        yield items[start : start + size]


@dataclass
class Counts:
    """What has been sent so far: predictions that were answered, not answered or never asked for, and true labels."""

    answered: int = 0
    failed: int = 0
    dropped: int = 0
    labels: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, name: str, number: int) -> None:
        with self._lock:
            setattr(self, name, getattr(self, name) + number)


class Replay:
    """Sends what is due. ``run`` returns when told to stop, or at the end with ``once``."""

    def __init__(
        self,
        flights: Flights,
        send: Sender,
        *,
        speed: float = SPEED,
        start: float | None = None,
        once: bool = False,
        say: Callable[[str], None] = print,
        clock: Callable[[], float] = time.monotonic,
        stop: threading.Event | None = None,
        pool: Executor | None = None,
    ) -> None:
        """``start`` is where to begin, in seconds since the epoch; the first flight by default."""
        self._flights, self._send, self._speed, self._once = flights, send, speed, once
        self._start = float(flights.departed[0]) if start is None else start
        self._say, self._clock, self._stop = say, clock, stop or threading.Event()
        self._pool = pool or ThreadPoolExecutor(_WORKERS, thread_name_prefix="replay")
        self._slots = threading.Semaphore(_IN_FLIGHT)
        self.counts = Counts()
        self.state = "replaying"

    def run(self) -> None:
        try:
            self._pass(self._start)
            while not self._once and not self._stop.is_set():
                self._say("the end of December: starting again with July")
                self._pass(float(self._flights.departed[0]))
            self.state = "stopped" if self._stop.is_set() else "ended"
            self._send("PUT", "/progress", self._report())
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _pass(self, start: float) -> None:
        timetable = Timetable(self._flights, start)
        began = reported = said = self._clock()
        before = self.counts.answered
        while not self._stop.is_set() and timetable.following() < math.inf:
            now = self._clock()
            simulated = start + (now - began) * self._speed
            self._dispatch(timetable.due(simulated))
            if now - reported >= _REPORT_SECONDS:
                self._submit(0, "PUT", "/progress", self._report())
                reported = now
            if now - said >= _SAY_SECONDS:
                rate = (self.counts.answered - before) / (now - said)
                self._say(f"{_local(simulated)}  {rate:.1f} predictions/s  {self._told()}")
                said, before = now, self.counts.answered
            wait = (timetable.following() - simulated) / self._speed
            # At night nothing leaves for hours; wake up in between only to say so.
            self._stop.wait(min(max(wait, TICK), _REPORT_SECONDS))

    def _dispatch(self, due: Due) -> None:
        # One request for each flight, as an airline would ask, unless a tick holds more than that many.
        for part in chunks(due.left, _WORKERS):
            flights = [departure(self._flights, position) for position in part]
            for recipe in (FLIGHT_DELAY, AIR_TIME):
                self._submit(len(part), "POST", f"/v1/models/{recipe.name}/predict", flights)
        for part in chunks(due.arrived, 2):
            keys = [self._flights.id[position] for position in part]
            late = [LATE if self._flights.late[position] else ON_TIME for position in part]
            minutes = [int(self._flights.air_time[position]) for position in part]
            for recipe, actual in ((FLIGHT_DELAY, late), (AIR_TIME, minutes)):
                labels = [{"id": key, "actual": value} for key, value in zip(keys, actual, strict=True)]
                self._submit(len(part), "POST", f"/v1/models/{recipe.name}/labels", labels)

    def _submit(self, rows: int, method: str, path: str, body: object) -> None:
        if not self._slots.acquire(blocking=False):
            self.counts.add("dropped", rows)
            return
        self._pool.submit(self._deliver, rows, method, path, body)

    def _deliver(self, rows: int, method: str, path: str, body: object) -> None:
        try:
            taken = self._send(method, path, body)
            self.counts.add(("labels" if path.endswith("/labels") else "answered") if taken else "failed", rows)
        finally:
            self._slots.release()

    def _report(self) -> dict[str, object]:
        counts = self.counts
        return {
            "state": self.state,
            "speed": self._speed,
            "answered": counts.answered,
            "labels": counts.labels,
            "failed": counts.failed,
            "dropped": counts.dropped,
        }

    def _told(self) -> str:
        counts = self.counts
        failed = f"failed {counts.failed:,}  dropped {counts.dropped:,}"
        return f"answered {counts.answered:,}  labels {counts.labels:,}  {failed}"


def _local(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M")


class HttpSender:
    """One kept connection for each thread."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._mine = threading.local()

    def __call__(self, method: str, path: str, body: object) -> bool:
        text = json.dumps(body)
        try:
            try:
                return self._exchange(method, path, text)
            except (ConnectionError, http.client.HTTPException):
                # The service closes connections that were idle, such as over a quiet night; a new one tells.
                return self._exchange(method, path, text)
        except (OSError, http.client.HTTPException):
            return False

    def _exchange(self, method: str, path: str, text: str) -> bool:
        kept: http.client.HTTPConnection | None = getattr(self._mine, "connection", None)
        connection = kept or http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT)
        self._mine.connection = None
        try:
            connection.request(method, path, text, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
        except BaseException:
            connection.close()
            raise
        self._mine.connection = connection
        return 200 <= answer.status < 300


def wait_until_ready(host: str, port: int, say: Callable[[str], None], stop: threading.Event) -> bool:
    """Wait until the service has its models; False when told to stop first."""
    told = False
    while not stop.is_set():
        connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return True
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        if not told:
            say(f"waiting for the service on {host}:{port}")
            told = True
        stop.wait(_READY_SECONDS)
    return False


def resume(host: str, port: int) -> float | None:
    """Where the service has got to in simulated time; None when it has seen nothing or does not answer."""
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT)
    try:
        connection.request("GET", "/progress")
        found = json.loads(connection.getresponse().read())["simulated"]
        return None if found is None else datetime.fromisoformat(found).timestamp()
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return None
    finally:
        connection.close()
