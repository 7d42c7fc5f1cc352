"""What the boards of one model share, whether it answers requests or scores in batches."""

from __future__ import annotations

from modelwatch.dashboards import panels as p
from modelwatch.dashboards import parts
from modelwatch.dashboards.grafana import Stat
from modelwatch.dashboards.layout import Section, Variable, cells
from modelwatch.dashboards.queries import common
from modelwatch.dashboards.queries import model as q

# By an expression of its own, so that a model that reports no version yet still shows what else it has.
VERSION = Variable("version", "Version", q.versions(), all_value=".*")


def alerts_tile() -> Stat:
    return p.stat(
        "Alerts firing",
        "Pages and tickets of this model that fire now.",
        p.SHORT,
        common.firing_any(),
        steps=parts.NONE_IS_GOOD,
    )


def budget_tile() -> Stat:
    return p.stat(
        "Lowest budget left",
        "Share of the error budget that is left, of the worst objective. Click for the objectives.",
        p.RATIO,
        common.lowest_budget_or_why(),
        steps=parts.BUDGET,
        mappings=[*parts.NOT_KNOWN, *parts.OVERSPENT],
        decimals=1,
        no_value="no objective",
        links=[parts.to_slos(parts.CHOSEN_MODEL)],
    )


def drift_tile() -> Stat:
    return p.stat(
        "Features drifting",
        "Features whose newest values differ from the reference. Click for the features.",
        p.SHORT,
        common.drifted_by_model(),
        steps=p.above((1, p.ORANGE)),
        mappings=parts.DRIFT_COUNT,
        links=[parts.to_drift(parts.CHOSEN_MODEL)],
    )


def instances_tile() -> Stat:
    return p.stat(
        "Instances up",
        "Instances that reported this model within a day and answer now.",
        p.SHORT,
        q.replicas_up(),
        steps=p.above((1, p.GREEN), base=p.RED),
    )


def alerts(runbooks: str) -> Section:
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


def inputs() -> Section:
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
                p.Query(common.drift_states(), "{{feature}}"),
                mappings=parts.DRIFT_STATE,
                links=[parts.to_drift(parts.CHOSEN_MODEL)],
                no_value="no sidecar data",
            ),
        ),
    )


def service() -> Section:
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
