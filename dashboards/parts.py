"""Panels and links that more than one board has."""

from __future__ import annotations

from typing import Any

from modelwatch.dashboards import panels as p
from modelwatch.dashboards.layout import Variable, drill
from modelwatch.dashboards.queries import common as q
from modelwatch.dashboards.tables import Column, table
from modelwatch.telemetry import boards

ENV = Variable("env", "Environment", q.environments())


def model(**matchers: str) -> Variable:
    """One model of those that the spec says these things of."""
    return Variable("model", "Model", q.models(**matchers), multi=False)


MODEL = model()
# Four in a row: at 1440 pixels eight cut their titles.
TILE = (6, 3)

_SEVERITY_COLORS = {"page": p.RED, "ticket": p.ORANGE, "info": p.BLUE}
SEVERITY = p.value_map({str(rank): (name, _SEVERITY_COLORS[name]) for name, rank in q.SEVERITY_RANK.items()})
# Blue for what is only to be waited for, grey for what the spec leaves out, orange for what someone may want to mend.
_NOTHING_TO_TELL = {
    str(q.WARMING): ("just started", p.BLUE),
    str(q.TOO_FEW_ROWS): ("too few rows", p.BLUE),
    str(q.TOO_FEW_VALUES): ("too few values", p.ORANGE),
    str(q.ONE_VALUE): ("values do not vary", p.ORANGE),
    str(q.CONSTANT_BASELINE): ("baseline does not vary", p.ORANGE),
    str(q.SMALL_BASELINE): ("baseline too small", p.ORANGE),
    str(q.NOT_IN_BASELINE): ("not in the baseline", p.ORANGE),
    str(q.OTHER_TYPE): ("another type", p.ORANGE),
    str(q.NO_BASELINE): ("no baseline", p.DIM),
    str(q.NO_SIDECAR): ("no sidecar data", p.ORANGE),
}
DRIFT_STATE = p.value_map({"0": ("no drift", p.GREEN), "1": ("drift", p.RED), **_NOTHING_TO_TELL})
DRIFT_COUNT = p.value_map(_NOTHING_TO_TELL)
IN_BATCHES = p.value_map({str(q.IN_BATCHES): ("in batches", p.BLUE)})
UP_DOWN = p.value_map({"0": ("down", p.RED), "1": ("up", p.GREEN)})
FIRING = p.value_map({"1": ("firing", p.RED)})
BUDGET = p.above((0, p.ORANGE), (0.25, p.GREEN), base=p.RED)
# A share below zero reads as a fault of the board. How far below is told by the budget spent, on the board of SLOs.
OVERSPENT = p.range_map(-1e9, -1e-6, "overspent", p.RED)
NOT_KNOWN = p.value_map({str(q.TOO_EARLY): ("too early", p.BLUE), str(q.NO_EVENTS): ("no events", p.DIM)})
OVERSPENT_LINE = p.value_map({"-1": ("-100 % or less", p.RED)})
NONE_IS_GOOD = p.above((1, p.RED))

# Templates of Grafana, filled from the row or the series that is clicked.
ROW_MODEL = "${__data.fields.Model}"
SERIES_MODEL = "${__field.labels.model}"
_ROW_BOARD = "${__data.fields.Board}"
CHOSEN_MODEL = "${model}"


def to_model(model: str) -> p.Link:
    return drill(boards.MODEL, "Open this model", model=model)


BOARD_OF_ROW = Column("board", "Board", hidden=True)


def to_board_of_row() -> p.Link:
    """To the board of the row's model, which is another one for a model that scores in batches."""
    link = to_model(ROW_MODEL)
    return p.Link(link.title, link.url.replace(f"/{boards.MODEL.uid}?", f"/{boards.uid(_ROW_BOARD)}?"))


def to_batch(model: str) -> p.Link:
    return drill(boards.BATCH, "Open the board of this batch model", model=model)


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
            Column("model", "Model", link=None if raw else to_board_of_row()),
            Column("slo", "Objective"),
            Column("feature", "Feature"),
            Column("team", "Team"),
            Column("category", "Category"),
            *(() if raw else (BOARD_OF_ROW,)),
        ],
        sort="Severity",
        descending=True,
        no_value="No alert fires.",
    )


def firing_timeline(title: str, description: str, legend: str, *raw: str) -> Any:
    return p.state_timeline(
        title,
        description,
        p.Query(q.firing_over_time(*raw), legend),
        mappings=FIRING,
        no_value="No alert fired in this time.",
    )
