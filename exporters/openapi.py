"""The description of the sidecar's HTTP interface, served at ``/openapi.json``."""

from __future__ import annotations

from typing import Any

from modelwatch.exporters.ingest import ARROW, NDJSON, UNSAID
from modelwatch.exporters.ingest.table import MOST_ROWS
from modelwatch.exporters.openapi_models import (
    ANSWERS,
    FEATURE,
    MODEL,
    READY,
    REFUSED,
    RELOAD,
    SKIPPED,
    WARMING,
    WINDOW,
    array_of,
    nullable,
    object_of,
)

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


_ROW = object_of(
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
        "id": array_of(_ID),
        "timestamp": array_of(_TIME),
        "features": {"type": "object", "additionalProperties": array_of(_SCALAR), "description": _FEATURES},
        "prediction": array_of(_SCALAR),
        "confidence": array_of({"type": ["number", "null"]}),
    },
}
_COUNT = {"type": "integer", "minimum": 0}
_OUTCOME = object_of(
    {
        "accepted": _COUNT,
        "rejected": _COUNT,
        "errors": array_of(
            object_of(
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
_TENSOR = object_of(
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
        object_of({"instances": array_of(_TEXT_OR_NUMBER)}, ["instances"]),
        object_of({"predictions": array_of(_TEXT_OR_NUMBER)}, ["predictions"]),
        object_of({"inputs": _TENSORS}, ["inputs"]),
        object_of({"outputs": _TENSORS}, ["outputs"]),
    ],
}
_EVENT = object_of(
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
        "application/cloudevents-batch+json": {"schema": array_of({"$ref": "#/components/schemas/Event"})},
    }
    rows = {
        "oneOf": [
            object_of({"rows": array_of({"$ref": "#/components/schemas/Row"})}, ["rows"]),
            object_of({"columns": {"$ref": "#/components/schemas/Columns"}}, ["columns"]),
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
                "Window": WINDOW,
                "Answers": ANSWERS,
                "Feature": FEATURE,
                "Model": MODEL,
                "Models": object_of(
                    {
                        "models": array_of({"$ref": "#/components/schemas/Model"}),
                        "warming": WARMING,
                        "refused_requests": REFUSED,
                        "skipped_lines": SKIPPED,
                        "last_reload": RELOAD,
                        "locked": {**nullable("string"), "description": "Why nobody can send rows, with any token."},
                    },
                    ["models", "warming", "refused_requests", "skipped_lines", "last_reload", "locked"],
                ),
                "Readiness": READY,
                "Health": object_of({"status": {"const": "ok"}}, ["status"]),
                "Error": object_of({"error": {"type": "string"}}, ["error"]),
            },
        },
    }
