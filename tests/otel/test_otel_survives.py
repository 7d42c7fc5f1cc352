"""No span of an answered request is lost when workers are forked, told to stop, or end by themselves."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from tests.otel.receiver import Receiver, receiver

REPOSITORY = Path(__file__).resolve().parents[2]
APP = """
import os, time
from modelwatch.otel import setup

watch = setup("tests/data/flight-delay.yaml", version="7")


def app(environ, start_response):
    with watch.inference() as inference, inference.stage("predict"):
        time.sleep(0.002)
        trace = inference.headers()["traceparent"].split("-")[1]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{trace} {os.getpid()}".encode()]
"""


@pytest.fixture
def collector() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def environment(endpoint: str, **variables: str) -> dict[str, str]:
    clean = {name: text for name, text in os.environ.items() if not name.startswith("OTEL_")}
    return {**clean, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "PYTHONUNBUFFERED": "1", **variables}


def run(code: str, endpoint: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment(endpoint, **variables),
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class Load:
    """Clients that ask until nobody answers; ``traces`` of the requests that were answered whole."""

    def __init__(self, url: str, clients: int = 8) -> None:
        self.traces: list[str] = []
        self.workers: set[str] = set()
        self._url = url
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        while not self._stopped.is_set():
            try:
                with urllib.request.urlopen(self._url, timeout=10) as answer:
                    trace, worker = answer.read().decode().split()
                    self.traces.append(trace)
                    self.workers.add(worker)
            except (OSError, ValueError, HTTPException):  # nobody there, or hung up half way
                time.sleep(0.01)

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()


def stopped_under_load(serving: subprocess.Popen[str], port: int) -> Load:
    """Told to stop once each of four workers has answered, and 400 requests are answered; what was asked until then."""
    load = Load(f"http://127.0.0.1:{port}/")
    end = time.monotonic() + 60
    while (len(load.traces) < 400 or len(load.workers) < 4) and time.monotonic() < end and serving.poll() is None:
        time.sleep(0.05)
    serving.terminate()
    _, errors = serving.communicate(timeout=60)
    load.stop()
    assert len(load.traces) >= 400, errors
    assert serving.returncode == 0, errors
    return load


@pytest.mark.parametrize(
    "flags", [("--preload",), (), ("--preload", "--threads", "4"), ("--threads", "4")], ids=" ".join
)
def test_four_gunicorn_workers_told_to_stop_under_load_lose_no_span_of_an_answered_request(
    collector: Receiver, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    (tmp_path / "service.py").write_text(APP)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "-w", "4", "-b", f"127.0.0.1:{port}", "--no-control-socket"]
    serving = subprocess.Popen(
        [*command, *flags, "--pythonpath", str(tmp_path), "service:app"],
        # A long delay: what arrives was sent because the worker ended, or because a batch was full.
        env=environment(collector.url, OTEL_BSP_SCHEDULE_DELAY="600000"),
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        text=True,
    )
    load = stopped_under_load(serving, port)
    names: dict[str, list[str]] = {}
    for span in collector.spans:
        names.setdefault(span.trace_id.hex(), []).append(span.name)
    lost = [trace for trace in load.traces if names.get(trace) != ["predict", "inference flight-delay"]]
    assert lost == []
    assert len(collector.instances) == 4, "each worker is a process of its own"


def test_four_workers_that_share_their_metrics_by_files_lose_none_when_told_to_stop(tmp_path: Path) -> None:
    (tmp_path / "service.py").write_text(APP)
    files = tmp_path / "metrics"
    files.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "-w", "4", "-b", f"127.0.0.1:{port}", "--no-control-socket"]
    serving = subprocess.Popen(
        [*command, "--preload", "--pythonpath", str(tmp_path), "service:app"],
        env=environment("http://127.0.0.1:1", PROMETHEUS_MULTIPROC_DIR=str(files)),
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        text=True,
    )
    load = stopped_under_load(serving, port)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(files))  # type: ignore[no-untyped-call]  # ships no types
    ids = {"model": "flight-delay", "version": "7"}
    # A client may have left before it read an answer, so a few more can be counted than were read.
    counted = registry.get_sample_value("model_predictions_total", {**ids, "outcome": "success"})
    assert counted is not None and len(load.traces) <= counted <= len(load.traces) + 8
    staged = registry.get_sample_value("model_stage_duration_seconds_count", {**ids, "stage": "predict"})
    assert staged == registry.get_sample_value("model_prediction_duration_seconds_count", ids) == counted


ASGI = """
import asyncio, os
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from modelwatch.otel import run_in_executor, setup

