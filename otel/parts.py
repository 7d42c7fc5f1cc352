"""What is timed and traced like a request but is none: a batch of requests, and a stage of a data pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opentelemetry import trace
from opentelemetry.context.context import Context
from opentelemetry.trace import Link, SpanContext, SpanKind
from opentelemetry.util.types import AnyValue

from modelwatch.otel.backlog import Linked
from modelwatch.otel.caller import extracted
from modelwatch.otel.inference import Inference
from modelwatch.otel.opened import Trace
from modelwatch.otel.probe import Probe, StageMeter, observe
from modelwatch.telemetry import metrics as M
from modelwatch.telemetry import spans as S


class Batch(Inference):
    """Requests that are answered together. Each counts for itself; the batch has the stages, and links to all."""

    __slots__ = ("_links", "_name")
    journaled = False

    def __init__(self, probe: Probe, name: str, requests: Sequence[Inference | Mapping[str, str]]) -> None:
        rows = sum(request.batch if isinstance(request, Inference) else 1 for request in requests)
        super().__init__(probe, None, batch=rows)
        self._name = name
        found = (_identity(request) for request in requests) if probe.recorder is not None else ()
        self._links = tuple(Link(_bare(context)) for context in found if context.is_valid)

    @property
    def span_name(self) -> str:
        return self._name

    @property
    def span_kind(self) -> SpanKind:
        return SpanKind.INTERNAL

    def links(self) -> Sequence[Link]:
        return self._links


def _identity(request: Inference | Mapping[str, str]) -> SpanContext:
    if isinstance(request, Inference):
        return request.context
    return trace.get_current_span(extracted(request, Context())).get_span_context()


def _bare(context: SpanContext) -> SpanContext:
    """Without the caller's tracestate, which the Collector could not take off a link."""
    return SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags)


class PipelineStage(Inference):
    """A stage that runs outside any request: a span of its own and the stage's histogram."""

    __slots__ = ("_stage",)
    journaled = False

    def __init__(self, probe: Probe, meter: StageMeter) -> None:
        super().__init__(probe, None, batch=0)
        self._stage = meter

    @property
    def span_name(self) -> str:
        return self._stage.name

    @property
    def span_kind(self) -> SpanKind:
        return SpanKind.INTERNAL

    def attributes(self, trace: Trace) -> dict[str, AnyValue]:
        outcome = M.OUTCOME_SUCCESS if self._failure is None else M.OUTCOME_ERROR
        return {**trace.attributes, **self._stage.attributes, S.OUTCOME.key: outcome}

    def ended(self, seconds: float, trace: Trace | None, linked: Linked, /) -> None:
        observe(self._stage.duration, M.LATENCY_BUCKETS, seconds, trace, self, linked)
