"""What the Collector tells of itself, read by a real Prometheus with the alerts' own expressions."""

from __future__ import annotations

import json
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Status, StatusCode

from modelwatch.alert_rules import telemetry_path
from modelwatch.model.types import Destination, Fleet
from modelwatch.telemetry import collector as c
from modelwatch.telemetry import spans as s
from modelwatch.telemetry.jobs import COLLECTOR_JOB

pytestmark = [pytest.mark.real("prometheus"), pytest.mark.real("otelcol-modelwatch")]

EXPR = {alert.name: alert.expr for alert in telemetry_path.rules()}
EXPORTER = "otlp_grpc/traces-jaeger"
CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
- job_name: {job}
  static_configs: [{{targets: ["{target}"]}}]
"""


def send(fleet: Fleet, traces: int) -> None:
    """Failed requests, which are all kept, each a trace of its own."""
    provider = TracerProvider(resource=Resource.create({s.SERVICE_NAME.key: "flights"}), shutdown_on_exit=False)
    endpoint = f"http://{fleet.addresses.internal['otlp_http']}/v1/traces"
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    for _ in range(traces):
        span = provider.get_tracer("modelwatch").start_span("inference flight-delay")
        span.set_status(Status(StatusCode.ERROR))
        span.end()
    provider.shutdown()


@pytest.fixture
def ask(
    part: Any, run: Any, tmp_path: Path, traced: Fleet, page: Callable[..., str], waiting: Any
) -> Callable[[str], list[dict[str, Any]]]:
    """``ask(expr)``: what a Prometheus that scrapes the Collector each second answers now."""
    listen = traced.addresses.internal
    config = tmp_path / "prometheus.yaml"
    config.write_text(CONFIG.format(job=COLLECTOR_JOB, target=listen["collector"]), "utf-8")
    data = f"--storage.tsdb.path={tmp_path / 'prometheus'}"
    run(part("prometheus"), f"--config.file={config}", data, f"--web.listen-address={listen['prometheus']}")
    base = f"http://{listen['prometheus']}"

    def answer(expr: str) -> list[dict[str, Any]]:
        found = page(f"{base}/api/v1/query?{urllib.parse.urlencode({'query': expr})}")
        return list(json.loads(found)["data"]["result"]) if found else []

    waiting(lambda: page(f"{base}/-/ready"), "Prometheus")
    return answer


def test_a_destination_that_is_away_is_seen_by_the_alerts_on_queue_and_losses(
    traced: Fleet, collector: Any, ask: Callable[[str], list[dict[str, Any]]], waiting: Any
) -> None:
    """Nobody listens where traces go: the queue fills, and once it is full what comes is lost."""
    collector(traced, f"--set=exporters.{EXPORTER}.sending_queue.queue_size=4")
    waiting(lambda: ask(c.QUEUE_CAPACITY.name), "the first scrape")
    assert ask(EXPR["CollectorQueueFilling"]) == ask(EXPR["CollectorLosesData"]) == []
    send(traced, 30)
    (filling,) = waiting(lambda: ask(EXPR["CollectorQueueFilling"]), "the queue to fill")
    assert filling["metric"]["exporter"] == EXPORTER and filling["metric"]["data_type"] == "traces"
    assert 0.5 < float(filling["value"][1]) <= 1
    (losing,) = waiting(lambda: ask(EXPR["CollectorLosesData"]), "the losses")
    assert losing["metric"] == {"exporter": EXPORTER, "instance": traced.addresses.internal["collector"]}
    assert float(losing["value"][1]) >= 1
    assert ask(EXPR["CollectorRefusesData"]) == []


def test_a_collector_without_memory_is_seen_by_the_alert_on_refusals(
    traced: Fleet, collector: Any, ask: Callable[[str], list[dict[str, Any]]], waiting: Any
) -> None:
    """Its limit is below what it needs to run: it takes nothing in, and says so by the contract's name."""
    limits = ("limit_mib=30", "spike_limit_mib=29")
    collector(traced, *(f"--set=processors.memory_limiter.{limit}" for limit in limits))
    waiting(lambda: ask(c.QUEUE_CAPACITY.name), "the first scrape")
    assert ask(EXPR["CollectorRefusesData"]) == []
    # The first send makes the series, from which the next ones grow.
    waiting(lambda: send(traced, 1) or ask(EXPR["CollectorRefusesData"]), "the refusals")


