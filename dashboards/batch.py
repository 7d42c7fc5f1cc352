"""One model that scores in batches: did the last run end well, is the next one due, what did it score."""

from __future__ import annotations

from modelwatch.dashboards import one_model as of
from modelwatch.dashboards import panels as p
from modelwatch.dashboards import parts
from modelwatch.dashboards.layout import Section, cells, dashboard
from modelwatch.dashboards.queries import batch as q
from modelwatch.telemetry import boards

_NO_RUN = "no run in this time"


def board(runbooks: str) -> str:
    variables = (
        parts.ENV,
        parts.model(mode="batch"),
        of.VERSION,
    )
    return dashboard(
        boards.BATCH,
        "One model that scores in batches: did the last run end well, how much did it score, is it fed well. "
        "It answers no requests, so there is no traffic and no latency.",
        variables,
        [_now(), of.alerts(runbooks), _runs(), of.inputs(), of.service()],
        since="6h",
        runbooks=runbooks,
    )


def _now() -> Section:
    return Section(
        "",
        cells(
            *parts.TILE,
            of.alerts_tile(),
            p.stat("Last good run", "Time since a run last ended well.", p.SECONDS, q.age(), no_value="no run yet"),
            p.stat(
                "Failed runs",
                "Runs that failed within the last 24 hours.",
                p.SHORT,
                q.failed(),
                steps=parts.NONE_IS_GOOD,
                decimals=0,
            ),
            p.stat(
                "Rows scored",
                "Rows of the last run that ended well.",
                p.SHORT,
                q.newest(q.rows()),
                no_value="no run yet",
            ),
            p.stat(
                "Length of a run",
                "How long the last run took that ended well.",
                p.SECONDS,
                q.newest(q.duration()),
                no_value="no run yet",
            ),
            of.budget_tile(),
            of.drift_tile(),
            of.instances_tile(),
        ),
    )


def _runs() -> Section:
    return Section(
        "Runs",
        cells(
            8,
            8,
            p.timeseries(
                "Runs within a day",
                "Scoring runs that ended within the last 24 hours, by outcome.",
                p.SHORT,
                p.Query(q.runs(), "{{outcome}}"),
                colors=p.OUTCOMES,
                decimals=0,
                no_value=_NO_RUN,
            ),
            p.timeseries(
                "Rows of the last run",
                "Rows scored by the last run that ended well. A drop means that part of the input is missing.",
                p.SHORT,
                p.Query(q.rows(), "version {{version}}"),
                no_value=_NO_RUN,
            ),
            p.timeseries(
                "Length of the last run",
                "How long the last run took that ended well. Near the time between runs they begin to overlap.",
                p.SECONDS,
                p.Query(q.duration(), "version {{version}}"),
                no_value=_NO_RUN,
            ),
        ),
    )
