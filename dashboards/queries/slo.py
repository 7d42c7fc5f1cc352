"""Queries of the board of service level objectives."""

from __future__ import annotations

from modelwatch.dashboards.queries.common import MODEL, is_always, label_values, most, or_why
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


# In place of the seconds that a budget lasts.
GONE, NOT_BURNING = -1, -2


def budget_lasts() -> str:
    """Seconds until the budget is gone, if it goes on burning as it did over the last hour; below 0 why it is none."""
    remaining, burns = slo(r.SLO_BUDGET_REMAINING), slo(r.SLO_BURN_RATE)
    left = f"({remaining} > 0) * {_SAME_SLO} {slo(r.SLO_PERIOD)} * 86400"
    gone = is_always(GONE, f"({remaining} <= 0)")
    still = is_always(NOT_BURNING, f"({remaining} > 0 and {_SAME_SLO} {burns} == 0)")
    return chosen_or_why(f"{left} / {_SAME_SLO} ({burns} > 0) or {gone} or {still}")


def chosen_or_why(known: str) -> str:
    """Of the chosen objective: ``known``, or why it is not."""
    return or_why(known, r.SLO_OBJECTIVE.select(MODEL, SLO), "model", "slo")


def budget_left() -> str:
    return chosen_or_why(slo(r.SLO_BUDGET_REMAINING))


def budgets_left() -> str:
    """Of every objective of the model."""
    return or_why(slo_all(r.SLO_BUDGET_REMAINING), r.SLO_OBJECTIVE.select(MODEL), "slo")


def burns_now() -> str:
    """Without NaN, which it is while nothing happens."""
    return chosen_or_why(f"({slo(r.SLO_BURN_RATE)} >= 0)")


def budget_spent() -> str:
    """In whole budgets: 1 is all of it, 5 is four too many."""
    return chosen_or_why(f"1 - {slo(r.SLO_BUDGET_REMAINING)}")


def bad_share() -> str:
    return chosen_or_why(slo(r.SLO_PERIOD_ERROR_RATIO))


def budgets_spent() -> str:
    return f"1 - {slo_all(r.SLO_BUDGET_REMAINING)}"


def allowed_error_ratio() -> str:
    return f"1 - {slo(r.SLO_OBJECTIVE)}"


def burn_rate(window: str) -> str:
    return f"{slo(r.SLO_ERROR_RATIO[window])} / {_SAME_SLO} ({allowed_error_ratio()})"


def burn_rate_of_alert(alert: burn.BurnAlert) -> str:
    """That of the long window as ``alert`` sees it: the time before a service's first day counts as good."""
    recorded = most(f"count_over_time({r.SLO_PERIOD_TOTAL.select(MODEL, SLO)}[{alert.long}])", "model", "slo")
    seen = f"clamp_max({recorded} * {burn.BUDGET_MINUTES} / {alert.hours * 60}, 1)"
    return f"{burn_rate(alert.long)} * {_SAME_SLO} {seen}"


def burn_threshold(alert: burn.BurnAlert) -> str:
    """The burn rate at which ``alert`` fires, from the SLO's own window: 14.4 for 2 % of 30 days in an hour."""
    return f"{q.number(alert.budget)} * 24 * {slo(r.SLO_PERIOD)} / {alert.hours}"


def good_events() -> str:
    return f"{slo(r.SLO_TOTAL)} - {_SAME_SLO} {slo(r.SLO_ERRORS)}"
