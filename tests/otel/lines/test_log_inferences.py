"""One line for an inference that is kept, and for no other."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from modelwatch.model.types import Kept
from modelwatch.otel import Watch
from tests.conftest import sample_model
from tests.otel.lines.logged import EVERY, Lines, ask, model


def test_the_line_of_an_inference_tells_outcome_times_rows_confidence_and_why_it_is_there(
    traced: Callable[..., Watch], lines: Lines, spans: InMemorySpanExporter
) -> None:
    watch = traced(model(sample=Decimal(0)))
    begun = time.time()
    with watch.inference(batch=3) as inference:
        for _ in range(2):
            with inference.stage("predict"):
                time.sleep(0.01)
        inference.confidence(0.9)
        inference.confidence(0.5)
        inference.drifted()
        inference.fail("timeout")
    done = time.time()
    (line,) = lines()
    root = next(span for span in spans.get_finished_spans() if span.parent is None)
    assert root.context is not None and root.end_time is not None
    assert (line["trace_id"], line["span_id"]) == (f"{root.context.trace_id:032x}", f"{root.context.span_id:016x}")
    assert begun <= datetime.fromisoformat(line["timestamp"]).timestamp() <= done
    assert 0.02 <= line["stages_seconds"]["predict"] <= line["duration_seconds"] <= done - begun
    told = {"event_name": "inference", "outcome": "error", "error_type": "timeout", "rows": 3, "confidence": 0.5}
    assert told.items() <= line.items()
    assert line["reasons"] == ["errors", "low_confidence", "drifted"]
    assert (line["severity_text"], line["logger"]) == ("ERROR", "modelwatch.inference")


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("errors", {"error": True}),
        ("low_confidence", {"confidence": 0.59}),
        ("drifted", {"drifted": True}),
        ("slow", {}),
    ],
)
def test_all_of_a_kind_that_keep_names_have_a_line_and_none_without_it(
    registry: CollectorRegistry, lines: Lines, kind: Kept, how: dict[str, Any]
) -> None:
    slow = "1ms" if kind == "slow" else "1h"
    kept = Watch(model(slow=slow, sample=Decimal(0), keep=(kind,)), version="7", registry=registry)
    others = model("other", slow=slow, sample=Decimal(0), keep=tuple(k for k in EVERY if k != kind))
    dropped = Watch(others, version="7", registry=registry)
    for watch in (kept, dropped):
        for _ in range(20):
            with watch.inference() as inference:
                inference.confidence(how.get("confidence", 0.9))
                if kind == "slow":
                    time.sleep(0.0015)
                if how.get("drifted"):
                    inference.drifted()
                if how.get("error"):
                    inference.fail("timeout")
        ask(watch)
    found = lines()
    assert {line["model"] for line in found} == {"flight-delay"}
    assert len(found) >= 20 if kind == "slow" else len(found) == 20
    assert {tuple(line["reasons"]) for line in found} == {(kind,)}


def test_the_share_of_the_rest_is_that_of_the_traces_that_the_collector_keeps(
    traced: Callable[..., Watch], lines: Lines, spans: InMemorySpanExporter, registry: CollectorRegistry
) -> None:
    """So whoever reads a line finds its trace, and an exemplar names a trace that has a line."""
    watch = traced(model(sample=Decimal("0.1")))
    for _ in range(3000):
        ask(watch)
    found = {line["trace_id"] for line in lines()}
    roots = [span.context for span in spans.get_finished_spans() if span.parent is None]
    kept = {
        f"{context.trace_id:032x}"
        for context in roots
        if context is not None
        and watch._probe.sampling.keeps(context.trace_id, error=False, seconds=0, low_confidence=False)
    }
    assert found == kept
    assert 0.07 < len(found) / 3000 < 0.13
    page = watch.exposition("application/openmetrics-text; version=1.0.0")[0].decode()
    exemplars = set(re.findall(r'trace_id="(\w+)"', page))
    assert exemplars and exemplars <= found


def test_untraced_a_share_of_inferences_has_a_line_without_ids(registry: CollectorRegistry, lines: Lines) -> None:
    watch = Watch(model(sample=Decimal("0.5")), version="7", registry=registry)
    for _ in range(1000):
        ask(watch)
    found = lines()
    assert 400 < len(found) < 600
    assert "trace_id" not in found[0]


def test_batches_and_steps_have_no_line_of_their_own_and_scoring_runs_do(
    registry: CollectorRegistry, lines: Lines
) -> None:
    watch = Watch(model(), version="7", registry=registry)
    with watch.inference() as inference, watch.batch([inference]):
        pass
    with watch.step("clean"):
        pass
    with watch.batch_run() as run:
        run.rows = 900
    assert [line["rows"] for line in lines()] == [1, 900]


def test_a_level_above_info_leaves_errors(registry: CollectorRegistry, lines: Lines) -> None:
    watch = Watch(model(), version="7", registry=registry)
    logging.getLogger().setLevel(logging.ERROR)
    ask(watch)
    ask(watch, error=True)
    assert [line["outcome"] for line in lines()] == ["error"]


def test_a_service_without_the_section_writes_no_lines(registry: CollectorRegistry, lines: Lines) -> None:
    watch = Watch(sample_model(), version="7", registry=registry)
    with watch.inference() as inference:
        inference.predicted({"dep_hour": 7}, "late", 0.2)
    assert lines() == []
