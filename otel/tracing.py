"""Spans that are built when they end.

Starting and ending a span of the SDK costs about 14 us; four of them are more than some models need to answer. So a
span's identity is made when it opens (other instrumentation needs it as a parent), everything else when it ends: then
the finished span goes straight to the provider's processors. The price is that processors see no ``on_start``.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Protocol

from opentelemetry import context as otel_context
from opentelemetry import propagate, trace
from opentelemetry.context.context import Context
from opentelemetry.sdk.trace import Event, ReadableSpan, Tracer
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import AnyValue, Attributes

from modelwatch import __version__

log = logging.getLogger("modelwatch.otel")

_SCOPE = InstrumentationScope("modelwatch", __version__)
_UNSET = Status(StatusCode.UNSET)
_SAMPLED, _RANDOM = 1, 2  # bits of W3C trace flags
_FLAGS = tuple(TraceFlags(bits) for bits in range(4))
_FRAMES = 30


class OpenSpan:
    """A span that has not ended: its identity, and what the service adds to it meanwhile."""

    __slots__ = ("added", "context", "events")

    def __init__(self, context: SpanContext) -> None:
        self.context = context
        self.added: dict[str, AnyValue] | None = None
        self.events: list[Event] | None = None

    def add(self, attributes: Mapping[str, AnyValue]) -> None:
        if self.added is None:
            self.added = {}
        self.added.update(attributes)

    def add_event(self, event: Event) -> None:
        if self.events is None:
            self.events = []
        self.events.append(event)


class Scope(Protocol):
    """An open inference or stage."""

    trace: Trace | None
    span: OpenSpan | None


SCOPE: ContextVar[Scope | None] = ContextVar("modelwatch_scope", default=None)
"""The innermost open inference or stage of this thread or task."""


class Recorder:
    """Begins traces for one model."""

    def __init__(self, tracer: Tracer, name: str, attributes: Mapping[str, AnyValue]) -> None:
        self._tracer, self._name, self._attributes = tracer, name, dict(attributes)
        self._random = isinstance(tracer.id_generator, RandomIdGenerator)
        self._complained = False

    def begin(self, headers: Mapping[str, str] | None) -> Trace | None:
        """A trace as child of the current span, else of the caller named in ``headers``; None if the SDK fails."""
        try:
            return self._begin(headers)
        except Exception:
            self.complain()
            return None

    def _begin(self, headers: Mapping[str, str] | None) -> Trace:
        tracer, current = self._tracer, otel_context.get_current()
        context, parent = current, trace.get_current_span(current).get_span_context()
        if headers is not None and not parent.is_valid:
            context = propagate.extract(headers, context=current)
            parent = trace.get_current_span(context).get_span_context()
        if parent.is_valid:
            trace_id, flags = parent.trace_id, parent.trace_flags & _RANDOM
            kind = SpanKind.SERVER if parent.is_remote else SpanKind.INTERNAL
        else:
            trace_id, flags = tracer.id_generator.generate_trace_id(), _RANDOM if self._random else 0
            kind = SpanKind.SERVER
        sampling = tracer.sampler.should_sample(context, trace_id, self._name, kind, self._attributes)
        if sampling.decision is Decision.RECORD_AND_SAMPLE:
            flags |= _SAMPLED
        root = SpanContext(trace_id, tracer.id_generator.generate_span_id(), False, _FLAGS[flags], sampling.trace_state)
        return Trace(
            recorder=self,
            root=OpenSpan(root),
            parent=parent if parent.is_valid else None,
            kind=kind,
            recording=sampling.decision is not Decision.DROP,
            attributes=sampling.attributes,
            context=context,
            before=current,
        )

    def new_context(self, root: SpanContext) -> SpanContext:
        """Identity of one more span in the trace of ``root``."""
        span_id = self._tracer.id_generator.generate_span_id()
        return SpanContext(root.trace_id, span_id, False, root.trace_flags, root.trace_state)

    def emit(
        self,
        span: OpenSpan,
        *,
        name: str,
        parent: SpanContext | None,
        kind: SpanKind,
        attributes: Mapping[str, AnyValue],
        start: int,
        end: int,
        error: str | None,
    ) -> None:
        """Hand a finished span to the processors. ``start`` and ``end`` are nanoseconds since the epoch."""
        if error is not None or span.added is not None:
            attributes = {**attributes, **(span.added or {}), **({} if error is None else {"error.type": error})}
        readable = ReadableSpan(
            name,
            span.context,
            parent,
            self._tracer.resource,
            attributes,
            span.events or (),
            (),
            kind,
            None,
            _UNSET if error is None else Status(StatusCode.ERROR, error),
            start,
            end,
            _SCOPE,
        )
        try:
            self._tracer.span_processor.on_end(readable)
        except Exception:
            self.complain()

    def complain(self) -> None:
        """Say once that tracing is broken; the prediction goes on without."""
        if not self._complained:
            self._complained = True
            log.exception("spans of %s are lost, predictions are not: the tracing set-up failed", self._name)


class Trace:
    """The spans of one inference, current in the OpenTelemetry context while it runs."""

    __slots__ = (
        "_attached",
        "_before",
        "anchor",
        "attributes",
        "context",
        "kind",
        "parent",
        "recorder",
        "recording",
        "root",
    )

    def __init__(
        self,
        *,
        recorder: Recorder,
        root: OpenSpan,
        parent: SpanContext | None,
        kind: SpanKind,
        recording: bool,
        attributes: Mapping[str, AnyValue] | Attributes,
        context: Context,
        before: Context,
    ) -> None:
        self.recorder, self.root, self.parent, self.kind = recorder, root, parent, kind
        self.recording, self.attributes = recording, attributes or {}
        # Epoch minus the monotonic clock: one clock times the spans and the histograms, so they agree.
        self.anchor = time.time_ns() - time.perf_counter_ns()
        self.context, self._before = context, before
        current = _CurrentSpan(self) if recording else NonRecordingSpan(root.context)
        self._attached = trace.set_span_in_context(current, context)
        otel_context.attach(self._attached)

    @property
    def sampled(self) -> bool:
        return bool(self.root.context.trace_flags & _SAMPLED)

    def innermost(self) -> OpenSpan:
        """The open span of this trace that the running code is in."""
        scope = SCOPE.get()
        return scope.span if scope is not None and scope.trace is self and scope.span is not None else self.root

    def headers(self) -> dict[str, str]:
        """Headers that make a downstream call a child of the innermost span."""
        carrier: dict[str, str] = {}
        here = NonRecordingSpan(self.innermost().context)
        propagate.inject(carrier, trace.set_span_in_context(here, self.context))
        return carrier

    def detach(self) -> None:
        """Make the context current that was so before; left alone where another has taken over, as in a generator."""
        if otel_context.get_current() is self._attached:
            otel_context.attach(self._before)


class _CurrentSpan(NonRecordingSpan):
    """What other instrumentation sees: always the innermost open span, so one attach serves every stage."""

    def __init__(self, owner: Trace) -> None:
        super().__init__(owner.root.context)
        self._owner = owner

    def get_span_context(self) -> SpanContext:
        return self._owner.innermost().context

    def is_recording(self) -> bool:
        return True

    def set_attribute(self, key: str, value: AnyValue) -> None:
        self._owner.innermost().add({key: value})

    def set_attributes(self, attributes: Mapping[str, AnyValue]) -> None:
        self._owner.innermost().add(attributes)

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        self._owner.innermost().add_event(Event(name, attributes, timestamp))


def exception_event(error: BaseException) -> Event:
    """The error's type and stack. Its message stays out: it often quotes the input, and features are private."""
    frames = "".join(traceback.format_tb(error.__traceback__, limit=-_FRAMES))
    return Event("exception", {"exception.type": type(error).__qualname__, "exception.stacktrace": frames})
