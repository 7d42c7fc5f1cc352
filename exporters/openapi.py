"""The description of the sidecar's HTTP interface, served at ``/openapi.json``."""

from __future__ import annotations

from typing import Any

from modelwatch.exporters.ingest import ARROW, NDJSON, UNSAID
from modelwatch.exporters.ingest.table import MOST_ROWS
from modelwatch.exporters.refusals import REASONS
from modelwatch.exporters.tailing.skipped import REASONS as SKIPPED

_SCALAR = {"type": ["string", "number", "boolean", "null"]}
_ID = {"type": ["string", "number", "null"], "description": "Identifies the prediction."}
_TIME = {
    "type": ["string", "number", "null"],
    "description": (
        "When it was predicted: ISO 8601, or seconds since the epoch (from 1e11 on milliseconds, from 1e14 on "
        "microseconds, from 1e17 on nanoseconds). A row whose time cannot be read is rejected. Windows go by arrival."
    ),
}
_FEATURES = (
    "By name. Numeric: number; null, NaN and infinity are missing. Categorical: string, number or boolean; null and "
    "the empty string are missing. A feature that is left out is missing, one that is not in the spec is ignored; a "
    "row with none that is in the spec is rejected."
)


def _array(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}


def _nullable(kind: str) -> dict[str, Any]:
    return {"type": [kind, "null"]}


_ROW = _object(
    {
        "id": _ID,
        "timestamp": _TIME,
        "features": {"type": "object", "additionalProperties": _SCALAR, "description": _FEATURES},
        "prediction": _SCALAR,
        "confidence": {"type": ["number", "null"], "description": "0 to 1."},
    },
    ["features"],
)
_COLUMNS = {
    "type": "object",
    "description": "The same rows as columns: arrays of one length.",
    "properties": {
        "id": _array(_ID),
        "timestamp": _array(_TIME),
        "features": {"type": "object", "additionalProperties": _array(_SCALAR), "description": _FEATURES},
        "prediction": _array(_SCALAR),
        "confidence": _array({"type": ["number", "null"]}),
    },
}
_WINDOW = _object(
    {
        "window": {"type": "string", "examples": ["15m"]},
        "samples": {"type": "integer", "description": "Rows in the window."},
        "score": {**_nullable("number"), "description": "null until there are enough rows."},
        "critical_value": {**_nullable("number"), "description": "Score that chance alone hardly passes."},
        "detected": {
            **_nullable("boolean"),
            "description": "Above the warning and the critical value, with enough rows.",
        },
        "inactive": {
            **_nullable("string"),
            "description": "Why there is no score.",
            "examples": ["needs 500 rows, has 120"],
        },
        "missing_ratio": _nullable("number"),
        "out_of_range_ratio": _nullable("number"),
        "new_category_ratio": _nullable("number"),
        "mismatched_ratio": {**_nullable("number"), "description": "Share of values of a wrong type."},
        "scores": {
            "type": "object",
            "description": "Scores by method, of those that have one.",
            "additionalProperties": {"type": "number"},
        },
    },
    ["window", "samples", "score", "critical_value", "detected", "inactive"],
)
_FEATURE = _object(
    {
        "name": {"type": "string"},
        "type": {"enum": ["numeric", "categorical"]},
        "method": {"enum": ["psi", "js"]},
        "warning": {"type": "number"},
        "critical": {"type": "number"},
        "windows": _array({"$ref": "#/components/schemas/Window"}),
    },
    ["name", "type", "method", "warning", "critical", "windows"],
)
_CHANGE = _object(
    {"feature": {"type": "string"}, "other": {"type": "string"}, "change": {"type": "number"}},
    ["feature", "other", "change"],
)
_ANSWERS = _object(
    {
        "window": {"type": "string", "examples": ["15m"]},
        "low_confidence_ratio": _nullable("number"),
        "constant": {**_nullable("boolean"), "description": "Whether every answer was the same, and not by chance."},
        "reconstruction_error_ratio": {
            **_nullable("number"),
            "description": "How far rows lie off the reference's principal components, over what they do in it.",
        },
        "correlation_changes": _array(_CHANGE),
    },
    ["window", "low_confidence_ratio", "constant", "reconstruction_error_ratio", "correlation_changes"],
)
_REFUSED = {
    "type": "object",
    "description": "Requests that were refused as a whole, by reason, since the sidecar started.",
    "propertyNames": {"enum": list(REASONS)},
    "additionalProperties": {"type": "integer"},
}
_SKIPPED = {
    "type": "object",
    "description": "Lines of prediction logs that belong to no model, by reason, since the sidecar started.",
    "propertyNames": {"enum": list(SKIPPED)},
    "additionalProperties": {"type": "integer"},
}
_RELOAD = _object(
    {
        "successful": {"type": "boolean", "description": "Whether all specs and profiles could be loaded."},
        "last_success": {**_nullable("string"), "format": "date-time"},
        "problem": {**_nullable("string"), "description": "Why the specs cannot be read; those before stay in use."},
    },
    ["successful", "last_success", "problem"],
)
_MODEL = _object(
    {
        "name": {"type": "string"},
        "status": {
            "enum": ["loading", "inactive", "collecting", "ok", "drift"],
            "description": "inactive: nothing to compare with; collecting: no window has enough rows yet, or "
            "critical values are being worked out.",
        },
        "problem": {**_nullable("string"), "description": "Why the reference profile is missing or not the newest."},
        "reference": {
            "oneOf": [
                {"type": "null"},
                _object({"sha256": {"type": "string"}, "rows": {"type": "integer"}}, ["sha256", "rows"]),
            ]
        },
        "rows": _object({"accepted": {"type": "integer"}, "rejected": {"type": "integer"}}, ["accepted", "rejected"]),
        "rejected_by_reason": {"type": "object", "additionalProperties": {"type": "integer"}},
        "refused_requests": _REFUSED,
        "last_row": {**_nullable("string"), "format": "date-time"},
        "answers": _array({"$ref": "#/components/schemas/Answers"}),
        "features": _array({"$ref": "#/components/schemas/Feature"}),
    },
    ["name", "status"],
)
_COUNT = {"type": "integer", "minimum": 0}
_OUTCOME = _object(
    {
        "accepted": _COUNT,
        "rejected": _COUNT,
        "errors": _array(
            _object(
                {
                    "index": {
                        **_COUNT,
                        "description": "Number of the row in the request, or of the line, blank ones counted, from 0.",
                    },
                    "reason": {"type": "string", "description": "Every wrong value of the row."},
                },
                ["index", "reason"],
            )
        ),
    },
    ["accepted", "rejected", "errors"],
)
_TEXT_OR_NUMBER = {"type": ["string", "number", "boolean", "null", "array", "object"]}
_TENSOR = _object(
    {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1},
        "datatype": {"type": "string"},
        "data": {"type": "array", "description": "Row-major; flat, or nested like the shape."},
    },
    ["name", "shape", "data"],
)
_TENSORS = {"type": "array", "items": {"$ref": "#/components/schemas/Tensor"}, "minItems": 1}
_PAYLOAD = {
    "description": "What KServe's logger sends: a request or an answer of the v1 or the v2 protocol.",
    "anyOf": [
        _object({"instances": _array(_TEXT_OR_NUMBER)}, ["instances"]),
        _object({"predictions": _array(_TEXT_OR_NUMBER)}, ["predictions"]),
        _object({"inputs": _TENSORS}, ["inputs"]),
        _object({"outputs": _TENSORS}, ["outputs"]),
    ],
}
_EVENT = _object(
    {
        "specversion": {"type": "string"},
        "id": {"type": "string", "minLength": 1, "description": "A request and its answer have the same."},
        "type": {
            "enum": ["org.kubeflow.serving.inference.request", "org.kubeflow.serving.inference.response"],
        },
        "source": {"type": "string"},
        "time": {"type": "string"},
        "inferenceservicename": {
            "type": "string",
            "minLength": 1,
            "description": "The model, unless the path names it.",
        },
        "component": {"type": "string"},
        "endpoint": {"type": "string"},
        "data": {"$ref": "#/components/schemas/Payload"},
        "data_base64": {"type": "string"},
    },
    ["id", "type"],
)
_WARMING = {
    "type": "boolean",
    "description": "Critical values are being worked out: some scores are not there for some seconds.",
}
_READY = _object(
    {
        "ready": {"type": "boolean"},
        "loading": _array({"type": "string"}),
        "missing": {"type": "object", "additionalProperties": {"type": "string"}},
        "warming": _WARMING,
    },
    ["ready", "loading", "missing", "warming"],
)


