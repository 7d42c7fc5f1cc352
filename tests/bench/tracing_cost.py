"""CPU of one four-span inference (a parent, preprocessing, predict, postprocessing) in the thread that answers it.

Ours includes the counter, the gauge, the stage, latency and confidence histograms and their exemplars; the others' are
spans alone. The second column is the whole process: what a thread of ours or of the SDK does later counts too, up to
an exporter that does nothing. Each turn is a few inferences by CPU time; the median of many turns is printed.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, DEFAULT_ON, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import Tracer
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from modelwatch.model.load import load_model
from modelwatch.otel.backlog import BACKLOG
from modelwatch.otel.queue import SpanQueue
from modelwatch.otel.watch import Watch
from modelwatch.telemetry import metrics as M
from tests.bench import peers

SPEC = Path(__file__).parents[1] / "data" / "flight-delay.yaml"
TURN, TURNS, WARM = 20, 500, 50
HEADERS = {"host": "flights", "accept": "*/*", "content-type": "application/json", "user-agent": "bench"}
CALLER = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
UNSAMPLED = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}
LIMITS = {"recorded": 15.0, "not sampled": 6.0}
"""Microseconds in the answering thread."""


class NoExporter(SpanExporter):
    """Takes everything and does nothing, counting it."""

    def __init__(self) -> None:
        self.spans = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans += len(spans)
        return SpanExportResult.SUCCESS


def provider(sampler: Sampler, exporter: SpanExporter) -> TracerProvider:
    made = TracerProvider(sampler=sampler, resource=Resource({"service.name": "bench"}), shutdown_on_exit=False)
    made.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=100_000, schedule_delay_millis=200))
    return made


def ours(sampler: Sampler, exporter: SpanExporter) -> TracerProvider:
    """As `setup` makes it."""
    made = TracerProvider(sampler=sampler, resource=Resource({"service.name": "bench"}), shutdown_on_exit=False)
    counter = Counter("spans", "s", ("outcome",), registry=CollectorRegistry())
    made.add_span_processor(SpanQueue(lambda: exporter, counter, limit=100_000, batch=512, delay=0.2))
    return made


def cpu(request: Callable[[], None], after: Callable[[], object] = lambda: None) -> tuple[float, float]:
    """Microseconds of one call: median in this thread, and mean of the whole process with what comes after it."""
    found = []
    for turn in range(WARM + TURNS):
        start = time.thread_time_ns()
        for _ in range(TURN):
            request()
        spent = time.thread_time_ns() - start
        after()
        if turn >= WARM:
            found.append(spent / TURN / 1e3)
    whole = []
    for _ in range(5):
        gc.collect()
        begun = time.process_time_ns()
        for _ in range(TURNS // 5):
            for _ in range(TURN):
                request()
            after()
        whole.append((time.process_time_ns() - begun) / (TURNS // 5 * TURN) / 1e3)
    return statistics.median(found), statistics.median(whole)


def watched(
    sampler: Sampler | None, *, deferred: bool = True, headers: dict[str, str] | None = None
) -> tuple[float, float]:
    """Through the helpers; without a sampler there is no tracer."""
    exporter = NoExporter()
    made = None if sampler is None else (ours if deferred else provider)(sampler, exporter)
    tracer = None if made is None else made.get_tracer("bench")
    registry = CollectorRegistry()
    watch = Watch(load_model(SPEC), version="7", registry=registry, tracer=tracer, deferred=deferred)  # type: ignore[arg-type]  # the SDK's provider gives its Tracer

    def request() -> None:
        with watch.inference(headers=headers) as inference:
            with inference.stage("preprocessing"):
                pass
            with inference.stage("predict"):
                inference.confidence(0.93)
            with inference.stage("postprocessing"):
                pass

    found = cpu(request, BACKLOG.drain)
    served = TURN * (WARM + TURNS + TURNS // 5 * 5)
    counted = registry.get_sample_value(
        "model_predictions_total", {"model": "flight-delay", "version": "7", "outcome": "success"}
    )
    assert counted == served, f"{counted} of {served} were counted"
    if made is not None:
        made.shutdown()
        if sampler is DEFAULT_ON and headers != HEADERS | UNSAMPLED:
            assert exporter.spans == 4 * served, f"{exporter.spans} spans of {4 * served} came out"
    return found


def sdk(sampler: Sampler) -> tuple[float, float]:
    """The SDK's own context managers, spans alone."""
    made = provider(sampler, NoExporter())
    tracer: Tracer = made.get_tracer("bench")
    identity = {"modelwatch.model.name": "flight-delay", "modelwatch.model.version": "7"}

    def request() -> None:
        with tracer.start_as_current_span("inference flight-delay", attributes=identity):
            for stage in ("preprocessing", "predict", "postprocessing"):
                with tracer.start_as_current_span(stage, attributes={**identity, "modelwatch.stage": stage}):
                    pass

    found = cpu(request)
    made.shutdown()
    return found


