"""Queries of the board of one model."""

from __future__ import annotations

from modelwatch.dashboards.queries.common import (
    IN_BATCHES,
    MODEL,
    RANGE,
    RATE,
    buckets_by_le,
    by_model,
    is_always,
    label_values,
    least,
    most,
    or_zero,
    real,
)
from modelwatch.telemetry import metrics as m
from modelwatch.telemetry import promql as q
from modelwatch.telemetry import records as r
from modelwatch.telemetry.promql import rate, selector, total

VERSION = 'version=~"$version"'


def versions() -> str:
    return label_values(selector(m.MODEL_INFO, MODEL), "version")


def traffic_now() -> str:
    """Predictions per second, or that there are none to expect: a link may lead here with a batch model chosen."""
    batch = most(r.SPEC_INFO.select(MODEL, mode="batch"), "model")
    return f"{by_model(r.TRAFFIC)} or {is_always(IN_BATCHES, batch)}"


def traffic_by(label: str) -> str:
    return total(rate(selector(m.PREDICTIONS, MODEL, VERSION), RATE), label)


def traffic_before(ago: str) -> str:
    return total(f"{r.TRAFFIC.select(MODEL)} offset {ago}")


def error_ratio_by_version() -> str:
    failed = total(rate(selector(m.PREDICTIONS, MODEL, VERSION, outcome=m.OUTCOME_ERROR), RATE), "version")
    every = traffic_by("version")
    return f"({failed} or 0 * {every}) / ({every} > 0)"


def latency_by_version(quantile: float) -> str:
    return q.quantile(quantile, rate(selector(m.PREDICTION_DURATION, MODEL, VERSION, series="bucket"), RATE), "version")


def latency_buckets() -> str:
    return buckets_by_le(m.PREDICTION_DURATION, MODEL, VERSION)


def stage_latency(quantile: float) -> str:
    return q.quantile(quantile, rate(selector(m.STAGE_DURATION, MODEL, VERSION, series="bucket"), RATE), "stage")


def stage_share() -> str:
    """Mean seconds of a prediction that go into each stage."""
    spent = total(rate(selector(m.STAGE_DURATION, MODEL, VERSION, series="sum"), RATE), "stage")
    answers = total(rate(selector(m.PREDICTION_DURATION, MODEL, VERSION, series="count"), RATE))
    return f"{spent} / on () group_left () ({answers} > 0)"


def in_flight() -> str:
    return total(selector(m.IN_FLIGHT, MODEL, VERSION))


def concurrency_limit() -> str:
    return total(selector(m.CONCURRENCY_LIMIT, MODEL, VERSION))


def in_flight_by_instance() -> str:
    return total(selector(m.IN_FLIGHT, MODEL, VERSION), "instance")


def confidence_buckets() -> str:
    return buckets_by_le(m.CONFIDENCE, MODEL, VERSION)


def confidence(quantile: float) -> str:
    return real(q.quantile(quantile, rate(selector(m.CONFIDENCE, MODEL, VERSION, series="bucket"), RATE)))


def labels_arriving() -> str:
    return total(rate(selector(m.LABELLED, MODEL, VERSION), RATE), "version")


def confusion() -> str:
    """Labelled predictions of the chosen time range, by what was said and what came."""
    return total(q.increase(selector(m.LABELLED, MODEL, VERSION), RANGE), "predicted", "actual") + " > 0"


def absolute_error(quantile: float) -> str:
    return real(q.quantile(quantile, rate(selector(m.ABSOLUTE_ERROR, MODEL, VERSION, series="bucket"), RATE)))


def feature_age() -> str:
    return most(selector(m.FEATURE_AGE, MODEL, VERSION), "source")


def replicas() -> str:
    """up of every target that reported this model within a day; a dead one no longer says which model it serves."""
    served = f"last_over_time({selector(m.MODEL_INFO, MODEL)}[1d])"
    return least(f"{selector(m.UP)} and on (job, instance) {served}", "job", "instance")


def replicas_up() -> str:
    return or_zero(f"count({replicas()} == 1)")


def versions_loaded() -> str:
    return total(selector(m.MODEL_INFO, MODEL), "version")
