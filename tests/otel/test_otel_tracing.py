"""The spans of an inference, as an exporter receives them."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, SamplingResult
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from modelwatch.model import types as t
from modelwatch.otel import Watch
from modelwatch.telemetry import spans as S

Value = Callable[..., float | None]
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CONTRACT = {attribute.key for attribute in S.SPAN_ATTRIBUTES}


def by_name(spans: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in spans.get_finished_spans()}


def attributes(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def context(span: ReadableSpan) -> trace.SpanContext:
    found = span.get_span_context()
    assert found is not None
    return found


def exemplars(watch: Watch) -> dict[str, dict[str, str]]:
    """Labels of the exemplars by the metric they stand on."""
    body = watch.exposition("application/openmetrics-text; version=1.0.0")[0].decode()
    families = text_string_to_metric_families(body)  # type: ignore[no-untyped-call]  # ships no types
    return {sample.name: sample.exemplar.labels for f in families for sample in f.samples if sample.exemplar}


def test_a_request_is_a_span_whose_children_are_its_stages(traced: Watch, spans: InMemorySpanExporter) -> None:
    with traced.inference(batch=2) as inference:
        with inference.stage("preprocessing"):
            pass
        with inference.stage("predict"), inference.stage("lookup"):
            inference.confidence(0.93)
    found = by_name(spans)
    root = found["inference flight-delay"]
    assert root.parent is None and root.kind is SpanKind.SERVER
    assert root.resource.attributes["service.name"] == "flights"
    assert attributes(root) == {
        "modelwatch.model.name": "flight-delay",
        "modelwatch.model.version": "7",
        "modelwatch.outcome": "success",
        "modelwatch.batch.size": 2,
        "modelwatch.confidence": 0.93,
        "modelwatch.low_confidence": False,
    }
    for name, parent in (("preprocessing", root), ("predict", root), ("lookup", found["predict"])):
        assert found[name].parent == context(parent)
        assert attributes(found[name])["modelwatch.stage"] == name
    for span in found.values():
        assert set(attributes(span)) <= CONTRACT
        assert span.status.status_code is StatusCode.UNSET
        assert context(span).trace_id == context(root).trace_id


def test_span_and_histogram_come_from_one_timing(traced: Watch, spans: InMemorySpanExporter, value: Value) -> None:
    with traced.inference() as inference, inference.stage("predict"):
        pass
    for name, series, labels in (
        ("inference flight-delay", "model_prediction_duration_seconds_sum", {}),
        ("predict", "model_stage_duration_seconds_sum", {"stage": "predict"}),
    ):
        span = by_name(spans)[name]
        assert span.start_time is not None and span.end_time is not None
        assert value(series, **labels) == pytest.approx((span.end_time - span.start_time) / 1e9, abs=1e-12)


def test_the_lowest_confidence_of_a_batch_marks_its_span(traced: Watch, spans: InMemorySpanExporter) -> None:
    with traced.inference(batch=2) as inference:
        inference.confidence(0.9)
        inference.confidence(0.59)
    (span,) = spans.get_finished_spans()
    assert attributes(span)["modelwatch.confidence"] == 0.59
    assert attributes(span)["modelwatch.low_confidence"] is True


def test_an_exception_is_recorded_once_where_it_left_and_marks_every_span_above(
    traced: Watch, spans: InMemorySpanExporter
) -> None:
    row = {"email": "passenger@example.org"}
    with pytest.raises(KeyError), traced.inference() as inference:
        with inference.stage("preprocessing"):
            pass
        with inference.stage("predict"), inference.stage("lookup"):
            raise KeyError(row["email"])
    found = by_name(spans)
    for name in ("inference flight-delay", "predict", "lookup"):
        assert found[name].status.status_code is StatusCode.ERROR
        assert attributes(found[name])["error.type"] == "KeyError"
    assert found["preprocessing"].status.status_code is StatusCode.UNSET
    assert attributes(found["inference flight-delay"])["modelwatch.outcome"] == "error"
    assert {name: len(span.events) for name, span in found.items() if span.events} == {"lookup": 1}
    (event,) = found["lookup"].events
    recorded = dict(event.attributes or {})
    assert recorded["exception.type"] == "KeyError"
    assert "test_otel_tracing" in str(recorded["exception.stacktrace"])
    assert "passenger@" not in repr(recorded), "a message may quote the input"


def test_a_failure_without_an_exception_is_an_error_of_its_kind(traced: Watch, spans: InMemorySpanExporter) -> None:
    with traced.inference() as inference:
        inference.fail("timeout")
    (span,) = spans.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert attributes(span)["error.type"] == "timeout"
    assert not span.events


def test_the_callers_trace_continues_and_goes_on_to_the_next_service(
    traced: Watch, spans: InMemorySpanExporter
) -> None:
    with traced.inference(headers={"traceparent": CALLER, "tracestate": "vendor=1"}) as inference:
        outside = inference.headers()
        with inference.stage("predict"):
            inside = inference.headers()
    found = by_name(spans)
    root, stage = found["inference flight-delay"], found["predict"]
    assert root.parent is not None and root.parent.is_remote
    assert f"00-{root.parent.trace_id:032x}-{root.parent.span_id:016x}-01" == CALLER
    assert root.kind is SpanKind.SERVER
    for headers, span in ((outside, root), (inside, stage)):
        version, trace_id, span_id, flags = headers["traceparent"].split("-")
        assert (version, trace_id) == ("00", CALLER.split("-")[1])
        assert span_id == f"{context(span).span_id:016x}"
        assert int(flags, 16) & 1
        assert headers["tracestate"] == "vendor=1"


@pytest.mark.parametrize("header", ["", "junk", "00-" + "0" * 32 + "-b7ad6b7169203331-01", CALLER[:-1]])
def test_an_unreadable_traceparent_starts_a_new_trace(traced: Watch, spans: InMemorySpanExporter, header: str) -> None:
    with traced.inference(headers={"traceparent": header}):
        pass
    (span,) = spans.get_finished_spans()
    assert span.parent is None


def test_a_span_of_the_service_is_the_parent_before_the_callers_headers(
    traced: Watch, spans: InMemorySpanExporter, provider: TracerProvider
) -> None:
    with provider.get_tracer("web").start_as_current_span("POST /predict") as server:
        with traced.inference(headers={"traceparent": CALLER}):
            pass
        assert trace.get_current_span() is server
    span = by_name(spans)["inference flight-delay"]
    assert span.parent == server.get_span_context()
    assert span.kind is SpanKind.INTERNAL


def test_spans_of_other_instrumentation_become_children_of_the_stage_they_ran_in(
    traced: Watch, spans: InMemorySpanExporter, provider: TracerProvider
) -> None:
    with traced.inference() as inference:
        with inference.stage("preprocessing"), provider.get_tracer("http").start_as_current_span("GET /weather"):
            trace.get_current_span().set_attribute("http.request.method", "GET")
        with provider.get_tracer("db").start_as_current_span("SELECT"):
            pass
    found = by_name(spans)
    assert found["GET /weather"].parent == context(found["preprocessing"])
    assert found["SELECT"].parent == context(found["inference flight-delay"])
    assert not trace.get_current_span().get_span_context().is_valid


def test_what_other_instrumentation_adds_to_the_current_span_is_kept_as_far_as_the_contract_lists_it(
    traced: Watch, spans: InMemorySpanExporter
) -> None:
    with traced.inference() as inference, inference.stage("predict"):
        current = trace.get_current_span()
        assert current.is_recording()
        current.set_attribute("http.route", "/predict")
        current.set_attribute("passenger", "Ada")
        current.set_attribute("modelwatch.outcome", "Ada")
        current.set_attributes({"http.response.status_code": 200, "seat": "12A"})
        current.add_event("warmed up", {"passenger": "Ada", "http.route": "/predict"})
        current.add_event("sold to ada@example.com")
        inference.add({"passenger": "Ada"})
    found = by_name(spans)
    added = {"http.route": "/predict", "http.response.status_code": 200}
    assert set(attributes(found["predict"])) - set(S.ADDED) <= {one.key for one in S.SPAN_ATTRIBUTES}
    assert attributes(found["predict"]).items() >= added.items()
    assert "http.route" not in attributes(found["inference flight-delay"])
    assert "Ada" not in str([(span.to_json(), span.events) for span in found.values()])
    assert [(event.name, dict(event.attributes or {})) for event in found["predict"].events] == [
        ("warmed up", {"http.route": "/predict"}),
        ("event", {}),
    ]


def test_stages_of_concurrent_tasks_keep_their_own_parents(
    traced: Watch, spans: InMemorySpanExporter, provider: TracerProvider
) -> None:
    tracer = provider.get_tracer("http")

    async def work(name: str) -> None:
        with inference.stage(name):
            await asyncio.sleep(0)
            with tracer.start_as_current_span(f"call of {name}"):
                await asyncio.sleep(0)

    async def run() -> None:
        await asyncio.gather(work("a"), work("b"))

    with traced.inference() as inference:
        asyncio.run(run())
    found = by_name(spans)
    for name in ("a", "b"):
        assert found[name].parent == context(found["inference flight-delay"])
        assert found[f"call of {name}"].parent == context(found[name])


def test_a_stage_in_another_thread_belongs_to_its_inference(traced: Watch, spans: InMemorySpanExporter) -> None:
    def work() -> None:
        with inference.stage("predict"):
            pass

    with traced.inference() as inference:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    found = by_name(spans)
    assert found["predict"].parent == context(found["inference flight-delay"])


def test_a_model_called_by_another_is_a_child_of_the_callers_stage(
    traced: Watch, spans: InMemorySpanExporter, provider: TracerProvider, model: t.Model
) -> None:
    inner = Watch(
        replace(model, name="air-time"),
        version="1",
        registry=CollectorRegistry(),
        tracer=provider.get_tracer("service"),  # type: ignore[arg-type]  # the SDK's provider gives its Tracer
    )
    with traced.inference() as inference, inference.stage("predict"), inner.inference():
        pass
    found = by_name(spans)
    assert found["inference air-time"].parent == context(found["predict"])


class Counting(SpanProcessor):
    """Counts spans."""

    def __init__(self) -> None:
        self.ended = 0

    def on_end(self, span: ReadableSpan) -> None:
        self.ended += 1


def watch_with(model: t.Model, registry: CollectorRegistry, processor: SpanProcessor, sampler: Sampler) -> Watch:
    made = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    made.add_span_processor(processor)
    return Watch(model, version="7", registry=registry, tracer=made.get_tracer("service"))  # type: ignore[arg-type]  # the SDK's provider gives its Tracer


def test_an_unsampled_request_makes_no_span_and_tells_the_next_service_so(
    model: t.Model, registry: CollectorRegistry, value: Value
) -> None:
    processor = Counting()
    watch = watch_with(model, registry, processor, ALWAYS_OFF)
    with watch.inference() as inference, inference.stage("predict"):
        assert inference.headers()["traceparent"].endswith(("-00", "-02"))
        assert not trace.get_current_span().is_recording()
    assert processor.ended == 0
    assert value("model_stage_duration_seconds_count", stage="predict") == 1


def test_the_callers_decision_not_to_sample_is_kept(model: t.Model, registry: CollectorRegistry) -> None:
    processor = Counting()
    watch = watch_with(model, registry, processor, ParentBased(ALWAYS_OFF))
    with watch.inference(headers={"traceparent": CALLER[:-1] + "0"}):
        pass
    assert processor.ended == 0
    with watch.inference(headers={"traceparent": CALLER}):
        pass
    assert processor.ended == 1


class Broken(SpanProcessor, Sampler):
    """Fails at everything."""

    def on_end(self, span: ReadableSpan) -> None:
        raise OSError("processor")

    def should_sample(self, *args: object, **kwargs: object) -> SamplingResult:
        raise OSError("sampler")

    def get_description(self) -> str:
        return "broken"


@pytest.mark.parametrize("broken", ["processor", "sampler"])
def test_broken_tracing_loses_spans_says_so_once_and_never_a_prediction(
    model: t.Model, registry: CollectorRegistry, value: Value, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    sampler = Broken() if broken == "sampler" else ParentBased(ALWAYS_ON)
    watch = watch_with(model, registry, Broken(), sampler)
    with caplog.at_level(logging.WARNING, "modelwatch.otel"):
        for _ in range(3):
            with watch.inference() as inference, inference.stage("predict"):
                pass
    assert value("model_predictions_total", outcome="success") == 3
    assert len(caplog.records) == 1
    assert "spans of inference flight-delay are lost, predictions are not" in caplog.text


def test_a_generator_that_ends_elsewhere_leaves_the_context_alone(
    traced: Watch, spans: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    inference = traced.inference()
    inference.__enter__()
    otel_context.attach(otel_context.Context())
    inference.__exit__(None, None, None)
    assert not trace.get_current_span().get_span_context().is_valid
    assert len(spans.get_finished_spans()) == 1
    assert caplog.records == []


def test_a_batch_run_is_traced_with_its_rows(traced: Watch, spans: InMemorySpanExporter) -> None:
    with traced.batch_run() as run, run.stage("predict"):
        run.rows = 900
    assert attributes(by_name(spans)["inference flight-delay"])["modelwatch.batch.size"] == 900
