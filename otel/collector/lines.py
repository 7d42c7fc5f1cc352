"""A second config for the Collector of a service's machine, which reads the JSON lines that the helpers write.

Lines are redacted by the service, and by the Collector once more. They come with a scope of our own, so that their
bodies are masked and not cleared.
"""

from __future__ import annotations

from typing import Any

from modelwatch.model.types import Fleet
from modelwatch.otel.collector.destinations import QUEUE
from modelwatch.otel.collector.names import named
from modelwatch.telemetry import logs as L
from modelwatch.telemetry import spans as S

Json = dict[str, Any]

VARIABLE = "MODELWATCH_LOGS"
_SCOPE = "modelwatch.logs"
_EXCEPTION = ("exception.type", "exception.stacktrace")


def config(fleet: Fleet) -> Json:
    """To be given after ``collector.yaml`` or ``agent.yaml``: lists are replaced, so it names all receivers of logs."""
    receiver = f"{named('receivers', 'filelog', fleet.stack.versions.collector)}/services"
    return {
        "receivers": {
            receiver: {
                "include": [f"${{env:{VARIABLE}}}"],
                "start_at": "beginning",
                # Where it was is kept over restarts.
                "storage": QUEUE,
                "operators": list(_operators(fleet)),
            }
        },
        "service": {"pipelines": {"logs": {"receivers": ["otlp", receiver]}}},
    }


def allowed(fleet: Fleet) -> list[str]:
    """Attributes of these lines that the Collector lets pass: those of the contract, and what specs allow."""
    return [
        *(attribute.key for attribute in L.ATTRIBUTES_OF.values()),
        *(L.FIELD_PREFIX + name for name in _fields(fleet)),
    ]


def _fields(fleet: Fleet) -> list[str]:
    return sorted({name for model in fleet.models if model.logging for name in model.logging.allow})


def _operators(fleet: Fleet) -> list[Json]:
    at = _attribute
    return [
        # What is no line of ours was redacted by nobody.
        {"type": "json_parser", "on_error": "drop"},
        {
            "type": "time_parser",
            "parse_from": at(L.TIMESTAMP.key),
            "layout_type": "gotime",
            "layout": "2006-01-02T15:04:05.000000Z07:00",
        },
        {"type": "severity_parser", "parse_from": at(L.SEVERITY_TEXT.key)},
        {
            "type": "trace_parser",
            "trace_id": {"parse_from": at(L.TRACE_ID.key)},
            "span_id": {"parse_from": at(L.SPAN_ID.key)},
            "trace_flags": {"parse_from": at(L.TRACE_FLAGS.key)},
            "if": f"{at(L.TRACE_ID.key)} != nil",
        },
        {"type": "add", "field": at("scope"), "value": _SCOPE},
        {"type": "scope_name_parser", "parse_from": at("scope")},
        {"type": "add", "field": "body", "value": ""},
        _moved(at(L.BODY.key), "body"),
        _moved(at(L.SERVICE.key), f'resource["{S.SERVICE_NAME.key}"]'),
        _moved(at(L.ENVIRONMENT.key), f'resource["{S.ENVIRONMENT.key}"]'),
        *(_moved(at(field), at(attribute.key)) for field, attribute in L.ATTRIBUTES_OF.items()),
        *(_moved(at(L.ATTRIBUTES.key, name), at(L.FIELD_PREFIX + name)) for name in _fields(fleet)),
        *(_moved(at(L.ATTRIBUTES.key, name), at(name)) for name in _EXCEPTION),
    ]


def _attribute(*names: str) -> str:
    return "attributes" + "".join('["{}"]'.format(name.replace("\\", "\\\\").replace('"', '\\"')) for name in names)


def _moved(source: str, to: str) -> Json:
    """Where there is something. An optional step is asked for in steps: of nothing, nothing can be asked."""
    parent = source.rpartition("[")[0]
    there = f"{source} != nil" if parent == "attributes" else f"{parent} != nil and {source} != nil"
    return {"type": "move", "from": source, "to": to, "if": there}
