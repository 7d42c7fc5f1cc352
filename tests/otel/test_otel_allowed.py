"""What leaves a service by the helpers: keys of the contract, names that are names, and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from modelwatch.otel import Watch
from modelwatch.otel.naming import is_name
from modelwatch.telemetry import metrics as M
from modelwatch.telemetry import spans as S

CALLER = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "vendor=Ada"}
CORPUS: Mapping[str, Sequence[str]] = yaml.safe_load(
    (Path(__file__).parents[1] / "collector" / "private.yaml").read_text("utf-8")
)
# Some look like names, as names of people do; the Collector masks them.
LIKE_NAMES = {"Basic YWRhOmxvdmVsYWNl", "AKIAIOSFODNN7EXAMPLE"}
PATTERNED = [text for kind, texts in CORPUS.items() if kind != "names" for text in texts if text not in LIKE_NAMES]


def everything(watch: Watch, text: str) -> None:
    """Every call of the helpers that takes a text or adds to a span, with ``text`` wherever one fits."""
    current = trace.get_current_span
    with watch.inference(headers=CALLER | {"baggage": f"passenger={text}"}, batch=3) as inference:
        inference.confidence(0.1)
        inference.drifted()
        inference.add({text: text, "passenger": text})
        with inference.stage(text) as stage:
            current().set_attribute(text, text)
            current().set_attributes({"passenger": text, text: text})
            current().add_event(text, {text: text, "passenger": text})
            current().update_name(text)
            current().set_status(trace.StatusCode.ERROR, text)
            current().record_exception(ValueError(text))
            stage.add({text: text})
        with watch.step(text):
            pass
        watch.stage(text)(lambda: None)()
        inference.fail(text)
    with watch.batch([inference, CALLER]) as batch, batch.stage(text):
        batch.fail(text)
    with watch.inference(headers=CALLER) as waiting:
        before = otel_context.attach(otel_context.Context())  # as in another thread
        with watch.batch([waiting]):
            pass
        otel_context.detach(before)
        waiting.fail(text)
    with pytest.raises(ValueError), watch.inference() as inference, inference.stage("predict"):
        raise ValueError(text)
    with watch.step(text):
        pass
    with watch.batch_run() as run:
        run.rows = 7
    list(watch.stream(iter([text]), headers=CALLER))
    watch.feature_age(text, 3.0)


def keys(span: ReadableSpan) -> set[str]:
    return {*(span.attributes or {}), *(key for event in span.events for key in event.attributes or {})}


def test_the_keys_of_all_that_the_helpers_emit_are_those_of_the_contract(
    traced: Watch, spans: InMemorySpanExporter
) -> None:
    everything(traced, "load features")
    emitted = {key for span in spans.get_finished_spans() for key in keys(span)}
    assert emitted == {attribute.key for attribute in S.SPAN_ATTRIBUTES} | {"exception.type", "exception.stacktrace"}
    assert {key for span in spans.get_finished_spans() for link in span.links for key in link.attributes or {}} == set()


@pytest.mark.parametrize("text", PATTERNED)
def test_nothing_of_a_private_text_is_left_wherever_a_service_puts_it(
    text: str,
    traced: Watch,
    spans: InMemorySpanExporter,
    registry: CollectorRegistry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        everything(traced, text)
    told = [record.getMessage() for record in caplog.records]
    shown = [(s.name, s.labels) for family in registry.collect() for s in family.samples]
    # A stack quotes lines of code, which here hold no text of the corpus.
    sent = [(span.to_json(), [link.context.trace_state for link in span.links]) for span in spans.get_finished_spans()]
    for where in (str(told), str(shown), str(sent)):
        assert text not in where
    assert "Ada" not in str([link.context.trace_state for span in spans.get_finished_spans() for link in span.links])


def test_names_of_the_contract_and_common_ones_are_names() -> None:
    for name in (
        *M.STAGES,
        "load features",
        "v2/encode",
        "HTTP 503",
        "sklearn.Pipeline",
        "feature-store",
        "stage_2024",
    ):
        assert is_name(name)


# Fixtures are made anew for each test; examples add to them, which does no harm here.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(names=st.lists(st.text(max_size=80), max_size=40))
def test_whatever_stages_are_called_their_series_are_bounded(
    names: list[str], traced: Watch, value: Callable[..., Any], registry: CollectorRegistry
) -> None:
    with traced.inference() as inference:
        for name in names:
            with inference.stage(name):
                pass
    shown = {s.labels["stage"] for f in registry.collect() for s in f.samples if "stage" in s.labels}
    assert len(shown) <= 21
    assert all(is_name(name) for name in shown)
