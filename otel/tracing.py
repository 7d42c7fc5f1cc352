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
import time
import uuid
from collections.abc import Mapping, Sequence
from weakref import WeakSet

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Tracer
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.util.types import AnyValue
from prometheus_client import Counter

from modelwatch import __version__
from modelwatch.otel.caller import NO_STATE, RANDOM, SAMPLED, UNSAMPLED, Callers, Parent, RemoteParent, extracted
from modelwatch.otel.deciding import ID_LIMIT, foreseen
from modelwatch.otel.opened import FLAGS, Decided, OpenSpan, Trace, Unsampled
from modelwatch.telemetry import spans as S

log = logging.getLogger("modelwatch.otel")

_SCOPE = InstrumentationScope("modelwatch", __version__)
_UNSET = Status(StatusCode.UNSET)


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
        self._known = foreseen(tracer.sampler)
        self._by_parent = self._known is not None and self._known.by_parent
        self._trace_id = functools.partial(random.getrandbits, 128) if self._random else ids.generate_trace_id
        self.span_id = functools.partial(random.getrandbits, 64) if self._random else ids.generate_span_id
        self._complained = False
        self._callers = Callers()
        if deferred:
            _OWN.add(self)

    def begin(self, root: OpenSpan, headers: Mapping[str, str] | None) -> Trace | None:
        """A trace as child of the current span, else of the caller named in ``headers``; None if the SDK fails."""
        try:
            current = otel_context.get_current()
            parent = _valid(trace.get_current_span(current).get_span_context()) if current else None
            header = self._callers.plain(headers) if headers and parent is None else ""
            made: Trace
            if header and self._by_parent and header[-1] in UNSAMPLED:
                made = Unsampled(self, root, header, current)
            else:
                made = self._decide(root, current, parent, header, headers or {})
            root.span_id = self.span_id()
            made.attach()
            return made
        except Exception:  # a sampler or propagator of somebody else's: the request goes on untraced
            self.complain()
            return None

    def _decide(
        self,
        root: OpenSpan,
        current: Context,
        parent: Parent | None,
        header: str | None,
        headers: Mapping[str, str],
    ) -> Decided:
        """``header`` is a plain traceparent, empty where there is none, None where the propagators read ``headers``."""
        context = current
        if header:
            parent = RemoteParent(header)
        elif header is None:
            context = extracted(headers, current)
            parent = _valid(trace.get_current_span(context).get_span_context())
        made = Decided(self, root, parent, context, current)
        if parent is None:
            made.trace_id, flags, made.kind = self._trace_id(), RANDOM if self._random else 0, SpanKind.SERVER
        else:
            made.trace_id, flags = parent.trace_id, parent.trace_flags
            made.kind = SpanKind.SERVER if parent.is_remote else SpanKind.INTERNAL
        known = self._known
        if known is None:
            asked = (
                context if made.parent is None else trace.set_span_in_context(NonRecordingSpan(made.parent), context)
            )
            result = self._tracer.sampler.should_sample(
                asked, made.trace_id, root.span_name, made.kind, self._attributes
            )
            sampled, recording = result.decision is Decision.RECORD_AND_SAMPLE, result.decision is not Decision.DROP
            made.attributes, made.state = result.attributes or self._attributes, result.trace_state or NO_STATE
        else:
            if parent is not None and known.by_parent:
                sampled = recording = bool(flags & SAMPLED)
            else:
                sampled = recording = made.trace_id & ID_LIMIT < known.bound
            made.attributes, made.state = self._attributes, NO_STATE if parent is None else parent.trace_state
        if recording:
            # Epoch minus the monotonic clock: one clock times the spans and the histograms, so they agree.
            made.anchor = time.time_ns() - time.perf_counter_ns()
        made.recording, made.sampled = recording, sampled
        made.flags = FLAGS[flags & RANDOM | (SAMPLED if sampled else 0)]
        return made

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
        except Exception:  # a span processor of the service's own may raise anything
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


def _valid(context: SpanContext) -> SpanContext | None:
    return context if context.is_valid else None


def _may_leave(key: str) -> bool:
    return key in S.ADDED or key.startswith(S.NAMESPACE)
