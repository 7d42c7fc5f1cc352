"""One inference and its stages: each is timed once, and from that timing come its span, histogram and exemplar."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter_ns
from types import TracebackType
from typing import Self

from opentelemetry.util.types import AnyValue
from prometheus_client import Counter, Gauge, Histogram

from modelwatch.otel.instruments import Bounded
from modelwatch.otel.sampling import TailSampling
from modelwatch.otel.tracing import SCOPE, OpenSpan, Recorder, Scope, Trace, exception_event
from modelwatch.telemetry import metrics as M
from modelwatch.telemetry import spans as S

log = logging.getLogger("modelwatch.otel")


@dataclass(frozen=True, slots=True)
class StageMeter:
    """What every run of one stage shares."""

    name: str
    duration: Histogram
    attributes: Mapping[str, AnyValue]


@dataclass(frozen=True, slots=True)
class RequestMeter:
    """What every request to one model shares."""

    success: Counter
    error: Counter
    duration: Histogram
    in_flight: Gauge


@dataclass(frozen=True, slots=True)
class Probe:
    """What requests and batch runs of one model share: instruments with their labels set, and tracing."""

    name: str
    confidence: Histogram
    stages: Bounded[StageMeter]
    recorder: Recorder | None
    sampling: TailSampling
    low_confidence: float


class Inference:
    """``with watch.inference(...) as inference``: counts, times and traces one request.

    An exception passes through unchanged and is an error, cancellation too: an unanswered request is no answer. Closing
    a generator (GeneratorExit) is none.
    """

    __slots__ = (
        "_before",
        "_confidences",
        "_done",
        "_failure",
        "_headers",
        "_meter",
        "_probe",
        "_recorded",
        "_stages",
        "_start",
        "batch",
        "span",
        "trace",
    )

    def __init__(
        self, probe: Probe, meter: RequestMeter | None, headers: Mapping[str, str] | None = None, batch: int = 1
    ) -> None:
        self._probe, self._meter, self._headers, self.batch = probe, meter, headers, batch
        self._failure: str | None = None
        self._recorded: BaseException | None = None
        self._stages: list[tuple[Histogram, float, OpenSpan | None]] = []
        self._confidences: list[float] = []
        self._before: Scope | None = None
        self._start = 0
        self._done = False
        self.trace: Trace | None = None
        self.span: OpenSpan | None = None

    @property
    def probe(self) -> Probe:
        return self._probe

    def __enter__(self) -> Self:
        self._start = perf_counter_ns()
        recorder = self._probe.recorder
        if recorder is not None:
            self.trace = recorder.begin(self._headers)
            if self.trace is not None:
                self.span = self.trace.root
        self._before = SCOPE.get()
        SCOPE.set(self)
        if self._meter is not None:
            self._meter.in_flight.inc()
        return self

    def stage(self, name: str) -> Stage:
        """``with inference.stage("preprocessing")``: times one part of the request. Stages may nest."""
        return Stage(self, self._probe.stages.get(name))

    def confidence(self, value: float) -> None:
        """Confidence of one answer, 0 to 1; call it for each row of a batch. Other values are left out."""
        if 0.0 <= value <= 1.0:
            self._confidences.append(float(value))
        else:
            log.debug("confidence %r of %s is not between 0 and 1 and was left out", value, self._probe.name)

    def fail(self, error_type: str) -> None:
        """Count an error although no exception leaves the block; ``error_type`` names its kind, such as "timeout"."""
        self._failure = error_type

    def headers(self) -> dict[str, str]:
        """Headers for a call to another service, whose spans then join this trace; untraced, the caller's own."""
        if self.trace is not None:
            return self.trace.headers()
        received = self._headers or {}
        return {name: received[name] for name in ("traceparent", "tracestate") if name in received}

    def __exit__(self, kind: object, error: BaseException | None, traceback: TracebackType | None) -> None:
        end = perf_counter_ns()
        if SCOPE.get() is self:
            SCOPE.set(self._before)
        if error is not None and not isinstance(error, GeneratorExit):
            self._failure = type(error).__qualname__
        seconds = (end - self._start) / 1e9
        low = bool(self._confidences) and min(self._confidences) < self._probe.low_confidence
        trace = self.trace
        if trace is not None:
            trace.detach()
            if trace.recording:
                self._emit(trace, end, error, low)
        linked = (
            trace is not None
            and trace.sampled
            and self._probe.sampling.keeps(
                trace.root.context.trace_id, error=self._failure is not None, seconds=seconds, low_confidence=low
            )
        )
        trace_id = format(trace.root.context.trace_id, "032x") if linked and trace is not None else None
        self._done = True
        for duration, stage_seconds, span in self._stages:
            duration.observe(stage_seconds, exemplar(trace_id, span))
        link = exemplar(trace_id, self.span)
        for value in self._confidences:
            self._probe.confidence.observe(value, link)
        self._ended(seconds, link)

    def stage_ended(self, duration: Histogram, seconds: float, span: OpenSpan | None) -> None:
        """Keep a stage's time until the trace's fate is known; a stage that outlives the inference counts at once."""
        if self._done:
            duration.observe(seconds)
        else:
            self._stages.append((duration, seconds, span))

    def record(self, error: BaseException, span: OpenSpan) -> None:
        """Put the exception on the innermost span that it leaves, and on no other."""
        if self._recorded is not error:
            self._recorded = error
            span.add_event(exception_event(error))

    def _emit(self, trace: Trace, end: int, error: BaseException | None, low: bool) -> None:
        attributes: dict[str, AnyValue] = {
            **trace.attributes,
            S.OUTCOME.key: M.OUTCOME_SUCCESS if self._failure is None else M.OUTCOME_ERROR,
            S.BATCH_SIZE.key: self.batch,
        }
        if self._confidences:
            attributes[S.CONFIDENCE.key] = min(self._confidences)
            attributes[S.LOW_CONFIDENCE.key] = low
        if error is not None and self._failure is not None:
            self.record(error, trace.root)
        trace.recorder.emit(
            trace.root,
            name=self._probe.name,
            parent=trace.parent,
            kind=trace.kind,
            attributes=attributes,
            start=trace.anchor + self._start,
            end=trace.anchor + end,
            error=self._failure,
        )

    def _ended(self, seconds: float, link: dict[str, str] | None, /) -> None:
        meter = self._meter
        if meter is not None:
            meter.in_flight.dec()
            meter.duration.observe(seconds, link)
            (meter.success if self._failure is None else meter.error).inc(self.batch)


