"""What a request leaves to be done after it: nothing is forgotten, nothing waits, and what is lost is counted."""

from __future__ import annotations

import gc
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from prometheus_client import CollectorRegistry, Counter

from modelwatch.model.types import Model
from modelwatch.otel import Watch, backlog, inference
from modelwatch.otel.backlog import Backlog, Linked
from modelwatch.otel.inference import Inference
from modelwatch.otel.queue import SpanQueue

Value = Callable[..., float | None]


class Kept(SpanExporter):
    """Keeps spans, or holds the sender until ``open`` is set, or refuses."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []
        self.open, self.refuses = threading.Event(), False
        self.open.set()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.open.wait()
        if self.refuses:
            raise OSError("no Collector")
        self.spans += spans
        return SpanExportResult.SUCCESS


class Counted(Counter):
    def now(self) -> dict[str, float]:
        return {s.labels["outcome"]: s.value for f in self.collect() for s in f.samples if s.name.endswith("_total")}


@pytest.fixture
def counted() -> Counted:
    return Counted("spans", "s", ("outcome",), registry=CollectorRegistry())


@pytest.fixture
def kept() -> Iterator[Kept]:
    made = Kept()
    yield made
    made.open.set()


def deferred(
    model: Model, registry: CollectorRegistry, kept: Kept, counted: Counter, limit: int = 1000
) -> tuple[Watch, TracerProvider]:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SpanQueue(lambda: kept, counted, limit=limit, batch=50, delay=0.05))
    tracer = provider.get_tracer("service")
    return Watch(model, version="7", registry=registry, tracer=tracer, deferred=True), provider  # type: ignore[arg-type]  # the SDK's provider gives its Tracer


class Broken:
    """A record of which nothing can be worked out."""

    def emit(self) -> None:
        raise TypeError("ada@example.com")

    settle = drop_spans = emit


def test_a_record_that_is_broken_costs_neither_the_others_nor_the_thread(
    model: Model, registry: CollectorRegistry, kept: Kept, counted: Counted, caplog: pytest.LogCaptureFixture
) -> None:
    watch, provider = deferred(model, registry, kept, counted)
    for _ in range(3):
        backlog.BACKLOG.put(Broken())  # type: ignore[arg-type]  # takes less than is asked for
        request(watch)
    waits_until = time.monotonic() + 30
    while len(backlog.BACKLOG) and time.monotonic() < waits_until:
        time.sleep(0.01)
    backlog.BACKLOG.drain()
    provider.force_flush()
    assert len(kept.spans) == 6
    thread = backlog.BACKLOG._thread
    assert thread is not None and thread.is_alive()
    told = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert len(told) == 2 and all("lost, since they could not be worked out: TypeError" in text for text in told)
    assert "ada" not in " ".join(told)


def request(watch: Watch) -> None:
    with watch.inference() as running, running.stage("predict"):
        running.confidence(0.9)


def test_what_a_request_left_is_done_soon_without_anyone_asking(
    model: Model, registry: CollectorRegistry, kept: Kept, counted: Counted
) -> None:
    watch, provider = deferred(model, registry, kept, counted)
    request(watch)
    end = time.monotonic() + 20
    while len(kept.spans) < 2 and time.monotonic() < end:
        time.sleep(0.02)
    assert [span.name for span in kept.spans] == ["predict", "inference flight-delay"]
    provider.shutdown()


def test_a_flush_sends_every_request_that_has_ended(
    model: Model, registry: CollectorRegistry, kept: Kept, counted: Counted
) -> None:
    watch, provider = deferred(model, registry, kept, counted)
    for _ in range(100):
        request(watch)
    assert provider.force_flush()
    assert len(kept.spans) == 200
    assert counted.now() == {"sent": 200, "failed": 0, "dropped": 0}
    provider.shutdown()


def test_a_collector_that_hangs_stops_no_request_and_what_is_lost_is_counted(
    model: Model, registry: CollectorRegistry, kept: Kept, counted: Counted, value: Value
) -> None:
    watch, provider = deferred(model, registry, kept, counted, limit=100)
    kept.open.clear()
    for _ in range(1000):
        request(watch)
    assert value("model_predictions_total", outcome="success") == 1000
    kept.open.set()
    provider.shutdown()
    now = counted.now()
    assert now["sent"] == len(kept.spans) <= 150
    assert now["sent"] + now["dropped"] == 2000


def test_refused_spans_count_as_failed(model: Model, registry: CollectorRegistry, kept: Kept, counted: Counted) -> None:
    watch, provider = deferred(model, registry, kept, counted)
    kept.refuses = True
    request(watch)
    assert provider.force_flush() is False
    assert counted.now() == {"sent": 0, "failed": 2, "dropped": 0}
    provider.shutdown()


def test_a_full_backlog_counts_every_request_and_every_span_it_drops(
    model: Model,
    registry: CollectorRegistry,
    kept: Kept,
    counted: Counted,
    value: Value,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    full = Backlog(limit=3)
    full.rouse = lambda: None  # type: ignore[method-assign]  # nobody works it off
    monkeypatch.setattr(inference, "BACKLOG", full)
    watch, provider = deferred(model, registry, kept, counted)
    for _ in range(10):
        request(watch)
    assert len(full) == 3
    assert value("model_predictions_total", outcome="success") == 7
    assert registry.get_sample_value("modelwatch_spans_total", {"outcome": "dropped"}) == 14
    full.drain()
    assert value("model_predictions_total", outcome="success") == 10
    provider.shutdown()


def test_the_newest_request_of_a_bucket_gives_its_exemplar(
    model: Model, registry: CollectorRegistry, kept: Kept, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    still = Backlog()
    still.rouse = lambda: None  # type: ignore[method-assign]  # so that all are settled together
    monkeypatch.setattr(inference, "BACKLOG", still)
    watch, provider = deferred(model, registry, kept, counted)
    ids = []
    for _ in range(5):
        with watch.inference() as running:
            running.fail("timeout")  # errors are kept, so each may be pointed at
        assert running.trace is not None
        ids.append(f"{running.trace.trace_id:032x}")
    still.drain()
    found = [s.exemplar.labels["trace_id"] for f in registry.collect() for s in f.samples if s.exemplar]
    assert found == [ids[-1]]
    provider.shutdown()


def test_a_request_is_freed_without_the_garbage_collector(
    model: Model, registry: CollectorRegistry, kept: Kept, counted: Counted
) -> None:
    class Row:
        """Held by whatever keeps the request's frames."""

    class Weak(Inference):
        __slots__ = ("__weakref__", "row")

    watch, provider = deferred(model, registry, kept, counted)
    gc.disable()
    try:
        running = Weak(watch._probe, watch._requests)
        with running, running.stage("predict"):
            running.row = Row()
        gone = weakref.ref(running)
        del running
        backlog.BACKLOG.drain()
        assert gone() is None
    finally:
        gc.enable()
    provider.shutdown()


