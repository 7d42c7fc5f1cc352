"""Spans leave the process: to a Collector that answers, to none, at exit and at SIGTERM."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from modelwatch.model.types import Model
from modelwatch.otel.sdk import resource

REPOSITORY = Path(__file__).resolve().parents[2]
SERVICE = """
import os, signal, sys, threading
from modelwatch.otel import setup
watch = setup("tests/data/flight-delay.yaml", version="7", service_version="1.2")
def request():
    with watch.inference() as inference, inference.stage("predict"):
        pass
request()
"""


class Collector(HTTPServer):
    """Takes OTLP over HTTP and keeps what it got."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[ExportTraceServiceRequest] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def names(self) -> list[str]:
        return [s.name for r in self.requests for rs in r.resource_spans for ss in rs.scope_spans for s in ss.spans]


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def service(code: str, endpoint: str, **variables: str) -> subprocess.Popen[str]:
    clean = {name: text for name, text in os.environ.items() if not name.startswith("OTEL_")}
    return subprocess.Popen(
        [sys.executable, "-c", SERVICE + code],
        env={**clean, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, **variables},
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_spans_are_sent_when_the_process_ends(collector: Collector) -> None:
    running = service("", collector.url)
    assert running.wait() == 0
    assert collector.names == ["predict", "inference flight-delay"]
    sent = {a.key: a.value.string_value for a in collector.requests[0].resource_spans[0].resource.attributes}
    assert sent["service.name"] == "flights"
    assert sent["service.version"] == "1.2"
    assert sent["deployment.environment.name"] == "prod"
    assert sent["service.instance.id"]


def test_spans_are_sent_at_sigterm_which_still_ends_the_process(collector: Collector) -> None:
    running = service("print('ready', flush=True); threading.Event().wait()", collector.url)
    assert running.stdout is not None and running.stdout.readline() == "ready\n"
    running.terminate()
    assert running.wait() == -signal.SIGTERM
    assert collector.names == ["predict", "inference flight-delay"]


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_services_own_sigterm_handler_runs_and_decides_how_it_ends(collector: Collector, place: str) -> None:
    own = "def own(*_):\n    request(); print('own', flush=True); sys.exit(3)\nsignal.signal(signal.SIGTERM, own)\n"
    wait = "\nprint('ready', flush=True); threading.Event().wait()"
    code = f"{own}{wait}" if place == "after" else wait
    running = service(code, collector.url) if place == "after" else before(own, wait, collector.url)
    assert running.stdout is not None and running.stdout.readline() == "ready\n"
    running.terminate()
    out, _ = running.communicate()
    assert out == "own\n"
    assert running.returncode == 3
    assert sorted(collector.names) == sorted(["predict", "inference flight-delay"] * 2)


def before(own: str, wait: str, endpoint: str) -> subprocess.Popen[str]:
    """A service that sets its handler before it is watched."""
    code = f"import signal, sys\n{own}{SERVICE}{wait}"
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint},
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_dead_collector_costs_one_line_and_no_prediction() -> None:
    many = "for _ in range(500): request()\nprint(watch.exposition()[0].decode())"
    running = service(many, "http://127.0.0.1:1", OTEL_BSP_SCHEDULE_DELAY="50")
    out, err = running.communicate()
    assert running.returncode == 0
    assert 'outcome="success",version="7"} 501.0' in out
    assert err.splitlines() == [
        "spans do not reach the Collector (http://127.0.0.1:1/v1/traces: nobody answers); "
        "up to 8192 wait until they do, and predictions go on",
        "1002 spans are lost: the process ends while they do not reach the Collector",
    ]


def test_a_disabled_sdk_watches_untraced(collector: Collector) -> None:
    running = service("print(watch.inference().headers())", collector.url, OTEL_SDK_DISABLED="true")
    out, _ = running.communicate()
    assert (running.returncode, out, collector.names) == (0, "{}\n", [])


def test_no_exporter_is_made_where_the_environment_says_none(collector: Collector) -> None:
    running = service("", collector.url, OTEL_TRACES_EXPORTER="none")
    assert (running.wait(), collector.names) == (0, [])


def test_a_provider_that_the_service_has_set_is_used(collector: Collector) -> None:
    code = """
import json
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
spans, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(provider)
"""
    running = subprocess.run(
        [sys.executable, "-c", f"{code}{SERVICE}print(json.dumps([s.name for s in spans.get_finished_spans()]))"],
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(running.stdout) == ["predict", "inference flight-delay"]
    assert collector.names == []


def test_each_process_has_an_id_of_its_own(model: Model) -> None:
    first, second = resource(model).attributes, resource(model).attributes
    assert first["service.instance.id"] != second["service.instance.id"]
    assert "service.version" not in first
