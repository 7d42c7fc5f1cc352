"""What the drift sidecar says: of features and answers, and of itself."""

from __future__ import annotations

from modelwatch.telemetry.metric import Emitter, Metric, MetricType

_C, _G = MetricType.COUNTER, MetricType.GAUGE
_SIDECAR = Emitter.SIDECAR

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
    "1 when the score is above the warning threshold and its critical value with enough samples, else 0; absent where "
    "its method cannot tell.",
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
    "How far the correlation of two features moved from the reference, of the pairs that moved most beyond chance"
    "; values beyond its range count as its ends.",
    ("model", "feature", "other", "window"),
    "5 x windows",
    _SIDECAR,
)
RECONSTRUCTION_ERROR = Metric(
    "model_pca_reconstruction_error_ratio",
    _G,
    "ratio",
    "Squared distance of rows from the reference's principal components, over what it is in the reference"
    "; values beyond its range count as its ends.",
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
EXPORTER_REFUSED = Metric(
    "modelwatch_exporter_refused_requests_total",
    _C,
    "requests",
    "Requests with rows that the sidecar refused as a whole, by reason; model is empty where no spec has it.",
    ("model", "reason"),
    "15, and 15 for all requests without a model",
    _SIDECAR,
)
EXPORTER_SKIPPED_LINES = Metric(
    "modelwatch_exporter_skipped_lines_total",
    _C,
    "lines",
    "Lines of prediction logs that belong to no model, by reason (not_json, no_model, unknown_model or too_long).",
    ("reason",),
    "4",
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
EXPORTER_RELOAD = Metric(
    "modelwatch_exporter_config_last_reload_successful",
    _G,
    "boolean",
    "1 when the sidecar could load all specs and profiles when it last tried to, else 0: it goes on with those before.",
    (),
    "1",
    _SIDECAR,
)
EXPORTER_RELOADED = Metric(
    "modelwatch_exporter_config_last_reload_success_timestamp_seconds",
    _G,
    "seconds since the epoch",
    "When the sidecar last loaded all specs and profiles.",
    (),
    "1",
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