watch = setup("tests/data/flight-delay.yaml", version="7")


def name(inference):
    return inference.headers()["traceparent"].split("-")[1] + f" {os.getpid()}"


async def plain(request):
    with watch.inference(headers=request.headers) as inference, inference.stage("predict"):
        await asyncio.sleep(0.002)
        return PlainTextResponse(await run_in_executor(None, name, inference))


async def pieces():
    inference = watch.current()
    with inference.stage("predict"):
        for piece in name(inference):
            await asyncio.sleep(0)
            yield piece


def pieces_in_threads():
    inference = watch.current()
    with inference.stage("predict"):
        yield from name(inference)


async def stream(request):
    return StreamingResponse(watch.stream(pieces(), headers=request.headers))


async def stream_in_threads(request):
    return StreamingResponse(watch.stream(pieces_in_threads(), headers=request.headers))


app = Starlette(routes=[Route("/", plain), Route("/stream", stream), Route("/threads", stream_in_threads)])
"""


@pytest.mark.parametrize("path", ["/", "/stream", "/threads"])
def test_an_asgi_server_told_to_stop_under_load_loses_no_span_of_an_answered_request(
    collector: Receiver, tmp_path: Path, path: str
) -> None:
    (tmp_path / "service.py").write_text(ASGI)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serving = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "uvicorn",
            "--port",
            str(port),
            "--app-dir",
            str(tmp_path),
            "--no-access-log",
            "service:app",
        ],
        env=environment(collector.url, OTEL_BSP_SCHEDULE_DELAY="600000"),
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        text=True,
    )
    load = Load(f"http://127.0.0.1:{port}{path}", clients=4)
    end = time.monotonic() + 60
    while len(load.traces) < 200 and time.monotonic() < end and serving.poll() is None:
        time.sleep(0.05)
    serving.terminate()
    _, errors = serving.communicate(timeout=60)
    load.stop()
    assert len(load.traces) >= 200, errors
    assert serving.returncode == -signal.SIGTERM, errors
    found: dict[str, list[str]] = {}
    for span in collector.spans:
        found.setdefault(span.trace_id.hex(), []).append(span.name)
    assert [trace for trace in load.traces if found.get(trace) != ["predict", "inference flight-delay"]] == []
    assert "detach" not in errors and "Error" not in errors, errors


SERVICE = """
import multiprocessing, os, signal, sys, threading, time
from modelwatch.otel import setup
watch = setup("tests/data/flight-delay.yaml", version="7")
def request():
    with watch.inference() as inference, inference.stage("predict"):
        pass
"""


def test_children_of_multiprocessing_send_their_own_spans_and_none_of_their_parents(collector: Receiver) -> None:
    code = """
for _ in range(10): request()
def work():
    for _ in range(5): request()
children = [multiprocessing.get_context("fork").Process(target=work) for _ in range(3)]
for child in children: child.start()
for child in children: child.join()
"""
    running = run(SERVICE + code, collector.url, OTEL_BSP_SCHEDULE_DELAY="600000")
    assert running.wait(60) == 0, running.communicate()[1]
    assert Counter(collector.names) == {"predict": 25, "inference flight-delay": 25}
    assert len({span.span_id for span in collector.spans}) == 50
    assert len(collector.instances) == 4


def test_a_process_forked_while_it_sends_sends_on_and_so_does_its_child(collector: Receiver) -> None:
    code = """
stop = threading.Event()
def load():
    while not stop.is_set():
        request(); time.sleep(0.0005)
busy = [threading.Thread(target=load) for _ in range(3)]
for thread in busy: thread.start()
for _ in range(10):
    time.sleep(0.05)
    child = os.fork()
    if child == 0:
        for _ in range(20): request()
        sys.exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
stop.set()
for thread in busy: thread.join()
print([s.value for f in __import__("prometheus_client").REGISTRY.collect() for s in f.samples if s.name == "model_prediction_duration_seconds_count"])
"""
    running = run(SERVICE + code, collector.url, OTEL_BSP_SCHEDULE_DELAY="20")
    out, errors = running.communicate(timeout=120)
    assert running.returncode == 0, errors
    (served,) = (float(text) for text in out.strip("[]\n").split(","))
    assert Counter(collector.names)["inference flight-delay"] == served + 200
    assert len(collector.instances) == 11


@pytest.mark.parametrize("end", ["pass", "raise SystemExit(0)", "os.kill(os.getpid(), signal.SIGTERM)"])
def test_a_process_that_ends_right_after_its_last_request_sends_all_of_them(collector: Receiver, end: str) -> None:
    running = run(f"{SERVICE}\nfor _ in range(400): request()\n{end}", collector.url)
    assert running.wait(60) == (-signal.SIGTERM if "SIGTERM" in end else 0)
    assert Counter(collector.names) == {"predict": 400, "inference flight-delay": 400}


COUNT = """
def count(name, **labels):
    return int(__import__("prometheus_client").REGISTRY.get_sample_value(name, labels))
