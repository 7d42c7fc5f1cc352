"""Requests that are answered in batches, by way of the real Collector and the real Jaeger: each leads to its batch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from prometheus_client import CollectorRegistry
from starlette.testclient import TestClient

from modelwatch.compose.preview.app import Settings, create_app
from modelwatch.model.types import Fleet, Model
from modelwatch.otel import Inference, Watch
from modelwatch.otel.sampling import TailSampling
from modelwatch.telemetry import spans as s

pytestmark = [pytest.mark.real("jaeger"), pytest.mark.real("otelcol-modelwatch")]
BATCHES, REQUESTS = 40, 4


@dataclass(frozen=True)
class Answered:
    """One batch: ids of traces, and which of its requests failed after it."""

    batch: str
    requests: tuple[str, ...]
    failed: str | None


def hexadecimal(opened: Inference) -> str:
    return f"{opened.context.trace_id:032x}"


def answer(watch: Watch, *, one_fails_later: bool) -> Answered:
    requests = [watch.inference() for _ in range(REQUESTS)]
    for request in requests:
        request.__enter__()
        otel_context.attach(otel_context.Context())  # the next comes in a thread of its own
    with watch.batch(requests) as batch:
        with batch.stage("preprocessing"):
            pass
        with batch.stage("predict"):
            for request in requests:
                request.confidence(0.9)
    if one_fails_later:
        requests[-1].fail("timeout")
    for request in requests:
        request.__exit__(None, None, None)
    ids = tuple(map(hexadecimal, requests))
    return Answered(hexadecimal(batch), ids, ids[-1] if one_fails_later else None)


def answer_all(fleet: Fleet, model: Model) -> Sequence[Answered]:
    """Forty batches, in each eighth of which a request fails when the batch has ended."""
    resource = Resource.create({s.SERVICE_NAME.key: "flights", s.ENVIRONMENT.key: "prod"})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    endpoint = f"http://{fleet.addresses.internal['otlp_http']}/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    watch = Watch(model, version="7", registry=CollectorRegistry(), tracer=provider.get_tracer("modelwatch"))
    found = [answer(watch, one_fails_later=number % 8 == 0) for number in range(BATCHES)]
    provider.shutdown()
    return found


def test_the_batch_of_every_kept_request_is_kept_and_shown_with_it(
    traced: Fleet, jaeger: Any, collector: Any, waiting: Any, tmp_path: Path
) -> None:
    """At a share of 0.1; and of a batch of requests that are not kept nothing is, unless its own id is in the share."""
    tracing = {"sample": Decimal("0.1"), "keep": ("errors",)}
    models = tuple(replace(model, tracing=replace(model.tracing, **tracing)) for model in traced.models)
    fleet = replace(traced, models=models)
    jaeger(fleet)
    collector(fleet, "--set=processors.tail_sampling.decision_wait=2s")
    model = next(model for model in models if model.name == "flight-delay")
    answered = answer_all(fleet, model)
    share = TailSampling(model.tracing)

    def by_id(trace: str) -> bool:
        return share.keeps(int(trace, 16), error=False, seconds=0, low_confidence=False)

    kept = {one.batch: [each for each in one.requests if by_id(each) or each == one.failed] for one in answered}
    expected = {batch for batch, requests in kept.items() if requests or by_id(batch)}
    settings = Settings(tmp_path, "http://127.0.0.1:9", traces=f"http://{fleet.addresses.internal['jaeger']}")
    with TestClient(create_app(settings), base_url="http://localhost") as client:

        def there(trace: str) -> bool:
            return client.get(f"/traces/{trace}").status_code == 200

        all_kept = [*expected, *(each for requests in kept.values() for each in requests)]
        waiting(lambda: all(map(there, all_kept)), "what is kept")
        assert [one.batch for one in answered if there(one.batch)] == [b for b in kept if b in expected]
        for batch, requests in kept.items():
            for request in requests:
                page = client.get(f"/traces/{request}").text
                section = page.split("Answered in a batch")[1]
                names = re.findall(r'<span class="unseen">Level \d: </span>([^<]+)<', section)
                assert [name.strip() for name in names][:3] == ["batch flight-delay", "preprocessing", "predict"]
                assert f'href="/traces/{batch}"' in section
            if batch in expected:
                section = client.get(f"/traces/{batch}").text.split("Requests in this batch")[1]
                assert set(re.findall(r'href="/traces/(\w{32})"', section)) == set(requests)
    assert 5 < len(expected) < BATCHES  # binomial: 5, and 35 of 0.41
