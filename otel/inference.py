"""One inference and its stages: each is timed once, and from that timing come its span, histogram and exemplar."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from time import perf_counter_ns
from types import TracebackType
from typing import Any, Self

from opentelemetry.trace import Link, SpanKind
from opentelemetry.util.types import AnyValue

from modelwatch.otel.backlog import BACKLOG, Linked
from modelwatch.otel.complaints import confidence_left_out, rows_of
from modelwatch.otel.ended import Done
from modelwatch.otel.failures import exception_event
from modelwatch.otel.fate import Fate, link
from modelwatch.otel.naming import OTHER, is_name
from modelwatch.otel.opened import SCOPE, OpenSpan, Trace, still_open
from modelwatch.otel.probe import Probe, RequestMeter, StageMeter, observe
from modelwatch.telemetry import metrics as M
from modelwatch.telemetry import spans as S
from modelwatch.telemetry.rows import plain

log = logging.getLogger("modelwatch.otel")

# A request of more stages hands them on by so many, so that none grows without end.
STAGES_HELD = 256
# One that is answered piece by piece may be in a batch for each; as many links as the SDK takes by default.
BATCHES_LINKED = 128


class Inference(OpenSpan):
    """``with watch.inference(...) as inference``: counts, times and traces one request.

    An exception passes through unchanged and is an error, cancellation too: an unanswered request is no answer. Closing
    a generator (GeneratorExit) is none.
    """

    __slots__ = (
        "_before",
        "_confidences",
        "_drifted",
        "_failure",
        "_fates",
        "_headers",
        "_meter",
        "_recorded",
        "_start",
        "batch",
        "end",
        "probe",
        "stages",
    )

    def __init__(
        self, probe: Probe, meter: RequestMeter | None, headers: Mapping[str, str] | None = None, batch: int = 1
    ) -> None:
        self._context = self.added = self.events = self.error = self.trace = None
        self._failure = self._recorded = self._fates = None
        self._drifted = False
        if batch.__class__ is not int or batch < 0:
            batch = rows_of(batch, probe.identity[0])
        self.probe, self._meter, self._headers, self.batch = probe, meter, headers, batch
        self.stages: list[Stage] = []
        self._confidences: list[float] = []
        self.end = 0

    _failure: str | None
    _fates: list[Fate] | None
    _recorded: BaseException | None

    def __enter__(self) -> Self:
        self._start = perf_counter_ns()
        recorder = self.probe.recorder
        if recorder is not None:
            self.trace = recorder.begin(self, self._headers)
        self._before = SCOPE.get()
        SCOPE.set(self)
        if self._meter is not None:
            self._meter.live.add(id(self))
            if BACKLOG.asleep:
                BACKLOG.rouse()
        return self

    def stage(self, name: str) -> Stage:
        """``with inference.stage("preprocessing")``: times one part of the request. Stages may nest."""
        return Stage(self, self.probe.stages.get(name))

    def confidence(self, value: float) -> None:
        """Confidence of one answer, 0 to 1; call it for each row of a batch. Other values are left out."""
        if self.end:
            log.debug("a confidence of %s came after the end of its request and was left out", self.probe.name)
            return
        try:
            if 0.0 <= value <= 1.0:
                self._confidences.append(float(value))
                return
        except (TypeError, ValueError):  # a text, an array: nothing that a request should fail of
            pass
        confidence_left_out(self.probe.identity[0])

    def predicted(
        self,
        features: Mapping[str, Any],
        prediction: Any = None,
        confidence: Any = None,
        id: Any = None,
        timestamp: Any = None,
    ) -> None:
        """One answer with what it was made of, for each row; never waits and never raises.

        Where the spec has ``logging.predictions``, the row is written for the sidecar, and where it has
        ``tracing.features``, those stand on the span; otherwise features go nowhere. The confidence counts as by
        `confidence`.
        """
        probe = self.probe
        if confidence is not None:
            self.confidence(confidence)
        if prediction is not None:
            probe.expected.prediction(prediction)
        if probe.rows is not None:
            probe.rows.put(features, timestamp, prediction, confidence, id)
        if probe.features and not self.end and self.trace is not None and self.trace.recording:
            try:
                shown = {name: plain(features[name]) for name in probe.features if name in features}
                self.add({S.FEATURE_PREFIX + name: value for name, value in shown.items() if value is not None})
            except Exception:  # an object of the service's own may raise anything when it is read
                log.debug("features of %s could not be put on a span", probe.name, exc_info=True)

    def fail(self, error_type: str | BaseException) -> None:
        """Count an error although no exception leaves the block; ``error_type`` names its kind, such as "timeout".

        An exception stands for its class; what is no name is "other".
        """
        if not self.end:
            kind = type(error_type).__qualname__ if isinstance(error_type, BaseException) else error_type
            self._failure = kind if is_name(kind) else OTHER

    def drifted(self) -> None:
        """Say that what came in is unlike the reference: such traces are kept where ``tracing.keep`` says so."""
        if not self.end:
            self._drifted = True

    def headers(self) -> dict[str, str]:
        """Headers for a call to another service, whose spans then join this trace; untraced, the caller's own."""
        if self.trace is not None:
            return self.trace.headers()
        received = self._headers or {}
        return {name: received[name] for name in ("traceparent", "tracestate") if name in received}

    def __exit__(self, kind: object, error: BaseException | None, traceback: TracebackType | None) -> None:
        end = self.end = perf_counter_ns()
        if SCOPE.get() is self:
            before = self._before
            SCOPE.set(before if before is None else still_open(before))
        if self._meter is not None:
            self._meter.live.discard(id(self))
        trace = self.trace
        if error is not None and not isinstance(error, GeneratorExit):
            self._failure = type(error).__qualname__
            if trace is not None and trace.recording:
                self.record(error, self)
            self._recorded = None  # its frames would keep the request's objects alive
        stages, self.stages = self.stages, []
        done = Done(self, trace, stages, end)
        if trace is not None:
            trace.detach()
            if trace.recording and not trace.recorder.deferred:
                done.hand_on()
        BACKLOG.put(done)

    def hand_on_stages(self) -> None:
        """Those that have ended by now: of a request with very many, or that outlived theirs."""
        stages, self.stages = self.stages, []
        part = Done(self, self.trace, stages, 0)
        if self.trace is not None and not self.trace.recorder.deferred:
            part.hand_on()
        BACKLOG.put(part)

    def record(self, error: BaseException, span: OpenSpan) -> None:
        """Put the exception on the innermost span that it leaves, and on no other."""
        if self._recorded is not error:
            self._recorded = error
            span.add_event(exception_event(error))

    def attributes(self, trace: Trace) -> dict[str, AnyValue]:
        """Those of its span, once it has ended."""
        found: dict[str, AnyValue] = {
            **trace.attributes,
            S.OUTCOME.key: M.OUTCOME_SUCCESS if self._failure is None else M.OUTCOME_ERROR,
            S.BATCH_SIZE.key: self.batch,
        }
        if self._confidences:
            found[S.CONFIDENCE.key] = min(self._confidences)
            found[S.LOW_CONFIDENCE.key] = self.low
        if self._drifted:
            found[S.DRIFTED.key] = True
        return found

    def join(self, fate: Fate) -> None:
        """It is answered in a batch, to which its span then points."""
        trace = self.trace
        if self.end or trace is None or not trace.recording or trace.trace_id == fate.context.trace_id:
            return
        if self._fates is None:
            self._fates = []
        if len(self._fates) < BATCHES_LINKED:
            self._fates.append(fate)

    def links(self) -> Sequence[Link]:
        """Other spans that its span points at."""
        return tuple(link(fate.context) for fate in self._fates or ())

    @property
    def span_name(self) -> str:
        return self.probe.name

    @property
    def span_kind(self) -> SpanKind:
        return self.trace.kind if self.trace is not None else SpanKind.INTERNAL

    journaled = True
    """Whether it may have a line in the log."""

    @property
    def failure(self) -> str | None:
        """What kind of error it ended with."""
        return self._failure

    @property
    def lowest_confidence(self) -> float | None:
        return min(self._confidences, default=None)

    @property
    def low(self) -> bool:
        """Whether one of its answers is unsure."""
        return bool(self._confidences) and min(self._confidences) < self.probe.low_confidence

    @property
    def has_drifted(self) -> bool:
        return self._drifted

    @property
    def seconds(self) -> float:
        """What it took; so far, while it is open."""
        return ((self.end or perf_counter_ns()) - self._start) / 1e9

    def emit(self, trace: Trace) -> None:
        self.error = self._failure
        trace.recorder.emit(
            self,
            name=self.span_name,
            parent=trace.parent,
            kind=self.span_kind,
            attributes=self.attributes(trace),
            start=trace.anchor + self._start,
            end=trace.anchor + self.end,
            links=self.links(),
        )
        if self._fates is not None and self.kept(trace):
            for fate in self._fates:
                fate.keep(self.context)

    def kept(self, trace: Trace) -> bool:
        """Whether the trace will be found where the Collector keeps traces, so that an exemplar may point at it."""
        return (
            trace.sampled
            and self.probe.sampling.keeps(
                trace.trace_id,
                error=self._failure is not None,
                seconds=self.seconds,
                low_confidence=self.low,
                drifted=self._drifted,
            )
            and not self.over_limit
        )

    def kept_so_far(self, trace: Trace) -> bool:
        """As ``kept``, of one whose span is yet to be handed on: with a limit, an ordinary one has yet to meet it."""
        if self.probe.sampling.limit is None:
            return self.kept(trace)
        why = self.probe.sampling.reasons(
            trace.trace_id,
            error=self._failure is not None,
            seconds=self.seconds,
            low_confidence=self.low,
            drifted=self._drifted,
        )
        return trace.sampled and bool(why)

    def meet_limit(self, trace: Trace, spans: int) -> None:
        """Count an ordinary one against the spec's limit; what is over it is marked, so that the Collector knows.

        With it come the spans of its batch, unless another request has that kept already.
        """
        batches = sum(fate.spans for fate in self._fates or () if not fate.kept)
        if trace.sampled and self.probe.sampling.over(
            trace.trace_id,
            spans + batches,
            error=self._failure is not None,
            seconds=self.seconds,
            low_confidence=self.low,
            drifted=self._drifted,
        ):
            self.add({S.OVER_LIMIT.key: True})

    @property
    def over_limit(self) -> bool:
        return self.added is not None and S.OVER_LIMIT.key in self.added

    def settle(self, trace: Trace | None, linked: Linked) -> None:
        """Observe its own metrics; ``trace`` only where an exemplar may point at it."""
        for value in self._confidences:
            observe(self.probe.confidence, M.CONFIDENCE_BUCKETS, value, trace, self, linked)
        self.ended(self.seconds, trace, linked)

    def ended(self, seconds: float, trace: Trace | None, linked: Linked, /) -> None:
        meter = self._meter
        if meter is not None:
            observe(meter.duration, M.LATENCY_BUCKETS, seconds, trace, self, linked)
            (meter.success if self._failure is None else meter.error).inc(self.batch)


