"""What the queries of more than one board need: matchers on variables, aggregations, alerts."""

from __future__ import annotations

from collections.abc import Sequence

from modelwatch.telemetry import boards, labels
from modelwatch.telemetry import metrics as m
from modelwatch.telemetry import records as r
from modelwatch.telemetry.promql import quote, rate, selector, total

# The shortest window that always holds enough scrapes; Grafana works it out.
RATE = "$__rate_interval"
RANGE = "$__range"

ENV = 'env=~"$env"'
MODEL = 'model=~"$model"'

SEVERITY_RANK = {labels.PAGE: 3, labels.TICKET: 2, labels.INFO: 1}

_FIRING = 'alertstate="firing"'
# The heartbeat and pure inhibition sources have severity none: they tell a person nothing.
_TELLS = f'severity=~"{"|".join(SEVERITY_RANK)}"'


def most(expression: str, *by: str) -> str:
    """max, keeping the labels ``by``."""
    return f"max by ({', '.join(by)}) ({expression})"


def least(expression: str, *by: str) -> str:
    """min, keeping the labels ``by``."""
    return f"min by ({', '.join(by)}) ({expression})"


def top(count: int, expression: str) -> str:
    return f"topk({count}, {expression})"


def bottom(count: int, expression: str) -> str:
    return f"bottomk({count}, {expression})"


def real(expression: str) -> str:
    """Without NaN, which a quantile is while nothing happens."""
    return f"{expression} >= 0"


def or_zero(expression: str) -> str:
    """A single number that is 0 where there is none to count."""
    return f"({expression}) or vector(0)"


def label_values(selected: str, label: str) -> str:
    """Grafana's query for the options of a variable."""
    return f"label_values({selected}, {label})"


def environments() -> str:
    return label_values(r.SPEC_INFO.select(), "env")


def models(**matchers: str) -> str:
    return label_values(r.SPEC_INFO.select(ENV, **matchers), "model")


def firing_alerts(*raw: str) -> str:
    """Alerts that tell someone something, of the chosen models."""
    return selector(m.ALERTS, _FIRING, _TELLS, *(raw or (MODEL,)))


def firing_marks(severities: Sequence[str]) -> str:
    """Alerts to mark on graphs, each once however many series it has."""
    chosen = f'severity=~"{"|".join(severities)}"'
    return most(selector(m.ALERTS, _FIRING, chosen, MODEL), "alertname", "model", "severity")


def firing_count(severity: str) -> str:
    return or_zero(f"count({selector(m.ALERTS, _FIRING, MODEL, severity=severity)})")


def firing_any() -> str:
    return or_zero(f"count({firing_alerts()})")


def firing_table(*raw: str) -> str:
    """Firing alerts, their severity as the value, so that a table can sort pages to the top."""
    kept = ("alertname", "model", "team", "category", "slo", "feature")
    ranked = (
        f"{rank} * {most(selector(m.ALERTS, _FIRING, *(raw or (MODEL,)), severity=severity), *kept)}"
        for severity, rank in SEVERITY_RANK.items()
    )
    alerts = " or ".join(ranked)
    if raw:  # alerts about the stack are of no model
        return alerts
    info = with_board(most(r.SPEC_INFO.select(MODEL), "model", "mode"))
    # An alert is told whether or not it is known where its model is shown.
    anyway = f'label_replace({alerts}, "board", {quote(boards.MODEL.stem)}, "", "")'
    return f"({alerts}) * on (model) group_left (board) {info} or on ({', '.join(kept)}) {anyway}"


def firing_over_time(*raw: str) -> str:
    return most(firing_alerts(*raw), "model", "alertname", "slo", "feature")


def buckets_by_le(metric: m.Metric, *raw: str) -> str:
    """Buckets for a heatmap, while anything is counted: a service may report a histogram that it never fills."""
    counted = total(rate(selector(metric, *raw, series="bucket"), RATE), "le")
    # By the last bucket, which holds all, and not by the count: Prometheus asks every series of a query for exemplars.
    every = total(rate(selector(metric, 'le="+Inf"', *raw, series="bucket"), RATE))
    return f"{counted} and on () ({every} > 0)"


def by_model(record: r.Record) -> str:
    return real(most(record.select(MODEL), "model"))


def traffic() -> str:
    return total(r.TRAFFIC.select(MODEL))


