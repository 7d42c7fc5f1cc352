"""Lines of a service's log: one JSON object each, with the ids of its trace."""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import jsonschema
import pytest
from opentelemetry import trace as otel_trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from modelwatch.otel import JsonHandler, Watch
from modelwatch.otel.logs.formatter import JsonFormatter, Policies
from modelwatch.otel.logs.misfits import MISFIT
from modelwatch.telemetry import logs as L
from tests.otel.lines.logged import CORPUS, PRIVATE, Lines, model

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
    assert capsys.readouterr().err == "modelwatch: log lines are dropped while they cannot be written: ValueError\n"


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


def test_the_current_span_is_left_alone(traced: Callable[..., Watch], lines: Lines) -> None:
    watch = traced(model())
    with watch.inference():
        before = otel_trace.get_current_span()
        log.info("x")
        assert otel_trace.get_current_span() is before
