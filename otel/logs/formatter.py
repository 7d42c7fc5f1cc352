"""A record of the standard library's logging as one line of JSON, redacted by the spec of the model it is about."""

from __future__ import annotations

import datetime
import decimal
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry import trace

from modelwatch.model.types import Model
from modelwatch.otel.failures import exception_attributes
from modelwatch.otel.inference import Inference, Stage
from modelwatch.otel.logs.misfits import MISFIT, fits, misfit
from modelwatch.otel.logs.redaction import Json, Redactor
from modelwatch.otel.opened import SCOPE
from modelwatch.telemetry import logs as L
from modelwatch.telemetry.private import MASK

# OpenTelemetry's names and numbers by the level of logging from which they hold.
_SEVERITIES = (
    (50, "FATAL", 21),
    (40, "ERROR", 17),
    (30, "WARN", 13),
    (20, "INFO", 9),
    (10, "DEBUG", 5),
    (0, "TRACE", 1),
)
# What every record has; anything else came by extra=.
_OF_RECORDS = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_PLAIN = (str, int, float, bool, type(None), decimal.Decimal)

Line = dict[str, Json]


@dataclass(slots=True)
class Ended:
    """What the line of an inference tells; it stands on its record as the attribute ``inference``.

    ``lost``: a handler could not write it.
    """

    model: str
    ids: Line
    told: Line
    lost: bool = False


class Policies:
    """What may be written, by model. Of a line that is about none, what every model's spec allows.

    What any spec redacts is masked in the texts of all lines. Where a process runs one version of one model, all its
    lines are about that.
    """

    def __init__(self) -> None:
        self._specs: dict[str, Model] = {}
        self._versions: set[tuple[str, str]] = set()
        self._models: dict[str, tuple[Line, Redactor]] = {}
        self._others: tuple[Line, Redactor] = {}, Redactor()

    def add(self, model: Model) -> None:
        self._specs[model.name] = model
        specs = [(one, one.logging.allow, one.logging.redact) for one in self._specs.values() if one.logging]
        masked = {name for _, _, redact in specs for name in redact}
        self._models = {one.name: (_identity(one), Redactor(allow, masked)) for one, allow, _ in specs}
        identities = [_identity(one) for one, *_ in specs]
        shared = {key: value for key, value in identities[0].items() if all(i[key] == value for i in identities)}
        common = set.intersection(*(set(allow) for _, allow, _ in specs))
        self._others = shared, Redactor(common, masked)

    def runs(self, model: str, version: str) -> None:
        """Call it after `add`."""
        self._versions.add((model, version))
        shared, redactor = self._others
        shared = {key: value for key, value in shared.items() if key != L.VERSION.key}
        if len(self._versions) == 1:
            shared[L.VERSION.key] = version
        self._others = shared, redactor

    def of(self, model: str | None) -> tuple[Line, Redactor]:
        return self._models.get(model or "", self._others)


def _identity(model: Model) -> Line:
    return {
        L.SERVICE.key: model.serving.job,
        L.ENVIRONMENT.key: model.serving.environment,
        L.MODEL.key: model.name,
    }


class JsonFormatter(logging.Formatter):
    """One object a line. It never raises: a line that cannot be redacted goes out without its body and fields."""

    def __init__(self, policies: Policies) -> None:
        super().__init__()
        self._policies = policies

    def format(self, record: logging.LogRecord) -> str:
        try:
            line = self._line(record)
        except Exception:  # nothing that was not redacted may be written, and nothing may be raised
            line = {**_head(record), L.LOGGER.key: "", L.BODY.key: None}
        return json.dumps(line)

    def _line(self, record: logging.LogRecord) -> Line:
        ended = record.__dict__.get(L.INFERENCE_EVENT)
        if isinstance(ended, Ended):
            identity, redactor = self._policies.of(ended.model)
            return {
                **_head(record),
                L.LOGGER.key: L.INFERENCE_LOGGER,
                L.EVENT_NAME.key: L.INFERENCE_EVENT,
                L.BODY.key: redactor.text(record.getMessage()),
                **ended.ids,
                **identity,
                **ended.told,
            }
        scope = SCOPE.get()
        inference = scope.inference if isinstance(scope, Stage) else scope
        model, version = inference.probe.identity if isinstance(inference, Inference) else (None, None)
        identity, redactor = self._policies.of(model)
        logger = redactor.label(str(record.name))
        line: Line = {
            **_head(record),
            L.LOGGER.key: logger,
            L.BODY.key: _body(record, redactor),
            **_ids(),
            **identity,
        }
        if version is not None:
            line[L.VERSION.key] = version
        passed = {name: value for name, value in record.__dict__.items() if name not in _OF_RECORDS}
        attributes, dropped = redactor.fields(passed)
        attributes.update(redactor.fields(_exception(record))[0])
        if attributes:
            line[L.ATTRIBUTES.key] = attributes
        if dropped:
            line[L.DROPPED.key] = dropped
        return line


def _head(record: logging.LogRecord) -> Line:
    text, number = next((text, number) for level, text, number in _SEVERITIES if record.levelno >= level or not level)
    created = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
    return {
        L.TIMESTAMP.key: created.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        L.SEVERITY_TEXT.key: text,
        L.SEVERITY_NUMBER.key: number,
    }


def _ids() -> Line:
    """Of the span that is open here, whoever opened it."""
    context = trace.get_current_span().get_span_context()
    return trace_ids(context.trace_id, context.span_id, context.trace_flags) if context.is_valid else {}


def trace_ids(trace_id: int, span_id: int, flags: int) -> Line:
    return {
        L.TRACE_ID.key: f"{trace_id:032x}",
        L.SPAN_ID.key: f"{span_id:016x}",
        L.TRACE_FLAGS.key: f"{flags & 1:02x}",
    }


def _exception(record: logging.LogRecord) -> dict[str, str]:
    """Type and stack. The message stays out: it often quotes the input."""
    found: dict[str, str] = {}
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    if error is not None:
        found = exception_attributes(error)
    elif record.stack_info:
        found = {"exception.stacktrace": str(record.stack_info)}
    return found


def _body(record: logging.LogRecord, redactor: Redactor) -> Json:
    message, args = record.msg, record.args
    if not isinstance(message, str):
        return _told(message, redactor)
    if not args:
        return redactor.text(message)
    try:
        return redactor.text(message % _arguments(message, args, redactor))
    except Exception:  # the call was wrong, or an argument is shown as its type where a number was to be
        return misfit(message, _arguments(message, args, redactor), redactor) + ("" if fits(message, args) else MISFIT)


def _arguments(message: str, args: Any, redactor: Redactor) -> Any:
    if not isinstance(args, Mapping):
        return tuple(_argument(value, redactor) for value in args)
    # The only argument, if it is a mapping, is the arguments by name; unless the message asks for none by name.
    if "%(" not in message:
        return _told(args, redactor)
    return {name: _argument(value, redactor) if name in redactor.allowed else MASK for name, value in args.items()}


def _argument(value: Any, redactor: Redactor) -> Any:
    """What may be formatted as it is, for the whole is redacted then; structures are redacted as such before."""
    if isinstance(value, _PLAIN) or (type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0):
        return value
    return _told(value, redactor)


def _told(value: object, redactor: Redactor) -> str:
    shown = redactor.value(value)
    return shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False)
