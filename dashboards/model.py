"""One model: rate, errors, duration, then what it needs, says and is fed."""

from __future__ import annotations

from modelwatch.dashboards import panels as p
from modelwatch.dashboards import parts
from modelwatch.dashboards.layout import Section, Variable, cells, dashboard
from modelwatch.dashboards.queries import common
from modelwatch.dashboards.queries import model as q
from modelwatch.dashboards.tables import Column, table
from modelwatch.telemetry import boards
from modelwatch.telemetry import records as r

_TRACES = "Dots are single requests: click one to open its trace."
_ONLINE = "no predictions in this time"


def board(runbooks: str) -> str:
    variables = (
        parts.ENV,
        parts.MODEL,
        # An expression of its own, so that a model that reports no version yet still shows what else it has.
        Variable("version", "Version", q.versions(), all_value=".*"),
    )
    return dashboard(
        boards.MODEL,
        "One model in the order of a diagnosis: is it asked, does it fail, is it slow and where, has it room, "
        "is it sure, is it right, is it fed well.",
        variables,
        [
            _now(),
            _alerts(runbooks),
            _traffic(),
            _latency(),
            _capacity(),
            _answers(),
            _inputs(),
            _service(),
            _regression(),
            _batch(),
        ],
        since="3h",
        runbooks=runbooks,
    )


def _now() -> Section:
    chosen = parts.CHOSEN_MODEL
    return Section(
        "",
        cells(
            3,
            4,
            p.stat(
                "Alerts firing",
                "Pages and tickets of this model that fire now.",
                p.SHORT,
                common.firing_any(),
                steps=parts.NONE_IS_GOOD,
            ),
            p.stat(
                "Traffic",
                "Predictions per second, over 5 minutes.",
                p.REQUESTS,
                common.by_model(r.TRAFFIC),
                no_value="idle",
            ),
            p.stat(
                "Failing now",
                "Share of predictions that end in an error, over 5 minutes.",
                p.RATIO,
                common.by_model(r.ERROR_RATIO),
                steps=p.above((0.01, p.ORANGE), (0.05, p.RED)),
                decimals=2,
                no_value="idle",
            ),
            p.stat(
                "Slowest 1 %",
                "One answer in a hundred takes at least this long, over 5 minutes.",
                p.SECONDS,
                common.by_model(r.LATENCY_P99),
                no_value="idle",
                links=[parts.to_stages(chosen)],
            ),
            p.stat(
                "Capacity in use",
                "Requests in flight as a share of what the service can answer at the same time.",
                p.RATIO,
                common.by_model(r.SATURATION),
                steps=p.above((0.8, p.ORANGE), (0.95, p.RED)),
                decimals=0,
                no_value="no limit set",
            ),
            p.stat(
                "Lowest budget left",
                "Share of the error budget that is left, of the worst objective. Click for the objectives.",
                p.RATIO,
                common.lowest_budget(),
                steps=parts.BUDGET,
                decimals=1,
                no_value="no objective",
                links=[parts.to_slos(chosen)],
            ),
            p.stat(
                "Features drifting",
                "Features whose newest values differ from the reference. Click for the features.",
                p.SHORT,
                common.drifted_by_model(),
                steps=p.above((1, p.ORANGE)),
                no_value="not watched",
                links=[parts.to_drift(chosen)],
            ),
            p.stat(
                "Instances up",
                "Instances that reported this model within a day and answer now.",
                p.SHORT,
                q.replicas_up(),
                steps=p.above((1, p.GREEN), base=p.RED),
            ),
        ),
    )


def _alerts(runbooks: str) -> Section:
    return Section(
        "Alerts",
        cells(
            12,
            6,
            parts.firing_table(runbooks, "Firing now", "Alerts of this model. Click an alert to read its runbook."),
            parts.firing_timeline(
                "When alerts fired", "Since when each alert fires.", "{{alertname}} {{slo}} {{feature}}"
            ),
        ),
    )


