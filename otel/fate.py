"""Whether the trace of a batch is kept: it is, if that of any of its requests is.

The Collector judges every trace by itself and finds nothing of a request on its batch. So the batch's span says it, by
what is known of its requests when the span is handed on. A request that turns out to be kept after that, since it fails
or gets slow later, hands on a second span in the batch's trace, which counts until the Collector has decided.
"""

from __future__ import annotations

from opentelemetry.trace import Link, SpanContext, SpanKind

from modelwatch.otel.opened import OpenSpan, Trace
from modelwatch.telemetry import spans as S


def link(to: SpanContext) -> Link:
    """Without the caller's tracestate, which the Collector could not take off a link."""
    return Link(SpanContext(to.trace_id, to.span_id, to.is_remote, to.trace_flags))


# Of a span without any, Jaeger says on it that its clock is wrong.
_LENGTH = 1000


class Fate:
    """Shared by a batch and its requests, so that neither has to hold the other."""

    __slots__ = ("_end", "_trace", "context", "handed_on", "kept", "spans")

    def __init__(self, batch: SpanContext, trace: Trace) -> None:
        self.context, self._trace = batch, trace
        self.kept = self.handed_on = False
        self.spans = 1

    def hand_on(self, end: int, *, kept: bool) -> None:
        """The batch's span goes now, which ended at ``end``; ``kept`` is what its requests are by now."""
        self._end = end
        # In this order: a request that is found to be kept at this moment sees the one or is seen by what comes next.
        self.handed_on = True
        if kept:
            self.kept = True

    def keep(self, request: SpanContext) -> None:
        """A request is kept. May be called by several threads; two of them may then both hand on a span."""
        if self.kept:
            return
        self.kept = True
        if not self.handed_on:
            return
        trace = self._trace
        own = trace.recorder.span_id()
        trace.recorder.emit(
            OpenSpan(SpanContext(trace.trace_id, own, False, trace.flags, trace.state)),
            name=S.KEPT_SPAN,
            parent=self.context,
            kind=SpanKind.INTERNAL,
            attributes={**trace.attributes, S.BATCH_KEPT.key: True},
            # Not when it is found out: the trace is to be as long as the batch was.
            start=self._end - _LENGTH,
            end=self._end,
            links=(link(request),),
        )