def test_a_request_of_endless_stages_holds_few_and_loses_none(
    model: Model, registry: CollectorRegistry, kept: Kept, counted: Counted, value: Value
) -> None:
    watch, provider = deferred(model, registry, kept, counted, limit=10_000)
    with watch.inference() as running:
        for _ in range(2000):
            with running.stage("predict"):
                pass
        assert len(running.stages) < 300
    assert provider.force_flush()
    assert len(kept.spans) == 2001
    assert all(span.parent == kept.spans[-1].context for span in kept.spans[:-1])
    assert value("model_stage_duration_seconds_count", stage="predict") == 2000
    provider.shutdown()


def test_requests_of_many_threads_are_all_counted(watch: Watch, value: Value) -> None:
    def work() -> None:
        for _ in range(500):
            request(watch)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            value("model_predictions_total", outcome="success")  # a scrape meanwhile
            thread.join(0.01)
    assert value("model_predictions_total", outcome="success") == 4000
    assert value("model_stage_duration_seconds_count", stage="predict") == 4000
    assert value("model_requests_in_flight") == 0


class Slow:
    """A record that takes its time to settle."""

    def __init__(self, done: list[int], number: int) -> None:
        self.done, self.number = done, number

    def emit(self) -> None:
        time.sleep(0.001)

    def settle(self, linked: Linked) -> None:
        self.done.append(self.number)

    def drop_spans(self) -> None:
        raise AssertionError


def test_a_process_forked_under_load_starts_with_an_empty_backlog_and_works() -> None:
    own, done = Backlog(), list[int]()
    for number in range(200):
        own.put(Slow(done, number))
    time.sleep(0.15)  # the thread is at it now
    child = os.fork()
    if child == 0:
        ended = 1
        try:
            before = len(own)
            done.clear()
            own.put(Slow(done, -1))
            own.drain()
            ended = 0 if (before, done) == (0, [-1]) else 1
        finally:
            os._exit(ended)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    own.drain()
    assert sorted(done) == list(range(200))
