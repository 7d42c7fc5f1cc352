"""Job names of the stack's own parts in Prometheus. A model's job is its spec's serving.job."""

from __future__ import annotations

EXPORTER_JOB = "modelwatch-exporter"
COLLECTOR_JOB = "modelwatch-collector"
SPAN_METRICS_JOB = "modelwatch-span-metrics"
PROMETHEUS_JOB = "prometheus"
ALERTMANAGER_JOB = "alertmanager"
RESERVED_JOBS = frozenset((EXPORTER_JOB, COLLECTOR_JOB, SPAN_METRICS_JOB, PROMETHEUS_JOB, ALERTMANAGER_JOB))
