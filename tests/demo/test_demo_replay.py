"""The replay: order, pace, labels, and what it does when the service is slow, away or back."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from datetime import date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from demo.dataset import Dataset, Flights, midnight
from demo.replay import SPEED, HttpSender, Replay, Timetable, chunks, departure, resume, wait_until_ready


@pytest.fixture
def july(few: Dataset) -> Flights:
    """Two days of July."""
    return few.flights.between(date(2013, 7, 2), date(2013, 7, 4))


class Hourglass(threading.Event):
    """A stop signal whose waits only move a clock on."""

    def __init__(self, ends: float = math.inf) -> None:
        super().__init__()
        self.now, self.ends = 0.0, ends
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None and timeout > 0
        self.waits.append(timeout)
        self.now += timeout
        if self.now >= self.ends:
            self.set()
        return self.is_set()

    def clock(self) -> float:
        return self.now


class Service:
    """Keeps what it is sent, and when that was."""

    def __init__(self, glass: Hourglass, takes: bool = True) -> None:
        self.glass, self.takes = glass, takes
        self.predicted: dict[str, list[dict[str, Any]]] = {"flight-delay": [], "air-time": []}
        self.labelled: dict[str, list[dict[str, Any]]] = {"flight-delay": [], "air-time": []}
        self.reports: list[dict[str, Any]] = []
        self.lock = threading.Lock()

    def __call__(self, method: str, path: str, body: Any) -> bool:
        with self.lock:
            if path == "/progress":
                self.reports.append(body)
            else:
                _, _, _, model, what = path.split("/")
                (self.predicted if what == "predict" else self.labelled)[model].extend(body)
        return self.takes


class AtOnce(Executor):
    """Does the work where it is handed over, since simulated time leaves other threads none."""

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        function(*args, **kwargs)
        return Future()


def replay(flights: Flights, glass: Hourglass, service: Any, **options: Any) -> Replay:
    defaults = {"once": True, "say": lambda _: None, "pool": AtOnce()}
    return Replay(flights, service, clock=glass.clock, stop=glass, **{**defaults, **options})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(steps=st.lists(st.floats(1, 40_000), min_size=1, max_size=30))
def test_every_flight_leaves_once_in_order_and_arrives_once_after_it_left(july: Flights, steps: list[float]) -> None:
    timetable = Timetable(july, 0)
    now, left, arrived = float(july.departed[0]) - 1, list[int](), list[int]()
    for step in [*steps, 1e9]:
        assert timetable.following() > now
        now += step
        due = timetable.due(now)
        left += due.left
        arrived += due.arrived
        assert set(arrived) <= set(left)
        assert all(july.departed[position] <= now for position in due.left)
        assert all(july.arrived[position] <= now for position in due.arrived)
    assert left == list(range(len(july)))
    assert sorted(arrived) == left
    assert np.all(np.diff(july.arrived[arrived]) >= 0)
    assert timetable.following() == math.inf


def test_a_start_in_between_passes_over_what_was_before(july: Flights) -> None:
    start = float(july.departed[len(july) // 2])
    due = Timetable(july, start).due(math.inf)
    assert all(july.departed[position] >= start for position in due.left)
    assert len(due.left) >= len(july) // 2 - 1


def test_a_flight_is_told_as_known_at_departure(july: Flights) -> None:
    told = departure(july, 0)
    assert set(told) == {"id", "time", "carrier", "origin", "distance", "dep_hour", "dep_delay"}
    assert datetime.fromisoformat(str(told["time"])).timestamp() == july.departed[0]
    json.dumps(told)


@given(st.lists(st.integers(), max_size=100), st.integers(1, 10))
def test_chunks_hold_everything_in_order_in_few_parts(items: list[int], parts: int) -> None:
    found = list(chunks(items, parts))
    assert [item for part in found for item in part] == items
    assert len(found) <= parts
    assert all(found)


def test_the_pace_is_the_simulated_time(july: Flights) -> None:
    glass = Hourglass(ends=60)
    service = Service(glass)
    replay(july, glass, service).run()
    # Nothing is sent before its time, and nothing due is kept for longer than the last wait.
    simulated = july.departed[0] + 60 * SPEED
    sent = {flight["id"] for flight in service.predicted["flight-delay"]}
    assert sent <= set(july.id[july.departed <= simulated])
    assert sent >= set(july.id[july.departed <= simulated - 2 * SPEED])
    assert {flight["id"] for flight in service.predicted["air-time"]} == sent


def test_all_flights_and_their_true_labels_are_sent_by_the_end(july: Flights) -> None:
    glass = Hourglass()
    service = Service(glass)
    found = replay(july, glass, service)
    found.run()
    late = {label["id"]: label["actual"] for label in service.labelled["flight-delay"]}
    assert late == {key: "late" if is_late else "on_time" for key, is_late in zip(july.id, july.late, strict=True)}
    minutes = {label["id"]: label["actual"] for label in service.labelled["air-time"]}
    assert minutes == dict(zip(july.id, july.air_time.tolist(), strict=True))
    assert found.counts.answered == found.counts.labels == 2 * len(july)
    assert service.reports[-1]["state"] == "ended"


def test_the_night_is_a_pause_and_no_busy_loop(july: Flights) -> None:
    glass = Hourglass()
    replay(july, glass, Service(glass)).run()
    assert min(glass.waits) >= 0.1
    assert max(glass.waits) <= 1.0
    gaps = np.diff(july.departed) / SPEED
    assert gaps.max() > 20, "a night at this speed"
    assert len(glass.waits) < glass.now / 0.1 + 2


def test_after_december_it_says_so_and_starts_again(july: Flights) -> None:
    said: list[str] = []
    glass = Hourglass(ends=2.5 * (july.arrived.max() - july.departed[0]) / SPEED)
    service = Service(glass)
    replay(july, glass, service, once=False, say=said.append).run()
    assert said.count("the end of December: starting again with July") == 2
    ids = [flight["id"] for flight in service.predicted["flight-delay"]]
    assert ids.count(july.id[0]) == 3
    assert service.reports[-1]["state"] == "stopped"


def test_an_absent_service_is_counted_and_time_goes_on(july: Flights) -> None:
    glass = Hourglass()
    found = replay(july, glass, Service(glass, takes=False))
    found.run()
    assert found.counts.answered == 0
    assert found.counts.failed == 4 * len(july)


def test_a_service_that_hangs_makes_nothing_pile_up(july: Flights) -> None:
    gate, asked = threading.Event(), []
    glass = Hourglass(ends=200)

    def hang(method: str, path: str, body: object) -> bool:
        asked.append(path)
        gate.wait()
        return True

    found = replay(july, glass, hang, pool=None)
    running = threading.Thread(target=found.run)
    running.start()
    try:
        while not glass.is_set():
            time.sleep(0.01)
        assert len(asked) <= 8 + 1, "as many as there are workers, and the last report"
        assert found.counts.dropped > 0
    finally:
        gate.set()
        running.join()
    assert len(asked) <= 32 + 1
    assert found.counts.answered + found.counts.labels + found.counts.dropped <= 4 * len(july)


def test_progress_is_said_in_simulated_time(july: Flights) -> None:
    said: list[str] = []
    glass = Hourglass(ends=30)
    replay(july, glass, Service(glass), say=said.append).run()
    assert len(said) >= 2
    assert said[0].startswith("2013-07-02 0")
    assert "predictions/s" in said[0] and "failed 0" in said[0]


class Web(ThreadingHTTPServer):
    """Answers every request, and hangs up after each of them without a word."""

    daemon_threads = True
    simulated: str | None = "2013-10-01T12:00-04:00"
    status = 200
    requests = 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Web

    def do_GET(self) -> None:
        self.server.requests += 1
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.dumps({"simulated": self.server.simulated}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    do_POST = do_GET  # noqa: N815 -- http.server's name

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def web() -> Iterator[Web]:
    server = Web(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_connection_that_was_closed_while_idle_loses_no_request(web: Web) -> None:
    send = HttpSender("127.0.0.1", web.server_port)
    assert [send("POST", "/v1/models/air-time/predict", []) for _ in range(3)] == [True] * 3
    web.status = 503
    assert not send("POST", "/v1/models/air-time/predict", [])


def test_a_service_that_is_not_there_is_no_exception(web: Web) -> None:
    port = web.server_port
    web.shutdown()
    web.server_close()
    assert not HttpSender("127.0.0.1", port)("POST", "/", [])
    assert resume("127.0.0.1", port) is None


def test_the_replay_goes_on_where_the_service_has_got_to(web: Web) -> None:
    found = resume("127.0.0.1", web.server_port)
    assert found == midnight(date(2013, 10, 1)) + 12 * 3600
    web.simulated = None
    assert resume("127.0.0.1", web.server_port) is None


def test_it_waits_until_the_service_is_ready_and_says_so_once(web: Web) -> None:
    said: list[str] = []
    web.status = 503
    glass = Hourglass(ends=3)
    assert not wait_until_ready("127.0.0.1", web.server_port, said.append, glass)
    assert said == [f"waiting for the service on 127.0.0.1:{web.server_port}"]
    assert web.requests == 6
    web.status = 200
    assert wait_until_ready("127.0.0.1", web.server_port, said.append, Hourglass())
