"""The description of the sidecar's HTTP interface, served at ``/openapi.json``."""

from __future__ import annotations

from typing import Any

from modelwatch.exporters.ingest.table import MOST_ROWS

_SCALAR = {"type": ["string", "number", "boolean", "null"]}
_ID = {"type": ["string", "number", "null"], "description": "Identifies the prediction; not used yet."}
_TIME = {
    "type": ["string", "number", "null"],
    "description": "When it was predicted: seconds since the epoch or ISO 8601. Windows go by arrival.",
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
_MODEL = _object(
    {
        "name": {"type": "string"},
        "status": {
            "enum": ["loading", "inactive", "collecting", "ok", "drift"],
            "description": "inactive: nothing to compare with; collecting: no window has enough rows yet.",
        },
        "problem": {**_nullable("string"), "description": "Why the reference profile is missing or not the newest."},
        "reference": {
            "oneOf": [
                {"type": "null"},
                _object({"sha256": {"type": "string"}, "rows": {"type": "integer"}}, ["sha256", "rows"]),
            ]
        },
        "rows": _object({"accepted": {"type": "integer"}, "rejected": {"type": "integer"}}, ["accepted", "rejected"]),
        "last_row": {**_nullable("string"), "format": "date-time"},
        "features": _array({"$ref": "#/components/schemas/Feature"}),
    },
    ["name", "status"],
)
_OUTCOME = _object(
    {
        "accepted": {"type": "integer"},
        "rejected": {"type": "integer"},
        "errors": _array(_object({"index": {"type": "integer"}, "reason": {"type": "string"}}, ["index", "reason"])),
    },
    ["accepted", "rejected", "errors"],
)
_READY = _object(
    {
        "ready": {"type": "boolean"},
        "loading": _array({"type": "string"}),
        "missing": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    ["ready", "loading", "missing"],
)


def _answer(description: str, schema: str = "Error") -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, "content": content}


def document(version: str, body_bytes: int, most_errors: int) -> dict[str, Any]:
    """OpenAPI 3.1. ``most_errors`` is how many rejected rows an answer names."""
    later = {**_answer("Too much at once, or the model is being loaded: send it again later.")}
    later["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}}
    model = {"name": "model", "in": "path", "required": True, "schema": {"type": "string"}}
    post = {
        "summary": "Count predictions of a model.",
        "operationId": "addPredictions",
        "parameters": [model],
        "requestBody": {
            "required": True,
            "description": f"At most {body_bytes} bytes.",
            "content": {
                "application/json": {
                    "schema": {
                        "oneOf": [
                            _object({"rows": _array({"$ref": "#/components/schemas/Row"})}, ["rows"]),
                            _object({"columns": {"$ref": "#/components/schemas/Columns"}}, ["columns"]),
                        ]
                    }
                }
            },
        },
        "responses": {
            "200": _answer(f"Some rows were accepted; the first {most_errors} rejected ones are named.", "Outcome"),
            "422": _answer("No row was accepted.", "Outcome"),
            "400": _answer("The body cannot be read."),
            "404": _answer("There is no such model."),
            "408": _answer("The body took too long to arrive."),
            "413": _answer(f"The body is too large, or has more than {MOST_ROWS} rows: send fewer rows at once."),
            "415": _answer("The body is compressed; send it plain."),
            "429": later,
        },
    }
    text = {"schema": {"type": "string"}}
    metrics = {
        "description": "Prometheus' text format, or OpenMetrics where the scraper accepts it.",
        "content": {"text/plain": text, "application/openmetrics-text": text},
    }
    listed = {"200": _answer("Every model.", "Models")}
    one = {"200": _answer("The model.", "Model"), "404": _answer("There is no such model.")}
    return {
        "openapi": "3.1.0",
        "info": {"title": "modelwatch drift exporter", "version": version},
        "paths": {
            "/v1/models": {"get": {"summary": "Models and their drift.", "responses": listed}},
            "/v1/models/{model}": {"get": {"summary": "One model.", "parameters": [model], "responses": one}},
            "/v1/models/{model}/predictions": {"post": post},
            "/metrics": {"get": {"summary": "For Prometheus.", "responses": {"200": metrics}}},
            "/healthz": {
                "get": {"summary": "The process answers.", "responses": {"200": _answer("It does.", "Health")}}
            },
            "/readyz": {
                "get": {
                    "summary": "Every reference profile is loaded.",
                    "responses": {"200": _answer("Ready.", "Readiness"), "503": _answer("Not ready.", "Readiness")},
                }
            },
            "/openapi.json": {"get": {"summary": "This document.", "responses": {"200": {"description": "OpenAPI."}}}},
        },
        "components": {
            "schemas": {
                "Row": _ROW,
                "Columns": _COLUMNS,
                "Outcome": _OUTCOME,
                "Window": _WINDOW,
                "Feature": _FEATURE,
                "Model": _MODEL,
                "Models": _object({"models": _array({"$ref": "#/components/schemas/Model"})}, ["models"]),
                "Readiness": _READY,
                "Health": _object({"status": {"const": "ok"}}, ["status"]),
                "Error": _object({"error": {"type": "string"}}, ["error"]),
            }
        },
    }
