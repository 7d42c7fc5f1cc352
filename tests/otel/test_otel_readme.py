"""What otel/README.md shows runs as it stands there, and what it lists exists."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from modelwatch import otel
from modelwatch.model.load import load_model
from modelwatch.otel import Inference, Watch, backlog, outage, sdk

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "otel" / "README.md").read_text()
HEADERS = {"accept": "application/openmetrics-text; version=1.0.0"}
Value = Callable[..., float | None]


@pytest.fixture
def shown(
    registry: CollectorRegistry, provider: TracerProvider, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, Any]]:
    """The names that the page's examples define, run one after the other."""

    def setup(path: str, *, version: str) -> Watch:
        """Without the global provider, which other tests would find."""
        tracer = provider.get_tracer("readme")
        return Watch(load_model(REPOSITORY / path), version="7", registry=registry, tracer=tracer)  # type: ignore[arg-type]  # the SDK's provider gives its Tracer

    monkeypatch.setattr(otel, "setup", setup)
    names: dict[str, Any] = {
        "model": lambda row: ("late", 0.93),
        "model_of_many": lambda rows: [("late", 0.93) for _ in rows],
    }
    for example in re.findall(r"```python\n(.*?)```", README, re.S):
        exec(compile(example, "otel/README.md", "exec"), names)
    yield names
    names["pool"].shutdown()


@pytest.fixture
def request_() -> SimpleNamespace:
    return SimpleNamespace(headers=HEADERS, row=1, rows=[1, 2, 3])


def test_the_request_that_the_page_shows_is_counted_and_traced(
    shown: dict[str, Any], request_: SimpleNamespace, spans: InMemorySpanExporter
) -> None:
    assert shown["predict"](request_) == "late"
    assert [span.name for span in spans.get_finished_spans()] == [
        *("preprocessing", "predict", "postprocessing", "inference flight-delay")
    ]
    page = shown["metrics"](request_).decode()
    assert 'model_predictions_total{model="flight-delay",outcome="success",version="7"} 1.0' in page


def test_the_threads_tasks_and_streams_that_the_page_shows_stay_in_their_request(
    shown: dict[str, Any], request_: SimpleNamespace, value: Value, spans: InMemorySpanExporter
) -> None:
    assert shown["predict_in_threads"](request_) == [("late", 0.93)] * 4
    assert asyncio.run(shown["predict_in_a_task"](request_)) == ("late", 0.93)
    assert list(shown["answer_in_pieces"](request_)) == ["late"] * 3
    assert value("model_predictions_total", outcome="success") == 5
    assert value("model_stage_duration_seconds_count", stage="predict") == 5
    roots = [span for span in spans.get_finished_spans() if span.parent is None]
    assert [span.name for span in roots] == ["inference flight-delay"] * 3


def test_the_batch_and_the_pipeline_that_the_page_shows_run(
    shown: dict[str, Any], value: Value, spans: InMemorySpanExporter
) -> None:
    with shown["watch"].inference() as inference:
        assert isinstance(inference, Inference)
        waiting = [SimpleNamespace(inference=inference, row=1)]
        assert shown["work"](waiting) == [("late", 0.93)]
    assert shown["nightly"]([1, None]) == [1]
    found = {span.name: span for span in spans.get_finished_spans()}
    (link,) = found["batch flight-delay"].links
    assert link.context == found["inference flight-delay"].context
    assert found["clean"].parent == found["load"].context
    assert value("model_stage_duration_seconds_count", stage="clean") == 1


def test_every_call_that_the_page_lists_exists(watch: Watch) -> None:
    (table,) = re.findall(r"\| call \| what it does \|\n(.*?)\n\n", README, re.S)
    listed = re.findall(
        r"`(?:with |@)?(watch\.|inference\.|)(\w+)", "\n".join(row.split("|")[1] for row in table.splitlines())
    )
    assert len(listed) > 18
    for owner, name in listed:
        where = {"watch.": watch, "inference.": watch.inference(), "": otel}[owner]
        assert callable(getattr(where, name)), name


def test_the_numbers_that_the_page_names_are_the_codes() -> None:
    said = " ".join(README.split())
    assert f"queue of {sdk._QUEUE_SPANS:,}" in said
    assert f"1, 2, 4, 8, then every {outage.LONGEST_SECONDS:.0f} seconds" in said
    assert f"finds {backlog._LIMIT:,} records" in README


def test_the_lines_and_the_row_that_the_page_shows_are_written(tmp_path: Path) -> None:
    section = README.split("## Logs\n")[1].split("\n## ")[0]
    (spec,), (example,) = (re.findall(rf"```{kind}\n(.*?)```", section, re.S) for kind in ("yaml", "python"))
    (shown,) = re.findall(r"```text\n(.*?)```", section, re.S)
    (tmp_path / "models").mkdir()
    lines = (REPOSITORY / "tests" / "data" / "flight-delay.yaml").read_text().splitlines()
    kept = [line for line in lines if not line.startswith("tracing:")]
    (tmp_path / "models" / "flight-delay.yaml").write_text("\n".join(kept) + "\n" + spec)
    code = f"""
from types import SimpleNamespace
from modelwatch.otel import setup
watch = setup("flight-delay.yaml", version="2013.06")
model = lambda row: ("late", 0.5)
{example}
predict_and_log(SimpleNamespace(headers={{}}))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path / "models",
        env={**os.environ, "OTEL_TRACES_EXPORTER": "none"},
        capture_output=True,
        text=True,
        check=True,
    )
    own, ended = map(json.loads, done.stdout.splitlines())
    ids = ("timestamp", "trace_id", "span_id")
    expected = json.loads(shown)
    assert {**own, **dict.fromkeys(ids)} == {**expected, **dict.fromkeys(ids)}
    assert (ended["event_name"], ended["reasons"], ended["trace_id"]) == (
        "inference",
        ["low_confidence"],
        own["trace_id"],
    )
    (path,) = (tmp_path / "predictions").iterdir()
    row = json.loads(path.read_text())
    assert (row["id"], row["prediction"], row["features"]["carrier"]) == ("UA245", "late", "UA")