class Stage:
    """One part of an inference. An exception passes through unchanged."""

    __slots__ = ("_before", "_inference", "_meter", "_parent", "_start", "span", "trace")

    def __init__(self, inference: Inference, meter: StageMeter) -> None:
        self._inference, self._meter = inference, meter
        self._start = 0
        self._before: Scope | None = None
        self._parent: OpenSpan | None = None
        self.trace: Trace | None = None
        self.span: OpenSpan | None = None

    @property
    def inference(self) -> Inference:
        return self._inference

    def __enter__(self) -> Self:
        trace = self._inference.trace
        if trace is not None and trace.recording:
            self.trace, self._parent = trace, trace.innermost()
            self.span = OpenSpan(trace.recorder.new_context(trace.root.context))
            self._before = SCOPE.get()
            SCOPE.set(self)
        self._start = perf_counter_ns()
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: TracebackType | None) -> None:
        end = perf_counter_ns()
        self._inference.stage_ended(self._meter.duration, (end - self._start) / 1e9, self.span)
        trace, span, parent = self.trace, self.span, self._parent
        if trace is None or span is None or parent is None:
            return
        if SCOPE.get() is self:
            SCOPE.set(self._before)
        failed = error is not None and not isinstance(error, GeneratorExit)
        if failed and error is not None:
            self._inference.record(error, span)
        trace.recorder.emit(
            span,
            name=self._meter.name,
            parent=parent.context,
            kind=trace.kind.INTERNAL,
            attributes=self._meter.attributes,
            start=trace.anchor + self._start,
            end=trace.anchor + end,
            error=type(error).__qualname__ if failed else None,
        )


def exemplar(trace_id: str | None, span: OpenSpan | None) -> dict[str, str] | None:
    """Labels that link a histogram bucket to a span."""
    if trace_id is None or span is None:
        return None
    return {S.EXEMPLAR_TRACE_ID: trace_id, S.EXEMPLAR_SPAN_ID: format(span.context.span_id, "016x")}
