"""What a service says of its model and of itself: ``modelwatch.otel``, and the sidecar's client, in its own process."""

from __future__ import annotations

from modelwatch.telemetry.metric import Emitter, Metric, MetricType

# Seconds. An SLO's latency threshold must be one of these, since a ratio is only exact at a bucket's edge.
LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
CONFIDENCE_BUCKETS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
OUTCOME_SUCCESS = "success"
OUTCOME_ERROR = "error"
SPAN_OUTCOMES = ("sent", "failed", "dropped")
SPANS_LOST = ("failed", "dropped")
LINE_KINDS = ("inference", "prediction")
LINE_OUTCOMES = ("written", "dropped")
STAGES = ("preprocessing", "predict", "postprocessing")

_C, _G, _H = MetricType.COUNTER, MetricType.GAUGE, MetricType.HISTOGRAM
_SERVICE = Emitter.SERVICE

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
SPANS_WAITING = Metric(
    "modelwatch_spans_waiting",
    _G,
    "spans",
    "Spans of a service that have ended and are neither sent nor failed nor dropped: many while the Collector is away.",
    (),
    "1 per process",
    _SERVICE,
)
SPANS = Metric(
    "modelwatch_spans_total",
    _C,
    "spans",
    "Spans of a service, by outcome (sent, failed: the Collector refused them, dropped: no room, or the process ends).",
    ("outcome",),
    "3",
    _SERVICE,
)
LOG_LINES = Metric(
    "modelwatch_log_lines_total",
    _C,
    "lines",
    "Lines that the helpers write in a service, by kind (inference, prediction) and outcome (written, dropped).",
    ("model", "kind", "outcome"),
    "4",
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
