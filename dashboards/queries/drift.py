"""Queries of the board of drift and input data."""

from __future__ import annotations

from modelwatch.dashboards.queries.common import (
    MODEL,
    NO_SIDECAR,
    RATE,
    drift_states,
    drifted,
    label_values,
    most,
    or_zero,
)
from modelwatch.telemetry import metrics as m
from modelwatch.telemetry import promql as q
from modelwatch.telemetry.promql import rate, selector, total

FEATURE = 'feature=~"$feature"'
WINDOW = 'window=~"$window"'
_SAME_SCORE = "on (model, feature, method)"


def features() -> str:
    return label_values(selector(m.DRIFT_SAMPLES, MODEL), "feature")


def windows() -> str:
    return label_values(selector(m.DRIFT_SAMPLES, MODEL), "window")


def drift(metric: m.Metric, *by: str, **matchers: str) -> str:
    """A gauge of the sidecar for the chosen features and window."""
    window = (WINDOW,) if "window" in metric.labels else ()
    return most(selector(metric, MODEL, FEATURE, *window, **matchers), *(by or ("feature",)))


def drift_closeness() -> str:
    """Score over what it must pass to count as drift: the greater of the warning threshold and the critical value."""
    kept = ("model", "feature", "method")
    score = drift(m.DRIFT_SCORE, *kept)
    warning = drift(m.DRIFT_THRESHOLD, *kept, level="warning")
    by_chance = drift(m.DRIFT_CRITICAL_VALUE, *kept)
    bar = f"({by_chance} > {_SAME_SCORE} {warning} or {warning})"
    return most(f"{score} / {_SAME_SCORE} ({bar} > 0)", "feature")


def states() -> str:
    """Of each chosen feature in the chosen window: drift or not, or why nobody can tell."""
    return drift_states(FEATURE, WINDOW)


def features_drifted() -> str:
    return f"{drifted(states())} or vector({NO_SIDECAR})"


def features_scored() -> str:
    return or_zero(f"count({drift(m.DRIFT_SCORE)})")


def fewest_samples() -> str:
    """Of the features that can be compared; of all where none can."""
    samples = drift(m.DRIFT_SAMPLES)
    return f"min({samples} and on (feature) {drift(m.DRIFT_DETECTED)}) or min({samples})"


def bin_reference() -> str:
    return drift(m.FEATURE_REFERENCE, "feature", "bin")


def bin_now() -> str:
    """Share of each bin in the values that arrived within the chosen window."""
    counted = q.increase(selector(m.FEATURE_VALUES, MODEL, FEATURE), "$window")
    every = total(counted, "feature")
    return f"{total(counted, 'feature', 'bin')} / on (feature) group_left () ({every} > 0)"


def bin_change() -> str:
    return f"{bin_now()} - on (feature, bin) {bin_reference()}"


def bins_changed_most(count: int) -> str:
    """Signed changes of the ``count`` bins whose share moved most, up or down."""
    return f"sort_desc({bin_change()} and topk({count}, abs({bin_change()})))"


def rows_by_outcome() -> str:
    return total(rate(selector(m.EXPORTER_ROWS, MODEL), RATE), "outcome")


def client_rows_by_outcome() -> str:
    return total(rate(selector(m.CLIENT_ROWS, MODEL), RATE), "outcome")


def last_row_age() -> str:
    return f"time() - {most(selector(m.EXPORTER_LAST_ROW, MODEL), 'model')}"


def reference() -> str:
    return most(selector(m.REFERENCE_INFO, MODEL), "reference", "rows")