def told():
    counts = [count("modelwatch_spans_total", outcome=outcome) for outcome in ("sent", "failed", "dropped")]
    print(count("model_predictions_total", model="flight-delay", version="7", outcome="success"), *counts, flush=True)
"""


@pytest.mark.parametrize("collector_is", ["dead", "hanging"])
def test_a_collector_that_is_away_slows_no_request_and_every_lost_span_is_counted(
    collector: Receiver, collector_is: str
) -> None:
    code = """
slowest = 0
for _ in range(6000):
    start = time.thread_time(); request(); slowest = max(slowest, time.thread_time() - start)
from opentelemetry import trace
start = time.monotonic()
trace.get_tracer_provider().shutdown()
ended = time.monotonic() - start
told(); print(slowest); print(ended)
"""
    collector.open.clear()
    endpoint = "http://127.0.0.1:1" if collector_is == "dead" else collector.url
    why = "nobody answers" if collector_is == "dead" else "it took too long"
    begun = time.monotonic()
    running = run(SERVICE + COUNT + code, endpoint, OTEL_BSP_SCHEDULE_DELAY="50", OTEL_BSP_MAX_QUEUE_SIZE="1000")
    out, errors = running.communicate(timeout=120)
    assert running.returncode == 0, errors
    served, sent, failed, dropped = (int(text) for text in out.splitlines()[0].split())
    assert (served, sent, failed, dropped) == (6000, 0, 0, 12_000)
    assert float(out.splitlines()[1]) < 0.1
    assert time.monotonic() - begun < 60
    assert float(out.splitlines()[2]) < 10, "ending takes two tries at the most"
    assert errors.splitlines() == [
        f"spans do not reach the Collector ({endpoint}/v1/traces: {why}); "
        "up to 1000 wait until they do, and predictions go on",
        "1000 spans are lost: the process ends while they do not reach the Collector",
    ]


def test_a_collector_that_comes_back_gets_spans_again(collector: Receiver) -> None:
    code = """
for _ in range(20): request()
trace = __import__("opentelemetry.trace").trace
trace.get_tracer_provider().force_flush()
told()
"""
    running = run(SERVICE + COUNT + code, collector.url)
    out, errors = running.communicate(timeout=60)
    assert out == "20 40 0 0\n", errors


@pytest.mark.parametrize(
    "lock",
    [
        "__import__('modelwatch.otel.backlog').otel.backlog.BACKLOG._lock",
        "trace.get_tracer_provider()._active_span_processor._span_processors[0]._counting",
        "watch._requests.success._value._lock",
        "threading._active_limbo_lock",
        "logging.getLogger('modelwatch.otel').manager.root.handlers[0].lock",
    ],
    ids=["backlog", "queue", "counter", "threading", "logging"],
)
def test_a_process_told_to_stop_while_its_main_thread_holds_a_lock_sends_all_and_ends(
    collector: Receiver, lock: str
) -> None:
    """A signal's handler runs wherever the main thread is, and what is sent then needs all of these locks."""
    code = f"""
import logging
from opentelemetry import trace
logging.basicConfig()
for _ in range(20): request()
lock = {lock}
with lock:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.001)  # the handler runs at the latest here
time.sleep(60)
"""
    begun = time.monotonic()
    running = run(SERVICE + code, collector.url, OTEL_BSP_SCHEDULE_DELAY="600000")
    assert running.wait(60) == -signal.SIGTERM, running.communicate()[1]
    assert time.monotonic() - begun < 30
    assert Counter(collector.names) == {"predict": 20, "inference flight-delay": 20}


def test_a_process_told_to_stop_whose_main_thread_never_lets_go_ends_all_the_same(collector: Receiver) -> None:
    code = """
with __import__("modelwatch.otel.backlog").otel.backlog.BACKLOG._lock:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)
"""
    begun = time.monotonic()
    assert run(SERVICE + code, collector.url).wait(60) == -signal.SIGTERM
    assert time.monotonic() - begun < 30
