"""Drift and input data of a model: which features changed, how far, and what exactly is different."""

from __future__ import annotations

from modelwatch.dashboards import panels as p
from modelwatch.dashboards import parts
from modelwatch.dashboards.grafana import TimeSeries
from modelwatch.dashboards.layout import Section, Variable, cells, dashboard
from modelwatch.dashboards.queries import drift as q
from modelwatch.dashboards.tables import Column, table
from modelwatch.telemetry import boards
from modelwatch.telemetry import metrics as m
from modelwatch.telemetry import records as r

_HOW = """\
A feature **drifts** when its score is above the warning threshold of the spec **and** above what chance alone \
would reach, with enough rows, all replicas of the sidecar taken together. The inputs changed then; whether the \
answers are wrong is told by accuracy."""
_UNTOLD = "No score: “Drift of each feature” says why."
_NO_SIDECAR = "no sidecar data"


def board(runbooks: str) -> str:
    variables = (
        parts.ENV,
        parts.MODEL,
        Variable("feature", "Feature", q.features(), all_value=".*"),
        Variable("window", "Window", q.windows(), multi=False),
    )
    return dashboard(
        boards.DRIFT,
        "Which features of a model changed since its reference, how far, and what exactly is different.",
        variables,
        [_now(), _when(), _features(), _scores(), _distribution(), _methods(), _quality(), _sidecar()],
        since="6h",
        runbooks=runbooks,
    )


def _now() -> Section:
    return Section(
        "",
        [
            *cells(
                4,
                4,
                p.stat(
                    "Features drifting",
                    "In the chosen window. Without a number there is no answer: too few rows in the window yet (see "
                    "the fewest rows, and drift.min_samples in the spec), no baseline in the spec, or one that is too "
                    "small for the method, or no sidecar that reports this model.",
                    p.SHORT,
                    q.features_drifted(),
                    steps=p.above((1, p.ORANGE)),
                    mappings=parts.DRIFT_COUNT,
                ),
                p.stat(
                    "Features scored",
                    "Features with a baseline and enough rows in the chosen window.",
                    p.SHORT,
                    q.features_scored(),
                ),
                p.stat(
                    "Fewest rows",
                    "Rows in the window of that feature with a baseline that has fewest. A score needs "
                    "drift.min_samples of the spec, and more where the method does.",
                    p.NUMBER,
                    q.fewest_samples(),
                    no_value=_NO_SIDECAR,
                ),
                p.stat(
                    "Last row",
                    "Time since the sidecar last accepted a row of this model.",
                    p.SECONDS,
                    q.last_row_age(),
                    steps=p.above((600, p.ORANGE), (3600, p.RED)),
                    no_value="no row yet",
                ),
            ),
            *cells(8, 4, p.text("What counts as drift", _HOW)),
        ],
    )


def _when() -> Section:
    return Section(
        "Since when",
        cells(
            12,
            8,
            p.state_timeline(
                "Drift of each feature",
                "After every guard: thresholds, chance and number of rows; or why there is no answer.",
                p.Query(q.states(), "{{feature}}"),
                mappings=parts.DRIFT_STATE,
                no_value=_NO_SIDECAR,
            ),
            p.timeseries(
                "How close each feature is to drift",
                "Score over what it must pass: the warning threshold or the critical value, whichever is greater. "
                "Above the dashed line it counts as drift once there are enough samples.",
                p.NUMBER,
                p.Query(q.drift_closeness(), "{{feature}}"),
                lines=p.above((1, p.RED)),
                decimals=2,
                no_value=_UNTOLD,
            ),
        ),
    )


def _features() -> Section:
    queries = [
        p.Query(q.score("feature", "method")),
        p.Query(q.drift(m.DRIFT_THRESHOLD, "feature", "method", level="warning")),
        p.Query(q.drift(m.DRIFT_THRESHOLD, "feature", "method", level="critical")),
        p.Query(q.critical_value("feature", "method")),
        p.Query(q.states()),
        p.Query(q.samples()),
        p.Query(q.told(r.FLEET_MISSING, m.FEATURE_MISSING)),
        p.Query(q.drift(m.FEATURE_OUT_OF_RANGE)),
        p.Query(q.told(r.FLEET_NEW_CATEGORY, m.FEATURE_NEW_CATEGORY)),
    ]
    columns = [
        Column("feature", "Feature"),
        Column("E", "Drift", p.NUMBER, mappings=parts.DRIFT_STATE),
        Column("method", "Method"),
        Column("A", "Score", p.NUMBER, 3),
        Column("B", "Warning from", p.NUMBER, 3),
        Column("C", "Critical from", p.NUMBER, 3),
        Column("D", "By chance up to", p.NUMBER, 3),
        Column("F", "Rows", p.NUMBER, 0),
        Column("G", "Missing", p.RATIO, 2),
        Column("H", "Out of range", p.RATIO, 2),
        Column("I", "New categories", p.RATIO, 2),
    ]
    return Section(
        "Features",
        cells(
            24,
            9,
            table(
                "State of each feature",
                "The newest scores and data checks in the chosen window.",
                queries,
                columns,
                sort="Drift",
                descending=True,
                no_value=_NO_SIDECAR,
            ),
        ),
    )


