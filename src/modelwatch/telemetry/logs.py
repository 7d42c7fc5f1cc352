"""Fields of a log line that the helpers write: OpenTelemetry's log data model, and what an inference adds to it."""

from __future__ import annotations

from dataclasses import dataclass

from modelwatch.telemetry.spans import BATCH_SIZE, MODEL_NAME, MODEL_VERSION, Attribute
from modelwatch.telemetry.spans import CONFIDENCE as CONFIDENCE_OF_SPAN
from modelwatch.telemetry.spans import ERROR_TYPE as ERROR_TYPE_OF_SPAN
from modelwatch.telemetry.spans import OUTCOME as OUTCOME_OF_SPAN


@dataclass(frozen=True, slots=True)
class Field:
    key: str
    type: str
    help: str


TIMESTAMP = Field("timestamp", "string", "when it was logged: RFC 3339, UTC, microseconds")
SEVERITY_TEXT = Field("severity_text", "string", "DEBUG, INFO, WARN, ERROR or FATAL")
SEVERITY_NUMBER = Field("severity_number", "int", "the same by OpenTelemetry's numbers: 5, 9, 13, 17, 21")
LOGGER = Field("logger", "string", "name of the logger")
BODY = Field("body", "string", "the message, redacted; null where it could not be made")
EVENT_NAME = Field("event_name", "string", "inference, on the line of one")
TRACE_ID = Field("trace_id", "string", "32 hex digits, in a trace")
SPAN_ID = Field("span_id", "string", "16 hex digits, in a span")
TRACE_FLAGS = Field("trace_flags", "string", "01 where the trace is recorded")
SERVICE = Field("service", "string", "serving.job of the spec")
ENVIRONMENT = Field("environment", "string", "serving.environment of the spec")
MODEL = Field("model", "string", "metadata.name of the spec")
VERSION = Field("version", "string", "version of the model")
OUTCOME = Field("outcome", "string", "success or error, of an inference")
ERROR_TYPE = Field("error_type", "string", "class of the exception, or what inference.fail was told")
DURATION = Field("duration_seconds", "double", "of an inference")
STAGES = Field("stages_seconds", "object", "seconds by stage, of an inference")
ROWS = Field("rows", "int", "rows that the inference answered")
CONFIDENCE = Field("confidence", "double", "the lowest of its answers")
REASONS = Field(
    "reasons", "array", "why it has a line: errors, slow, low_confidence, drifted; none of the share of the rest"
)
ATTRIBUTES = Field("attributes", "object", "what extra= passed and the spec allows; type and stack of an exception")
DROPPED = Field("dropped_attributes_count", "int", "fields that were removed")

LINE = (
    *(TIMESTAMP, SEVERITY_TEXT, SEVERITY_NUMBER, LOGGER, EVENT_NAME, BODY, TRACE_ID, SPAN_ID, TRACE_FLAGS),
    *(SERVICE, ENVIRONMENT, MODEL, VERSION, OUTCOME, ERROR_TYPE, DURATION, STAGES, ROWS, CONFIDENCE, REASONS),
    *(ATTRIBUTES, DROPPED),
)

INFERENCE_LOGGER = "modelwatch.inference"
INFERENCE_EVENT = "inference"

# Before the name of a field that a spec allows, where the Collector has read it from a line.
FIELD_PREFIX = "modelwatch.field."

# What the other fields of a line become as attributes of a log record; those of a record's own are not among them.
ATTRIBUTES_OF: dict[str, Attribute] = {
    LOGGER.key: Attribute("modelwatch.logger", "string", LOGGER.help),
    EVENT_NAME.key: Attribute("event.name", "string", EVENT_NAME.help),
    MODEL.key: MODEL_NAME,
    VERSION.key: MODEL_VERSION,
    OUTCOME.key: OUTCOME_OF_SPAN,
    ERROR_TYPE.key: ERROR_TYPE_OF_SPAN,
    DURATION.key: Attribute("modelwatch.duration_seconds", "double", DURATION.help),
    ROWS.key: BATCH_SIZE,
    CONFIDENCE.key: CONFIDENCE_OF_SPAN,
    REASONS.key: Attribute("modelwatch.reasons", "array", REASONS.help),
}