class Stage(OpenSpan):
    """One part of an inference. An exception passes through unchanged."""

    __slots__ = ("_before", "end", "inference", "meter", "parent", "start")

    def __init__(self, inference: Inference, meter: StageMeter) -> None:
        trace = inference.trace
        if trace is not None and trace.recording:
            self._context = self.added = self.events = self.error = None
            self.trace = trace
        else:
            self.trace = None
        self.inference, self.meter = inference, meter

    def __enter__(self) -> Self:
        trace = self.trace
        if trace is not None:
            before = self._before = SCOPE.get()
            self.parent = before if before is not None and before.trace is trace else trace.root
            self.span_id = trace.recorder.span_id()
            SCOPE.set(self)
        self.start = perf_counter_ns()
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.end = perf_counter_ns()
        if self.trace is not None:
            if SCOPE.get() is self:
                SCOPE.set(self._before)
            if error is not None and not isinstance(error, GeneratorExit):
                self.error = type(error).__qualname__
                self.inference.record(error, self)
        inference = self.inference
        held = inference.stages
        held.append(self)
        if inference.end or len(held) >= STAGES_HELD:
            inference.hand_on_stages()

    def emit(self, trace: Trace) -> None:
        trace.recorder.emit(
            self,
            name=self.meter.name,
            parent=self.parent.context,
            kind=SpanKind.INTERNAL,
            attributes=self.meter.attributes,
            start=trace.anchor + self.start,
            end=trace.anchor + self.end,
        )
