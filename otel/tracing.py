"""Spans that are built after they end.

Starting and ending a span of the SDK costs about 14 us; four of them are more than some models need to answer. So a
span is an identity while it is open (other instrumentation needs it as a parent) and everything else is made when it
has ended: then the finished span goes to the provider's processors. The price is that processors see no ``on_start``.
"""

from __future__ import annotations

import functools
import logging
import os
import random
import re
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from weakref import WeakSet

from opentelemetry import context as otel_context
from opentelemetry import propagate, trace
from opentelemetry.context.context import Context
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, Tracer
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Decision, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)
from opentelemetry.util.types import AnyValue, Attributes
from prometheus_client import Counter

from modelwatch import __version__
from modelwatch.otel.naming import is_name
from modelwatch.telemetry import spans as S

log = logging.getLogger("modelwatch.otel")

_SCOPE = InstrumentationScope("modelwatch", __version__)
_UNSET = Status(StatusCode.UNSET)
_SAMPLED, _RANDOM = 1, 2  # bits of W3C trace flags
_FLAGS = tuple(TraceFlags(bits) for bits in range(4))
_NO_STATE = TraceState.get_default()
_RATIO = re.compile(r"TraceIdRatioBased\{([0-9.e-]+)\}")
# The API puts the current span under a key that it does not name; it is the only one in a context with nothing else.
(_SPAN_KEY,) = trace.set_span_in_context(INVALID_SPAN, Context())
_W3C = {"traceparent", "tracestate", "baggage"}
_TRACEPARENT = re.compile("00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_ID_LIMIT = TraceIdRatioBased.TRACE_ID_LIMIT


@dataclass(frozen=True, slots=True)
class Decided:
    """What one of the SDK's own samplers will say, so that it need not be asked for every request.

    A trace is sampled if its id, cut to the lower 64 bits, is below ``bound``, or, where ``by_parent``, as its parent.
    """

    bound: int
    by_parent: bool


def decided(sampler: Sampler) -> Decided | None:
    """None for a sampler that must be asked."""
    if type(sampler).__module__ != TraceIdRatioBased.__module__:
        return None
    told = sampler.get_description()
    ratio = _RATIO.search(told)
    roots: list[tuple[Sampler, int]] = [(ALWAYS_ON, _ID_LIMIT + 1), (ALWAYS_OFF, 0)]
    if ratio is not None:
        share = TraceIdRatioBased(float(ratio[1]))
        roots = [(share, share.bound)]
    for root, bound in roots:
        if told == root.get_description():
            return Decided(bound, by_parent=False)
        if told == ParentBased(root).get_description():  # type: ignore[no-untyped-call]  # ships none
            return Decided(bound, by_parent=True)
    return None


_reading = threading.local()
for _quoting in ("opentelemetry.baggage.propagation", "opentelemetry.trace.span"):
    # What they complain of they quote: headers, that is what a caller wrote.
    logging.getLogger(_quoting).addFilter(lambda _: not getattr(_reading, "headers", False))


def extracted(headers: Mapping[str, str], context: Context) -> Context:
    """What the propagators make of a caller's headers, with nothing said of those that are wrong."""
    _reading.headers = True
    try:
        return propagate.extract(headers, context=context)
    finally:
        _reading.headers = False


class RemoteParent:
    """The caller's span as its header tells it; most need no more than these numbers."""

    __slots__ = ("is_valid", "span_id", "trace_flags", "trace_id")
    is_remote = True
    trace_state = _NO_STATE

    def __init__(self, trace_id: int, span_id: int, trace_flags: int) -> None:
        self.trace_id, self.span_id, self.trace_flags = trace_id, span_id, trace_flags
        self.is_valid = trace_id != 0 and span_id != 0

    @property
    def context(self) -> SpanContext:
        return SpanContext(self.trace_id, self.span_id, True, TraceFlags(self.trace_flags), _NO_STATE)


Parent = SpanContext | RemoteParent


class OpenSpan:
    """A span from its opening on: its identity, and what the service adds to it meanwhile.

    The identity is two numbers until someone asks for the object. ``trace`` is None where nothing is recorded.
    """

    __slots__ = ("_context", "added", "error", "events", "span_id", "trace")

    _context: SpanContext | None
    added: dict[str, AnyValue] | None
    error: str | None
    events: list[Event] | None
    span_id: int
    trace: Trace | None

    def __init__(self, context: SpanContext) -> None:
        self._context = context
        self.added = self.error = self.events = self.trace = None

    @property
    def context(self) -> SpanContext:
        """Made when first asked for; two threads that ask at once get equal ones."""
        found = self._context
        if found is None:
            owner = self.trace
            if owner is None:
                return INVALID_SPAN.get_span_context()
            found = SpanContext(owner.trace_id, self.span_id, False, owner.flags, owner.state)
            self._context = found
        return found

    def add(self, attributes: Mapping[str, AnyValue]) -> None:
        if self.added is None:
            self.added = {}
        self.added.update(attributes)

    def add_event(self, event: Event) -> None:
        if self.events is None:
            self.events = []
        self.events.append(event)


SCOPE: ContextVar[OpenSpan | None] = ContextVar("modelwatch_scope", default=None)
"""The innermost open inference or stage of this thread or task."""


class Recorder:
    """Begins traces for one model, and hands their finished spans to the provider's processors.

    ``deferred`` leaves that to the backlog's thread; otherwise it is done before the request's block is left.
    """

    def __init__(
        self,
        tracer: Tracer,
        name: str,
        attributes: Mapping[str, AnyValue],
        *,
        lost: Counter | None = None,
        deferred: bool = False,
    ) -> None:
        self._tracer, self._name, self._attributes, self._lost = tracer, name, dict(attributes), lost
        self.deferred, self.resource = deferred, tracer.resource
        ids = tracer.id_generator
        # The SDK's own generator draws from `random`, as is done here without its loops around the draw.
        self._random = type(ids) is RandomIdGenerator
        self._decided = decided(tracer.sampler)
        self._trace_id = functools.partial(random.getrandbits, 128) if self._random else ids.generate_trace_id
        self.span_id = functools.partial(random.getrandbits, 64) if self._random else ids.generate_span_id
        self._complained = False
        self._propagator: TextMapPropagator | None = None
        self._plain = False
        if deferred:
            _OWN.add(self)

    def begin(self, root: OpenSpan, headers: Mapping[str, str] | None, name: str) -> Trace | None:
        """A trace as child of the current span, else of the caller named in ``headers``; None if the SDK fails."""
        try:
            return self._begin(root, headers, name)
        except Exception:
            self.complain()
            return None

    def _begin(self, root: OpenSpan, headers: Mapping[str, str] | None, name: str) -> Trace:
        current = otel_context.get_current()
        context = current
        parent: Parent | None = None
        if current:
            parent = trace.get_current_span(current).get_span_context()
        if headers and (parent is None or not parent.is_valid):
            context, parent = self._caller(headers, current)
        if parent is not None and not parent.is_valid:
            parent = None
        made = Trace(self, root, parent, context, current)
        if parent is None:
            made.trace_id, bits, made.kind = self._trace_id(), _RANDOM if self._random else 0, SpanKind.SERVER
        else:
            made.trace_id, bits = parent.trace_id, parent.trace_flags & _RANDOM
            made.kind = SpanKind.SERVER if parent.is_remote else SpanKind.INTERNAL
        known = self._decided
        if known is None:
            asked = (
                context if made.parent is None else trace.set_span_in_context(NonRecordingSpan(made.parent), context)
            )
            result = self._tracer.sampler.should_sample(asked, made.trace_id, name, made.kind, self._attributes)
            sampled, recording = result.decision is Decision.RECORD_AND_SAMPLE, result.decision is not Decision.DROP
            made.attributes, made.state = result.attributes or self._attributes, result.trace_state or _NO_STATE
        else:
            if parent is not None and known.by_parent:
                sampled = recording = bool(parent.trace_flags & _SAMPLED)
            else:
                sampled = recording = made.trace_id & _ID_LIMIT < known.bound
            made.attributes, made.state = self._attributes, _NO_STATE if parent is None else parent.trace_state
        if recording:
            # Epoch minus the monotonic clock: one clock times the spans and the histograms, so they agree.
            made.anchor = time.time_ns() - time.perf_counter_ns()
        made.recording, made.sampled = recording, sampled
        made.flags = _FLAGS[bits | _SAMPLED if sampled else bits]
        root.span_id = self.span_id()
        made.attach()
        return made

    def _caller(self, headers: Mapping[str, str], current: Context) -> tuple[Context, Parent | None]:
        """The context that the headers tell of, and the caller's span.

        The propagators take longer than all else here, so they are asked only for what is more than a plain
        traceparent.
        """
        propagator = propagate.get_global_textmap()
        if propagator is not self._propagator:
            self._propagator = propagator
            self._plain = "traceparent" in propagator.fields and propagator.fields <= _W3C
        get = headers.get
        if self._plain and get("tracestate") is None and get("baggage") is None:
            text = get("traceparent")
            if text is None:
                return current, None
            found = _TRACEPARENT.fullmatch(text)
            if found is not None:
                ids, span, flags = found.groups()
                return current, RemoteParent(int(ids, 16), int(span, 16), int(flags, 16))
        context = extracted(headers, current)
        return context, trace.get_current_span(context).get_span_context()

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
        links: Sequence[Link] = (),
    ) -> None:
        """Hand a finished span to the processors. ``start`` and ``end`` are nanoseconds since the epoch."""
        error = span.error
        if error is not None or span.added is not None:
            added = {key: value for key, value in (span.added or {}).items() if _may_leave(key)}
            attributes = {**attributes, **added, **({} if error is None else {S.ERROR_TYPE.key: error})}
        readable = ReadableSpan(
            name,
            span.context,
            parent,
            self.resource,
            attributes,
            span.events or (),
            links,
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

    def drop(self, spans: int) -> None:
        """Count spans that nobody will see."""
        if self._lost is not None:
            self._lost.inc(spans)

    def complain(self) -> None:
        """Say once that tracing is broken; the prediction goes on without."""
        if not self._complained:
            self._complained = True
            log.exception("spans of %s are lost, predictions are not: the tracing set-up failed", self._name)

    def forked(self) -> None:
        """A process has an instance id of its own, a worker too that was forked from a loaded service."""
        self.resource = self.resource.merge(Resource({S.SERVICE_INSTANCE.key: _instance()}))


_OWN: WeakSet[Recorder] = WeakSet()


@functools.cache
def _instance() -> str:
    return str(uuid.uuid4())


def _in_child() -> None:
    _instance.cache_clear()
    for recorder in list(_OWN):
        recorder.forked()


os.register_at_fork(after_in_child=_in_child)


class Trace:
    """The spans of one inference, current in the OpenTelemetry context while it runs."""

    __slots__ = (
        "_attached",
        "_before",
        "_parent",
        "anchor",
        "attributes",
        "context",
        "flags",
        "kind",
        "recorder",
        "recording",
        "root",
        "sampled",
        "state",
        "trace_id",
    )

    _attached: Context
    anchor: int
    attributes: Mapping[str, AnyValue]
    flags: TraceFlags
    kind: SpanKind
    recording: bool
    sampled: bool
    trace_id: int

    def __init__(
        self,
        recorder: Recorder,
        root: OpenSpan,
        parent: Parent | None,
        context: Context,
        before: Context,
    ) -> None:
        self.recorder, self.root, self._parent, self.context, self._before = recorder, root, parent, context, before
        self.state = _NO_STATE
        root.trace = self

    @property
    def parent(self) -> SpanContext | None:
        """What its first span is a child of."""
        return self._parent.context if isinstance(self._parent, RemoteParent) else self._parent

    def attach(self) -> None:
        """Make it current for other instrumentation."""
        self._attached = Context(self.context, **{_SPAN_KEY: _CurrentSpan(self)})
        otel_context.attach(self._attached)

    def innermost(self) -> OpenSpan:
        """The open span of this trace that the running code is in."""
        scope = SCOPE.get()
        return scope if scope is not None and scope.trace is self else self.root

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
        self._attached = self._before

    def close(self) -> None:
        """Let go of the inference, whose identity stays: what refers to the trace in a circle is freed late."""
        self.root = OpenSpan(self.root.context)


def _may_leave(key: str) -> bool:
    return key in S.ADDED or key.startswith(S.NAMESPACE)


class _CurrentSpan(NonRecordingSpan):
    """What other instrumentation sees: always the innermost open span, so one attach serves every stage.

    Of what it adds, only what the contract lists is kept: anybody may call anything an attribute.
    """

    def __init__(self, owner: Trace) -> None:  # the base class keeps a context, which is made here when asked for
        self._owner = owner

    def get_span_context(self) -> SpanContext:
        return self._owner.innermost().context

    def is_recording(self) -> bool:
        return self._owner.recording

    def set_attribute(self, key: str, value: AnyValue) -> None:
        self.set_attributes({key: value})

    def set_attributes(self, attributes: Mapping[str, AnyValue]) -> None:
        if self._owner.recording:
            self._owner.innermost().add({key: value for key, value in attributes.items() if key in S.ADDED})

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        if self._owner.recording:
            kept = {key: value for key, value in (attributes or {}).items() if key in S.ADDED}
            self._owner.innermost().add_event(Event(name if is_name(name) else "event", kept, timestamp))

    def __repr__(self) -> str:
        return f"modelwatch span of {self.get_span_context()!r}"
