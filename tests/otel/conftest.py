"""A watch with its own registry, and one that records its spans in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from modelwatch.model.types import Model
from modelwatch.otel import Watch

Value = Callable[..., float | None]


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def watch(model: Model, registry: CollectorRegistry) -> Watch:
    """Untraced."""
    return Watch(model, version="7", registry=registry)


@pytest.fixture
def value(registry: CollectorRegistry) -> Value:
    """``value("model_predictions_total", outcome="error")`` of flight-delay, version 7; None without such a series."""

    def read(series: str, **labels: str) -> float | None:
        return registry.get_sample_value(series, {"model": "flight-delay", "version": "7", **labels})

    return read


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(spans: InMemorySpanExporter) -> Iterator[TracerProvider]:
    made = TracerProvider(resource=Resource({"service.name": "flights"}), shutdown_on_exit=False)
    made.add_span_processor(SimpleSpanProcessor(spans))
    yield made
    made.shutdown()


@pytest.fixture
def traced(model: Model, registry: CollectorRegistry, provider: TracerProvider) -> Watch:
    return Watch(model, version="7", registry=registry, tracer=provider.get_tracer("service"))  # type: ignore[arg-type]  # the SDK's provider gives its Tracer
