"""While the Collector is away: spans wait, are tried again, and each is counted once."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext, TraceFlags
from prometheus_client import CollectorRegistry, Counter

from modelwatch.model.types import Model
from modelwatch.otel.otlp import retry_after
from modelwatch.otel.outage import AwayError, Outage
from modelwatch.otel.queue import SpanQueue
from tests.otel.receiver import HANG_UP, Receiver, receiver
from tests.otel.served import Service

LIMIT, BATCH = 40, 8


def span(number: int = 1) -> ReadableSpan:
    return ReadableSpan(f"{number}", SpanContext(number, number, False, TraceFlags(TraceFlags.SAMPLED)))


def counter() -> Counter:
    return Counter("spans", "s", ("outcome",), registry=CollectorRegistry())


def counts(of: Counter) -> dict[str, int]:
    return {s.labels["outcome"]: int(s.value) for f in of.collect() for s in f.samples if s.name.endswith("_total")}


class Scripted(SpanExporter):
    """Answers as it is told; keeps what it took, in order."""

    def __init__(self) -> None:
        self.answer: Callable[[], SpanExportResult] = lambda: SpanExportResult.SUCCESS
        self.taken: list[str] = []
        self.calls = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.calls += 1
        answer = self.answer()
        if answer is SpanExportResult.SUCCESS:
            self.taken += [one.name for one in spans]
        return answer


def away() -> SpanExportResult:
    raise AwayError


def broken() -> SpanExportResult:
    raise ValueError("a span that cannot be encoded")


def unworked(exporter: SpanExporter, spans: Counter) -> SpanQueue:
    """A queue that only flushes empty."""
    made = SpanQueue(lambda: exporter, spans, limit=LIMIT, batch=BATCH, delay=600)
    made._start = lambda: None  # type: ignore[method-assign]
    return made


class Accounts(RuleBasedStateMachine):
    """Whatever the Collector answers and whenever it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.exporter, self.spans, self.ended = Scripted(), counter(), 0
        self.queue = unworked(self.exporter, self.spans)
        self.kept: list[str] = []

    @rule(number=st.integers(1, 60))
    def end(self, number: int) -> None:
        for _ in range(number):
            self.ended += 1
            if self.queue.waiting < LIMIT:
                self.kept.append(f"{self.ended}")
            self.queue.on_end(span(self.ended))

    @rule(answer=st.sampled_from([away, broken, lambda: SpanExportResult.FAILURE, lambda: SpanExportResult.SUCCESS]))
    def flush(self, answer: Callable[[], SpanExportResult]) -> None:
        self.exporter.answer = answer
        before = self.queue.waiting
        flushed = self.queue.force_flush()
        assert self.queue.waiting == (before if answer is away else 0)
        assert flushed is (
            answer() is SpanExportResult.SUCCESS if answer not in {away, broken} and before else not before
        )

    @rule()
    def fork(self) -> None:
        """The parent's account ends here; the child's begins."""
        self.queue.forked()
        assert self.queue.waiting == 0
        self.ended = sum(counts(self.spans).values())
        self.kept = self.exporter.taken.copy()

    @invariant()
    def each_span_is_in_one_place(self) -> None:
        assert sum(counts(self.spans).values()) + self.queue.waiting == self.ended
        assert self.queue.waiting <= LIMIT
        assert counts(self.spans)["sent"] == len(self.exporter.taken)

    def teardown(self) -> None:
        self.exporter.answer = away
        self.queue.shutdown()
        self.queue.on_end(span(self.ended + 1))
        assert self.queue.waiting == 0
        assert sum(counts(self.spans).values()) == self.ended + 1


TestAccounts = Accounts.TestCase
TestAccounts.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)


def test_those_that_wait_are_sent_in_order_and_those_that_found_the_queue_full_are_dropped() -> None:
    exporter, spans = Scripted(), counter()
    queue = unworked(exporter, spans)
    exporter.answer = away
    for number in range(1, LIMIT + 11):
        queue.on_end(span(number))
    assert not queue.force_flush()
    assert exporter.calls == 1, "nobody waits for a second try"
    exporter.answer = lambda: SpanExportResult.SUCCESS
    assert queue.force_flush()
    assert exporter.taken == [f"{number}" for number in range(1, LIMIT + 1)]
    assert counts(spans) == {"sent": LIMIT, "failed": 0, "dropped": 10}


