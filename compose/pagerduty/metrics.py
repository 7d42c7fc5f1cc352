"""The double's own metrics, on a registry of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prometheus_client.core import Metric

    from modelwatch.compose.pagerduty.incidents import Status


class Metrics:
    """``counts`` gives incidents by status at the time of a scrape."""

    def __init__(self, counts: Callable[[], dict[Status, int]]) -> None:
        self.registry = CollectorRegistry()
        self._counts = counts
        # Not an event's own text: a wrong event_action must not make a series.
        self._events = Counter(
            "pagerduty_double_events",
            "Requests to the Events API since the start, by action (other when unreadable) and what became of them.",
            ("action", "outcome"),
            registry=self.registry,
        )
        self.registry.register(self)

    def event(self, action: str, outcome: str) -> None:
        self._events.labels(action=action, outcome=outcome).inc()

    def collect(self) -> Iterable[Metric]:
        incidents = GaugeMetricFamily(
            "pagerduty_double_incidents",
            "Incidents held, by status; the oldest resolved are dropped.",
            labels=["status"],
        )
        for status, count in self._counts().items():
            incidents.add_metric([status], count)
        yield incidents