def test_more_kinds_of_spans_than_are_counted_apart_are_seen(
    traced: Fleet, collector: Any, page: Callable[..., str], waiting: Any
) -> None:
    """The label that the alert on overflow selects is the one that the Collector sets."""
    collector(traced, "--set=connectors.span_metrics.aggregation_cardinality_limit=1")
    provider = TracerProvider(resource=Resource.create({s.SERVICE_NAME.key: "flights"}), shutdown_on_exit=False)
    endpoint = f"http://{traced.addresses.internal['otlp_http']}/v1/traces"
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    for number in range(5):
        provider.get_tracer("modelwatch").start_span(f"name {number}").end()
    provider.shutdown()
    selected = telemetry_path.overflowing()
    metrics = f"http://{traced.addresses.internal['span_metrics']}/metrics"
    name, label = selected.rstrip("}").split("{")
    assert waiting(
        lambda: [line for line in page(metrics).splitlines() if line.startswith(f"{name}{{") and label in line],
        "the lump",
    )


def test_every_metric_of_its_own_is_told_by_its_contract_s_name(
    traced: Fleet, collector: Any, page: Callable[..., str], waiting: Any
) -> None:
    """Names, types and labels, where it has a reason to tell them; failures it tells from the first one on."""
    collector(traced, f"--set=exporters.{EXPORTER}.sending_queue.queue_size=1")
    send(traced, 20)
    address = f"http://{traced.addresses.internal['collector']}/metrics"
    waiting(lambda: c.UNQUEUED_SPANS.name in page(address), "a full queue")
    told = page(address)
    told_of = (c.QUEUE_SIZE, c.QUEUE_CAPACITY, c.UNQUEUED_SPANS, c.REFUSED_SPANS, c.UNDECIDED_TRACES, c.DECIDED_TRACES)
    for metric in told_of:
        assert f"# TYPE {metric.name} {metric.type}\n" in told, metric.name
        line = next(line for line in told.splitlines() if line.startswith((f"{metric.name}{{", f"{metric.name} ")))
        assert all(f'{label}="' in line for label in metric.labels), line


class Refuses(BaseHTTPRequestHandler):
    """A destination that takes nothing, and never will."""

    def do_POST(self) -> None:  # the name that http.server calls
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(400)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def refusing() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refuses)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def test_what_a_destination_refuses_for_good_is_told_for_spans_and_logs(
    traced: Fleet, collector: Any, refusing: str, page: Callable[..., str], waiting: Any
) -> None:
    """By the names and labels of the contract, on which the alert on losses stands."""
    there = (Destination("bad", "otlp", refusing),)
    fleet = replace(traced, stack=replace(traced.stack, traces=there, logs=there))
    collector(fleet)
    send(fleet, 1)
    record = {"body": {"stringValue": "x"}, "severityText": "INFO"}
    logs = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode()
    headers = {"Content-Type": "application/json"}
    url = f"http://{fleet.addresses.internal['otlp_http']}/v1/logs"
    urllib.request.urlopen(urllib.request.Request(url, logs, headers), timeout=10).close()
    address = f"http://{fleet.addresses.internal['collector']}/metrics"
    for metric, exporter in ((c.UNSENT_SPANS, "otlp_http/traces-bad"), (c.UNSENT_LOGS, "otlp_http/logs-bad")):
        start = f'{metric.name}{{exporter="{exporter}"'
        (line,) = waiting(lambda: [line for line in page(address).splitlines() if line.startswith(start)], metric.name)  # noqa: B023 - asked at once
        assert all(f'{label}="' in line for label in metric.labels), line
        assert line.endswith(" 1")