def _traffic() -> Section:
    return Section(
        "Requests and errors",
        [
            *cells(
                8,
                8,
                p.timeseries(
                    "Requests by version",
                    "Predictions per second that each version answers. During a rollout the lines cross.",
                    p.REQUESTS,
                    p.Query(q.traffic_by("version"), "version {{version}}"),
                    stacked=True,
                    no_value=_ONLINE,
                ),
                p.timeseries(
                    "Requests by outcome",
                    "Predictions per second that were answered or failed.",
                    p.REQUESTS,
                    p.Query(q.traffic_by("outcome"), "{{outcome}}"),
                    stacked=True,
                    colors=p.OUTCOMES,
                    no_value=_ONLINE,
                ),
                p.timeseries(
                    "Share of requests that fail",
                    "Of each version's requests. One version only: roll it back.",
                    p.RATIO,
                    p.Query(q.error_ratio_by_version(), "version {{version}}"),
                    no_value=_ONLINE,
                ),
            ),
            *cells(
                24,
                6,
                p.timeseries(
                    "Requests now, yesterday and a week ago",
                    "A drop that has no match in the past means that callers cannot reach the model, or gave up.",
                    p.REQUESTS,
                    p.Query(common.traffic(), "now"),
                    p.Query(q.traffic_before("1d"), "a day ago", dashed=p.BLUE),
                    p.Query(q.traffic_before("1w"), "a week ago", dashed=p.GREY),
                    no_value=_ONLINE,
                ),
            ),
        ],
    )


def _latency() -> Section:
    return Section(
        "Latency",
        [
            *cells(
                8,
                8,
                p.timeseries(
                    "How long answers take",
                    "Half of the answers are quicker than p50; one in a hundred is slower than p99. All versions.",
                    p.SECONDS,
                    p.Query(common.by_model(r.LATENCY_P50), "p50"),
                    p.Query(common.by_model(r.LATENCY_P95), "p95"),
                    p.Query(common.by_model(r.LATENCY_P99), "p99"),
                    colors={"p50": p.GREEN, "p95": p.YELLOW, "p99": p.RED},
                    no_value=_ONLINE,
                ),
                p.timeseries(
                    "Slowest 1 % by version",
                    f"The 99th percentile of each version. {_TRACES}",
                    p.SECONDS,
                    p.Query(q.latency_by_version(0.99), "version {{version}}", exemplar=True),
                    no_value=_ONLINE,
                ),
                p.heatmap(
                    "Answers by how long they take",
                    f"Predictions per second in each band of latency. Two bands mean two kinds of request. {_TRACES}",
                    p.SECONDS,
                    q.latency_buckets(),
                    exemplar=True,
                ),
            ),
            *cells(
                12,
                8,
                p.timeseries(
                    "Slowest 5 % of each stage",
                    f"The 95th percentile of each stage of a prediction. {_TRACES}",
                    p.SECONDS,
                    p.Query(q.stage_latency(0.95), "{{stage}}", exemplar=True),
                    links=[parts.to_stages(parts.CHOSEN_MODEL)],
                    no_value=_ONLINE,
                ),
                p.timeseries(
                    "Where the time of a prediction goes",
                    "Mean time in each stage of one prediction. The stage that grows is the one to look at.",
                    p.SECONDS,
                    p.Query(q.stage_share(), "{{stage}}"),
                    stacked=True,
                    links=[parts.to_stages(parts.CHOSEN_MODEL)],
                    no_value=_ONLINE,
                ),
            ),
        ],
    )


def _capacity() -> Section:
    return Section(
        "Capacity",
        cells(
            12,
            8,
            p.timeseries(
                "Requests in flight",
                "Requests being answered now, and how many the service can answer at the same time.",
                p.SHORT,
                p.Query(q.in_flight(), "in flight"),
                p.Query(q.concurrency_limit(), "limit", dashed=p.RED),
                no_value=_ONLINE,
            ),
            p.timeseries(
                "Requests in flight by instance",
                "An instance far above the others is stuck, or the load is shared out badly.",
                p.SHORT,
                p.Query(q.in_flight_by_instance(), "{{instance}}"),
                no_value=_ONLINE,
            ),
        ),
    )


