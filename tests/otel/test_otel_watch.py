"""What the helpers count and time, without tracing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from modelwatch.model import types as t
from modelwatch.model.units import Duration
from modelwatch.otel import Watch, exposition
from modelwatch.otel.backlog import BACKLOG
from modelwatch.telemetry import metrics as M

Value = Callable[..., float | None]
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def regression(model: t.Model) -> t.Model:
    return replace(model, name="air-time", task=t.Task("regression", unit="minutes"))


def batch(model: t.Model) -> t.Model:
    serving = replace(model.serving, mode="batch", every=Duration.parse("1d"))
    return replace(model, name="gate-ranking", task=t.Task("ranking"), serving=serving)


def test_a_request_counts_its_outcome_its_time_and_that_of_its_stages(watch: Watch, value: Value) -> None:
    with watch.inference() as inference:
        assert value("model_requests_in_flight") == 1
        with inference.stage("preprocessing"):
            pass
        with inference.stage("predict"):
            pass
    assert value("model_requests_in_flight") == 0
    assert value("model_predictions_total", outcome="success") == 1
    assert value("model_predictions_total", outcome="error") == 0
    assert value("model_prediction_duration_seconds_count") == 1
    assert value("model_stage_duration_seconds_count", stage="preprocessing") == 1
    assert value("model_stage_duration_seconds_count", stage="postprocessing") == 0


def test_the_stages_of_a_request_fit_into_its_time(watch: Watch, value: Value) -> None:
    with watch.inference() as inference, inference.stage("predict"):
        sum(range(20_000))
    whole, part = (
        value("model_prediction_duration_seconds_sum"),
        value("model_stage_duration_seconds_sum", stage="predict"),
    )
    assert whole is not None and part is not None and 0 < part <= whole


def test_an_exception_passes_through_unchanged_and_is_one_error(watch: Watch, value: Value) -> None:
    error = RuntimeError("no such carrier")
    with pytest.raises(RuntimeError) as caught, watch.inference() as inference, inference.stage("predict"):
        raise error
    assert caught.value is error
    assert value("model_predictions_total", outcome="error") == 1
    assert value("model_predictions_total", outcome="success") == 0
    assert value("model_requests_in_flight") == 0
    assert value("model_stage_duration_seconds_count", stage="predict") == 1


def test_an_exception_that_the_service_handles_inside_is_no_error(watch: Watch, value: Value) -> None:
    with watch.inference() as inference:
        try:
            with inference.stage("predict"):
                raise RuntimeError
        except RuntimeError:
            pass
    assert value("model_predictions_total", outcome="success") == 1


def test_a_cancelled_request_is_an_error_and_a_closed_generator_is_none(watch: Watch, value: Value) -> None:
    def stream() -> Generator[int]:
        with watch.inference():
            yield 1

    running = stream()
    next(running)
    running.close()
    assert value("model_predictions_total", outcome="success") == 1
    with pytest.raises(asyncio.CancelledError), watch.inference():
        raise asyncio.CancelledError
    assert value("model_predictions_total", outcome="error") == 1


def test_a_failure_answered_without_an_exception_is_an_error(watch: Watch, value: Value) -> None:
    with watch.inference() as inference:
        inference.fail("timeout")
    assert value("model_predictions_total", outcome="error") == 1


def test_a_request_of_many_rows_counts_every_row_once(watch: Watch, value: Value) -> None:
    with watch.inference(batch=30) as inference:
        for confidence in (0.2, 0.8, 0.8):
            inference.confidence(confidence)
    assert value("model_predictions_total", outcome="success") == 30
    assert value("model_prediction_duration_seconds_count") == 1
    assert value("model_prediction_confidence_ratio_count") == 3


@pytest.mark.parametrize("confidence", [93, "high", np.array([0.4, 0.6]), None])
def test_what_is_no_confidence_breaks_no_request_and_is_told_once(
    model: t.Model, confidence: Any, caplog: pytest.LogCaptureFixture
) -> None:
    named = replace(model, name=f"told-{type(confidence).__name__}")
    watch = Watch(named, version="7", registry=CollectorRegistry())
    for _ in range(3):
        with watch.inference() as inference:
            inference.confidence(confidence)
    assert [record.message for record in caplog.records if "confidence" in record.message] == [
        f"a confidence of {named.name} is no number from 0 to 1 and is left out, as are others like it: give 0.93 for 93 %"
    ]


@pytest.mark.parametrize(
    ("rows", "counts"), [(np.int64(3), 3), (True, 1), (0, 0), (None, 1), ("3", 1), (-1, 1), (2.5, 1), ([1, 2], 1)]
)
def test_what_is_no_number_of_rows_counts_as_one_and_is_told_once(
    model: t.Model, rows: Any, counts: int, caplog: pytest.LogCaptureFixture
) -> None:
    registry = CollectorRegistry()
    named = replace(model, name=f"rows-{type(rows).__name__}")
    watch = Watch(named, version="7", registry=registry)
    for _ in range(3):
        with watch.inference(batch=rows):
            pass
    with watch.inference():
        pass
    BACKLOG.drain()
    labels = {"model": named.name, "version": "7", "outcome": "success"}
    assert registry.get_sample_value("model_predictions_total", labels) == 3 * counts + 1
    told = [record.message for record in caplog.records if "number of rows" in record.message]
    right = isinstance(rows, int | np.int64) and rows >= 0
    assert len(told) == (0 if right else 1) and all("give batch=len(rows)" in text for text in told)


@pytest.mark.parametrize(
    ("given_", "told"),
    [(ValueError("ada@example.com"), "ValueError"), (None, "other"), (3, "other"), ("timeout", "timeout")],
)
def test_an_exception_may_be_given_for_the_kind_of_a_failure(watch: Watch, given_: Any, told: str) -> None:
    with watch.inference() as inference:
        inference.fail(given_)
    assert inference.failure == told


def test_a_stage_whose_name_is_none_is_another_one(watch: Watch, value: Value) -> None:
    with watch.inference() as inference, inference.stage(None):  # type: ignore[arg-type]  # on purpose
        pass
    assert value("model_stage_duration_seconds_count", stage="other") == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the model is frozen
@given(confidence=st.floats(allow_nan=True, allow_infinity=True))
def test_only_a_confidence_between_0_and_1_is_observed(model: t.Model, confidence: float) -> None:
    registry = CollectorRegistry()
    with Watch(model, version="7", registry=registry).inference() as inference:
        inference.confidence(confidence)
    labels = {"model": model.name, "version": "7"}
    assert registry.get_sample_value("model_prediction_confidence_ratio_count", labels) == (0 <= confidence <= 1)
    assert registry.get_sample_value("model_predictions_total", {**labels, "outcome": "success"}) == 1


def test_every_series_of_a_counter_exists_before_its_first_event(
    watch: Watch, value: Value, model: t.Model, registry: CollectorRegistry
) -> None:
    assert value("model_predictions_total", outcome="error") == 0
    for predicted in model.task.classes:
        for actual in model.task.classes:
            assert value("model_labelled_predictions_total", predicted=predicted, actual=actual) == 0
    for stage in M.STAGES:
        assert value("model_stage_duration_seconds_count", stage=stage) == 0
    Watch(batch(model), version="1", registry=registry)
    labels = {"model": "gate-ranking", "version": "1", "outcome": "error"}
    assert registry.get_sample_value("model_batch_runs_total", labels) == 0


def test_the_loaded_version_and_its_task_are_told(watch: Watch, value: Value) -> None:
    watch.concurrency_limit(8)
    watch.feature_age("weather", 3600)
    assert value("model_info", task="classification") == 1
    assert value("model_concurrency_limit") == 8
    assert value("model_feature_age_seconds", source="weather") == 3600


def test_a_true_label_counts_by_predicted_and_actual_class(watch: Watch, value: Value) -> None:
    watch.label(predicted="late", actual="on_time")
    assert value("model_labelled_predictions_total", predicted="late", actual="on_time") == 1


def test_a_class_that_the_spec_lacks_is_refused_and_makes_no_series(
    watch: Watch, value: Value, model: t.Model, registry: CollectorRegistry
) -> None:
    with pytest.raises(ValueError, match=r"flight-delay: predicted='early'.*\(on_time, late\): pass one of them"):
        watch.label(predicted="early", actual="late")
    assert value("model_labelled_predictions_total", predicted="early", actual="late") is None
    with pytest.raises(ValueError, match=r"absolute_error is for task.type regression, not classification"):
        watch.absolute_error(1.0)


def test_a_regression_model_has_errors_in_its_unit_instead_of_classes(
    model: t.Model, registry: CollectorRegistry
) -> None:
    watch = Watch(regression(model), version="7", registry=registry)
    watch.absolute_error(4)
    labels = {"model": "air-time", "version": "7"}
    assert registry.get_sample_value("model_absolute_error_bucket", {**labels, "le": "5.0"}) == 1
    assert registry.get_sample_value("model_absolute_error_bucket", {**labels, "le": "2.0"}) == 0


def test_a_batch_run_tells_its_end_rows_and_time_only_when_it_ends_well(
    model: t.Model, registry: CollectorRegistry
) -> None:
    watch = Watch(batch(model), version="7", registry=registry)
    labels = {"model": "gate-ranking", "version": "7"}
    with pytest.raises(OSError, match="disk"), watch.batch_run() as run:
        run.rows = 5
        raise OSError("disk")
    assert registry.get_sample_value("model_batch_runs_total", {**labels, "outcome": "error"}) == 1
    assert registry.get_sample_value("model_batch_last_success_timestamp_seconds", labels) is None
    with watch.batch_run() as run, run.stage("predict"):
        run.rows = 900
    assert registry.get_sample_value("model_batch_runs_total", {**labels, "outcome": "success"}) == 1
    assert registry.get_sample_value("model_batch_rows", labels) == 900
    ended = registry.get_sample_value("model_batch_last_success_timestamp_seconds", labels)
    assert ended is not None and ended > 1.7e9
    assert registry.get_sample_value("model_requests_in_flight", labels) is None
    assert registry.get_sample_value("model_predictions_total", {**labels, "outcome": "success"}) is None


def test_a_decorated_function_is_a_stage_inside_an_inference_and_plain_outside(watch: Watch, value: Value) -> None:
    @watch.stage("preprocessing")
    def double(number: int) -> int:
        return 2 * number

    assert double(2) == 4
    assert value("model_stage_duration_seconds_count", stage="preprocessing") == 0
    with watch.inference():
        assert double(3) == 6
    assert value("model_stage_duration_seconds_count", stage="preprocessing") == 1
    assert double.__name__ == "double"


def test_a_decorated_coroutine_is_timed_until_it_has_finished(watch: Watch, value: Value) -> None:
    @watch.stage("predict")
    async def wait() -> str:
        await asyncio.sleep(0.01)
        return "done"

    async def request() -> str:
        with watch.inference():
            return await wait()

    async def run() -> list[str]:
        return [await wait(), *await asyncio.gather(request(), request())]

    assert asyncio.run(run()) == ["done", "done", "done"]
    assert value("model_stage_duration_seconds_count", stage="predict") == 2
    total = value("model_stage_duration_seconds_sum", stage="predict")
    assert total is not None and total >= 0.02


def test_another_models_decorator_leaves_a_running_inference_alone(
    watch: Watch, value: Value, model: t.Model, registry: CollectorRegistry
) -> None:
    other = Watch(regression(model), version="1", registry=registry)
    plain = other.stage("predict")(lambda: "answer")
    with watch.inference():
        assert plain() == "answer"
    assert value("model_stage_duration_seconds_count", stage="predict") == 0
    labels = {"model": "air-time", "version": "1", "stage": "predict"}
    assert registry.get_sample_value("model_stage_duration_seconds_count", labels) == 0


def test_stage_names_made_from_data_share_one_series_and_warn_once(
    watch: Watch, value: Value, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "modelwatch.otel"), watch.inference() as inference:
        for number in range(100):
            with inference.stage(f"row-{number}"):
                pass
    assert value("model_stage_duration_seconds_count", stage="row-3") == 1
    assert value("model_stage_duration_seconds_count", stage="row-99") is None
    assert value("model_stage_duration_seconds_count", stage="other") == 100 - 17
    assert [record.message for record in caplog.records] == [
        "more than 20 names of a stage: 'row-17' and later are counted as 'other'. Name it in code, not from data"
    ]


def test_a_stage_that_outlives_its_request_is_still_counted(watch: Watch, value: Value) -> None:
    with watch.inference() as inference:
        stage = inference.stage("postprocessing")
        stage.__enter__()
    stage.__exit__(None, None, None)
    assert value("model_stage_duration_seconds_count", stage="postprocessing") == 1


def test_an_untraced_request_passes_its_callers_trace_on(watch: Watch) -> None:
    caller = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "accept": "*/*"}
    with watch.inference(headers=caller) as inference:
        assert inference.headers() == {"traceparent": caller["traceparent"]}
    with watch.inference() as inference:
        assert inference.headers() == {}


def exercise(model: t.Model, registry: CollectorRegistry) -> None:
    """Make every series that a service can make."""
    watch = Watch(model, version="7", registry=registry)
    with watch.inference() as inference, inference.stage("predict"):
        inference.confidence(0.5)
    watch.feature_age("weather", 1)
    watch.concurrency_limit(2)
    with Watch(batch(model), version="7", registry=registry).batch_run() as run:
        run.rows = 1
    Watch(regression(model), version="7", registry=registry).absolute_error(3)


def test_everything_exposed_is_in_the_contract_with_its_type_help_and_labels(
    model: t.Model, registry: CollectorRegistry
) -> None:
    exercise(model, registry)
    body, content_type = exposition(registry, OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text")
    seen = set()
    for family in text_string_to_metric_families(body.decode()):  # type: ignore[no-untyped-call]  # ships no types
        name = f"{family.name}_total" if family.type == "counter" else family.name
        metric = M.BY_NAME[name]
        assert (family.type, family.documentation) == (metric.type.value, metric.help)
        for sample in family.samples:
            assert sample.name in metric.series
            assert set(sample.labels) - {"le"} == set(metric.labels)
        edges = {float(s.labels["le"]) for s in family.samples if "le" in s.labels}
        assert edges == ({*metric.buckets, float("inf")} if metric.buckets else set())
        seen.add(name)
    assert seen == {metric.name for metric in M.CONTRACT if metric.emitter is M.Emitter.SERVICE}


def test_the_page_follows_what_the_scraper_accepts(watch: Watch) -> None:
    assert watch.exposition(None)[1].startswith("text/plain")
    assert watch.exposition("text/html")[1].startswith("text/plain")
    body, content_type = watch.exposition(OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
    assert b"_created" not in body
