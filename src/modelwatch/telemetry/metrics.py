"""Every metric that a generated expression may read, with its type, unit, labels, bound and emitter.

Names follow the Prometheus naming guide: base units, ``_total`` for counters, ``_seconds``, ``_ratio``, ``_bytes``.
"""

from __future__ import annotations

from modelwatch.telemetry.collector import COLLECTOR_METRICS
from modelwatch.telemetry.labels import ALERT_LABELS, FEATURE, SLO
from modelwatch.telemetry.metric import Emitter as Emitter  # noqa: PLC0414 - the contract's face
from modelwatch.telemetry.metric import Metric as Metric  # noqa: PLC0414
from modelwatch.telemetry.metric import MetricType as MetricType  # noqa: PLC0414

# Seconds. An SLO's latency threshold must be one of these, since a ratio is only exact at a bucket's edge.
LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
CONFIDENCE_BUCKETS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)

OUTCOME_SUCCESS = "success"
OUTCOME_ERROR = "error"
SPAN_OUTCOMES = ("sent", "failed", "dropped")
SPANS_LOST = ("failed", "dropped")
STAGES = ("preprocessing", "predict", "postprocessing")

_C, _G, _H = MetricType.COUNTER, MetricType.GAUGE, MetricType.HISTOGRAM
_SERVICE, _SIDECAR, _COLLECTOR = Emitter.SERVICE, Emitter.SIDECAR, Emitter.COLLECTOR

