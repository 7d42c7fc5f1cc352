"""Service level objectives of a model: what is promised, what is left of the budget, how fast it burns."""

from __future__ import annotations

from modelwatch.dashboards import panels as p
from modelwatch.dashboards import parts
from modelwatch.dashboards.grafana import TimeSeries
from modelwatch.dashboards.layout import Section, Variable, cells, dashboard, drill
from modelwatch.dashboards.queries import slo as q
from modelwatch.dashboards.queries.common import NO_EVENTS, TOO_EARLY, drawable
from modelwatch.dashboards.tables import Column, table
from modelwatch.telemetry import boards
from modelwatch.telemetry import records as r
from modelwatch.telemetry.burn import BURN_ALERTS, BurnAlert
from modelwatch.telemetry.labels import PAGE

_HOW = """\
A **burn rate** of 1 spends the error budget exactly by the end of the objective's window. \
Each graph below has a long and a short window and a dashed line. **Someone is told when both lines are above the \
dashed line**: the long one says that it matters, the short one that it still goes on. For a service younger than the \
long window, the time before its first day counts as good."""

_BURNS = p.value_map({str(TOO_EARLY): ("too early", p.BLUE), str(NO_EVENTS): ("idle", p.DIM)})
_LASTS = p.value_map(
    {
        str(q.GONE): ("gone", p.RED),
        str(q.NOT_BURNING): ("not burning", p.GREEN),
        str(TOO_EARLY): ("too early", p.BLUE),
        str(NO_EVENTS): ("idle", p.DIM),
    }
)


def board(runbooks: str) -> str:
    variables = (parts.ENV, parts.MODEL, Variable("slo", "Objective", q.slos(), multi=False))
    return dashboard(
        boards.SLO,
        "What a model promises, how much of the error budget is left, and whether it burns too fast.",
        variables,
        [_all(), _now(), _burn(), _events()],
        since="6h",
        runbooks=runbooks,
    )


def _all() -> Section:
    row = drill(boards.SLO, "Show this objective", model=parts.CHOSEN_MODEL, slo="${__data.fields.Objective}")
    return Section(
        "All objectives of this model",
        cells(
            24,
            5,
            table(
                "Objectives",
                "Click an objective to see it below.",
                [
                    p.Query(q.slo_all(r.SLO_OBJECTIVE)),
                    p.Query(q.slo_all(r.SLO_PERIOD)),
                    p.Query(q.slo_all(r.SLO_PERIOD_ERROR_RATIO)),
                    p.Query(q.budgets_left()),
                    p.Query(q.slo_all(r.SLO_BURN_RATE)),
                    p.Query(q.budgets_spent()),
                ],
                [
                    Column("slo", "Objective", link=row),
                    Column("A", "Promised", p.RATIO),
                    Column("B", "Over days", p.SHORT, 0),
                    Column("C", "Bad so far", p.RATIO, 3),
                    Column(
                        "D",
                        "Budget left",
                        p.RATIO,
                        1,
                        steps=parts.BUDGET,
                        mappings=[*parts.NOT_KNOWN, *parts.OVERSPENT],
                    ),
                    Column("F", "Budget spent", p.RATIO, 1),
                    Column("E", "Burn rate now", p.SHORT, 2, steps=p.above((1, p.ORANGE), (6, p.RED))),
                ],
                sort="Budget left",
                no_value="This model has no objective.",
            ),
        ),
    )


def _now() -> Section:
    return Section(
        "The chosen objective",
        [
            *cells(
                4,
                5,
                p.gauge(
                    "Error budget left",
                    "Share of the error budget that is left in the objective's window. The time before the service's "
                    "first day counts as good, as it does in the alerts.",
                    p.RATIO,
                    q.budget_left(),
                    steps=parts.BUDGET,
                    mappings=[*parts.NOT_KNOWN, *parts.OVERSPENT],
                    decimals=1,
                ),
                p.stat(
                    "Budget spent",
                    "Share of the error budget that is spent: above 100 % it is overspent, at 500 % five times over.",
                    p.RATIO,
                    q.budget_spent(),
                    steps=p.above((0.75, p.ORANGE), (1, p.RED)),
                    mappings=parts.NOT_KNOWN,
                    decimals=1,
                ),
                p.stat(
                    "Promised",
                    "Share of events that shall be good.",
                    p.RATIO,
                    q.slo(r.SLO_OBJECTIVE),
                    no_value="none yet",
                ),
                p.stat(
                    "Bad in the window",
                    "Share of events that were bad in the objective's window, weighted by events.",
                    p.RATIO,
                    q.bad_share(),
                    mappings=parts.NOT_KNOWN,
                    decimals=3,
                ),
                p.stat(
                    "Burn rate now",
                    "How many times faster than allowed the budget burns, over one hour.",
                    p.SHORT,
                    q.burns_now(),
                    steps=p.above((1, p.ORANGE), (6, p.RED)),
                    mappings=_BURNS,
                    decimals=2,
                ),
                p.stat(
                    "Budget gone in",
                    "When the budget will be gone if it goes on burning as it did over the last hour.",
                    p.SECONDS,
                    q.budget_lasts(),
                    steps=p.above((86400, p.ORANGE), (259200, p.GREEN), base=p.RED),
                    mappings=_LASTS,
                ),
            ),
            *cells(
                24,
                7,
                p.timeseries(
                    "Error budget left over time",
                    "Share of the error budget that is left; below the dashed line it is overspent. The line ends at "
                    "-100 %: the budget spent, above, tells how far it is overspent.",
                    p.RATIO,
                    p.Query(drawable(q.slo(r.SLO_BUDGET_REMAINING)), "{{slo}}"),
                    minimum=None,
                    maximum=1,
                    mappings=parts.OVERSPENT_LINE,
                    no_value="nothing yet",
                    lines=p.above((0, p.GREEN), base=p.RED),
                ),
            ),
        ],
    )


def _burn() -> Section:
    how = cells(24, 3, p.text("How to read burn rates", _HOW))
    return Section("Burn rates", [*how, *cells(12, 8, *(_burn_panel(alert) for alert in BURN_ALERTS))])


def _burn_panel(alert: BurnAlert) -> TimeSeries:
    told, color = ("Pages", p.RED) if alert.severity == PAGE else ("Opens a ticket", p.ORANGE)
    return p.timeseries(
        f"{told}: burn over {alert.long} and {alert.short}",
        f"{told} when both lines are above the dashed one: {alert.budget * 100:f} % of the budget would go in "
        f"{alert.long}.",
        p.SHORT,
        p.Query(q.burn_rate_of_alert(alert), f"over {alert.long}"),
        p.Query(q.burn_rate(alert.short), f"over {alert.short}"),
        p.Query(q.burn_threshold(alert), "alert above", dashed=color),
        no_value="idle",
    )


def _events() -> Section:
    return Section(
        "Events",
        cells(
            12,
            8,
            p.timeseries(
                "Share of bad events",
                "Over 5 minutes, 1 hour and 1 day. The dashed line is what the objective allows.",
                p.RATIO,
                *(p.Query(q.slo(r.SLO_ERROR_RATIO[window]), f"over {window}") for window in ("5m", "1h", "1d")),
                p.Query(q.allowed_error_ratio(), "allowed", dashed=p.RED),
                no_value="idle",
            ),
            p.timeseries(
                "Good and bad events",
                "Events per second that count for the objective.",
                p.SHORT,
                p.Query(q.good_events(), "good"),
                p.Query(q.slo(r.SLO_ERRORS), "bad"),
                stacked=True,
                colors={"good": p.GREEN, "bad": p.RED},
                no_value="idle",
            ),
        ),
    )