def plain_metrics(exemplars: bool) -> tuple[float, float]:
    """prometheus_client with cached children, what an untraced request must count at the least."""
    registry, label = CollectorRegistry(), ("model",)
    durations = [Histogram(f"d{n}", "d", label, buckets=M.LATENCY_BUCKETS, registry=registry) for n in range(4)]
    confidence = Histogram("c", "c", label, buckets=M.CONFIDENCE_BUCKETS, registry=registry).labels("m")
    counter, gauge = Counter("n", "n", label, registry=registry).labels("m"), Gauge("g", "g", registry=registry)
    children = [histogram.labels("m") for histogram in durations]
    link = {"trace_id": "0" * 32, "span_id": "0" * 16} if exemplars else None

    def request() -> None:
        gauge.inc()
        for child in children:
            start = time.perf_counter_ns()
            child.observe((time.perf_counter_ns() - start) / 1e9, link)
        confidence.observe(0.93, link)
        counter.inc()
        gauge.dec()

    return cpu(request)


def four_with_blocks() -> tuple[float, float]:
    """Python's own share: four context managers that do nothing."""

    def request() -> None:
        with ExitStack():
            for _ in range(3):
                with ExitStack():
                    pass

    return cpu(request)


def main() -> None:
    one_percent = ParentBased(TraceIdRatioBased(0.01))
    rows: list[tuple[str, str | None, Callable[[], tuple[float, float]]]] = [
        ("ours, recorded, as setup() does", "recorded", lambda: watched(DEFAULT_ON)),
        ("ours, recorded, a service's own provider", None, lambda: watched(DEFAULT_ON, deferred=False)),
        ("ours, recorded, with headers of no trace", "recorded", lambda: watched(DEFAULT_ON, headers=HEADERS)),
        ("ours, recorded, in its caller's trace", "recorded", lambda: watched(DEFAULT_ON, headers=HEADERS | CALLER)),
        ("ours, always off", "not sampled", lambda: watched(ALWAYS_OFF)),
        ("ours, 1 % sampled", "not sampled", lambda: watched(one_percent)),
        (
            "ours, its caller's trace is not sampled",
            "not sampled",
            lambda: watched(DEFAULT_ON, headers=HEADERS | UNSAMPLED),
        ),
        ("ours, untraced (no SDK)", None, lambda: watched(None)),
        ("plain prometheus_client, no spans", None, lambda: plain_metrics(exemplars=False)),
        ("plain prometheus_client with exemplars, no spans", None, lambda: plain_metrics(exemplars=True)),
        ("SDK start_as_current_span, recorded, no metrics", None, lambda: sdk(DEFAULT_ON)),
        ("SDK start_as_current_span, always off, no metrics", None, lambda: sdk(ALWAYS_OFF)),
        ("four empty `with` blocks", None, four_with_blocks),
    ]
    print("\nCPU of one inference with three stages, us")
    print(f"{'':<52}{'its thread':>11}{'process':>9}")
    missed = []
    for name, limit, measure in rows:
        thread, process = measure()
        bound = LIMITS.get(limit or "")
        for _ in range(2):  # on a machine that others use, a miss is looked at again
            if bound is None or thread <= bound:
                break
            thread, process = min((thread, process), measure())
        verdict = "" if bound is None else f"   limit {bound:g}: {'held' if thread <= bound else 'MISSED'}"
        missed += [name] if bound is not None and thread > bound else []
        print(f"{name:<52}{thread:>11.1f}{process:>9.1f}{verdict}", flush=True)
    for name in ("openinference", "mlflow"):
        found = peers.run(name, f"peer_{name}.py", Path())
        if found is not None:
            title = f"{name}, four decorated functions, no metrics"
            print(f"{title:<52}{found['thread']:>11.1f}{found['process']:>9.1f}")
    if missed:
        raise SystemExit(f"over the limit: {', '.join(missed)}")


if __name__ == "__main__":
    main()
