"""Exemplars lead from every histogram to the span that it timed, where the Collector keeps that."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from prometheus_client import CollectorRegistry

from modelwatch.model import types as t
from modelwatch.otel import Watch
from tests.otel.test_otel_tracing import Counting, by_name, context, exemplars, watch_with


def policy(model: t.Model, sample: str, *keep: str) -> t.Model:
    tracing = replace(model.tracing, sample=Decimal(sample), keep=keep)  # type: ignore[arg-type]  # names of the spec
    return replace(model, tracing=tracing)


def test_exemplars_link_every_histogram_to_the_span_it_timed(
    model: t.Model, registry: CollectorRegistry, provider: TracerProvider, spans: InMemorySpanExporter
) -> None:
    tracer = provider.get_tracer("service")
    watch = Watch(policy(model, "1"), version="7", registry=registry, tracer=tracer)  # type: ignore[arg-type]  # the SDK's
    with watch.inference() as inference, inference.stage("predict"):
        inference.confidence(0.7)
    found, linked = by_name(spans), exemplars(watch)
    for metric, name in (
        ("model_prediction_duration_seconds_bucket", "inference flight-delay"),
        ("model_prediction_confidence_ratio_bucket", "inference flight-delay"),
        ("model_stage_duration_seconds_bucket", "predict"),
    ):
        span = context(found[name])
        assert linked[metric] == {"trace_id": f"{span.trace_id:032x}", "span_id": f"{span.span_id:016x}"}


@pytest.mark.parametrize(
    ("sample", "keep", "confidence", "fails", "linked"),
    [
        ("0", (), 0.9, False, False),
        ("0", (), 0.1, True, False),
        ("0", ("errors",), 0.9, True, True),
        ("0", ("low_confidence",), 0.1, False, True),
        ("0", ("low_confidence",), 0.9, False, False),
        ("1", (), 0.9, False, True),
    ],
)
def test_an_exemplar_links_only_to_a_trace_that_the_collector_keeps(
    *,
    model: t.Model,
    registry: CollectorRegistry,
    provider: TracerProvider,
    sample: str,
    keep: tuple[str, ...],
    confidence: float,
    fails: bool,
    linked: bool,
) -> None:
    tracer = provider.get_tracer("service")
    watch = Watch(policy(model, sample, *keep), version="7", registry=registry, tracer=tracer)  # type: ignore[arg-type]  # the SDK's
    with watch.inference() as inference:
        inference.confidence(confidence)
        if fails:
            inference.fail("timeout")
    assert bool(exemplars(watch)) is linked


@pytest.mark.parametrize("keep", [(), ("drifted",)])
def test_a_drifted_request_says_so_and_has_an_exemplar_where_it_is_kept(
    model: t.Model, registry: CollectorRegistry, provider: TracerProvider, keep: tuple[str, ...]
) -> None:
    watch = Watch(policy(model, "0", *keep), version="7", registry=registry, tracer=provider.get_tracer("service"))  # type: ignore[arg-type]  # the SDK's
    with watch.inference() as inference:
        inference.drifted()
    assert bool(exemplars(watch)) is bool(keep)


def test_an_unsampled_trace_has_no_exemplar(model: t.Model, registry: CollectorRegistry) -> None:
    watch = watch_with(policy(model, "1"), registry, Counting(), ALWAYS_OFF)
    with watch.inference():
        pass
    assert exemplars(watch) == {}
