"""What is timed and traced like a request but is none: a batch of requests, and a stage of a data pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from opentelemetry import trace
from opentelemetry.context.context import Context
from opentelemetry.trace import Link, SpanContext, SpanKind
from opentelemetry.util.types import AnyValue

from modelwatch.otel.backlog import Linked
from modelwatch.otel.caller import extracted
from modelwatch.otel.fate import Fate, link
from modelwatch.otel.inference import Inference
from modelwatch.otel.opened import Trace
from modelwatch.otel.probe import Probe, StageMeter, observe
from modelwatch.telemetry import metrics as M
from modelwatch.telemetry import spans as S


class Batch(Inference):
    """Requests that are answered together. Each counts for itself; the batch has the stages, and links to all.

    Those of this process get a link to the batch too, and its trace is kept if any of theirs is.
    """

    __slots__ = ("_fate", "_links", "_name", "_requests")
    journaled = False

    def __init__(self, probe: Probe, name: str, requests: Sequence[Inference | Mapping[str, str]]) -> None:
        rows = sum(request.batch if isinstance(request, Inference) else 1 for request in requests)
        super().__init__(probe, None, batch=rows)
        self._name = name
        self._fate: Fate | None = None
        self._requests = [(request, _identity(request)) for request in requests] if probe.recorder is not None else []
        self._links = tuple(link(context) for _, context in self._requests if context.is_valid)

    def __enter__(self) -> Self:
        super().__enter__()
        trace = self.trace
        if trace is not None and trace.recording:
            self._fate = Fate(self.context, trace)
            for request, _ in self._requests:
                if isinstance(request, Inference):
                    request.join(self._fate)
        return self

    @property
    def span_name(self) -> str:
        return self._name

    @property
    def span_kind(self) -> SpanKind:
        return SpanKind.INTERNAL

    def attributes(self, trace: Trace) -> dict[str, AnyValue]:
        found = super().attributes(trace)
        if self._fate is not None and self._fate.kept:
            found[S.BATCH_KEPT.key] = True
        return found

    def links(self) -> Sequence[Link]:
        return self._links

    def kept(self, trace: Trace) -> bool:
        return super().kept(trace) or (self._fate is not None and self._fate.kept)

    def meet_limit(self, trace: Trace, spans: int) -> None:
        """An ordinary one with requests of this process is kept for these alone, and they meet the limit for it."""
        if self._fate is None or not any(isinstance(request, Inference) for request, _ in self._requests):
            super().meet_limit(trace, spans)
            return
        self._fate.spans = spans
        if not self.kept_so_far(trace):
            self.add({S.OVER_LIMIT.key: True})

    def emit(self, trace: Trace) -> None:
        if self._fate is not None:
            kept = any(self._is_kept(*request) for request in self._requests)
            self._fate.hand_on(trace.anchor + self.end, kept=kept)
            self._requests = []
        super().emit(trace)

    def _is_kept(self, request: Inference | Mapping[str, str], context: SpanContext) -> bool:
        """As far as is known by now; of a request that came from elsewhere that is its trace's id, without a limit."""
        if isinstance(request, Inference):
            return request.trace is not None and request.kept_so_far(request.trace)
        sampling = self.probe.sampling
        if sampling.limit is not None or not context.trace_flags.sampled:
            return False
        return sampling.keeps(context.trace_id, error=False, seconds=0.0, low_confidence=False)


def _identity(request: Inference | Mapping[str, str]) -> SpanContext:
    if isinstance(request, Inference):
        return request.context
    if not isinstance(request, Mapping):
        kind = type(request).__name__
        raise TypeError(f"watch.batch() takes inferences or headers of requests as a mapping, and was given a {kind}")
    return trace.get_current_span(extracted(request, Context())).get_span_context()


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
