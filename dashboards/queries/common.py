"""What the queries of more than one board need: matchers on variables, aggregations, alerts."""

from __future__ import annotations

from collections.abc import Sequence

from modelwatch.telemetry import labels
from modelwatch.telemetry import metrics as m
from modelwatch.telemetry import records as r
from modelwatch.telemetry.promql import selector, total

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


def models() -> str:
    return label_values(r.SPEC_INFO.select(ENV), "model")


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
    return " or ".join(ranked)


def firing_over_time(*raw: str) -> str:
    return most(firing_alerts(*raw), "model", "alertname", "slo", "feature")


def by_model(record: r.Record) -> str:
    return real(most(record.select(MODEL), "model"))


def traffic() -> str:
    return total(r.TRAFFIC.select(MODEL))


def lowest_budget() -> str:
    return least(r.SLO_BUDGET_REMAINING.select(MODEL), "model")


def drifted_by_model() -> str:
    return total(most(selector(m.DRIFT_DETECTED, MODEL), "model", "feature"), "model")
