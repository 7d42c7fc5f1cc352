"""What the programs of the stack say: the Collector, Prometheus and Alertmanager."""

from __future__ import annotations

from modelwatch.telemetry.labels import ALERT_LABELS, FEATURE, SLO
from modelwatch.telemetry.metric import Emitter, Metric, MetricType
from modelwatch.telemetry.service_metrics import LATENCY_BUCKETS

_C, _G, _H = MetricType.COUNTER, MetricType.GAUGE, MetricType.HISTOGRAM
_COLLECTOR = Emitter.COLLECTOR

_SPAN_LABELS = ("service_name", "span_name", "span_kind", "status_code", "modelwatch_model_name", "modelwatch_stage")
# Set, and all others but job and instance missing, on the series of what exceeds aggregation_cardinality_limit.
OVERFLOW = "otel_metric_overflow"
SPAN_CALLS = Metric(
    "traces_span_metrics_calls_total",
    _C,
    "spans",
    "Spans counted by the Collector before sampling.",
    (*_SPAN_LABELS, OVERFLOW),
    "stages x 3, bounded by aggregation_cardinality_limit",
    _COLLECTOR,
)
SPAN_DURATION = Metric(
    "traces_span_metrics_duration_seconds",
    _H,
    "seconds",
    "Span durations measured by the Collector before sampling.",
    (*_SPAN_LABELS, OVERFLOW),
    "stages x 3 x buckets, bounded by aggregation_cardinality_limit",
    _COLLECTOR,
    LATENCY_BUCKETS,
)
UP = Metric("up", _G, "boolean", "1 when the last scrape of a target worked.", (), "1 per target", Emitter.PROMETHEUS)
ALERTS = Metric(
    "ALERTS",
    _G,
    "boolean",
    "1 for each alert that is pending or firing.",
    ("alertname", "alertstate", *ALERT_LABELS, SLO, FEATURE),
    "1 per alert and state",
    Emitter.PROMETHEUS,
)
PROMETHEUS_RULE_FAILURES = Metric(
    "prometheus_rule_evaluation_failures_total",
    _C,
    "evaluations",
    "Rule evaluations that failed.",
    ("rule_group",),
    "1 per group",
    Emitter.PROMETHEUS,
)
PROMETHEUS_NOTIFICATIONS_DROPPED = Metric(
    "prometheus_notifications_dropped_total",
    _C,
    "alerts",
    "Alerts that Prometheus could not hand to Alertmanager.",
    (),
    "1",
    Emitter.PROMETHEUS,
)
ALERTMANAGER_NOTIFICATIONS = Metric(
    "alertmanager_notifications_total",
    _C,
    "notifications",
    "Notifications that Alertmanager tried to send.",
    ("integration",),
    "1 per integration",
    Emitter.ALERTMANAGER,
)
ALERTMANAGER_NOTIFICATIONS_FAILED = Metric(
    "alertmanager_notifications_failed_total",
    _C,
    "notifications",
    "Notifications that Alertmanager could not send.",
    ("integration", "reason"),
    "1 per integration and reason",
    Emitter.ALERTMANAGER,
)
