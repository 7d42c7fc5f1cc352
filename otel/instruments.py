"""The contract's service metrics as prometheus_client objects, and the page that exposes them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from modelwatch.otel.backlog import BACKLOG
from modelwatch.otel.naming import OTHER, is_name
from modelwatch.telemetry import metrics as M

log = logging.getLogger("modelwatch.otel")

_Child = TypeVar("_Child")


class _Histogram(Histogram):
    """Settles what waits before it is read."""

    def collect(self) -> Iterable[Family]:
        BACKLOG.drain()
        return super().collect()


class _Counter(Counter):
    """Settles what waits before it is read."""

    def collect(self) -> Iterable[Family]:
        BACKLOG.drain()
        return super().collect()


class _Gauge(Gauge):
    """Settles what waits before it is read."""

    def collect(self) -> Iterable[Family]:
        BACKLOG.drain()
        return super().collect()


class Instruments:
    """Every metric of the contract that a service emits, registered once.

    The multiprocess modes matter only where prometheus_client runs with PROMETHEUS_MULTIPROC_DIR: live workers add up,
    facts are the newest.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(metric: M.Metric) -> Counter:
            return _Counter(metric.name, metric.help, metric.labels, registry=registry)

        def histogram(metric: M.Metric) -> Histogram:
            return _Histogram(metric.name, metric.help, metric.labels, buckets=metric.buckets, registry=registry)

        def live(metric: M.Metric) -> Gauge:
            return _Gauge(metric.name, metric.help, metric.labels, multiprocess_mode="livesum", registry=registry)

        def fact(metric: M.Metric) -> Gauge:
            return _Gauge(metric.name, metric.help, metric.labels, multiprocess_mode="mostrecent", registry=registry)

        self.predictions = counter(M.PREDICTIONS)
        self.prediction_duration = histogram(M.PREDICTION_DURATION)
        self.stage_duration = histogram(M.STAGE_DURATION)
        self.confidence = histogram(M.CONFIDENCE)
        self.in_flight = live(M.IN_FLIGHT)
        self.concurrency_limit = live(M.CONCURRENCY_LIMIT)
        self.spans_waiting = live(M.SPANS_WAITING)
        self.info = fact(M.MODEL_INFO)
        self.feature_age = fact(M.FEATURE_AGE)
        self.labelled = counter(M.LABELLED)
        self.absolute_error = histogram(M.ABSOLUTE_ERROR)
        self.batch_last_success = fact(M.BATCH_LAST_SUCCESS)
        self.batch_runs = counter(M.BATCH_RUNS)
        self.batch_rows = fact(M.BATCH_ROWS)
        self.batch_duration = fact(M.BATCH_DURATION)
        self.spans = counter(M.SPANS)
        self.log_lines = counter(M.LOG_LINES)


_instruments: WeakKeyDictionary[CollectorRegistry, Instruments] = WeakKeyDictionary()
_lock = threading.Lock()


def instruments(registry: CollectorRegistry) -> Instruments:
    """The registry's instruments: models that share a process share them, each with its own labels."""
    with _lock:
        found = _instruments.get(registry)
        if found is None:
            found = _instruments[registry] = Instruments(registry)
        return found


class _Children(dict[str, _Child]):
    """What is not there is made; a lookup of what is there runs no Python."""

    def __init__(self, add: Callable[[str], _Child]) -> None:
        super().__init__()
        self._add = add

    def __missing__(self, name: str) -> _Child:
        return self._add(name)


class Bounded(Generic[_Child]):
    """Children by name, at most ``limit``: names made from data would flood Prometheus, so later ones share "other"."""

    def __init__(self, kind: str, make: Callable[[str], _Child], limit: int = 20) -> None:
        self._kind, self._make, self._limit = kind, make, limit
        self._children = _Children(self._add)
        self.get: Callable[[str], _Child] = self._children.__getitem__
        self._lock = threading.Lock()
        self._told = False

    def _add(self, name: str) -> _Child:
        with self._lock:
            if not is_name(name):
                if not self._told:
                    self._told = True
                    # It may be anybody's data, so it is not quoted.
                    log.warning(
                        "a name of a %s is no name and is counted as %r: give it up to four words of ASCII letters "
                        "with four digits at the most, in code, not from data",
                        self._kind,
                        OTHER,
                    )
                name = OTHER
            if name not in self._children and len(self._children) >= self._limit:
                if OTHER not in self._children:
                    log.warning(
                        "more than %d names of a %s: %r and later are counted as %r. Name it in code, not from data",
                        self._limit,
                        self._kind,
                        name,
                        OTHER,
                    )
                name = OTHER
            if name not in self._children:
                self._children[name] = self._make(name)
            return self._children[name]


class _WithoutCreated(Collector):
    """Leaves out the _created samples, which Prometheus would store as a second series beside every counter."""

    def __init__(self, registry: Collector) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Family]:
        for family in self._registry.collect():
            kept = Family(family.name, family.documentation, family.type, family.unit)
            kept.samples = [sample for sample in family.samples if sample.name != f"{family.name}_created"]
            yield kept


def exposition(registry: CollectorRegistry, accept: str | None = None) -> tuple[bytes, str]:
    """The metrics page and its content type, for the request header ``Accept``.

    Exemplars exist in OpenMetrics only, which Prometheus asks for.
    """
    encoder, content_type = choose_encoder(accept or "")
    return encoder(_WithoutCreated(registry)), content_type
