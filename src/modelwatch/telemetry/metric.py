"""What is said of one metric."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MetricType(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Emitter(StrEnum):
    """Who exposes a metric on its /metrics page."""

    SERVICE = "service"  # modelwatch.otel, inside the model's own process
    SIDECAR = "sidecar"  # modelwatch exporter
    CLIENT = "client"  # the sidecar's client, inside the model's own process
    COLLECTOR = "collector"  # span metrics and the Collector's own
    PROMETHEUS = "prometheus"
    ALERTMANAGER = "alertmanager"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of the contract.

    ``name`` is the name in PromQL, so a counter's ends in ``_total``; a histogram's is without ``_bucket``.
    ``labels`` are those that the emitter sets; ``job`` and ``instance`` come with every scrape.
    ``cardinality`` says in words how many series one model can make at the most.
    """

    name: str
    type: MetricType
    unit: str
    help: str
    labels: tuple[str, ...]
    cardinality: str
    emitter: Emitter
    buckets: tuple[float, ...] = ()

    @property
    def series(self) -> tuple[str, ...]:
        """The series names that a selector may use."""
        if self.type is MetricType.HISTOGRAM:
            return (f"{self.name}_bucket", f"{self.name}_sum", f"{self.name}_count")
        return (self.name,)