def _answer(description: str, schema: str = "Error") -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, "content": content}


def _binary(description: str) -> dict[str, Any]:
    return {"schema": {"type": "string", "format": "binary", "description": description}}


def _event_headers() -> list[dict[str, Any]]:
    """Attributes of an event that is sent as headers and a body."""
    texts = {
        "ce-specversion": "1.0; makes of the body the data of an event.",
        "ce-id": "A request and its answer have the same.",
        "ce-type": "org.kubeflow.serving.inference.request or org.kubeflow.serving.inference.response.",
        "ce-inferenceservicename": "The model, unless the path names it.",
        "ce-time": "When it was sent, ISO 8601.",
    }
    return [
        {"name": name, "in": "header", "required": False, "schema": {"type": "string"}, "description": text}
        for name, text in texts.items()
    ]


def _post(body_bytes: int, most_errors: int) -> dict[str, Any]:
    """What both ways of sending share. ``most_errors`` is how many rejected rows an answer names."""
    later = {**_answer("Too much at once, or the model is being loaded: send it again later.")}
    later["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}}
    unknown = {**_answer("A token is asked for, and none or a wrong one was sent.")}
    unknown["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return {
        # Nothing, or a token: whether one is asked for is said at the start of the sidecar.
        "security": [{}, {"token": []}],
        "responses": {
            "200": _answer(f"Some rows were accepted; the first {most_errors} rejected ones are named.", "Outcome"),
            "202": _answer("An event is kept until the one that belongs to it arrives; nothing counts yet.", "Outcome"),
            "422": _answer("No row was accepted.", "Outcome"),
            "400": _answer("The body cannot be read."),
            "401": unknown,
            "404": _answer("There is no such model."),
            "408": _answer("The body took too long to arrive."),
            "413": _answer(
                f"The body is larger than {body_bytes} bytes, or has more than {MOST_ROWS} rows: send fewer at once."
            ),
            "415": _answer(
                "The body is compressed, or of a content type that is not read, or a web page sent it without one."
            ),
            "429": later,
        },
    }


def document(
    version: str, body_bytes: int, most_errors: int, token: bool = False, protected: bool = False
) -> dict[str, Any]:
    """OpenAPI 3.1. ``token`` says that rows need one, ``protected`` that metrics and scores do too."""
    model = {"name": "model", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    events = {
        "application/cloudevents+json": {"schema": {"$ref": "#/components/schemas/Event"}},
        "application/cloudevents-batch+json": {"schema": _array({"$ref": "#/components/schemas/Event"})},
    }
    rows = {
        "oneOf": [
            _object({"rows": _array({"$ref": "#/components/schemas/Row"})}, ["rows"]),
            _object({"columns": {"$ref": "#/components/schemas/Columns"}}, ["columns"]),
        ]
    }
    shared = _post(body_bytes, most_errors)
    if token:
        shared["security"] = [{"token": []}]
    lines = _binary("A row on each line, as in the array ``rows``. A line that is no row costs that row alone.")
    arrow = _binary(
        "Arrow IPC without compression: columns named like features, and prediction, confidence, id and timestamp."
    )
    post = {
        "summary": "Count predictions of a model.",
        "operationId": "addPredictions",
        "parameters": [model, *_event_headers()],
        "requestBody": {
            "required": True,
            "description": (
                f"At most {body_bytes} bytes and {MOST_ROWS} rows. Read as JSON too: "
                f"{', '.join(filter(None, UNSAID))}, and no content type."
            ),
            "content": {
                "application/json": {"schema": {"anyOf": [rows, {"$ref": "#/components/schemas/Payload"}]}},
                **dict.fromkeys(NDJSON, lines),
                **dict.fromkeys(ARROW, arrow),
                **events,
            },
        },
        **shared,
    }
    event = {
        "summary": "Count what KServe's logger sends; the event names the model.",
        "operationId": "addEvents",
        "parameters": _event_headers(),
        "requestBody": {
            "required": True,
            "description": f"At most {body_bytes} bytes.",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Payload"}}, **events},
        },
        **shared,
    }
    text = {"schema": {"type": "string"}}
    metrics = {
        "description": "Prometheus' text format, or OpenMetrics where the scraper accepts it.",
        "content": {"text/plain": text, "application/openmetrics-text": text},
    }
    refused = {"401": shared["responses"]["401"]} if protected else {}
    secured: dict[str, Any] = {"security": [{"token": []}]} if protected else {}
    listed = {"200": _answer("Every model.", "Models"), **refused}
    named = {"summary": "One model.", "parameters": [model], **secured}
    one = {"200": _answer("The model.", "Model"), "404": _answer("There is no such model."), **refused}
    described = {"description": "OpenAPI.", "content": {"application/json": {"schema": {"type": "object"}}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "modelwatch drift exporter", "version": version},
        "paths": {
            "/v1/models": {"get": {"summary": "Models and their drift.", "responses": listed, **secured}},
            "/v1/models/{model}": {"get": {**named, "responses": one}},
            "/v1/models/{model}/predictions": {"post": post},
            "/v1/cloudevents": {"post": event},
            "/metrics": {"get": {"summary": "For Prometheus.", "responses": {"200": metrics, **refused}, **secured}},
            "/healthz": {
                "get": {"summary": "The process answers.", "responses": {"200": _answer("It does.", "Health")}}
            },
            "/readyz": {
                "get": {
                    "summary": "Every reference profile is loaded.",
                    "responses": {"200": _answer("Ready.", "Readiness"), "503": _answer("Not ready.", "Readiness")},
                }
            },
            "/openapi.json": {"get": {"summary": "This document.", "responses": {"200": described}}},
        },
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A token of the sidecar's --token-file."}
            },
            "schemas": {
                "Row": _ROW,
                "Columns": _COLUMNS,
                "Outcome": _OUTCOME,
                "Payload": _PAYLOAD,
                "Tensor": _TENSOR,
                "Event": _EVENT,
                "Window": _WINDOW,
                "Answers": _ANSWERS,
                "Feature": _FEATURE,
                "Model": _MODEL,
                "Models": _object(
                    {
                        "models": _array({"$ref": "#/components/schemas/Model"}),
                        "warming": _WARMING,
                        "refused_requests": _REFUSED,
                        "skipped_lines": _SKIPPED,
                        "last_reload": _RELOAD,
                        "locked": {**_nullable("string"), "description": "Why nobody can send rows, with any token."},
                    },
                    ["models", "warming", "refused_requests", "skipped_lines", "last_reload", "locked"],
                ),
                "Readiness": _READY,
                "Health": _object({"status": {"const": "ok"}}, ["status"]),
                "Error": _object({"error": {"type": "string"}}, ["error"]),
            },
        },
    }
