"""Lines of a service's log: one JSON object each, with the ids of its trace, and one line for an inference that is kept."""

from __future__ import annotations

import io
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from opentelemetry import trace as otel_trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, Counter

from modelwatch.model.types import Kept, Logging, Model
from modelwatch.model.units import Duration
from modelwatch.otel import JsonHandler, Watch
from modelwatch.otel.logs import install as installing
from modelwatch.otel.logs.formatter import JsonFormatter, Policies
from modelwatch.otel.logs.misfits import MISFIT
from modelwatch.otel.logs.outbox import Outbox, flush_all
from modelwatch.telemetry import logs as L
from tests.conftest import sample_model

CORPUS = yaml.safe_load((Path(__file__).parents[1] / "collector" / "private.yaml").read_text("utf-8"))
PRIVATE = [str(text) for texts in CORPUS.values() for text in texts]
EVERY: tuple[Kept, ...] = ("errors", "slow", "low_confidence", "drifted")
Lines = Callable[[], list[dict[str, Any]]]


def logged(**changes: Any) -> Logging:
    fields = {"level": "info", "sample": Decimal(1), "keep": EVERY, "allow": ("carrier",), "redact": ("passenger",)}
    return Logging(**{**fields, **changes})


def model(name: str = "flight-delay", *, slow: str = "1h", **changes: Any) -> Model:
    """Slow is out of reach unless a test asks for it: a busy machine pauses an inference for longer than the spec's limit."""
    spec = sample_model(name, logging=logged(**changes))
    return replace(spec, tracing=replace(spec.tracing, slow=Duration.parse(slow)))


@pytest.fixture(autouse=True)
def policies(monkeypatch: pytest.MonkeyPatch) -> Policies:
    """Those of this test alone."""
    made = Policies()
    monkeypatch.setattr(installing, "POLICIES", made)
    return made


@pytest.fixture
def out(policies: Policies) -> Iterator[io.StringIO]:
    """What is written by the handler that stands on the root logger."""
    stream = io.StringIO()
    handler, root = JsonHandler(stream, policies), logging.getLogger()
    before, root.level = root.level, logging.INFO
    root.manager._clear_cache()  # type: ignore[attr-defined]  # levels are remembered
    root.addHandler(handler)
    yield stream
    root.removeHandler(handler)
    root.setLevel(before)


@pytest.fixture
def lines(out: io.StringIO) -> Lines:
    def read() -> list[dict[str, Any]]:
        flush_all()
        return [json.loads(line) for line in out.getvalue().splitlines()]

    return read


@pytest.fixture
def traced(registry: CollectorRegistry, provider: TracerProvider) -> Callable[..., Watch]:
    def make(spec: Model) -> Watch:
        return Watch(spec, version="7", registry=registry, tracer=provider.get_tracer("service"))  # type: ignore[arg-type]  # the SDK's provider gives its Tracer

    return make


log = logging.getLogger("flights.api")


def test_a_line_of_a_stage_tells_time_severity_logger_model_and_the_ids_of_its_span(
    traced: Callable[..., Watch], lines: Lines, spans: InMemorySpanExporter
) -> None:
    watch = traced(model(sample=Decimal(0), keep=()))
    before = time.time()
    with watch.inference() as inference, inference.stage("predict"):
        log.warning("scored %s", "UA", extra={"carrier": "UA", "seat": "12A"})
    (line,) = lines()
    stage = next(span for span in spans.get_finished_spans() if span.name == "predict")
    stamp = datetime.fromisoformat(line.pop("timestamp"))
    assert before - 0.001 <= stamp.timestamp() <= time.time() + 0.001
    assert stage.context is not None
    assert line == {
        "severity_text": "WARN", "severity_number": 13, "logger": "flights.api", "body": "scored UA",
        "trace_id": f"{stage.context.trace_id:032x}", "span_id": f"{stage.context.span_id:016x}", "trace_flags": "01",
        "service": "flights", "environment": "prod", "model": "flight-delay", "version": "7",
        "attributes": {"carrier": "UA"}, "dropped_attributes_count": 1,
    }  # fmt: skip


