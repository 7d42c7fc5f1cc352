"""Spans and traces from their opening on, and what other instrumentation sees of them meanwhile."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING

from opentelemetry import context as otel_context
from opentelemetry import propagate, trace
from opentelemetry.context.context import Context
from opentelemetry.sdk.trace import Event
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, SpanContext, SpanKind, TraceFlags, TraceState
from opentelemetry.util.types import AnyValue, Attributes

from modelwatch.otel.caller import NO_STATE, RANDOM, Parent, RemoteParent
from modelwatch.otel.naming import is_name
from modelwatch.telemetry import spans as S

if TYPE_CHECKING:
    from modelwatch.otel.tracing import Recorder

FLAGS = tuple(TraceFlags(bits) for bits in range(4))
"""By their bits."""

# The API puts the current span under a key that it does not name; it is the only one in a context with nothing else.
(_SPAN_KEY,) = trace.set_span_in_context(INVALID_SPAN, Context())


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

    @property
    def span_name(self) -> str:
        """What a sampler is told, if it asks."""
        return ""

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


def still_open(span: OpenSpan | None) -> OpenSpan | None:
    """The innermost that has not ended: of inferences that one thread opened, the first may end first."""
    while span is not None and getattr(span, "end", False):
        span = getattr(span, "_before", None)
    return span


class Trace(ABC):
    """The spans of one inference, current in the OpenTelemetry context while it runs."""

    __slots__ = ("_attached", "_before", "context", "recorder", "root")

    _attached: Context
    _before: Context
    context: Context
    recorder: Recorder
    root: OpenSpan

    @property
    @abstractmethod
    def trace_id(self) -> int: ...

    @property
    @abstractmethod
    def flags(self) -> TraceFlags: ...

    @property
    @abstractmethod
    def state(self) -> TraceState: ...

    @property
    @abstractmethod
    def parent(self) -> SpanContext | None:
        """What its first span is a child of."""

    @property
    @abstractmethod
    def kind(self) -> SpanKind:
        """That of its first span."""

    @property
    @abstractmethod
    def attributes(self) -> Mapping[str, AnyValue]:
        """Those that the sampler gives its first span."""

    @property
    @abstractmethod
    def anchor(self) -> int:
        """Nanoseconds from the monotonic clock's zero to the epoch's; only where it is recorded."""

    @property
    @abstractmethod
    def recording(self) -> bool: ...

    @property
    @abstractmethod
    def sampled(self) -> bool: ...

    def attach(self) -> None:
        """Make it current for other instrumentation."""
        own = {_SPAN_KEY: _CurrentSpan(self)}
        self._attached = Context({**self.context, **own} if self.context else own)
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
            otel_context.attach(_without_ended(self._before) if self._before else self._before)
        self._attached = self._before

    def close(self) -> None:
        """Let go of the inference, whose identity stays: what refers to the trace in a circle is freed late."""
        self.root = OpenSpan(self.root.context)


class Decided(Trace):
    """A trace that a sampler has decided on."""

    __slots__ = (
        "_parent",
        "anchor",
        "attributes",
        "flags",
        "kind",
        "recording",
        "sampled",
        "state",
        "trace_id",
    )

    anchor: int
    attributes: Mapping[str, AnyValue]
    flags: TraceFlags
    kind: SpanKind
    recording: bool
    sampled: bool
    state: TraceState
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
        root.trace = self

    @property
    def parent(self) -> SpanContext | None:
        return self._parent.context if isinstance(self._parent, RemoteParent) else self._parent


class Unsampled(Trace):
    """The trace of a caller who says that it is not sampled: most that its header tells is never asked for."""

    __slots__ = ("_header",)

    anchor = 0
    attributes: Mapping[str, AnyValue] = {}
    kind = SpanKind.SERVER
    recording = sampled = False
    state = NO_STATE

    def __init__(self, recorder: Recorder, root: OpenSpan, header: str, before: Context) -> None:
        self.recorder, self.root, self._header = recorder, root, header
        self.context = self._before = before
        root.trace = self

    @property
    def trace_id(self) -> int:
        return RemoteParent(self._header).trace_id

    @property
    def flags(self) -> TraceFlags:
        return FLAGS[RemoteParent(self._header).trace_flags & RANDOM]

    @property
    def parent(self) -> SpanContext:
        return RemoteParent(self._header).context


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

    @property
    def ended(self) -> bool:
        # Of a trace that is closed the root is no inference any more.
        return bool(getattr(self._owner.root, "end", True))

    @property
    def before(self) -> Context:
        return self._owner._before

    def __repr__(self) -> str:
        return f"modelwatch span of {self.get_span_context()!r}"


def _without_ended(context: Context) -> Context:
    """As `still_open`, of what other instrumentation sees."""
    while isinstance(span := context.get(_SPAN_KEY), _CurrentSpan) and span.ended:
        context = span.before
    return context
