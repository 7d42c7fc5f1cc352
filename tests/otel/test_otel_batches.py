"""Requests that are answered together: how they and their batch lead to one another, and when the batch is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.trace import SpanKind
from prometheus_client import CollectorRegistry

from modelwatch.model.types import Kept, Model
from modelwatch.model.units import Duration
from modelwatch.otel import Inference, Watch
from modelwatch.otel.backlog import BACKLOG
from modelwatch.otel.inference import BATCHES_LINKED
from modelwatch.otel.opened import SCOPE
from modelwatch.otel.sampling import TailSampling
from modelwatch.telemetry import spans as S

Value = Callable[..., float | None]
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
KEY = "modelwatch.batch.kept"


def named(spans: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.name == name]


def one(spans: InMemorySpanExporter, name: str) -> ReadableSpan:
    (span,) = named(spans, name)
    return span


def key(span: ReadableSpan) -> tuple[int, int]:
    return (span.context.trace_id, span.context.span_id)


def linked(span: ReadableSpan) -> list[tuple[int, int]]:
    return [(link.context.trace_id, link.context.span_id) for link in span.links]


def kept(span: ReadableSpan) -> object:
    return (span.attributes or {}).get(KEY)


Make = Callable[..., Watch]


@pytest.fixture
def make(model: Model, provider: TracerProvider, registry: CollectorRegistry) -> Make:
    """``make("0.1", "errors")``: a traced watch with that share and these kinds to keep."""

    def made(sample: str, *keep: Kept, deferred: bool = False, limit: int | None = None) -> Watch:
        slow = Duration.parse("50ms")
        tracing = replace(model.tracing, sample=Decimal(sample), keep=keep, slow=slow, max_spans_per_second=limit)
        spec = replace(model, tracing=tracing)
        tracer = provider.get_tracer("service")
        return Watch(spec, version="7", registry=registry, tracer=tracer, deferred=deferred)  # type: ignore[arg-type]  # the SDK's provider gives its Tracer

    return made


def apart() -> None:
    """What comes next comes in a thread of its own."""
    otel_context.attach(otel_context.Context())
    SCOPE.set(None)


@contextmanager
def waiting(watch: Watch, requests: int) -> Iterator[Sequence[Inference]]:
    """So many requests that are open until the block is left."""
    opened = [watch.inference() for _ in range(requests)]
    for request in opened:
        request.__enter__()
        apart()
    yield opened
    for request in opened:
        request.__exit__(None, None, None)


def test_a_batch_is_one_span_with_links_to_every_request_and_stages_timed_once(
    traced: Watch, spans: InMemorySpanExporter, value: Value
) -> None:
    requests = [traced.inference(batch=2) for _ in range(8)]
    for request in requests:
        request.__enter__()
        apart()

    def work() -> None:
        with traced.batch([*requests, {"traceparent": CALLER}, {}]) as batch, batch.stage("predict"):
            for request in requests:
                request.confidence(0.9)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    for request in requests:
        request.__exit__(None, None, None)
    span = one(spans, "batch flight-delay")
    linked = {(link.context.trace_id, link.context.span_id) for link in span.links}
    assert linked == {
        *(key(root) for root in named(spans, "inference flight-delay")),
        (int(CALLER.split("-")[1], 16), int(CALLER.split("-")[2], 16)),
    }
    assert span.kind is SpanKind.INTERNAL
    assert (span.attributes or {})["modelwatch.batch.size"] == 18
    assert one(spans, "predict").parent == span.context
    assert value("model_stage_duration_seconds_count", stage="predict") == 1
    assert value("model_predictions_total", outcome="success") == 16
    assert value("model_prediction_duration_seconds_count") == 8


def test_a_request_leads_to_every_batch_that_answered_it(traced: Watch, spans: InMemorySpanExporter) -> None:
    with waiting(traced, 3) as requests:
        for part in (requests, requests[:1]):
            with traced.batch(part) as batch, batch.stage("predict"):
                pass
    first, second = named(spans, "batch flight-delay")
    roots = {key(root): root for root in named(spans, "inference flight-delay")}
    assert [linked(root) for root in roots.values()] == [[key(first), key(second)], [key(first)], [key(first)]]
    assert linked(first) == list(roots)
    assert len({trace_id for trace_id, _ in [*roots, key(first), key(second)]}) == 5


def test_a_request_that_answers_others_with_its_own_has_the_batch_in_its_trace(
    traced: Watch, spans: InMemorySpanExporter
) -> None:
    with waiting(traced, 1) as (other,), traced.inference() as leader, traced.batch([leader, other]):
        pass
    batch = one(spans, "batch flight-delay")
    links = {key(root): linked(root) for root in named(spans, "inference flight-delay")}
    own, others = (batch.context.trace_id, leader.context.span_id), (other.context.trace_id, other.context.span_id)
    assert links == {own: [], others: [key(batch)]}


def test_the_links_of_a_request_are_bounded(traced: Watch, spans: InMemorySpanExporter) -> None:
    with waiting(traced, 1) as requests:
        for _ in range(BATCHES_LINKED + 10):
            with traced.batch(requests):
                pass
    assert len(one(spans, "inference flight-delay").links) == BATCHES_LINKED
    assert len(named(spans, "batch flight-delay")) == BATCHES_LINKED + 10


def test_what_is_not_recorded_is_not_linked_to(
    model: Model, provider: TracerProvider, spans: InMemorySpanExporter
) -> None:
    provider.sampler = ParentBased(ALWAYS_ON)
    tracer = provider.get_tracer("service")
    watch = Watch(model, version="7", registry=CollectorRegistry(), tracer=tracer)  # type: ignore[arg-type]  # the SDK's
    with watch.inference(headers={"traceparent": CALLER[:-1] + "0"}) as unrecorded:
        apart()
        with watch.batch([unrecorded]):
            pass
    assert linked(one(spans, "batch flight-delay")) == [(unrecorded.context.trace_id, unrecorded.context.span_id)]
    assert kept(one(spans, "batch flight-delay")) is None
    with waiting(watch, 1) as (recorded,):
        unsampled = trace.NonRecordingSpan(unrecorded.context)
        otel_context.attach(trace.set_span_in_context(unsampled, otel_context.Context()))
        with watch.batch([recorded]):
            pass
        apart()
    assert len(named(spans, "batch flight-delay")) == 1
    assert linked(one(spans, "inference flight-delay")) == []


def test_a_batch_is_kept_where_the_share_keeps_a_request_of_it(make: Make, spans: InMemorySpanExporter) -> None:
    watch = make("0.1")
    for _ in range(60):
        with waiting(watch, 4) as requests, watch.batch(requests):
            pass
    share = TailSampling(watch.model.tracing)
    told = []
    for batch in named(spans, "batch flight-delay"):
        ids = [trace_id for trace_id, _ in linked(batch)]
        any_kept = any(share.keeps(one, error=False, seconds=0, low_confidence=False) for one in ids)
        assert kept(batch) is (True if any_kept else None)
        told.append(any_kept)
    assert 5 < sum(told) < 45  # binomial: 60 of 0.34
    assert named(spans, S.KEPT_SPAN) == []


def test_a_request_from_elsewhere_counts_by_its_id_if_it_is_sampled(make: Make, spans: InMemorySpanExporter) -> None:
    watch = make("0.1")
    share = TailSampling(watch.model.tracing)
    for number in range(1, 60):
        trace_id = number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128
        for flags in ("00", "01"):
            with watch.batch([{"traceparent": f"00-{trace_id:032x}-b7ad6b7169203331-{flags}"}]):
                pass
        unsampled, sampled = named(spans, "batch flight-delay")[-2:]
        expected = share.keeps(trace_id, error=False, seconds=0, low_confidence=False)
        assert (kept(unsampled), kept(sampled)) == (None, True if expected else None)


MARKS: dict[Kept, Callable[[Inference], object]] = {
    "errors": lambda request: request.fail("timeout"),
    "low_confidence": lambda request: request.confidence(0.1),
    "drifted": lambda request: request.drifted(),
    "slow": lambda request: threading.Event().wait(0.06),
}


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("asked", [True, False])
def test_a_batch_is_kept_where_a_request_of_it_is_marked_so_far(
    make: Make, spans: InMemorySpanExporter, mark: Kept, *, asked: bool
) -> None:
    watch = make("0", *([mark] if asked else []))
    with waiting(watch, 3) as requests, watch.batch(requests):
        MARKS[mark](requests[1])
    assert kept(one(spans, "batch flight-delay")) is (True if asked else None)
    assert named(spans, S.KEPT_SPAN) == []


def test_a_request_that_fails_after_its_batch_says_so_in_the_batchs_trace_once(
    make: Make, spans: InMemorySpanExporter
) -> None:
    watch = make("0", "errors")
    with waiting(watch, 4) as requests:
        with watch.batch(requests):
            pass
        requests[2].fail("timeout")
        requests[3].fail("timeout")
    batch, later = one(spans, "batch flight-delay"), one(spans, S.KEPT_SPAN)
    assert kept(batch) is None
    assert kept(later) is True
    assert later.parent == batch.context
    assert later.context.span_id != batch.context.span_id
    assert (later.start_time, later.end_time) == ((batch.end_time or 0) - 1000, batch.end_time)
    assert linked(later) == [(requests[2].context.trace_id, requests[2].context.span_id)]
    assert set(later.attributes or ()) == {"modelwatch.model.name", "modelwatch.model.version", KEY}


def test_a_batch_of_requests_that_are_not_kept_says_nothing(make: Make, spans: InMemorySpanExporter) -> None:
    watch = make("0", "errors", "drifted")
    with waiting(watch, 3) as requests, watch.batch(requests):
        requests[0].confidence(0.1)
    assert kept(one(spans, "batch flight-delay")) is None
    assert named(spans, S.KEPT_SPAN) == []


def test_with_setup_a_request_that_fails_a_moment_later_still_stands_on_the_batchs_own_span(
    make: Make, spans: InMemorySpanExporter
) -> None:
    """Spans are handed on a tenth of a second after they end."""
    watch = make("0", "errors", deferred=True)
    with BACKLOG._lock, waiting(watch, 3) as requests:  # its thread is not to come in between
        with watch.batch(requests):
            pass
        requests[0].fail("timeout")
    BACKLOG.drain()
    assert kept(one(spans, "batch flight-delay")) is True
    assert named(spans, S.KEPT_SPAN) == []


def test_an_exemplar_may_name_a_batch_that_is_kept_for_a_request(make: Make, spans: InMemorySpanExporter) -> None:
    watch = make("0", "errors")
    for fails in (False, True):
        with waiting(watch, 2) as requests, watch.batch(requests) as batch, batch.stage("lookup"):
            if fails:
                requests[0].fail("timeout")
        page = watch.exposition("application/openmetrics-text; version=1.0.0")[0].decode()
        assert (f'trace_id="{batch.context.trace_id:032x}"' in page) is fails
    assert len(named(spans, "batch flight-delay")) == 2


@pytest.mark.parametrize("deferred", [False, True])
def test_with_a_limit_a_batch_is_kept_for_the_requests_that_are_within_it_and_for_those_of_a_kind_to_keep(
    make: Make, spans: InMemorySpanExporter, deferred: bool
) -> None:
    watch = make("1", "errors", limit=10, deferred=deferred)
    for number in range(20):
        with waiting(watch, 2) as requests, watch.batch(requests):
            if number == 19:
                requests[0].fail("timeout")
    BACKLOG.drain()
    found = spans.get_finished_spans()
    within = {
        linked(span)[0][0]
        for span in found
        if span.kind is SpanKind.SERVER and "modelwatch.over_limit" not in (span.attributes or {})
    }
    last = key(named(spans, "batch flight-delay")[-1])[0]
    assert {span.context.trace_id for span in found if kept(span)} == within
    assert last in within and 1 < len(within) < 20


def test_the_spans_of_a_batch_count_with_the_request_for_which_it_is_kept(
    make: Make, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request and its batch of four stages are six spans: of a hundred in a second, sixteen such fit."""
    watch = make("1", limit=100, deferred=True)
    limit = watch._probe.sampling.limit
    assert limit is not None
    monkeypatch.setattr(limit, "_clock", lambda: 1000.0)
    with BACKLOG._lock:  # so that its thread takes nothing in between
        for _ in range(40):
            with waiting(watch, 1) as requests, watch.batch(requests) as batch:
                for name in ("decoding", "preprocessing", "predict", "postprocessing"):
                    with batch.stage(name):
                        pass
    BACKLOG.drain()
    assert len({span.context.trace_id for span in spans.get_finished_spans() if kept(span)}) == 16
    free = [
        span for span in named(spans, "batch flight-delay") if "modelwatch.over_limit" not in (span.attributes or {})
    ]
    assert not free, "its own share keeps none"


def test_what_is_no_request_is_refused_by_its_type(make: Make) -> None:
    with pytest.raises(TypeError, match="takes inferences or headers of requests as a mapping, and was given a None"):
        make("1").batch([None])  # type: ignore[list-item]  # on purpose