@settings(deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=12))
def test_a_batch_ends_with_a_trace_unless_one_alone_is_longer(traces: list[int]) -> None:
    """So that a Collector that dies between two has all of a trace or nothing."""
    exporter = Scripted()
    queue = unworked(exporter, counter())
    batches: list[list[int]] = []

    def export(spans: Sequence[ReadableSpan]) -> SpanExportResult:
        batches.append([one.context.trace_id for one in spans if one.context])
        return SpanExportResult.SUCCESS

    exporter.export = export  # type: ignore[method-assign]
    given_ = [trace for trace, spans in enumerate(traces, 1) for _ in range(spans)][:LIMIT]
    for trace in given_:
        queue.on_end(span(trace))
    assert queue.force_flush()
    assert [trace for batch in batches for trace in batch] == given_
    assert all(0 < len(batch) <= BATCH for batch in batches)
    for one, other in itertools.pairwise(batches):
        assert one[-1] != other[0] or len(set(one)) == 1


def test_an_outage_is_told_when_it_begins_and_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    exporter = Scripted()
    queue = unworked(exporter, counter())
    for answer in (away, away, lambda: SpanExportResult.SUCCESS, lambda: SpanExportResult.SUCCESS, away):
        exporter.answer = answer
        for number in range(LIMIT + 5 if answer is away else 1):
            queue.on_end(span(number + 1))
        queue.force_flush()
    queue.shutdown()
    begins = f"spans do not reach the Collector; up to {LIMIT} wait until they do, and predictions go on"
    assert [record.message for record in caplog.records] == [
        begins,
        # Five had found the queue full before anybody knew of an outage.
        f"spans reach the Collector again; {LIMIT + 5 + 1} were lost meanwhile",
        begins,
        f"{LIMIT} spans are lost: the process ends while they do not reach the Collector",
    ]


@settings(deadline=None)
@given(st.floats(0, 1), st.integers(1, 12))
def test_tries_come_after_1_2_4_8_and_16_seconds_a_little_spread(spread: float, tries: int) -> None:
    outage = Outage(lambda: spread)
    for number in range(tries):
        assert outage.failed(100.0) is (number == 0)
        expected = min(2.0**number, 16.0)
        assert 0.8 * expected - 1e-6 <= outage.pause(100.0) <= 1.2 * expected + 1e-6
        assert outage.pause(100.0 + 1.2 * expected + 1e-6) == 0
    assert outage.over() and not outage.over()
    assert outage.pause(0.0) == 0
    assert outage.failed(0.0), "the next outage begins anew"
    assert outage.pause(0.0) <= 1.2


@settings(deadline=None)
@given(st.floats(0, 10_000))
def test_a_collector_that_asks_for_a_pause_gets_it_up_to_a_minute(after: float) -> None:
    outage = Outage(lambda: 0.5)
    outage.failed(0.0, after)
    assert outage.pause(0.0) == pytest.approx(min(max(after, 1.0), 60.0))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        *(("", 0), ("7", 7), ("soon", 0), ("-3", 0)),
        *(("Wed, 25 Nov 2026 22:00:30 GMT", 30), ("Wed, 25 Nov 2026 21:59:00 GMT", 0)),
    ],
)
def test_retry_after_is_read_in_either_of_its_forms(header: str, seconds: float) -> None:
    assert retry_after({"Retry-After": header} if header else {}, 1795644000.0) == seconds


@pytest.fixture
def collector() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def service(model: Model, collector: Receiver) -> Iterator[Service]:
    made = Service(model, collector.server_port)
    yield made
    made.provider.shutdown()


def until(check: Callable[[], object], what: str, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)


@pytest.mark.parametrize("status", [429, 503])
def test_what_a_collector_cannot_take_now_is_sent_again(service: Service, collector: Receiver, status: int) -> None:
    # Longer than the exporter below waits by itself.
    collector.answers.extend([(status, "3")] * 2)
    service.request()
    until(lambda: len(collector.answers) < 2, "the first try")
    assert service.account() == {"sent": 0, "failed": 0, "dropped": 0, "waiting": 2}
    until(lambda: service.account()["sent"] == 2, "a later try")
    assert Tally(collector.names) == {"predict": 1, "inference flight-delay": 1}


