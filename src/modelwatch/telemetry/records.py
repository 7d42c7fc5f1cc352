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
