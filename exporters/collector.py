"""Snapshots as Prometheus metric families, exactly as the telemetry contract names them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client import Metric as Family
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from modelwatch.exporters.layout import Watched
from modelwatch.exporters.monitor import Snapshot
from modelwatch.exporters.sampling.samples import Samples
from modelwatch.exporters.verdicts import Verdict, verdicts
from modelwatch.telemetry import metrics as m

# The short form of a profile's hash, as its file's name and logs show it.
HASH_DIGITS = 12


class ModelCollector(Collector):
    """Collects afresh on each scrape, from the snapshots that ``take`` gives, failures of keeping state and samples."""

    def __init__(
        self, take: Callable[[], Sequence[Snapshot]], failures: Callable[[], Mapping[str, int]], samples: Samples
    ) -> None:
        self._take, self._failures, self._samples = take, failures, samples

    def collect(self) -> Iterator[Family]:
        families = _Families()
        for snapshot in self._take():
            _model(families, snapshot)
        for operation, count in self._failures().items():
            families.add(m.EXPORTER_STATE_FAILURES, count, operation)
        for metric, counts in zip(
            (m.EXPORTER_SAMPLED_ROWS, m.EXPORTER_SAMPLED_ROWS_LOST), self._samples.counts(), strict=True
        ):
            for found in counts:
                families.add(metric, found.rows, found.model, found.reason)
        yield from families.all()

    def describe(self) -> Iterator[Family]:
        """The families without samples, so that registering does not scrape."""
        families = _Families()
        yield from families.all()


class _Families:
    def __init__(self) -> None:
        self._by_name: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for metric in m.CONTRACT:
            if metric.emitter is m.Emitter.SIDECAR:
                kind = CounterMetricFamily if metric.type is m.MetricType.COUNTER else GaugeMetricFamily
                self._by_name[metric.name] = kind(metric.name.removesuffix("_total"), metric.help, labels=metric.labels)

    def add(self, metric: m.Metric, value: float, *labels: str) -> None:
        self._by_name[metric.name].add_metric(labels, value)

    def all(self) -> Iterator[Family]:
        yield from self._by_name.values()


def _model(families: _Families, snapshot: Snapshot) -> None:
    layout, tally = snapshot.layout, snapshot.tally
    name = layout.model.name
    families.add(m.EXPORTER_ROWS, tally.accepted, name, "accepted")
    families.add(m.EXPORTER_ROWS, tally.rejected, name, "rejected")
    if tally.last_row is not None:
        families.add(m.EXPORTER_LAST_ROW, tally.last_row, name)
    if layout.profile is not None:
        families.add(m.REFERENCE_INFO, 1, name, layout.profile.sha256[:HASH_DIGITS], str(layout.profile.rows))
    for watched in layout.watched:
        if watched.reference is not None:
            _feature(families, name, watched, snapshot)
    for window in layout.windows:
        for verdict in verdicts(layout, window, snapshot.totals[window.milliseconds]):
            _verdict(families, name, verdict)


def _feature(families: _Families, name: str, watched: Watched, snapshot: Snapshot) -> None:
    drift = watched.subject.feature.drift
    families.add(m.DRIFT_THRESHOLD, float(drift.warning), name, watched.name, drift.method, "warning")
    families.add(m.DRIFT_THRESHOLD, float(drift.critical), name, watched.name, drift.method, "critical")
    counts = watched.counts(snapshot.tally.counters)
    reference = watched.reference
    for place, label in enumerate(watched.bins.labels):
        families.add(m.FEATURE_VALUES, int(counts[place]), name, watched.name, label)
        if reference is not None and reference.any():
            families.add(m.FEATURE_REFERENCE, float(reference[place] / reference.sum()), name, watched.name, label)


def _verdict(families: _Families, name: str, verdict: Verdict) -> None:
    feature, window = verdict.watched.name, verdict.window.text
    method = verdict.watched.method.name
    families.add(m.DRIFT_SAMPLES, verdict.samples, name, feature, window)
    if verdict.score is not None:
        families.add(m.DRIFT_SCORE, verdict.score, name, feature, method, window)
    if verdict.critical_value is not None:
        families.add(m.DRIFT_CRITICAL_VALUE, verdict.critical_value, name, feature, method, window)
    if verdict.detected is not None:
        families.add(m.DRIFT_DETECTED, int(verdict.detected), name, feature, window)
    for metric, ratio in (
        (m.FEATURE_MISSING, verdict.missing_ratio),
        (m.FEATURE_OUT_OF_RANGE, verdict.out_of_range_ratio),
        (m.FEATURE_NEW_CATEGORY, verdict.new_category_ratio),
    ):
        if ratio is not None:
            families.add(metric, ratio, name, feature, window)
