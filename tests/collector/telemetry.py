"""A service that sends spans to a running Collector, and readers of what came out of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from modelwatch.model.types import Fleet
from modelwatch.telemetry import spans as s

MILLISECOND = 1_000_000
START = 1_700_000_000_000_000_000


class Service:
    """A service that sends spans over HTTP, as the helpers do."""

    def __init__(self, fleet: Fleet, **resource: str) -> None:
        attributes = {s.SERVICE_NAME.key: "flights", s.ENVIRONMENT.key: "prod", **resource}
        self.provider = TracerProvider(resource=Resource.create(attributes), shutdown_on_exit=False)
        endpoint = f"http://{fleet.addresses.internal['otlp_http']}/v1/traces"
        self.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
        self.tracer = self.provider.get_tracer("modelwatch")

    def request(self, model: str = "flight-delay", milliseconds: int = 20, *, error: bool = False, **more: Any) -> str:
        """One request with one stage; returns its trace's id."""
        attributes = {s.MODEL_NAME.key: model, s.MODEL_VERSION.key: "1", **more}
        root = self.tracer.start_span(
            f"inference {model}", kind=SpanKind.SERVER, attributes=attributes, start_time=START
        )
        stage = self.tracer.start_span(
            "predict",
            context=set_span_in_context(root),
            attributes={s.MODEL_NAME.key: model, s.STAGE.key: "predict"},
            start_time=START,
        )
        stage.end(START + milliseconds * MILLISECOND // 2)
        if error:
            root.set_status(Status(StatusCode.ERROR, "passenger 4711 has no seat"))
        root.end(START + milliseconds * MILLISECOND)
        return format(root.get_span_context().trace_id, "032x")

    def child_of(self, trace: str) -> None:
        """One more span of a trace of someone else."""
        parent = SpanContext(int(trace, 16), 1, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
        self.tracer.start_span("downstream", context=set_span_in_context(NonRecordingSpan(parent))).end()

    def flush(self) -> None:
        assert self.provider.force_flush()


def written(state: Path, name: str = "traces.jsonl") -> list[dict[str, Any]]:
    """What the file exporter wrote, one OTLP message a line; not the one that it is writing."""
    path = state / name
    lines = path.read_text("utf-8").splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def spans(state: Path) -> list[dict[str, Any]]:
    return [
        span
        for message in written(state)
        for resource in message["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def kept(state: Path) -> set[str]:
    return {span["traceId"] for span in spans(state)}


def attributes(item: dict[str, Any]) -> dict[str, Any]:
    return {entry["key"]: next(iter(entry["value"].values())) for entry in item.get("attributes", ())}


def samples(text: str, name: str) -> list[dict[str, str]]:
    """Labels of each series of that name in an exposition, its value under ""."""
    found = []
    for line in text.splitlines():
        match = re.match(rf"{name}\{{(.*?)\}} (\S+)", line)
        if match:
            found.append({**dict(re.findall(r'(\w+)="([^"]*)"', match[1])), "": match[2]})
    return found
