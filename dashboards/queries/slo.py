"""Queries of the board of service level objectives."""

from __future__ import annotations

from modelwatch.dashboards.queries.common import MODEL, label_values, most
from modelwatch.telemetry import burn
from modelwatch.telemetry import promql as q
from modelwatch.telemetry import records as r

SLO = 'slo=~"$slo"'
_SAME_SLO = "on (model, slo)"


def slos() -> str:
    return label_values(r.SLO_OBJECTIVE.select(MODEL), "slo")


def slo(record: r.Record) -> str:
    return most(record.select(MODEL, SLO), "model", "slo")


def slo_all(record: r.Record) -> str:
    return most(record.select(MODEL), "slo")


def budget_lasts() -> str:
    """Seconds until the budget is gone, if it goes on burning as it did over the last hour."""
    left = f"({slo(r.SLO_BUDGET_REMAINING)} > 0) * {_SAME_SLO} {slo(r.SLO_PERIOD)} * 86400"
    return f"{left} / {_SAME_SLO} ({slo(r.SLO_BURN_RATE)} > 0)"


def budget_spent() -> str:
    """In whole budgets: 1 is all of it, 5 is four too many."""
    return f"1 - {slo(r.SLO_BUDGET_REMAINING)}"


def budgets_spent() -> str:
    return f"1 - {slo_all(r.SLO_BUDGET_REMAINING)}"


def allowed_error_ratio() -> str:
    return f"1 - {slo(r.SLO_OBJECTIVE)}"


def burn_rate(window: str) -> str:
    return f"{slo(r.SLO_ERROR_RATIO[window])} / {_SAME_SLO} ({allowed_error_ratio()})"


def burn_threshold(alert: burn.BurnAlert) -> str:
    """The burn rate at which ``alert`` fires, from the SLO's own window: 14.4 for 2 % of 30 days in an hour."""
    return f"{q.number(alert.budget)} * 24 * {slo(r.SLO_PERIOD)} / {alert.hours}"


def good_events() -> str:
    return f"{slo(r.SLO_TOTAL)} - {_SAME_SLO} {slo(r.SLO_ERRORS)}"
