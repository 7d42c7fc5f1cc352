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
from modelwatch.telemetry import records as r
from modelwatch.telemetry.promql import rate, selector, total

FEATURE = 'feature=~"$feature"'
WINDOW = 'window=~"$window"'
_OWN = "on (model, feature, method)"


def features() -> str:
    return label_values(selector(m.DRIFT_SAMPLES, MODEL), "feature")


def windows() -> str:
    return label_values(selector(m.DRIFT_SAMPLES, MODEL), "window")


def drift(metric: m.Metric, *by: str, **matchers: str) -> str:
    """A gauge of the sidecars for the chosen features and window: of the replica with the highest."""
    window = (WINDOW,) if "window" in metric.labels else ()
    return most(selector(metric, MODEL, FEATURE, *window, **matchers), *(by or ("feature",)))


def fleet(record: r.Record, *by: str) -> str:
    """What the rules say of all replicas together, for the chosen features and window."""
    window = (WINDOW,) if "window" in record.labels else ()
    return most(record.select(MODEL, FEATURE, *window), *(by or ("feature",)))


def told(record: r.Record, metric: m.Metric, *by: str) -> str:
    """Of all replicas; of the sidecars alone where a feature has nothing that can be added up."""
    return f"{fleet(record, *by)} or {drift(metric, *by)}"


def own(record: r.Record, metric: m.Metric, *by: str) -> str:
    """The same by the feature's own method, the one that has a threshold."""
    kept = by or ("feature",)
    return " or ".join(
        most(f"{series} and {_OWN} {selector(m.DRIFT_THRESHOLD, MODEL, FEATURE)}", *kept)
        for series in (record.select(MODEL, FEATURE, WINDOW), selector(metric, MODEL, FEATURE, WINDOW))
    )


def score(*by: str) -> str:
    return own(r.FLEET_SCORE, m.DRIFT_SCORE, *by)


def critical_value(*by: str) -> str:
    return own(r.FLEET_CRITICAL_VALUE, m.DRIFT_CRITICAL_VALUE, *by)


def samples() -> str:
    return f"{fleet(r.FLEET_SAMPLES)} or {total(selector(m.DRIFT_SAMPLES, MODEL, FEATURE, WINDOW), 'feature')}"


def drift_closeness() -> str:
    """Score over what it must pass to count as drift: the greater of the warning threshold and the critical value."""
    kept = ("model", "feature", "method")
    same = f"on ({', '.join(kept)})"
    warning = drift(m.DRIFT_THRESHOLD, *kept, level="warning")
    bar = f"(({critical_value(*kept)}) > {same} {warning} or {warning})"
    return most(f"({score(*kept)}) / {same} ({bar} > 0)", "feature")


def every_method() -> str:
    """Size of the score by each method over what chance alone reaches, so that all have one scale."""
    kept = ("feature", "method")
    scores = told(r.FLEET_SCORE, m.DRIFT_SCORE, *kept)
    by_chance = told(r.FLEET_CRITICAL_VALUE, m.DRIFT_CRITICAL_VALUE, *kept)
    return most(f"abs({scores}) / on ({', '.join(kept)}) (({by_chance}) > 0)", *kept)


def states() -> str:
    """Of each chosen feature in the chosen window: drift or not, or why nobody can tell."""
    return drift_states(FEATURE, WINDOW)


def features_drifted() -> str:
    return f"{drifted(states())} or vector({NO_SIDECAR})"


def features_scored() -> str:
    return or_zero(f"count({score()})")


def fewest_samples() -> str:
    """Of the features that can be compared; of all where none can."""
    return f"min(({samples()}) and on (feature) {drift(m.DRIFT_DETECTED)}) or min({samples()})"


def bin_reference() -> str:
    """Where rows are compared with those of the same hour, what was to be expected of the window."""
    expected = fleet(r.FLEET_EXPECTED, "feature", "bin")
    return f"({expected} or {fleet(r.FLEET_REFERENCE, 'feature', 'bin')})"


def bin_now() -> str:
    """Share of each bin in the values of the chosen window."""
    return f"{fleet(r.FLEET_VALUES, 'feature', 'bin')} / on (feature) group_left () ({fleet(r.FLEET_SAMPLES)} > 0)"


def bin_change() -> str:
    return f"{bin_now()} - on (feature, bin) {bin_reference()}"


def bins_changed_most(count: int) -> str:
    """Signed changes of the ``count`` bins whose share moved most, up or down."""
    return f"sort_desc({bin_change()} and topk({count}, abs({bin_change()})))"


def rows_by_outcome() -> str:
    return total(rate(selector(m.EXPORTER_ROWS, MODEL), RATE), "outcome")


def refused_by_reason() -> str:
    """Those that were refused; a request whose model no spec has stands without one."""
    known, unknown = (rate(selector(m.EXPORTER_REFUSED, model), RATE) for model in (MODEL, 'model=""'))
    return f"{total(f'{known} or {unknown}', 'reason')} > 0"


def client_rows_by_outcome() -> str:
    return total(rate(selector(m.CLIENT_ROWS, MODEL), RATE), "outcome")


def last_row_age() -> str:
    return f"time() - {most(selector(m.EXPORTER_LAST_ROW, MODEL), 'model')}"


def reference() -> str:
    return most(selector(m.REFERENCE_INFO, MODEL), "reference", "rows")
