"""The limit of ordinary traces, as a service applies it to its own."""

from __future__ import annotations

import logging
import os
import random
import threading
from dataclasses import replace
from decimal import Decimal
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from modelwatch.model.types import Logging, Model, Tracing
from modelwatch.model.units import Duration
from modelwatch.otel import Watch
from modelwatch.otel.logs.outbox import flush_all
from modelwatch.otel.sampling import SpanLimit, TailSampling
from modelwatch.telemetry import logs as L
from modelwatch.telemetry import spans as S
from tests.otel.test_otel_tracing import attributes, exemplars

ORDINARY = {"error": False, "seconds": 0.0, "low_confidence": False, "drifted": False}


class Clock:
    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def admitted(limit: SpanLimit, clock: Clock, asked: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """Of spans that come some seconds after the ones before, those that there was room for, and when."""
    found = []
    for (_, spans), at in zip(asked, accumulate(pause for pause, _ in asked), strict=True):
        clock.now = 1000.0 + at
        if limit.admits(spans):
            found.append((clock.now, spans))
    return found


pauses = st.one_of(st.just(0.0), st.floats(0, 0.2), st.floats(0, 3))


@given(st.lists(st.tuples(pauses, st.integers(1, 12)), max_size=80), st.sampled_from([10, 13, 50]))
def test_no_second_whenever_it_begins_has_as_many_spans_as_the_limit(asked: list[tuple[float, int]], most: int) -> None:
    """So that whatever second the Collector looks at, its own limit keeps them all."""
    clock = Clock()
    found = admitted(SpanLimit(most, clock), clock, asked)
    for begin, _ in found:
        assert sum(spans for at, spans in found if begin <= at < begin + 1) < most


@given(st.lists(st.tuples(st.floats(0, 0.2), st.integers(1, 9)), max_size=60), st.integers(1, 9))
def test_after_a_quiet_second_there_is_room_for_all_but_one(asked: list[tuple[float, int]], spans: int) -> None:
    clock = Clock()
    limit = SpanLimit(10, clock)
    admitted(limit, clock, asked)
    clock.now += 1.06
    assert limit.admits(spans)


@pytest.mark.parametrize("most", [10, 100, 1000])
def test_under_a_load_without_end_nearly_all_of_the_limit_is_used(most: int) -> None:
    clock = Clock()
    found = admitted(SpanLimit(most, clock), clock, [(1 / (5 * most), 1)] * (most * 50))  # ten seconds of it
    assert 0.84 * most * 10 < sum(spans for _, spans in found) <= most * 10


def test_a_trace_as_large_as_the_limit_never_has_room_and_takes_none() -> None:
    limit = SpanLimit(10, Clock())
    assert not limit.admits(10)
    assert limit.admits(9)


def test_threads_that_ask_at_once_let_hardly_more_through() -> None:
    limit = SpanLimit(1000, Clock())
    took: list[int] = []

    def ask() -> None:
        took.append(sum(limit.admits(1) for _ in range(2000)))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 990 <= sum(took) <= 1100


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_counts_for_itself_a_second_later() -> None:
    clock = Clock()
    limit = SpanLimit(10, clock)
    assert limit.admits(9)
    child = os.fork()
    if not child:
        first = limit.admits(5)
        clock.now += 2
        os._exit(0 if (first, limit.admits(5)) == (False, True) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert not limit.admits(5)


def sampling(sample: str, limit: int | None, *keep: str) -> TailSampling:
    found = TailSampling(
        Tracing(Decimal(sample), keep, Duration.parse("250ms"), Decimal("0.6"), max_spans_per_second=limit)  # type: ignore[arg-type]  # names of the spec
    )
    if limit is not None:
        found.limit = SpanLimit(limit, Clock())
    return found


def test_only_what_the_share_alone_keeps_counts() -> None:
    """Neither an error that is kept as one nor what is not of the share takes room from the others."""
    policy = sampling("0.5", 10, "errors", "slow", "low_confidence", "drifted")
    chance = random.Random(7)
    ids = [chance.getrandbits(128) for _ in range(200)]
    for kind in ({"error": True}, {"seconds": 0.25}, {"low_confidence": True}, {"drifted": True}):
        assert not any(policy.over(trace, 1, **{**ORDINARY, **kind}) for trace in ids)
    share = [trace for trace in ids if policy.keeps(trace, error=False, seconds=0, low_confidence=False)]
    assert not any(policy.over(trace, 1, **ORDINARY) for trace in set(ids) - set(share))
    assert [policy.over(trace, 1, **ORDINARY) for trace in share] == [False] * 9 + [True] * (len(share) - 9)


def test_an_error_that_the_spec_does_not_name_is_an_ordinary_one() -> None:
    policy = sampling("1", 10)
    assert [policy.over(trace, 5, **{**ORDINARY, "error": True}) for trace in range(3)] == [False, True, True]


def test_without_a_limit_nothing_is_over_it() -> None:
    policy = sampling("1", None)
    assert policy.limit is None
    assert not any(policy.over(trace, 1000, **ORDINARY) for trace in range(100))


def with_limit(model: Model, limit: int, sample: str = "1", *keep: str) -> Model:
    """Slow is out of reach: a busy machine pauses an inference for longer than the spec's limit."""
    tracing = replace(model.tracing, sample=Decimal(sample), keep=keep, max_spans_per_second=limit)  # type: ignore[arg-type]  # names of the spec
    return replace(model, tracing=replace(tracing, slow=Duration.parse("1h")))


def watching(model: Model, registry: CollectorRegistry, provider: TracerProvider, **more: Any) -> Watch:
    """Its second never ends."""
    watch = Watch(model, version="7", registry=registry, tracer=provider.get_tracer("service"), **more)  # type: ignore[arg-type]  # the SDK's
    assert model.tracing.max_spans_per_second is not None
    watch._probe.sampling.limit = SpanLimit(model.tracing.max_spans_per_second, Clock())
    return watch


def ask(watch: Watch, *, error: bool = False) -> str:
    with watch.inference() as inference:
        with inference.stage("predict"):
            pass
        if error:
            inference.fail("timeout")
    assert inference.trace is not None
    return f"{inference.trace.trace_id:032x}"


def marked(spans: InMemorySpanExporter) -> set[str]:
    """Traces that bear the mark."""
    found = [span for span in spans.get_finished_spans() if S.OVER_LIMIT.key in attributes(span)]
    assert all(attributes(span)[S.OVER_LIMIT.key] is True and span.parent is None for span in found)
    return {f"{span.context.trace_id:032x}" for span in found if span.context is not None}


@pytest.mark.parametrize("deferred", [True, False])
def test_what_is_over_the_limit_is_marked_and_has_no_exemplar(
    model: Model, registry: CollectorRegistry, provider: TracerProvider, spans: InMemorySpanExporter, deferred: bool
) -> None:
    """Of two spans each, four fit below ten; errors are kept besides."""
    watch = watching(with_limit(model, 10, "1", "errors"), registry, provider, deferred=deferred)
    linked = set()
    ordinary, failed = [], []
    for _ in range(50):
        ordinary.append(ask(watch))
        linked |= {labels["trace_id"] for labels in exemplars(watch).values()}
        failed.append(ask(watch, error=True))
        linked |= {labels["trace_id"] for labels in exemplars(watch).values()}
    assert marked(spans) == set(ordinary[4:])
    assert linked == {*ordinary[:4], *failed}


def test_stages_of_a_request_that_were_handed_on_before_its_end_still_leave_it_marked(
    model: Model, registry: CollectorRegistry, provider: TracerProvider, spans: InMemorySpanExporter
) -> None:
    watch = watching(with_limit(model, 10), registry, provider)
    with watch.inference() as inference:
        for _ in range(600):
            with inference.stage("predict"):
                pass
    assert inference.trace is not None
    assert marked(spans) == {f"{inference.trace.trace_id:032x}"}


def test_a_step_outside_of_requests_is_limited_like_a_request(
    model: Model, registry: CollectorRegistry, provider: TracerProvider, spans: InMemorySpanExporter
) -> None:
    watch = watching(with_limit(model, 10), registry, provider)
    for _ in range(20):
        with watch.step("clean"):
            pass
    assert len(marked(spans)) == 20 - 9


def test_a_trace_that_is_not_sent_takes_no_room(
    model: Model, registry: CollectorRegistry, provider: TracerProvider, spans: InMemorySpanExporter
) -> None:
    watch = watching(with_limit(model, 10), registry, provider)
    unsampled = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}
    for _ in range(20):
        with watch.inference(headers=unsampled):
            pass
    ask(watch)
    assert len(spans.get_finished_spans()) == 2 and not marked(spans)


@pytest.mark.parametrize(("sample", "lines"), [("1", 4), ("0.999999", 30)])
def test_lines_of_the_same_share_are_those_of_the_traces_that_are_kept(
    model: Model,
    registry: CollectorRegistry,
    provider: TracerProvider,
    caplog: pytest.LogCaptureFixture,
    sample: str,
    lines: int,
) -> None:
    """Of another share they are not limited: what a line costs is another matter than what a trace costs."""
    logged = Logging("info", Decimal(sample), ("errors",), (), ())
    watch = watching(replace(with_limit(model, 10, "1", "errors"), logging=logged), registry, provider)
    with caplog.at_level(logging.INFO, L.INFERENCE_LOGGER):
        ordinary = [ask(watch) for _ in range(30)]
        failed = [ask(watch, error=True) for _ in range(30)]
        watch.exposition("")
        flush_all()
    told = [record.__dict__[L.INFERENCE_EVENT].ids["trace_id"] for record in caplog.records]
    assert len(told) == lines + 30
    assert set(told) == {*ordinary[:lines], *failed}


def test_the_marks_name_is_the_contracts_and_stands_on_no_other_span(
    model: Model, registry: CollectorRegistry, provider: TracerProvider, spans: InMemorySpanExporter
) -> None:
    watch = watching(with_limit(model, 10), registry, provider)
    for _ in range(10):
        ask(watch)
    keys = {key for span in spans.get_finished_spans() for key in attributes(span)}
    assert S.OVER_LIMIT.key in keys
    assert keys <= {attribute.key for attribute in S.CONTRACT}
