"""What all requests to one model share: instruments with their labels set, tracing, and what writes log lines."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opentelemetry.util.types import AnyValue
from prometheus_client import Counter, Gauge, Histogram

from modelwatch.otel.backlog import Linked
from modelwatch.otel.expected import Expected
from modelwatch.otel.instruments import Bounded
from modelwatch.otel.opened import OpenSpan, Trace
from modelwatch.otel.sampling import TailSampling
from modelwatch.otel.tracing import Recorder
from modelwatch.telemetry import spans as S

if TYPE_CHECKING:
    from modelwatch.otel.logs.journal import Journal
    from modelwatch.otel.logs.predictions import PredictionRows


@dataclass(frozen=True, slots=True)
class StageMeter:
    """What every run of one stage shares."""

    name: str
    duration: Histogram
    attributes: Mapping[str, AnyValue]


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class RequestMeter:
    """What every request to one model shares."""

    success: Counter
    error: Counter
    duration: Histogram
    in_flight: Gauge
    live: set[int] = field(default_factory=set)
    """Requests that run now. A set and not a count: adding to it needs no lock."""

    def show(self) -> None:
        self.in_flight.set(len(self.live))

    def forked(self) -> None:
        self.live.clear()
        self.show()


@dataclass(frozen=True, slots=True)
class Probe:
    """What requests and batch runs of one model share: instruments with their labels set, and tracing."""

    name: str
    confidence: Histogram
    stages: Bounded[StageMeter]
    recorder: Recorder | None
    sampling: TailSampling
    low_confidence: float
    identity: tuple[str, str]
    """Model and version."""
    expected: Expected
    features: tuple[str, ...] = ()
    """Those that stand on spans."""
    journal: Journal | None = None
    rows: PredictionRows | None = None


def observe(  # noqa: PLR0917  # keywords cost, and this is called for every number
    histogram: Histogram,
    bounds: Sequence[float],
    value: float,
    trace: Trace | None,
    span: OpenSpan,
    linked: Linked,
) -> None:
    """With an exemplar that points at ``span``, unless a newer one stands on the same bucket."""
    if trace is not None:
        place = (histogram, bisect_left(bounds, value))
        if place not in linked:
            linked.add(place)
            ids = {S.EXEMPLAR_TRACE_ID: f"{trace.trace_id:032x}", S.EXEMPLAR_SPAN_ID: f"{span.span_id:016x}"}
            histogram.observe(value, ids)
            return
    histogram.observe(value)
