"""A request answered with the tracing helpers, seen in the preview by way of the real Collector and the real Jaeger."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from prometheus_client import CollectorRegistry
from starlette.testclient import TestClient

from modelwatch.compose.preview.app import Settings, create_app
from modelwatch.model.types import Fleet
from modelwatch.otel import Watch
from modelwatch.telemetry import spans as s

pytestmark = [pytest.mark.real("jaeger"), pytest.mark.real("otelcol-modelwatch")]


def answer_requests(fleet: Fleet) -> None:
    """One that fails, one that is unsure and one that is neither, of which the policies keep the first two."""
    resource = Resource.create({s.SERVICE_NAME.key: "flights", s.ENVIRONMENT.key: "prod"})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    endpoint = f"http://{fleet.addresses.internal['otlp_http']}/v1/traces"
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    model = next(model for model in fleet.models if model.name == "flight-delay")
    watch = Watch(model, version="7", registry=CollectorRegistry(), tracer=provider.get_tracer("modelwatch"))
    for confidence in (0.99, 0.2):
        with watch.inference() as inference:
            with inference.stage("preprocessing"), inference.stage("weather"):
                pass
            with inference.stage("predict"):
                pass
            with inference.stage("postprocessing"):
                inference.confidence(confidence)
    with pytest.raises(ZeroDivisionError), watch.inference() as inference, inference.stage("predict"):
        1 / 0  # noqa: B018 - it is to fail
    provider.shutdown()


def test_a_trace_of_the_helpers_is_shown_with_its_stages_in_order(
    traced: Fleet, jaeger: Any, collector: Any, waiting: Any, tmp_path: Path
) -> None:
    """Found in its list, then drawn; what the policies drop is in no list."""
    jaeger(traced)
    collector(traced)
    answer_requests(traced)
    settings = Settings(tmp_path, "http://127.0.0.1:9", traces=f"http://{traced.addresses.internal['jaeger']}")
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        listed: Callable[[str], list[str]] = lambda kind: re.findall(  # noqa: E731 - asked again and again
            r'href="/traces/([0-9a-f]{32})"', client.get(f"/traces?model=flight-delay&kind={kind}").text
        )
        waiting(lambda: len(listed("latest")) >= 2, "the traces that are kept")
        (unsure,), (failed,) = listed("unsure"), listed("failed")
        assert set(listed("slowest")) == set(listed("latest")) == {unsure, failed}
        page = client.get(f"/traces/{unsure}").text
        names = re.findall(r'<span class="unseen">Level (\d): </span>([^<]+)<', page)
        assert [(level, name.strip()) for level, name in names] == [
            ("1", "inference flight-delay"),
            ("2", "preprocessing"),
            ("3", "weather"),
            ("2", "predict"),
            ("2", "postprocessing"),
        ]
        assert "unsure" in page and "0.200" in page and "flight-delay, version 7" in page
        page = client.get(f"/traces/{failed}").text
        assert page.count(">ZeroDivisionError</span>") == 3  # in the heading, on the request and on its stage
        assert "1 / 0" in page
        forgotten = client.get(f"/traces/{'1' * 32}")
        assert forgotten.status_code == 404 and "is not here" in forgotten.text
