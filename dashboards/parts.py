"""Panels and links that more than one board has."""

from __future__ import annotations

from typing import Any

from modelwatch.dashboards import panels as p
from modelwatch.dashboards.layout import Variable, drill
from modelwatch.dashboards.queries import common as q
from modelwatch.dashboards.tables import Column, table
from modelwatch.telemetry import boards

ENV = Variable("env", "Environment", q.environments())
MODEL = Variable("model", "Model", q.models(), multi=False)

_SEVERITY_COLORS = {"page": p.RED, "ticket": p.ORANGE, "info": p.BLUE}
SEVERITY = p.value_map({str(rank): (name, _SEVERITY_COLORS[name]) for name, rank in q.SEVERITY_RANK.items()})
YES_NO = p.value_map({"0": ("no drift", p.GREEN), "1": ("drift", p.RED)})
UP_DOWN = p.value_map({"0": ("down", p.RED), "1": ("up", p.GREEN)})
FIRING = p.value_map({"1": ("firing", p.RED)})
BUDGET = p.above((0, p.ORANGE), (0.25, p.GREEN), base=p.RED)
NONE_IS_GOOD = p.above((1, p.RED))

# Templates of Grafana, filled from the row or the series that is clicked.
ROW_MODEL = "${__data.fields.Model}"
SERIES_MODEL = "${__field.labels.model}"
CHOSEN_MODEL = "${model}"


def to_model(model: str) -> p.Link:
    return drill(boards.MODEL, "Open this model", model=model)


def to_drift(model: str) -> p.Link:
    return drill(boards.DRIFT, "Open drift and input data", model=model)


def to_slos(model: str) -> p.Link:
    return drill(boards.SLO, "Open the objectives", model=model)


def to_stages(model: str) -> p.Link:
    return drill(boards.STAGES, "Open the stages", model=model)


def firing_table(runbooks: str, title: str, description: str, *raw: str) -> Any:
    """Firing alerts, each with the way to its runbook; ``raw`` are matchers in place of the chosen models."""
    runbook = p.Link("Open the runbook", f"{runbooks}/{ROW_MODEL}/${{__data.fields.Alert}}")
    return table(
        title,
        description,
        [p.Query(q.firing_table(*raw))],
        [
            Column("A", "Severity", p.NUMBER, mappings=SEVERITY, width=90),
            Column("alertname", "Alert", link=runbook),
            Column("model", "Model", link=to_model(ROW_MODEL)),
            Column("slo", "Objective"),
            Column("feature", "Feature"),
            Column("team", "Team"),
            Column("category", "Category"),
        ],
        sort="Severity",
        descending=True,
    )


def firing_timeline(title: str, description: str, legend: str, *raw: str) -> Any:
    return p.state_timeline(
        title,
        description,
        p.Query(q.firing_over_time(*raw), legend),
        mappings=FIRING,
        no_value="No alert fired in this time.",
    )
