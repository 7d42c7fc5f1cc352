"""Series that our recording rules make, as level:metric:operation. Boards and alerts read these, rules write them.

Records carry only identity labels (``model``, and ``slo``), so that an edited team or tier never breaks a series;
what may change stands on the info series.
"""

from __future__ import annotations

from dataclasses import dataclass

from modelwatch.telemetry.promql import ContractError, quote


@dataclass(frozen=True, slots=True)
class Record:
    """One recorded series: its name, unit, meaning and labels."""

    name: str
    unit: str
    help: str
    labels: tuple[str, ...] = ("model",)

    def select(self, *raw: str, **matchers: str) -> str:
        """A selector; ``raw`` are ready matchers such as ``'model=~"$model"'``."""
        for label in matchers:
            if label not in self.labels:
                raise ContractError(f"{self.name} has no label {label!r}; it has {', '.join(self.labels)}")
        body = ",".join([*(f"{label}={quote(value)}" for label, value in matchers.items()), *raw])
        return f"{self.name}{{{body}}}" if body else self.name


_SLO = ("model", "slo")
BURN_WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")

SPEC_INFO = Record(
    "model:spec:info", "info", "1, with what the spec says of a model", ("model", "team", "env", "tier", "task", "mode")
)
TRAFFIC = Record("model:predictions:rate5m", "predictions per second", "Predictions answered")
ERRORS = Record("model:prediction_errors:rate5m", "predictions per second", "Predictions that failed")
ERROR_RATIO = Record("model:prediction_errors:ratio_rate5m", "ratio", "Share of predictions that failed")
LATENCY_P50 = Record("model:prediction_duration_seconds:p50_rate5m", "seconds", "Median latency")
LATENCY_P95 = Record("model:prediction_duration_seconds:p95_rate5m", "seconds", "95th percentile of latency")
LATENCY_P99 = Record("model:prediction_duration_seconds:p99_rate5m", "seconds", "99th percentile of latency")
SATURATION = Record("model:saturation:ratio", "ratio", "Requests in flight over the concurrency limit")
ACCURACY = Record("model:accuracy:ratio", "ratio", "Share of labelled predictions that were right")

# Drift of a whole fleet, from the sums of all replicas' counters. See alert_rules/drift_counts.py.
_FEATURE = ("model", "feature")
VALUES_STEP = Record(
    "model_feature:values:step",
    "values",
    "Values counted since the evaluation before, by all replicas with the same reference",
    (*_FEATURE, "bin", "reference"),
)
VALUES_SLICE = Record(
    "model_feature:values:slice",
    "values",
    "Values counted in a whole ten minutes or hour, written when it ends: what long windows are summed up from",
    (*_FEATURE, "bin", "reference", "part"),
)
EXPECTED_STEP = Record(
    "model_feature:expected_values:step",
    "values",
    "Values that were to be expected since the evaluation before, by what the rows have in common with the reference",
    (*_FEATURE, "bin", "reference"),
)
EXPECTED_SLICE = Record(
    "model_feature:expected_values:slice",
    "values",
    "Values that were to be expected in a whole ten minutes or hour, written when it ends",
    (*_FEATURE, "bin", "reference", "part"),
)
FLEET_VALUES = Record(
    "model_feature:values:sum", "values", "Values counted in a window, by bin", (*_FEATURE, "bin", "window")
)
FLEET_REFERENCE_ROWS = Record(
    "model_feature:reference_rows:max",
    "rows",
    "Rows of the reference that most replicas compare with",
    (*_FEATURE, "reference"),
)
FLEET_REFERENCE = Record(
    "model_feature:reference:ratio", "ratio", "Share of that reference in a bin", (*_FEATURE, "bin")
)
FLEET_EXPECTED = Record(
    "model_feature:expected:ratio",
    "ratio",
    "Share of a bin in those rows of that reference which are like the window's",
    (*_FEATURE, "bin", "window"),
)
FLEET_EFFECTIVE_ROWS = Record(
    "model_feature:reference_effective_rows:min",
    "rows",
    "Rows that those of the reference are worth",
    (*_FEATURE, "window"),
)
FLEET_SAMPLES = Record("model_feature:drift_samples:sum", "rows", "Rows in a window", (*_FEATURE, "window"))
FLEET_SCORE = Record(
    "model_feature:drift:score",
    "score of the method",
    "Distance of a window from the reference; g is the likelihood ratio statistic",
    (*_FEATURE, "method", "window"),
)
FLEET_CRITICAL_VALUE = Record(
    "model_feature:drift:critical_value",
    "score of the method",
    "Score that a window without drift exceeds only at the false-alarm rate, where bins expect many rows",
    (*_FEATURE, "method", "window"),
)
FLEET_DETECTED = Record(
    "model_feature:drift:detected",
    "boolean",
    "1 when a feature drifts after every guard, 0 when it does not; nothing with too few rows",
    (*_FEATURE, "window"),
)
FLEET_MISSING = Record("model_feature:missing:ratio", "ratio", "Share of missing values", (*_FEATURE, "window"))
FLEET_NEW_CATEGORY = Record(
    "model_feature:new_category:ratio",
    "ratio",
    "Share of categories that the reference never had",
    (*_FEATURE, "window"),
)

SLO_OBJECTIVE = Record("slo:objective:ratio", "ratio", "Objective of an SLO", _SLO)
SLO_PERIOD = Record("slo:period:days", "days", "Window of an SLO", _SLO)
SLO_ERRORS = Record("slo:errors:rate5m", "events per second", "Bad events", _SLO)
SLO_TOTAL = Record("slo:events:rate5m", "events per second", "All events", _SLO)
SLO_PERIOD_ERRORS = Record("slo:period_errors:rate5m", "events per second", "Bad events, every two minutes", _SLO)
SLO_PERIOD_TOTAL = Record("slo:period_events:rate5m", "events per second", "All events, every two minutes", _SLO)
SLO_ERROR_RATIO = {
    window: Record(f"slo:error_ratio:rate{window}", "ratio", f"Share of bad events over {window}", _SLO)
    for window in BURN_WINDOWS
}
SLO_PERIOD_ERROR_RATIO = Record(
    "slo:period_error_ratio:ratio", "ratio", "Share of bad events over the SLO's window, weighted by events", _SLO
)
SLO_BUDGET_REMAINING = Record(
    "slo:error_budget_remaining:ratio", "ratio", "Share of the error budget left; negative when overspent", _SLO
)
SLO_BURN_RATE = Record(
    "slo:current_burn_rate:ratio", "ratio", "How many times faster than allowed the budget burns, over 1h", _SLO
)

RECORDS: tuple[Record, ...] = (
    *(value for value in list(globals().values()) if isinstance(value, Record)),
    *SLO_ERROR_RATIO.values(),
)
RECORD_BY_NAME: dict[str, Record] = {record.name: record for record in RECORDS}
