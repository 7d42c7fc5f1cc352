"""One model: rate, errors, duration, then what it needs, says and is fed."""

from __future__ import annotations

from modelwatch.dashboards import one_model as of
from modelwatch.dashboards import panels as p
from modelwatch.dashboards import parts
from modelwatch.dashboards.layout import Section, cells, dashboard
from modelwatch.dashboards.queries import common
from modelwatch.dashboards.queries import model as q
from modelwatch.dashboards.tables import Column, table
from modelwatch.telemetry import boards
from modelwatch.telemetry import records as r

_TRACES = "Dots are single requests: click one to open its trace."
_NO_CONFIDENCE = "The service reports no confidence; only a classification has one."
_NO_LABELS = "No true labels have arrived; only a classification has them."
_ONLINE = "no predictions in this time"


def board(runbooks: str) -> str:
    variables = (
        parts.ENV,
        parts.model(mode="online"),
        of.VERSION,
    )
    return dashboard(
        boards.MODEL,
        "One model in the order of a diagnosis: is it asked, does it fail, is it slow and where, has it room, "
        "is it sure, is it right, is it fed well.",
        variables,
        [
            _now(),
            of.alerts(runbooks),
            _traffic(),
            _latency(),
            _capacity(),
            _answers(),
            _regression(),
            of.inputs(),
            of.service(),
        ],
        since="3h",
        runbooks=runbooks,
    )


def _now() -> Section:
    chosen = parts.CHOSEN_MODEL
    return Section(
        "",
        cells(
            *parts.TILE,
            of.alerts_tile(),
            p.stat(
                "Traffic",
                "Predictions per second, over 5 minutes. A model that scores in batches has a board of its own: click.",
                p.REQUESTS,
                q.traffic_now(),
                no_value="idle",
                mappings=parts.IN_BATCHES,
                links=[parts.to_batch(chosen)],
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
            of.budget_tile(),
            of.drift_tile(),
            of.instances_tile(),
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
                    no_value=_ONLINE,
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
        "Answers of a classification",
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
                    no_value=_NO_CONFIDENCE,
                ),
                p.timeseries(
                    "Confidence: median and lowest 10 %",
                    "When both sink, the model meets inputs that it does not know.",
                    p.RATIO,
                    p.Query(q.confidence(0.5), "median"),
                    p.Query(q.confidence(0.1), "lowest 10 %"),
                    maximum=1,
                    no_value=_NO_CONFIDENCE,
                ),
                p.timeseries(
                    "Share of answers that were right",
                    "Accuracy of the predictions whose true label has arrived; labels come late.",
                    p.RATIO,
                    p.Query(common.by_model(r.ACCURACY), "accuracy"),
                    maximum=1,
                    no_value=_NO_LABELS,
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
                    no_value=_NO_LABELS,
                ),
                p.timeseries(
                    "True labels arriving",
                    "Labelled predictions per second. None: accuracy above is old news.",
                    p.SHORT,
                    p.Query(q.labels_arriving(), "version {{version}}"),
                    no_value=_NO_LABELS,
                ),
            ),
        ],
    )


def _regression() -> Section:
    absent = "No true values have arrived; only a regression has them."
    return Section(
        "Answers of a regression",
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
    )
