"""Queries of the board of stages, over the span metrics of the Collector."""

from __future__ import annotations

from modelwatch.dashboards.queries.common import RATE, buckets_by_le, label_values
from modelwatch.telemetry import collector as c
from modelwatch.telemetry import metrics as m
from modelwatch.telemetry import promql as q
from modelwatch.telemetry import spans
from modelwatch.telemetry.promql import rate, selector, total

SPAN_MODEL = f'{spans.MODEL_NAME.label}=~"$model"'
SPAN_STAGE = f'{spans.STAGE.label}=~"$stage"'
# Of whole requests. Batches, and what keeps a batch later, have no stage either; a kind tells nothing, since a request
# within another's span is internal as its stages are. A stage may be called anything.
SPAN_REQUEST = (f'span_name=~"{spans.INFERENCE_SPAN} .+"', f'{spans.STAGE.label}=""')
STATUS_ERROR = "STATUS_CODE_ERROR"


def span_stages() -> str:
    return label_values(selector(m.SPAN_CALLS, SPAN_MODEL), spans.STAGE.label)


def spans_by(label: str, *raw: str) -> str:
    return total(rate(selector(m.SPAN_CALLS, SPAN_MODEL, *raw), RATE), label)


def span_error_ratio(label: str, *raw: str) -> str:
    failed = total(rate(selector(m.SPAN_CALLS, SPAN_MODEL, *raw, status_code=STATUS_ERROR), RATE), label)
    every = spans_by(label, *raw)
    return f"({failed} or 0 * {every}) / ({every} > 0)"


def span_latency(quantile: float, label: str, *raw: str) -> str:
    return q.quantile(quantile, rate(selector(m.SPAN_DURATION, SPAN_MODEL, *raw, series="bucket"), RATE), label)


def span_buckets(*raw: str) -> str:
    return buckets_by_le(m.SPAN_DURATION, SPAN_MODEL, *raw)


def traces_kept() -> str:
    """Of all models: the Collector counts by policy alone."""
    return total(rate(selector(c.DECIDED_TRACES, sampled="true"), RATE), "policy")
