"""Stages of a model's requests, from the spans that the Collector counts before it samples."""

from __future__ import annotations

from modelwatch.dashboards import panels as p
from modelwatch.dashboards import parts
from modelwatch.dashboards.layout import Section, Variable, cells, dashboard
from modelwatch.dashboards.queries import stages as q
from modelwatch.telemetry import boards
from modelwatch.telemetry.spans import STAGE

_TRACES = "Dots are single spans: click one to open its trace, if that was kept."
_NONE = "No spans arrived in this time."


def board(runbooks: str) -> str:
    variables = (parts.ENV, parts.model(mode="online"), Variable("stage", "Stage", q.span_stages(), all_value=".+"))
    return dashboard(
        boards.STAGES,
        "Where requests of a model spend their time and fail, counted from all spans before any is dropped.",
        variables,
        [_requests(), _stages(), _kept()],
        since="3h",
        runbooks=runbooks,
    )


def _requests() -> Section:
    return Section(
        "Whole requests",
        cells(
            8,
            8,
            p.timeseries(
                "Requests traced",
                "Requests per second whose spans reached the Collector.",
                p.REQUESTS,
                p.Query(q.spans_by("service_name", *q.SPAN_REQUEST), "{{service_name}}"),
                no_value=_NONE,
            ),
            p.timeseries(
                "Share of requests that fail",
                "Requests whose span ended in an error.",
                p.RATIO,
                p.Query(q.span_error_ratio("service_name", *q.SPAN_REQUEST), "{{service_name}}"),
                no_value=_NONE,
            ),
            p.heatmap(
                "Requests by how long they take",
                f"Requests per second in each band of latency. {_TRACES}",
                p.SECONDS,
                q.span_buckets(*q.SPAN_REQUEST),
                exemplar=True,
                no_value=_NONE,
            ),
        ),
    )


def _stages() -> Section:
    label, legend = STAGE.label, f"{{{{{STAGE.label}}}}}"
    return Section(
        "Stages",
        cells(
            8,
            8,
            p.timeseries(
                "Stages run",
                "Spans of each stage per second. Requests that are answered as a batch share those of the batch.",
                p.SHORT,
                p.Query(q.spans_by(label, q.SPAN_STAGE), legend),
                no_value=_NONE,
            ),
            p.timeseries(
                "Share of each stage that fails",
                "The stage in which requests break.",
                p.RATIO,
                p.Query(q.span_error_ratio(label, q.SPAN_STAGE), legend),
                no_value=_NONE,
            ),
            p.timeseries(
                "Slowest 5 % of each stage",
                f"The 95th percentile of each stage. {_TRACES}",
                p.SECONDS,
                p.Query(q.span_latency(0.95, label, q.SPAN_STAGE), legend, exemplar=True),
                no_value=_NONE,
            ),
        ),
    )


def _kept() -> Section:
    return Section(
        "Traces that are kept",
        cells(
            24,
            8,
            p.timeseries(
                "Traces kept, by policy",
                "Traces per second that the Collector keeps, of all models, by the policy that kept each: errors, "
                "slow, low-confidence, drifted, batch, and share for the rest, by tracing.sample. limit-MODEL is the "
                "share of a model with tracing.max_spans_per_second: a flat line just below that limit divided by the "
                "spans of a trace is the limit biting.",
                p.SHORT,
                p.Query(q.traces_kept(), "{{policy}}"),
                no_value="No trace was decided in this time.",
            ),
        ),
    )