def _scores() -> Section:
    return Section(
        "Scores",
        cells(
            8,
            8,
            p.timeseries(
                "Score of $feature",
                "The score by the feature's own method, the thresholds of the spec, and what chance alone reaches.",
                p.NUMBER,
                p.Query(q.score("method"), "score ({{method}})"),
                p.Query(q.critical_value("method"), "by chance up to", dashed=p.BLUE),
                p.Query(q.drift(m.DRIFT_THRESHOLD, "method", level="warning"), "warning", dashed=p.ORANGE),
                p.Query(q.drift(m.DRIFT_THRESHOLD, "method", level="critical"), "critical", dashed=p.RED),
                decimals=3,
                repeat="feature",
                no_value=_UNTOLD,
            ),
        ),
    )


def _distribution() -> Section:
    return Section(
        "What is different",
        [
            *cells(
                10,
                12,
                p.bargauge(
                    "Bins that changed most",
                    "Share of values now minus share in the reference. Choose one feature to see it alone.",
                    p.RATIO,
                    p.Query(q.bins_changed_most(12), "{{feature}}: {{bin}}"),
                    steps=p.above((0, p.BLUE), base=p.ORANGE),
                    minimum=None,
                    decimals=1,
                    no_value="No row in this window, or no baseline.",
                ),
            ),
            *cells(
                14,
                12,
                table(
                    "Distribution now and in the reference",
                    "Share of each bin in the chosen window, and in the reference.",
                    [p.Query(q.bin_reference()), p.Query(q.bin_now()), p.Query(q.bin_change())],
                    [
                        Column("feature", "Feature"),
                        Column("bin", "Bin"),
                        Column("A", "Reference", p.RATIO, 1, bar=True),
                        Column("B", "Now", p.RATIO, 1, bar=True),
                        Column("C", "Change", p.RATIO, 1),
                    ],
                    sort="Feature",
                    no_value="No row in this window, or no baseline.",
                ),
            ),
        ],
    )


def _methods() -> Section:
    return Section(
        "By every method",
        cells(
            8,
            8,
            p.timeseries(
                "Every method on $feature",
                "Size of each method's score over what chance alone reaches: above the dashed line the change is real. "
                "How much it matters is another question, which the thresholds of the feature's own method answer. "
                "Of all replicas together where bins tell the score, else of the replica with the highest.",
                p.NUMBER,
                p.Query(q.every_method(), "{{method}}"),
                lines=p.above((1, p.RED)),
                decimals=2,
                repeat="feature",
                no_value=_UNTOLD,
            ),
        ),
    )


def _quality() -> Section:
    def over_time(title: str, description: str, query: str, unit: str = p.RATIO) -> TimeSeries:
        return p.timeseries(title, description, unit, p.Query(query, "{{feature}}"))

    return Section(
        "Data quality",
        cells(
            6,
            8,
            over_time(
                "Missing values",
                "Share of values that are missing in the window.",
                q.told(r.FLEET_MISSING, m.FEATURE_MISSING),
            ),
            over_time(
                "Values out of range",
                "Share of values outside the range of the spec, of the replica with the highest.",
                q.drift(m.FEATURE_OUT_OF_RANGE),
            ),
            over_time(
                "New categories",
                "Share of categories that the reference never had.",
                q.told(r.FLEET_NEW_CATEGORY, m.FEATURE_NEW_CATEGORY),
            ),
            over_time("Rows in the window", "Rows that scores stand on.", q.samples(), p.SHORT),
        ),
    )


def _sidecar() -> Section:
    return Section(
        "Is the sidecar fed?",
        cells(
            6,
            8,
            p.timeseries(
                "Rows at the sidecar",
                "Rows of this model that the sidecar took or rejected, per second.",
                p.SHORT,
                p.Query(q.rows_by_outcome(), "{{outcome}}"),
                stacked=True,
                colors=p.OUTCOMES,
                no_value="no row in this time",
            ),
            p.timeseries(
                "Requests that the sidecar refused",
                "Of this model, or of none that the specs have: refused as a whole, so that no row was looked at, by "
                "reason, per second.",
                p.SHORT,
                p.Query(q.refused_by_reason(), "{{reason}}"),
                stacked=True,
                no_value="none refused in this time",
            ),
            p.timeseries(
                "Rows at the service",
                "Rows that the service sent, that were refused, or that it dropped since its queue was full, "
                "per second.",
                p.SHORT,
                p.Query(q.client_rows_by_outcome(), "{{outcome}}"),
                stacked=True,
                colors=p.OUTCOMES,
                no_value="no row in this time",
            ),
            table(
                "Reference in use",
                "The profile that the newest values are compared with.",
                [p.Query(q.reference())],
                [Column("reference", "Reference"), Column("rows", "Rows")],
                no_value="The sidecar has no baseline of this model.",
            ),
        ),
    )