def test_a_line_within_a_span_of_someone_else_has_the_ids_of_that_span(
    traced: Callable[..., Watch], lines: Lines, provider: TracerProvider
) -> None:
    watch = traced(model(sample=Decimal(0), keep=()))
    with watch.inference(), provider.get_tracer("db").start_as_current_span("query") as span:
        log.info("asked")
    assert lines()[0]["span_id"] == f"{span.get_span_context().span_id:016x}"
    assert lines()[0]["version"] == "7"


def test_a_line_outside_of_any_inference_has_no_ids_and_what_all_models_share(
    registry: CollectorRegistry, lines: Lines
) -> None:
    Watch(model(), version="7", registry=registry)
    log.info("one")
    Watch(model("air-time", allow=("carrier", "origin"), redact=("seat",)), version="1", registry=registry)
    log.info("two passenger=Ada seat=12A", extra={"carrier": "UA", "origin": "EWR"})
    one, two = lines()
    assert one["model"] == "flight-delay"
    assert "model" not in two and "trace_id" not in two and two["service"] == "flights"
    assert two["body"] == "two **** ****"
    assert two["attributes"] == {"carrier": "UA"}


@pytest.mark.parametrize(
    ("level", "text", "number"),
    [(5, "TRACE", 1), (10, "DEBUG", 5), (20, "INFO", 9), (25, "INFO", 9), (40, "ERROR", 17), (50, "FATAL", 21)],
)
def test_severities_are_opentelemetrys(policies: Policies, level: int, text: str, number: int) -> None:
    record = logging.LogRecord("x", level, "", 0, "hello", (), None)
    line = json.loads(JsonFormatter(policies).format(record))
    assert (line["severity_text"], line["severity_number"]) == (text, number)


@pytest.mark.parametrize("private", PRIVATE)
def test_nothing_private_of_a_log_call_is_written(
    registry: CollectorRegistry, lines: Lines, out: io.StringIO, private: str
) -> None:
    """As %-argument, in structures, by extra=, in messages of exceptions and as one, in stack traces."""
    watch = Watch(model(), version="7", registry=registry)
    is_name = private in CORPUS["names"]
    if not is_name:
        log.info("sold to %s, %r", private, private)
        log.info(f"sold to {private}")
        log.info("%(carrier)s %(passenger)s", {"carrier": f"x {private}", "passenger": private})
    log.info("%s %s", {"passenger": private, private: "x"}, ({"who": private},))
    log.info("%(passenger)s sold", {"passenger": private})
    log.info("got %s", {"passenger": private, private: "x", "carrier": {private: 1}})
    log.info({"passenger": private, "carrier": "UA"})
    log.info(
        "x", extra={"passenger": private, "who": {"carrier": private}, "carrier": {private: 1, "passenger": private}}
    )
    log.error(ValueError(private))
    if not is_name:
        logging.getLogger(f"of {private}").info("x")
        with watch.inference() as inference, inference.stage(f"for {private}"):
            inference.fail(f"no seat for {private}")
    log.error("failed: %s %r", KeyError(private), OSError(2, private, private))
    secret = private
    try:
        raise LookupError(secret) from ValueError(secret)
    except LookupError:
        log.exception("failed", stack_info=True)
    # Once a process, the helpers tell that such a name of a stage is none.
    found = [line for line in lines() if line["logger"] != "modelwatch.otel"]
    assert len(found) == (8 if is_name else 13)
    assert private not in out.getvalue()
    assert json.dumps(private)[1:-1] not in out.getvalue()
    (failed,) = (line["attributes"] for line in found if "exception.type" in line.get("attributes", {}))
    assert failed["exception.type"] == "LookupError"
    assert "raise LookupError(secret)" in failed["exception.stacktrace"]
    assert "caused by ValueError" in failed["exception.stacktrace"]


class Raises:
    def __str__(self) -> str:
        raise RuntimeError("ada@example.com")

    __repr__ = __str__


