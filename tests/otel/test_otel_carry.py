"""Work that leaves its thread, its task or its turn: threads, executors, generators, streams, pipelines."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import CollectorRegistry

from modelwatch.otel import Inference, Watch, carried, run_in_executor, submit
from modelwatch.otel.backlog import BACKLOG
from modelwatch.otel.opened import SCOPE

Value = Callable[..., float | None]
MANY = 1000
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def named(spans: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.name == name]


def one(spans: InMemorySpanExporter, name: str) -> ReadableSpan:
    (span,) = named(spans, name)
    return span


def nothing_is_attached() -> bool:
    return SCOPE.get() is None and not trace.get_current_span().get_span_context().is_valid


def assert_every_child_is_under_its_own_parent(spans: InMemorySpanExporter, requests: int) -> None:
    """Each request is: inference > predict > call-<n>, and inference > postprocessing; <n> stands on the root too."""
    traces: dict[int, dict[str, ReadableSpan]] = defaultdict(dict)
    for span in spans.get_finished_spans():
        assert span.context.trace_id is not None
        traces[span.context.trace_id][span.name.partition("-")[0]] = span
    assert len(traces) == requests
    for found in traces.values():
        root = found["inference flight"]
        assert set(found) == {"inference flight", "predict", "call", "postprocessing"}
        assert root.parent is None
        assert found["predict"].parent == found["postprocessing"].parent == root.context
        assert found["call"].parent == found["predict"].context
        assert found["call"].name == f"call-{(root.attributes or {})['http.response.status_code']}"


@pytest.fixture
def tracer(provider: TracerProvider) -> trace.Tracer:
    return provider.get_tracer("http")


def test_in_a_thousand_threads_at_once_every_child_is_under_its_own_parent(
    traced: Watch, spans: InMemorySpanExporter, tracer: trace.Tracer
) -> None:
    together = threading.Barrier(MANY)

    def request(number: int) -> None:
        with traced.inference() as inference:
            trace.get_current_span().set_attribute("http.response.status_code", number)
            together.wait(60)  # all requests are open now
            with inference.stage("predict"), tracer.start_as_current_span(f"call-{number}"):
                pass
            with inference.stage("postprocessing"):
                pass

    threads = [threading.Thread(target=request, args=(number,)) for number in range(MANY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_every_child_is_under_its_own_parent(spans, MANY)


def test_in_a_thousand_tasks_at_once_every_child_is_under_its_own_parent(
    traced: Watch, spans: InMemorySpanExporter, tracer: trace.Tracer
) -> None:
    @traced.stage("predict")
    async def predict(number: int) -> None:
        await asyncio.sleep(0)
        with tracer.start_as_current_span(f"call-{number}"):
            await asyncio.sleep(0)

    async def request(number: int) -> None:
        with traced.inference() as inference:
            trace.get_current_span().set_attribute("http.response.status_code", number)
            await asyncio.sleep(0.01)
            await predict(number)
            with inference.stage("postprocessing"):
                await asyncio.sleep(0)

    async def run() -> None:
        await asyncio.gather(*map(request, range(MANY)))

    asyncio.run(run())
    assert_every_child_is_under_its_own_parent(spans, MANY)


def test_in_a_thousand_tasks_that_use_an_executor_every_child_is_under_its_own_parent(
    traced: Watch, spans: InMemorySpanExporter, tracer: trace.Tracer
) -> None:
    def call(number: int) -> int:
        with tracer.start_as_current_span(f"call-{number}"):
            return number

    async def request(number: int, executor: ThreadPoolExecutor) -> int:
        with traced.inference() as inference:
            trace.get_current_span().set_attribute("http.response.status_code", number)
            with inference.stage("predict"):
                answer = await run_in_executor(executor, call, number=number)
            with inference.stage("postprocessing"):
                return answer

    async def run() -> list[int]:
        with ThreadPoolExecutor(16) as executor:
            return await asyncio.gather(*(request(number, executor) for number in range(MANY)))

    assert asyncio.run(run()) == list(range(MANY))
    assert_every_child_is_under_its_own_parent(spans, MANY)


def test_what_is_submitted_or_mapped_belongs_to_the_stage_that_did(
    traced: Watch, spans: InMemorySpanExporter, value: Value
) -> None:
    @traced.stage("lookup")
    def lookup(row: int) -> int:
        return row

    with ThreadPoolExecutor(4) as pool, traced.inference() as inference, inference.stage("preprocessing"):
        assert submit(pool, lookup, row=1).result() == 1
        assert list(pool.map(carried(lookup), range(10))) == list(range(10))
        assert pool.submit(lookup, 5).result() == 5  # without help it is no part of the request
    assert value("model_stage_duration_seconds_count", stage="lookup") == 11
    assert {span.parent for span in map(Key, named(spans, "lookup"))} == {key(one(spans, "preprocessing"))}


class Key:
    """A span whose parent can be put into a set."""

    def __init__(self, span: ReadableSpan) -> None:
        self.parent = (span.parent.trace_id, span.parent.span_id) if span.parent else None


def key(span: ReadableSpan) -> tuple[int, int]:
    return (span.context.trace_id, span.context.span_id)


def test_another_process_is_refused_with_what_to_do_instead(traced: Watch) -> None:
    async def run() -> None:
        run_in_executor(pool, print)

    with ProcessPoolExecutor(1) as pool:
        with pytest.raises(TypeError, match=r"pass inference.headers\(\) to the function"):
            submit(pool, print)
        with pytest.raises(TypeError, match="another process"):
            asyncio.run(run())


def test_a_decorated_generator_is_a_stage_until_its_end_and_attached_only_while_it_runs(
    traced: Watch, spans: InMemorySpanExporter, tracer: trace.Tracer, value: Value
) -> None:
    @traced.stage("predict")
    def chunks() -> Iterator[int]:
        for number in range(3):
            with tracer.start_as_current_span("inside"):
                yield number

    with traced.inference() as inference:
        found = []
        for number in chunks():
            found.append(number)
            assert SCOPE.get() is inference
            with tracer.start_as_current_span("between"):
                pass
    assert found == [0, 1, 2]
    assert {s.parent for s in map(Key, named(spans, "inside"))} == {key(one(spans, "predict"))}
    assert {s.parent for s in map(Key, named(spans, "between"))} == {key(one(spans, "inference flight-delay"))}
    assert list(chunks()) == [0, 1, 2]  # outside a request it runs plain
    assert value("model_stage_duration_seconds_count", stage="predict") == 1


def test_a_decorated_generator_keeps_what_is_sent_thrown_and_returned(watch: Watch) -> None:
    @watch.stage("predict")
    def echo() -> Iterator[object]:
        got: object = None
        while got != "end":
            try:
                got = yield got
            except KeyError as error:
                got = f"caught {error}"
        return "returned"

    with watch.inference():
        running = echo()
        assert next(running) is None
        assert running.send(5) == 5  # type: ignore[attr-defined]  # a generator
        assert running.throw(KeyError("x")) == "caught 'x'"  # type: ignore[attr-defined]
        with pytest.raises(StopIteration) as stop:
            running.send("end")  # type: ignore[attr-defined]
    assert stop.value.value == "returned"


def test_a_decorated_asynchronous_generator_is_a_stage_attached_only_while_it_runs(
    traced: Watch, spans: InMemorySpanExporter, tracer: trace.Tracer
) -> None:
    @traced.stage("predict")
    async def chunks() -> AsyncIterator[int]:
        for number in range(3):
            with tracer.start_as_current_span("inside"):
                await asyncio.sleep(0.001)
                yield number

    async def run() -> list[int]:
        with traced.inference() as inference:
            found = []
            async for number in chunks():
                assert SCOPE.get() is inference
                found.append(number)
            return found

    assert asyncio.run(run()) == [0, 1, 2]
    assert {s.parent for s in map(Key, named(spans, "inside"))} == {key(one(spans, "predict"))}
    assert one(spans, "predict").parent == one(spans, "inference flight-delay").context


def answer(watch: Watch, pieces: int) -> Iterator[str]:
    inference = watch.current()
    assert inference is not None
    for number in range(pieces):
        with inference.stage("predict"):
            yield f"piece {number}"
    inference.confidence(0.9)


def test_a_streamed_answer_is_one_request_whose_pieces_may_be_made_in_any_thread(
    traced: Watch, spans: InMemorySpanExporter, value: Value, caplog: pytest.LogCaptureFixture
) -> None:
    streamed = traced.stream(answer(traced, 20), headers={"traceparent": CALLER})
    assert value("model_requests_in_flight") == 0
    with ThreadPoolExecutor(4) as pool:  # as Starlette does
        found = [pool.submit(next, streamed).result() for _ in range(20)]
        assert value("model_requests_in_flight") == 1
        assert pool.submit(next, streamed, "end").result() == "end"
        assert all(pool.map(lambda _: nothing_is_attached(), range(8)))
    assert found == [f"piece {number}" for number in range(20)]
    assert value("model_requests_in_flight") == 0
    assert value("model_predictions_total", outcome="success") == 1
    assert value("model_prediction_confidence_ratio_count") == 1
    root = one(spans, "inference flight-delay")
    assert root.parent is not None and root.parent.trace_id == int(CALLER.split("-")[1], 16)
    assert all(span.parent == root.context for span in named(spans, "predict"))
    assert caplog.records == []


def test_interleaved_streams_keep_apart(traced: Watch, spans: InMemorySpanExporter) -> None:
    streams = [traced.stream(answer(traced, 3)) for _ in range(5)]
    while streams:
        streams = [stream for stream in streams if next(stream, None) is not None]
        assert nothing_is_attached()
    roots = {key(span) for span in named(spans, "inference flight-delay")}
    parents = [s.parent for s in map(Key, named(spans, "predict"))]
    assert len(roots) == 5
    assert {parent: parents.count(parent) for parent in parents} == dict.fromkeys(roots, 3)


@pytest.mark.parametrize("how", ["closed", "dropped"])
def test_a_stream_that_nobody_reads_to_its_end_ends_without_a_complaint(
    traced: Watch, spans: InMemorySpanExporter, value: Value, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    streamed = traced.stream(answer(traced, 20))
    next(streamed)
    if how == "closed":
        threading.Thread(target=streamed.close).run()
    del streamed
    assert nothing_is_attached()
    assert value("model_requests_in_flight") == 0
    assert value("model_predictions_total", outcome="success") == 1
    assert one(spans, "inference flight-delay").status.status_code is StatusCode.UNSET
    assert caplog.records == []


def test_an_error_while_streaming_is_the_requests_error(
    traced: Watch, spans: InMemorySpanExporter, value: Value
) -> None:
    def broken() -> Iterator[str]:
        yield "piece"
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(traced.stream(broken()))
    assert value("model_predictions_total", outcome="error") == 1
    assert (one(spans, "inference flight-delay").attributes or {})["error.type"] == "OSError"


def test_an_asynchronous_stream_that_is_cancelled_half_way_is_an_error_and_leaves_nothing_attached(
    traced: Watch, spans: InMemorySpanExporter, value: Value, caplog: pytest.LogCaptureFixture
) -> None:
    async def pieces() -> AsyncIterator[int]:
        inference = traced.current()
        assert inference is not None
        with inference.stage("predict"):
            yield 1
            await asyncio.sleep(60)

    async def read() -> None:
        async for _ in traced.stream(pieces()):
            assert nothing_is_attached()

    async def run() -> None:
        task = asyncio.create_task(read())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert nothing_is_attached()

    with caplog.at_level(logging.WARNING):
        asyncio.run(run())
    assert value("model_predictions_total", outcome="error") == 1
    assert one(spans, "predict").parent == one(spans, "inference flight-delay").context
    assert caplog.records == []


def test_an_asynchronous_stream_that_ends_early_is_closed(traced: Watch, value: Value) -> None:
    async def run() -> list[int]:
        async def pieces() -> AsyncIterator[int]:
            for number in range(5):
                yield number

        streamed = traced.stream(pieces())
        found = [await anext(streamed), await anext(streamed)]
        await streamed.aclose()
        return found

    assert asyncio.run(run()) == [0, 1]
    assert value("model_predictions_total", outcome="success") == 1
    assert value("model_requests_in_flight") == 0


def test_a_step_of_a_pipeline_is_timed_and_traced_without_a_request(
    traced: Watch, spans: InMemorySpanExporter, value: Value
) -> None:
    @traced.step("clean")
    def clean(rows: list[int]) -> list[int]:
        return sorted(rows)

    @traced.step("read")
    def read() -> Iterator[int]:
        yield from (2, 1)

    with traced.step("load"):
        rows = list(read())
        assert clean(rows) == [1, 2]
    assert clean([3]) == [3]
    root = one(spans, "load")
    assert root.parent is None and root.kind is SpanKind.INTERNAL
    assert (root.attributes or {})["modelwatch.stage"] == "load"
    assert (root.attributes or {})["modelwatch.outcome"] == "success"
    inside, alone = named(spans, "clean")
    assert inside.parent == one(spans, "read").parent == root.context
    assert alone.parent is None
    assert value("model_stage_duration_seconds_count", stage="load") == 1
    assert value("model_stage_duration_seconds_count", stage="clean") == 2
    assert value("model_predictions_total", outcome="success") == 0
    assert value("model_requests_in_flight") == 0


def test_a_step_inside_a_request_is_a_stage_of_it_and_its_error_stands_once(
    traced: Watch, spans: InMemorySpanExporter, value: Value
) -> None:
    with pytest.raises(OSError), traced.inference(), traced.step("lookup"):
        raise OSError
    assert one(spans, "lookup").parent == one(spans, "inference flight-delay").context
    assert [span.name for span in spans.get_finished_spans() if span.events] == ["lookup"]
    with pytest.raises(OSError), traced.step("lookup"):
        raise OSError
    assert [span.name for span in spans.get_finished_spans() if span.events] == ["lookup", "lookup"]
    step = traced.step("lookup")
    with step, pytest.raises(RuntimeError, match=r"open already: write `with watch.step\(...\)` for each"), step:
        pass


def test_all_of_it_works_untraced(watch: Watch, value: Value, registry: CollectorRegistry) -> None:
    assert list(watch.stream(answer(watch, 2))) == ["piece 0", "piece 1"]
    with watch.step("load"), watch.batch([Inference(watch._probe, None), {}]) as batch, batch.stage("predict"):
        pass
    assert value("model_stage_duration_seconds_count", stage="predict") == 3
    assert value("model_stage_duration_seconds_count", stage="load") == 1
    assert registry.get_sample_value("modelwatch_spans_total", {"outcome": "sent"}) == 0


@pytest.mark.parametrize("settled", [False, True])
def test_inferences_of_one_thread_may_end_in_the_order_in_which_they_began(
    traced: Watch, spans: InMemorySpanExporter, settled: bool
) -> None:
    """As a loop opens and closes them that gathers requests: what comes after is part of none of them."""
    opened = [traced.inference() for _ in range(3)]
    for one in opened:
        one.__enter__()
    for one in opened:
        one.__exit__(None, None, None)
        if settled:
            BACKLOG.drain()
    assert SCOPE.get() is None and traced.current() is None
    assert not trace.get_current_span().get_span_context().is_valid
    with traced.inference() as after:
        pass
    (span,) = [found for found in spans.get_finished_spans() if found.context.span_id == after.context.span_id]
    assert span.parent is None
