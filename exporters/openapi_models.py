"""What the sidecar says of its models, as schemas."""

from __future__ import annotations

from typing import Any, get_args

from modelwatch.exporters.refusals import REASONS
from modelwatch.exporters.tailing.skipped import REASONS as SKIPPED_REASONS
from modelwatch.model import types as t


def array_of(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def object_of(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}


def nullable(kind: str) -> dict[str, Any]:
    return {"type": [kind, "null"]}


WINDOW = object_of(
    {
        "window": {"type": "string", "examples": ["15m"]},
        "samples": {"type": "integer", "description": "Rows in the window."},
        "score": {**nullable("number"), "description": "null until there are enough rows."},
        "critical_value": {**nullable("number"), "description": "Score that chance alone hardly passes."},
        "detected": {
            **nullable("boolean"),
            "description": "Above the warning and the critical value, with enough rows.",
        },
        "inactive": {
            **nullable("string"),
            "description": "Why there is no score.",
            "examples": ["needs 500 rows, has 120"],
        },
        "missing_ratio": nullable("number"),
        "out_of_range_ratio": nullable("number"),
        "new_category_ratio": nullable("number"),
        "above_limits": {
            "type": "array",
            "description": "Ratios that are above their limit, with enough rows.",
            "items": {"enum": ["missing_ratio", "out_of_range_ratio", "new_category_ratio"]},
        },
        "mismatched_ratio": {**nullable("number"), "description": "Share of values of a wrong type."},
        "scores": {
            "type": "object",
            "description": "Scores by method, of those that have one.",
            "additionalProperties": {"type": "number"},
        },
    },
    ["window", "samples", "score", "critical_value", "detected", "inactive"],
)
FEATURE = object_of(
    {
        "name": {"type": "string"},
        "type": {"enum": ["numeric", "categorical"]},
        "method": {"enum": list(get_args(t.DriftMethod))},
        "warning": {"type": "number"},
        "critical": {"type": "number"},
        "limits": {
            "type": "object",
            "description": "Of the window's ratios of the same names, those that the spec's alerts look at.",
            "additionalProperties": {"type": "number"},
        },
        "windows": array_of({"$ref": "#/components/schemas/Window"}),
    },
    ["name", "type", "method", "warning", "critical", "limits", "windows"],
)
CHANGE = object_of(
    {"feature": {"type": "string"}, "other": {"type": "string"}, "change": {"type": "number"}},
    ["feature", "other", "change"],
)
ANSWERS = object_of(
    {
        "window": {"type": "string", "examples": ["15m"]},
        "low_confidence_ratio": nullable("number"),
        "constant": {**nullable("boolean"), "description": "Whether every answer was the same, and not by chance."},
        "reconstruction_error_ratio": {
            **nullable("number"),
            "description": "How far rows lie off the reference's principal components, over what they do in it.",
        },
        "reconstruction_inactive": {
            **nullable("string"),
            "description": "Why there is no such ratio, where it is null.",
        },
        "correlation_changes": array_of(CHANGE),
        "limits": {
            "type": "object",
            "description": "What alerts call too far; a correlation's change is meant without its sign.",
            "additionalProperties": {"type": "number"},
        },
        "above_limits": array_of({"type": "string"}),
    },
    [
        "window",
        "low_confidence_ratio",
        "constant",
        "reconstruction_error_ratio",
        "reconstruction_inactive",
        "correlation_changes",
        "limits",
        "above_limits",
    ],
)
REFUSED = {
    "type": "object",
    "description": "Requests that were refused as a whole, by reason, since the sidecar started.",
    "propertyNames": {"enum": list(REASONS)},
    "additionalProperties": {"type": "integer"},
}
SKIPPED = {
    "type": "object",
    "description": "Lines of prediction logs that belong to no model, by reason, since the sidecar started.",
    "propertyNames": {"enum": list(SKIPPED_REASONS)},
    "additionalProperties": {"type": "integer"},
}
RELOAD = object_of(
    {
        "successful": {"type": "boolean", "description": "Whether all specs and profiles could be loaded."},
        "last_success": {**nullable("string"), "format": "date-time"},
        "problem": {**nullable("string"), "description": "Why the specs cannot be read; those before stay in use."},
    },
    ["successful", "last_success", "problem"],
)
MODEL = object_of(
    {
        "name": {"type": "string"},
        "status": {
            "enum": ["loading", "inactive", "collecting", "ok", "drift"],
            "description": "inactive: nothing to compare with; collecting: no window has enough rows yet, or "
            "critical values are being worked out.",
        },
        "problem": {**nullable("string"), "description": "Why the reference profile is missing or not the newest."},
        "reference": {
            "oneOf": [
                {"type": "null"},
                object_of({"sha256": {"type": "string"}, "rows": {"type": "integer"}}, ["sha256", "rows"]),
            ]
        },
        "rows": object_of({"accepted": {"type": "integer"}, "rejected": {"type": "integer"}}, ["accepted", "rejected"]),
        "rejected_by_reason": {"type": "object", "additionalProperties": {"type": "integer"}},
        "refused_requests": REFUSED,
        "last_row": {**nullable("string"), "format": "date-time"},
        "answers": array_of({"$ref": "#/components/schemas/Answers"}),
        "features": array_of({"$ref": "#/components/schemas/Feature"}),
    },
    ["name", "status"],
)
WARMING = {
    "type": "boolean",
    "description": "Critical values are being worked out: some scores are not there for some seconds.",
}
READY = object_of(
    {
        "ready": {"type": "boolean"},
        "loading": array_of({"type": "string"}),
        "missing": {"type": "object", "additionalProperties": {"type": "string"}},
        "warming": WARMING,
    },
    ["ready", "loading", "missing", "warming"],
)