def test_a_call_that_cannot_be_formatted_keeps_its_line_and_raises_nothing(
    registry: CollectorRegistry, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    Watch(model(), version="7", registry=registry)
    root = logging.getLogger()
    with monkeypatch.context() as alone:  # pytest's own handlers raise where a call is wrong
        alone.setattr(root, "handlers", [handler for handler in root.handlers if isinstance(handler, JsonHandler)])
        log.info("%s of %d", "ada@example.com")  # noqa: PLE1206
        log.info("%d late", "ada@example.com")
        log.info("a %s b", Raises())
        log.info(Raises())
        log.info("%s", float("nan"))
        log.info("\ud800 half a letter")
    assert [line["body"] for line in lines()] == [
        *(f"**** of %d{MISFIT}", f"**** late{MISFIT}", "a Raises b", "Raises", "nan", "\ud800 half a letter")
    ]


def test_a_line_whose_redaction_fails_goes_out_without_body_and_fields(
    registry: CollectorRegistry, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    Watch(model(), version="7", registry=registry)

    def broken(*_: object) -> str:
        raise RuntimeError

    monkeypatch.setattr("modelwatch.otel.logs.redaction.Redactor.text", broken)
    log.error("sold to ada@example.com", extra={"carrier": "UA"})
    (line,) = lines()
    assert (line["body"], line["severity_text"], line.get("attributes")) == (None, "ERROR", None)


def test_a_closed_stream_is_told_once_without_the_line(policies: Policies, capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    stream.close()
    handler = JsonHandler(stream, policies)
    for _ in range(3):
        handler.handle(logging.LogRecord("x", 20, "", 0, "to ada@example.com", (), None))
    assert capsys.readouterr().err == "modelwatch: log lines cannot be written: ValueError\n"


def test_every_line_has_only_fields_of_the_contract_and_of_their_types(
    traced: Callable[..., Watch], lines: Lines
) -> None:
    types = {"double": "number", "int": "integer"}
    schema = {
        "additionalProperties": False,
        "required": ["timestamp", "severity_text", "severity_number", "logger", "body"],
        "properties": {field.key: {"type": [types.get(field.type, field.type), "null"]} for field in L.LINE},
    }
    watch = traced(model(sample=Decimal(1)))
    log.info("hello", extra={"carrier": "UA", "x": 1})
    with watch.inference(batch=2) as inference, inference.stage("predict"):
        inference.confidence(0.4)
        inference.fail("timeout")
        log.info("inside")
    found = lines()
    for line in found:
        jsonschema.validate(line, schema)
    assert {key for line in found for key in line} == {field.key for field in L.LINE}


# --- the line of an inference ---


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


def ask(watch: Watch, **how: Any) -> None:
    with watch.inference() as inference:
        inference.confidence(how.get("confidence", 0.9))
        if how.get("drifted"):
            inference.drifted()
        if how.get("error"):
            inference.fail("timeout")


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


def test_a_handler_of_the_service_that_hangs_makes_nobody_wait_and_what_does_not_fit_is_counted(
    registry: CollectorRegistry,
) -> None:
    hang, entered = threading.Event(), threading.Event()

    class Hangs(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            entered.set()
            hang.wait(20)

    logger = logging.getLogger("modelwatch.inference")
    handler = Hangs()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        watch = Watch(model(), version="7", registry=registry)
        journal = watch._probe.journal
        assert journal is not None
        journal._outbox._limit = 100
        ask(watch)
        watch.exposition()
        assert entered.wait(10)
        start = time.perf_counter()
        for _ in range(500):
            ask(watch)
        page = watch.exposition()[0].decode()
        assert time.perf_counter() - start < 5
        assert 'model_predictions_total{model="flight-delay",outcome="success",version="7"} 501.0' in page
        dropped = registry.get_sample_value(
            "modelwatch_log_lines_total", {"model": "flight-delay", "kind": "inference", "outcome": "dropped"}
        )
        assert dropped is not None and dropped >= 400
    finally:
        hang.set()
        flush_all()
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)


def test_an_outbox_outlives_a_writer_that_fails_and_counts(registry: CollectorRegistry) -> None:
    written, dropped = (Counter(name, name, registry=registry) for name in ("w", "d"))
    got: list[int] = []

    def write(items: Any) -> int:
        if 0 in items:
            raise OSError("disk full")
        got.extend(items)
        return len(items)

    outbox: Outbox[int] = Outbox(write, written, dropped)
    outbox.put(0)
    outbox.flush()
    outbox.put(1)
    outbox.flush()
    assert got == [1]
    assert (registry.get_sample_value("w_total"), registry.get_sample_value("d_total")) == (1, 1)


def test_the_current_span_is_left_alone(traced: Callable[..., Watch], lines: Lines) -> None:
    watch = traced(model())
    with watch.inference():
        before = otel_trace.get_current_span()
        log.info("x")
        assert otel_trace.get_current_span() is before