def _answers() -> Section:
    return Section(
        "Answers",
        [
            *cells(
                8,
                8,
                p.heatmap(
                    "How sure the model is",
                    f"Predictions per second in each band of confidence. {_TRACES}",
                    p.RATIO,
                    q.confidence_buckets(),
                    exemplar=True,
                ),
                p.timeseries(
                    "Confidence of the median and the least sure answers",
                    "When both sink, the model meets inputs that it does not know.",
                    p.RATIO,
                    p.Query(q.confidence(0.5), "median"),
                    p.Query(q.confidence(0.1), "least sure 10 %"),
                    maximum=1,
                    no_value="The model reports no confidence.",
                ),
                p.timeseries(
                    "Share of answers that were right",
                    "Accuracy of the predictions whose true label has arrived; labels come late.",
                    p.RATIO,
                    p.Query(common.by_model(r.ACCURACY), "accuracy"),
                    maximum=1,
                    no_value="No true labels have arrived.",
                ),
            ),
            *cells(
                12,
                8,
                table(
                    "Predicted against actual",
                    "Labelled predictions of the chosen time range: what the model said, and what came true.",
                    [p.Query(q.confusion())],
                    [
                        Column("predicted", "Predicted"),
                        Column("actual", "Actual"),
                        Column("A", "Predictions", p.SHORT, 0),
                    ],
                    sort="Predictions",
                    descending=True,
                ),
                p.timeseries(
                    "True labels arriving",
                    "Labelled predictions per second. None: accuracy above is old news.",
                    p.SHORT,
                    p.Query(q.labels_arriving(), "version {{version}}"),
                    no_value="No true labels have arrived.",
                ),
            ),
        ],
    )


def _inputs() -> Section:
    return Section(
        "Inputs",
        cells(
            12,
            8,
            p.timeseries(
                "Age of feature sources",
                "How old the newest value of each source was when a prediction used it. A line that climbs "
                "steadily is a pipeline that stopped.",
                p.SECONDS,
                p.Query(q.feature_age(), "{{source}}"),
                no_value="The service reports no feature age.",
            ),
            p.state_timeline(
                "Drift of features",
                "Features whose newest values differ from the reference. Click for scores and distributions.",
                p.Query(q.drifted_features(), "{{feature}}"),
                mappings=parts.YES_NO,
                links=[parts.to_drift(parts.CHOSEN_MODEL)],
                no_value="Drift of this model is not watched.",
            ),
        ),
    )


def _service() -> Section:
    return Section(
        "Service",
        cells(
            12,
            6,
            p.state_timeline(
                "Instances",
                "Whether Prometheus reaches each instance that reported this model within a day.",
                p.Query(q.replicas(), "{{instance}}"),
                mappings=parts.UP_DOWN,
                no_value="No instance reported this model within a day.",
            ),
            p.timeseries(
                "Versions loaded",
                "How many instances have each version loaded.",
                p.SHORT,
                p.Query(q.versions_loaded(), "version {{version}}"),
                decimals=0,
            ),
        ),
    )


def _regression() -> Section:
    absent = "Only a regression model reports this."
    return Section(
        "Error of a regression",
        cells(
            24,
            8,
            p.timeseries(
                "How far off answers are",
                "Absolute error of the predictions whose true value has arrived, in the unit of the task.",
                p.NUMBER,
                p.Query(q.absolute_error(0.5), "median"),
                p.Query(q.absolute_error(0.9), "worst 10 %"),
                no_value=absent,
            ),
        ),
        collapsed=True,
    )


def _batch() -> Section:
    absent = "Only a model that scores in batches reports this."
    return Section(
        "Batch runs",
        cells(
            6,
            8,
            p.stat("Last run that ended well", "Time since then.", p.SECONDS, q.batch_age(), no_value=absent),
            p.timeseries(
                "Runs within a day",
                "Scoring runs that ended within the last 24 hours, by outcome.",
                p.SHORT,
                p.Query(q.batch_runs(), "{{outcome}}"),
                colors=p.OUTCOMES,
                no_value=absent,
            ),
            p.timeseries(
                "Rows of the last run",
                "Rows scored by the last run that ended well.",
                p.SHORT,
                p.Query(q.batch_rows(), "version {{version}}"),
                no_value=absent,
            ),
            p.timeseries(
                "Length of the last run",
                "How long the last run took that ended well.",
                p.SECONDS,
                p.Query(q.batch_duration(), "version {{version}}"),
                no_value=absent,
            ),
        ),
        collapsed=True,
    )