@pytest.mark.parametrize("status", [400, 401, 404, 413, 500])
def test_what_a_collector_refuses_is_counted_as_failed_and_holds_up_nothing(
    service: Service, collector: Receiver, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    service.queue._start = lambda: None  # type: ignore[method-assign]  # its thread is not to send before the flush does
    collector.answers.extend([(status, "")] * 2)
    for _ in range(2):
        service.request()
        assert not service.provider.force_flush()
    service.request()
    assert service.provider.force_flush()
    assert service.account() == {"sent": 2, "failed": 4, "dropped": 0, "waiting": 0}
    assert [record.message for record in caplog.records] == [
        f"spans are lost, since {collector.url}/v1/traces refuses them (HTTP {status}); predictions go on"
    ]


def test_what_a_collector_took_without_a_word_comes_twice_and_is_counted_once(
    service: Service, collector: Receiver
) -> None:
    """Nobody can tell whether a Collector that died had taken what it was sent; a trace's spans keep their ids."""
    collector.answers.append((HANG_UP, ""))
    service.request()
    assert service.provider.force_flush()
    assert service.account() == {"sent": 2, "failed": 0, "dropped": 0, "waiting": 0}
    assert set(Tally(one.span_id for one in collector.spans).values()) == {2}


@pytest.mark.parametrize("seconds", [0.5, 4])
def test_a_restart_of_the_collector_loses_no_span_and_is_told_of_in_two_lines(
    model: Model, seconds: float, caplog: pytest.LogCaptureFixture
) -> None:
    with receiver() as first:
        service = Service(model, first.server_port)
        service.request()
        until(lambda: first.spans, "spans before")
    gone = time.monotonic()
    while time.monotonic() < gone + seconds:
        service.request()
        time.sleep(0.005)
    assert service.account()["waiting"] > 0
    with receiver(first.server_port) as second:
        until(lambda: service.account()["waiting"] == 0, "all that waited", 60)
        service.provider.shutdown()
        found = Tally(one.span_id for one in (*first.spans, *second.spans))
    assert service.account() == {"sent": 2 * len(service.ended), "failed": 0, "dropped": 0, "waiting": 0}
    assert len(found) == 2 * len(service.ended)
    assert [record.message.partition(";")[0].partition(" (")[0] for record in caplog.records] in (
        ["spans do not reach the Collector", "spans reach the Collector again"],
        [],  # the exporter below has come over it by itself
    )


def test_under_load_and_with_a_collector_that_comes_and_goes_every_span_has_one_place() -> None:
    exporter, spans = Scripted(), counter()
    queue = SpanQueue(lambda: exporter, spans, limit=60, batch=20, delay=0.01)
    answers = [away, broken, lambda: SpanExportResult.FAILURE, *[lambda: SpanExportResult.SUCCESS] * 20]
    each = 2500

    def flip() -> SpanExportResult:
        time.sleep(0.0005)
        return answers[exporter.calls % len(answers)]()

    exporter.answer = flip

    def work() -> None:
        for number in range(each):
            queue.on_end(span(number + 1))
            if number % 50 == 0:
                time.sleep(0.001)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.1)
        queue.force_flush(1000)
        assert queue.waiting <= 60 + len(threads)
    queue.shutdown()
    found = counts(spans)
    assert sum(found.values()) == 4 * each
    assert all(found.values())
    assert found["sent"] == len(exporter.taken)


def test_no_batch_is_lost_where_the_spans_cannot_be_encoded(collector: Receiver, model: Model, tmp_path: Path) -> None:
    """One that nobody can send does not stand in the way of those behind it."""
    service = Service(model, collector.server_port)
    service.queue.on_end(ReadableSpan("x", SpanContext(1, 1, False, TraceFlags(1)), attributes={"x": object()}))  # type: ignore[dict-item]
    service.provider.force_flush()
    service.request()
    assert service.provider.force_flush()
    found = service.outcomes()
    assert found["sent"] + found["failed"] == 3 and found["sent"] >= 2
    service.provider.shutdown()
