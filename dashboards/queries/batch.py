"""Queries of the board of a model that scores in batches."""

from __future__ import annotations

from modelwatch.dashboards.queries.common import MODEL, most, or_zero
from modelwatch.dashboards.queries.model import VERSION
from modelwatch.telemetry import metrics as m
from modelwatch.telemetry import promql as q
from modelwatch.telemetry.promql import selector, total


def age() -> str:
    return f"time() - {most(selector(m.BATCH_LAST_SUCCESS, MODEL), 'model')}"


def runs() -> str:
    return total(q.increase(selector(m.BATCH_RUNS, MODEL), "1d"), "outcome")


def failed() -> str:
    return or_zero(total(q.increase(selector(m.BATCH_RUNS, MODEL, outcome=m.OUTCOME_ERROR), "1d")))


def rows() -> str:
    return most(selector(m.BATCH_ROWS, MODEL, VERSION), "version")


def duration() -> str:
    return most(selector(m.BATCH_DURATION, MODEL, VERSION), "version")


def newest(by_version: str) -> str:
    """One number where two versions still report: that of the one that ran last."""
    return f"{by_version} and on (version) topk(1, {most(selector(m.BATCH_LAST_SUCCESS, MODEL, VERSION), 'version')})"
