"""Services, the Collector and Jaeger together: a kept trace can be looked up, also after an outage in between."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Status, StatusCode

from modelwatch.model.types import Fleet
from modelwatch.telemetry import spans as s

pytestmark = [pytest.mark.real("jaeger"), pytest.mark.real("otelcol-modelwatch")]


def send_error(fleet: Fleet) -> str:
    """One failed request; returns its trace's id."""
    provider = TracerProvider(resource=Resource.create({s.SERVICE_NAME.key: "flights"}), shutdown_on_exit=False)
    endpoint = f"http://{fleet.addresses.internal['otlp_http']}/v1/traces"
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    span = provider.get_tracer("modelwatch").start_span("inference flight-delay")
    span.set_attribute(s.MODEL_NAME.key, "flight-delay")
    span.set_status(Status(StatusCode.ERROR))
    span.end()
    provider.shutdown()
    return format(span.get_span_context().trace_id, "032x")


def names(fleet: Fleet, trace: str, page: Callable[..., str]) -> list[str]:
    """Names of a trace's spans, by the API that Grafana asks; empty while Jaeger has none."""
    found = page(f"http://{fleet.addresses.internal['jaeger']}/api/traces/{trace}")
    return [span["operationName"] for entry in json.loads(found or '{"data": []}')["data"] for span in entry["spans"]]


def test_a_failed_request_is_found_by_its_traces_id(
    traced: Fleet, jaeger: Any, collector: Any, page: Callable[..., str], waiting: Any
) -> None:
    """The way from an exemplar in Grafana to its trace."""
    jaeger(traced)
    collector(traced)
    trace = send_error(traced)
    assert waiting(lambda: names(traced, trace, page), "the trace") == ["inference flight-delay"]


def test_jaeger_sends_no_traces_of_its_own_and_starts_without_errors(
    traced: Fleet, jaeger: Any, page: Callable[..., str]
) -> None:
    """The Collector would count them as a service's."""
    running = jaeger(traced)
    page(f"http://{traced.addresses.internal['jaeger']}/api/v3/services")
    log = running.stop()
    assert "createTransport" not in log
    assert "\terror\t" not in log
    assert "deprecat" not in log


def test_what_could_not_be_sent_waits_on_disk_for_a_restart(
    traced: Fleet, jaeger: Any, collector: Any, page: Callable[..., str], waiting: Any
) -> None:
    """Jaeger is away, the Collector is killed: the trace arrives when both are back."""
    first = collector(traced)
    trace = send_error(traced)
    metrics = f"http://{traced.addresses.internal['collector']}/metrics"
    waiting(lambda: _queued(page(metrics)) > 0, "the queue on disk")
    first.stop(9)
    jaeger(traced)
    assert names(traced, trace, page) == []
    collector(traced)
    assert waiting(lambda: names(traced, trace, page), "the trace") == ["inference flight-delay"]


def _queued(exposition: str) -> float:
    """Requests that wait in the exporter's queue, by the Collector's own metrics."""
    lines = [line for line in exposition.splitlines() if line.startswith("otelcol_exporter_queue_size{")]
    return sum(float(line.rpartition(" ")[2]) for line in lines)