PREDICTIONS = Metric(
    "model_predictions_total",
    _C,
    "predictions",
    "Predictions answered, by outcome (success or error).",
    ("model", "version", "outcome"),
    "2 per version",
    _SERVICE,
)
PREDICTION_DURATION = Metric(
    "model_prediction_duration_seconds",
    _H,
    "seconds",
    "Time from receiving a request to its answer.",
    ("model", "version"),
    "14 per version",
    _SERVICE,
    LATENCY_BUCKETS,
)
STAGE_DURATION = Metric(
    "model_stage_duration_seconds",
    _H,
    "seconds",
    "Time spent in one stage of a prediction.",
    ("model", "version", "stage"),
    "14 per version and stage",
    _SERVICE,
    LATENCY_BUCKETS,
)
CONFIDENCE = Metric(
    "model_prediction_confidence_ratio",
    _H,
    "ratio",
    "Confidence of the answer, 0 to 1.",
    ("model", "version"),
    "15 per version",
    _SERVICE,
    CONFIDENCE_BUCKETS,
)
IN_FLIGHT = Metric(
    "model_requests_in_flight",
    _G,
    "requests",
    "Requests being answered now.",
    ("model", "version"),
    "1 per version",
    _SERVICE,
)
CONCURRENCY_LIMIT = Metric(
    "model_concurrency_limit",
    _G,
    "requests",
    "Requests that the service can answer at the same time.",
    ("model", "version"),
    "1 per version",
    _SERVICE,
)
MODEL_INFO = Metric(
    "model_info",
    _G,
    "info",
    "1 for each version that is loaded.",
    ("model", "version", "task"),
    "1 per version",
    _SERVICE,
)
FEATURE_AGE = Metric(
    "model_feature_age_seconds",
    _G,
    "seconds",
    "Age of the newest value of a feature source when the last prediction used it.",
    ("model", "version", "source"),
    "1 per version and feature source",
    _SERVICE,
)
LABELLED = Metric(
    "model_labelled_predictions_total",
    _C,
    "predictions",
    "Predictions whose true label has arrived, by predicted and actual class.",
    ("model", "version", "predicted", "actual"),
    "the square of the classes in the spec (at most 20) per version",
    _SERVICE,
)
ABSOLUTE_ERROR = Metric(
    "model_absolute_error",
    _H,
    "the task's unit",
    "Absolute error of predictions whose true value has arrived.",
    ("model", "version"),
    "12 per version",
    _SERVICE,
    (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
)
BATCH_LAST_SUCCESS = Metric(
    "model_batch_last_success_timestamp_seconds",
    _G,
    "seconds since the epoch",
    "When the last scoring run ended well.",
    ("model", "version"),
    "1 per version",
    _SERVICE,
)
BATCH_RUNS = Metric(
    "model_batch_runs_total",
    _C,
    "runs",
    "Scoring runs ended, by outcome (success or error).",
    ("model", "version", "outcome"),
    "2 per version",
    _SERVICE,
)
BATCH_ROWS = Metric(
    "model_batch_rows",
    _G,
    "rows",
    "Rows scored by the last run that ended well.",
    ("model", "version"),
    "1 per version",
    _SERVICE,
)
BATCH_DURATION = Metric(
    "model_batch_duration_seconds",
    _G,
    "seconds",
    "How long the last run took that ended well.",
    ("model", "version"),
    "1 per version",
    _SERVICE,
)
SPANS = Metric(
    "modelwatch_spans_total",
    _C,
    "spans",
    "Spans of a service, by outcome (sent, failed: the Collector did not take them, dropped: the queue was full).",
    ("outcome",),
    "3",
    _SERVICE,
)

CLIENT_ROWS = Metric(
    "modelwatch_client_rows_total",
    _C,
    "rows",
    "Rows handed to the sidecar's client, by outcome (sent, rejected or dropped).",
    ("model", "outcome"),
    "3",
    Emitter.CLIENT,
)

DRIFT_SCORE = Metric(
    "model_drift_score",
    _G,
    "score of the method",
    "Distance of the window from the reference profile.",
    ("model", "feature", "method", "window"),
    "features x methods x windows",
    _SIDECAR,
)
DRIFT_CRITICAL_VALUE = Metric(
    "model_drift_critical_value",
    _G,
    "score of the method",
    "Score that a window without drift exceeds only at the configured false-alarm rate.",
    ("model", "feature", "method", "window"),
    "features x methods x windows",
    _SIDECAR,
)
DRIFT_THRESHOLD = Metric(
    "model_drift_threshold",
    _G,
    "score of the method",
    "Threshold of the spec, by level (warning or critical).",
    ("model", "feature", "method", "level"),
    "2 x features x methods",
    _SIDECAR,
)
DRIFT_SAMPLES = Metric(
    "model_drift_samples",
    _G,
    "rows",
    "Rows in the window that the score stands on.",
    ("model", "feature", "window"),
    "features x windows",
    _SIDECAR,
)
DRIFT_DETECTED = Metric(
    "model_drift_detected",
    _G,
    "boolean",
    "1 when the score is above the warning threshold and its critical value with enough samples, else 0.",
    ("model", "feature", "window"),
    "features x windows",
    _SIDECAR,
)
DRIFT_P_VALUE = Metric(
    "model_drift_p_value",
    _G,
    "probability",
    "Probability that a window without drift scores as high or higher, for methods that are tests.",
    ("model", "feature", "method", "window"),
    "features x 2 methods x windows",
    _SIDECAR,
)
DRIFT_INACTIVE = Metric(
    "model_drift_inactive",
    _G,
    "boolean",
    "1 while a feature has no score in a window, with the reason.",
    ("model", "feature", "window", "reason"),
    "features x windows",
    _SIDECAR,
)
DRIFT_CHI_SQUARED_QUANTILE = Metric(
    "model_drift_chi_squared_quantile",
    _G,
    "chi-squared",
    "Likelihood ratio that a window without drift exceeds only at the false-alarm rate.",
    ("model", "feature"),
    "features",
    _SIDECAR,
)
FEATURE_VALUES = Metric(
    "model_feature_values_total",
    _C,
    "values",
    "Values counted by bin of the reference profile (missing and new categories are bins of their own).",
    ("model", "feature", "bin"),
    "features x (bins + 4)",
    _SIDECAR,
)
FEATURE_REFERENCE = Metric(
    "model_feature_reference_ratio",
    _G,
    "ratio",
    "Share of the reference profile in a bin.",
    ("model", "feature", "bin"),
    "features x (bins + 4)",
    _SIDECAR,
)
REFERENCE_ROWS = Metric(
    "model_reference_rows",
    _G,
    "rows",
    "Rows of the reference profile that a feature is compared with.",
    ("model", "feature"),
    "features",
    _SIDECAR,
)
FEATURE_EXPECTED = Metric(
    "model_feature_expected_total",
    _C,
    "values",
    "Values that a bin would have, were every row as in the reference at the same hour, weekday or segment.",
    ("model", "feature", "bin"),
    "features x (bins + 4) where the spec has drift.same",
    _SIDECAR,
)
REFERENCE_EFFECTIVE_ROWS = Metric(
    "model_reference_effective_rows",
    _G,
    "rows",
    "Rows that the parts of the reference are worth which the window is compared with.",
    ("model", "feature", "window"),
    "features x windows where the spec has drift.same",
    _SIDECAR,
)
FEATURE_MISSING = Metric(
    "model_feature_missing_ratio",
    _G,
    "ratio",
    "Share of missing values in the window.",
    ("model", "feature", "window"),
    "features x windows",
    _SIDECAR,
)
FEATURE_OUT_OF_RANGE = Metric(
    "model_feature_out_of_range_ratio",
    _G,
    "ratio",
    "Share of values outside the range of the spec in the window.",
    ("model", "feature", "window"),
    "features with a range x windows",
    _SIDECAR,
)
FEATURE_NEW_CATEGORY = Metric(
    "model_feature_new_category_ratio",
    _G,
    "ratio",
    "Share of categories in the window that the reference never had.",
    ("model", "feature", "window"),
    "categorical features x windows",
    _SIDECAR,
)
FEATURE_MISMATCHED = Metric(
    "model_feature_mismatched_total",
    _C,
    "values",
    "Values of a wrong type; their rows are rejected.",
    ("model", "feature"),
    "features",
    _SIDECAR,
)
FEATURE_MISMATCHED_RATIO = Metric(
    "model_feature_mismatched_ratio",
    _G,
    "ratio",
    "Share of values of a wrong type in the window.",
    ("model", "feature", "window"),
    "features x windows",
    _SIDECAR,
)
CORRELATION_CHANGE = Metric(
    "model_correlation_change",
    _G,
    "correlation",
    "How far the correlation of two features moved from the reference, of the pairs that moved most beyond chance.",
    ("model", "feature", "other", "window"),
    "5 x windows",
    _SIDECAR,
)
RECONSTRUCTION_ERROR = Metric(
    "model_pca_reconstruction_error_ratio",
    _G,
    "ratio",
    "Squared distance of rows from the reference's principal components, over what it is in the reference.",
    ("model", "window"),
    "windows",
    _SIDECAR,
)
LOW_CONFIDENCE = Metric(
    "model_low_confidence_ratio",
    _G,
    "ratio",
    "Share of answers in the window whose confidence is below tracing.low_confidence.",
    ("model", "window"),
    "windows",
    _SIDECAR,
)
CONSTANT_OUTPUT = Metric(
    "model_constant_output",
    _G,
    "boolean",
    "1 when every answer of the window was the same and chance would hardly make it so, else 0.",
    ("model", "window"),
    "windows",
    _SIDECAR,
)
EXPORTER_ROWS = Metric(
    "modelwatch_exporter_rows_total",
    _C,
    "rows",
    "Rows received by the sidecar, by outcome (accepted or rejected).",
    ("model", "outcome"),
    "2",
    _SIDECAR,
)
EXPORTER_LAST_ROW = Metric(
    "modelwatch_exporter_last_row_timestamp_seconds",
    _G,
    "seconds since the epoch",
    "When the last row was accepted.",
    ("model",),
    "1",
    _SIDECAR,
)
EXPORTER_REJECTED = Metric(
    "modelwatch_exporter_rejected_rows_total",
    _C,
    "rows",
    "Rows rejected by the sidecar, by the first thing that was wrong with them.",
    ("model", "reason"),
    "10",
    _SIDECAR,
)
EXPORTER_ROW_LAG = Metric(
    "modelwatch_exporter_row_lag_seconds",
    _G,
    "seconds",
    "How much later than its own timestamp the newest row arrived.",
    ("model",),
    "1",
    _SIDECAR,
)
REFERENCE_INFO = Metric(
    "modelwatch_reference_info",
    _G,
    "info",
    "1 for the reference profile in use: its content hash and rows.",
    ("model", "reference", "rows"),
    "1",
    _SIDECAR,
)
EXPORTER_JOURNAL_BYTES = Metric(
    "modelwatch_exporter_journal_bytes",
    _G,
    "bytes",
    "Size of the journals that a start of the sidecar would read.",
    (),
    "1",
    _SIDECAR,
)
EXPORTER_LAST_SNAPSHOT = Metric(
    "modelwatch_exporter_last_snapshot_timestamp_seconds",
    _G,
    "seconds since the epoch",
    "When counts were last written as a whole.",
    (),
    "1",
    _SIDECAR,
)
EXPORTER_STATE_FAILURES = Metric(
    "modelwatch_exporter_state_failures_total",
    _C,
    "failures",
    "Times that the sidecar could not load its state (a damaged file) or save it, by operation (load or save).",
    ("operation",),
    "2",
    _SIDECAR,
)
EXPORTER_SAMPLED_ROWS = Metric(
    "modelwatch_exporter_sampled_rows_total",
    _C,
    "rows",
    "Rows that the sidecar kept for review, by the reason that decided it (unsure, risky, edge, drifted or rest).",
    ("model", "reason"),
    "5 where the spec has the section sampling",
    _SIDECAR,
)
EXPORTER_SAMPLED_ROWS_LOST = Metric(
    "modelwatch_exporter_sampled_rows_lost_total",
    _C,
    "rows",
    "Rows that were chosen to be kept and are not, by reason (disk, or queue: the disk was too slow).",
    ("model", "reason"),
    "2 where the spec has the section sampling",
    _SIDECAR,
)

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

CONTRACT: tuple[Metric, ...] = (
    *(value for value in list(globals().values()) if isinstance(value, Metric)),
    *COLLECTOR_METRICS,
)
BY_NAME: dict[str, Metric] = {metric.name: metric for metric in CONTRACT}
BY_SERIES: dict[str, Metric] = {series: metric for metric in CONTRACT for series in metric.series}
