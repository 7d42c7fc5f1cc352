"""Queries of the fleet overview."""

from __future__ import annotations

from modelwatch.dashboards.queries.common import (
    ENV,
    MODEL,
    RATE,
    drifted_by_model,
    firing_alerts,
    known_models,
    label_values,
    least,
    most,
    or_zero,
    traffic,
    with_board,
)
from modelwatch.telemetry import collector as c
from modelwatch.telemetry import metrics as m
from modelwatch.telemetry import promql as q
from modelwatch.telemetry import records as r
from modelwatch.telemetry.promql import rate, selector, total

TEAM = 'team=~"$team"'
META = 'category="meta"'


def teams() -> str:
    return label_values(r.SPEC_INFO.select(ENV), "team")


def models_of_team() -> str:
    return label_values(r.SPEC_INFO.select(ENV, TEAM), "model")


def firing_by_model() -> str:
    return f"count by (model) ({firing_alerts()}) or 0 * {known_models()}"


def models_count() -> str:
    return or_zero(f"count({known_models()})")


def about_models() -> str:
    return with_board(most(r.SPEC_INFO.select(MODEL), "model", "team", "env", "tier", "task", "mode"))


def fleet_error_ratio() -> str:
    return f"{total(r.ERRORS.select(MODEL))} / ({traffic()} > 0)"


def budgets_spent() -> str:
    return or_zero(f"count({r.SLO_BUDGET_REMAINING.select(MODEL)} <= 0)")


def drifted_count() -> str:
    """Over all models; below 0, and why, where nothing can be told of any."""
    return f"sum(({drifted_by_model()}) >= 0) or max({drifted_by_model()})"


def targets_down() -> str:
    return or_zero(f"count({selector(m.UP)} == 0)")


def targets_up() -> str:
    return least(selector(m.UP), "job", "instance")


def rule_failures() -> str:
    return total(rate(selector(m.PROMETHEUS_RULE_FAILURES), RATE), "rule_group") + " > 0"


def alerts_dropped() -> str:
    return total(rate(selector(m.PROMETHEUS_NOTIFICATIONS_DROPPED), RATE))


def notifications() -> str:
    """Within an hour: they are so rare that a rate is a row of dots."""
    return total(q.increase(selector(m.ALERTMANAGER_NOTIFICATIONS), "1h"), "integration") + " > 0"


def notifications_failed() -> str:
    return total(rate(selector(m.ALERTMANAGER_NOTIFICATIONS_FAILED), RATE), "integration") + " > 0"


def spans_lost_by_services() -> str:
    lost = f'outcome=~"{"|".join(m.SPANS_LOST)}"'
    return total(rate(selector(m.SPANS, lost), RATE), "job", "outcome") + " > 0"


def lines_dropped_by_services() -> str:
    dropped = f'outcome="{m.LINE_OUTCOMES[1]}"'
    return total(rate(selector(m.LOG_LINES, dropped), RATE), "job", "kind") + " > 0"


def lost_by_collector() -> str:
    """Spans, log records and metric points that no destination will see."""
    # Each exists only once something was lost, so they are not added but shown one after the other.
    return " or ".join(f"{total(rate(selector(metric), RATE), 'exporter')} > 0" for metric in c.LOST)


def refused_by_collector() -> str:
    return total(rate(selector(c.REFUSED_SPANS), RATE), "receiver") + " > 0"


def queues() -> str:
    return f"max by (exporter) ({selector(c.QUEUE_SIZE)} / {selector(c.QUEUE_CAPACITY)})"