def lowest_budget() -> str:
    return least(r.SLO_BUDGET_REMAINING.select(MODEL), "model")


# In place of a budget, far below every one: why nothing is known of it.
TOO_EARLY, NO_EVENTS = -2_000_000_000, -3_000_000_000
# Budgets are worked out every two minutes, from what was recorded two minutes before.
_FIRST = "offset 5m"


def or_why(known: str, objective: str, *by: str) -> str:
    """``known``, else whether it is too early for it, else that nothing was counted for the ``objective``, a selector.

    Nothing where there is no objective.
    """
    spec, labels = r.SPEC_INFO.select(MODEL), ", ".join(by)
    young = f"{most(spec, 'model')} unless {most(f'{spec} {_FIRST}', 'model')}"
    if "model" not in by:
        young = f"{most(objective, *by)} unless {most(f'{objective} {_FIRST}', *by)}"
    on = "model" if "model" in by else labels
    return (
        f"{known} or on ({on}) {is_always(TOO_EARLY, f'({young})')} "
        f"or on ({on}) {is_always(NO_EVENTS, most(objective, *by))}"
    )


def lowest_budget_or_why() -> str:
    return or_why(lowest_budget(), r.SLO_OBJECTIVE.select(MODEL), "model")


def drawable(budget: str) -> str:
    """A budget for a graph: one that is overspent a hundred times would press all others into one line."""
    return f"clamp_min({budget}, -1)"


# In place of a count of drifting features, or of 0 and 1 for one of them: why there is nothing to tell.
WARMING, TOO_FEW_ROWS, NO_BASELINE, NO_SIDECAR, SMALL_BASELINE, NOT_IN_BASELINE, OTHER_TYPE = range(-1, -8, -1)
TOO_FEW_VALUES, ONE_VALUE, CONSTANT_BASELINE = range(-8, -11, -1)
# By the reason that the sidecar gives.
UNTOLD = {
    "warming": WARMING,
    "few_samples": TOO_FEW_ROWS,
    "few_values": TOO_FEW_VALUES,
    "constant_values": ONE_VALUE,
    "constant_reference": CONSTANT_BASELINE,
    "reference_too_small": SMALL_BASELINE,
    "not_in_reference": NOT_IN_BASELINE,
    "type_differs": OTHER_TYPE,
    "no_baseline": NO_BASELINE,
}
# In place of traffic: a model that is asked for nothing, and need not be.
IN_BATCHES = -1


def is_always(value: int, expression: str) -> str:
    """``value`` for each series of ``expression``."""
    return f"0 * {expression} {'-' if value < 0 else '+'} {abs(value)}"


def drift_states(*raw: str, by: str = "feature") -> str:
    """Of each feature: 1 if it drifts, 0 if not, and below 0 why nobody can tell.

    What the rules say of all replicas together, which may have enough rows where none has so alone; else what a sidecar
    says, which tells that nothing drifts even while it cannot know.
    """
    detected, inactive = selector(m.DRIFT_DETECTED, MODEL, *raw), selector(m.DRIFT_INACTIVE, MODEL, *raw)
    kept = ("model", "feature") if by == "model" else ("feature",)
    reasons = (
        is_always(value, most(selector(m.DRIFT_INACTIVE, MODEL, *raw, reason=reason), *kept))
        for reason, value in UNTOLD.items()
    )
    return " or ".join(
        (
            most(r.FLEET_DETECTED.select(MODEL, *raw), *kept),
            most(f"{detected} unless ignoring (reason) {inactive}", *kept),
            *reasons,
        )
    )


def drifted_by_model() -> str:
    """Drifting features of each model, in any window; below 0 where there is nothing to tell, and why."""
    return f"{drifted(drift_states(by='model'), 'model')} or {is_always(NO_SIDECAR, known_models())}"


def drifted(states: str, *by: str) -> str:
    """How many features drift; where none has an answer, the reason of that one which is nearest to having one."""
    return f"{total(f'({states}) >= 0', *by)} or {most(states, *by) if by else f'max({states})'}"


def with_board(expression: str) -> str:
    """With a label ``board`` for links: the stem of the board that shows a model of this ``mode``."""
    for mode, board in boards.OF_MODE.items():
        expression = f'label_replace({expression}, "board", {quote(board.stem)}, "mode", {quote(mode)})'
    return expression


def known_models() -> str:
    return most(r.SPEC_INFO.select(MODEL), "model")
