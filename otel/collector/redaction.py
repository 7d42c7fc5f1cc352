"""What may leave the Collector. It fails closed: an attribute that is not listed here is removed.

Our own helpers attach nothing else, but other instrumentation in the same service may attach anything.
"""

from __future__ import annotations

from typing import Any

from modelwatch.model.types import Fleet
from modelwatch.otel.collector import foreign, lines, sampling
from modelwatch.otel.collector.names import Version, knows, path
from modelwatch.telemetry.private import BLOCKED, CONVENTIONS
from modelwatch.telemetry.spans import FEATURE_PREFIX, OVER_LIMIT, RESOURCE_ATTRIBUTES, SPAN_ATTRIBUTES

ALLOWED = tuple(sorted({*(attribute.key for attribute in (*SPAN_ATTRIBUTES, *RESOURCE_ATTRIBUTES)), *CONVENTIONS}))

# Scopes of our own helpers, which strip messages from stack traces.
OWN_SCOPES = r"^modelwatch(\\.|\\z)"


# What a name is that instrumentation writes by convention, such as "GET /flights/{id}": two words, no sentence.
_NAME = r"^\\S+( \\S+)?\\z"
_SEVERITY = r"^[A-Za-z0-9]{0,12}\\z"
_EVENT = r"^[A-Za-z0-9_.-]*\\z"


def processor(fleet: Fleet) -> dict[str, Any]:
    """Config of the redaction processor; ``silent`` because the names of what was removed tell something too."""
    body: dict[str, Any] = {
        "allow_all_keys": False,
        "allowed_keys": [*ALLOWED, *_of_specs(fleet)],
        "blocked_values": list(BLOCKED),
        "summary": "silent",
    }
    if knows("redact_all_types", fleet.stack.versions.collector):
        # Lists and maps below an allowed key, and numbers.
        body["redact_all_types"] = True
    return body


def _of_specs(fleet: Fleet) -> list[str]:
    """What specs put on spans and log lines besides: allowed for every model, as no key tells whose it is."""
    features = {FEATURE_PREFIX + name for model in fleet.models for name in model.tracing.features}
    logged = set(lines.allowed(fleet)) if any(model.logging for model in fleet.models) else set()
    marks = {OVER_LIMIT.key} if sampling.limited(fleet.models) else set()
    return sorted((features | logged | marks) - set(ALLOWED))


def transform(version: Version) -> dict[str, Any]:
    """Config of the transform processor that clears free text in fields that are no attributes, or not ours."""
    scope = "scope.name" if knows("paths_with_context", version) else "instrumentation_scope.name"
    theirs = f'not IsMatch({scope}, "{OWN_SCOPES}")'

    def at(context: str, name: str) -> str:
        return path(context, name, version)

    def stack(context: str) -> str:
        return f'delete_key({at(context, "attributes")}, "exception.stacktrace") where {theirs}'

    name = at("span", "name")
    log = [
        # Of a text that anybody wrote, no list says what may leave.
        f'set({at("log", "body")}, "") where {theirs}',
        f'set({at("log", "severity_text")}, "") where not IsMatch({at("log", "severity_text")}, "{_SEVERITY}")',
        stack("log"),
    ]
    if knows("event_name", version):
        log.append(f'set({at("log", "event_name")}, "") where not IsMatch({at("log", "event_name")}, "{_EVENT}")')
    body: dict[str, Any] = {
        # What cannot be cleared is dropped.
        "error_mode": "propagate",
        "trace_statements": [
            {
                "context": "span",
                "statements": [
                    # A status message is most often an exception's; error.type says what failed.
                    f'set({at("span", "status.message")}, "")',
                    f'set({at("span", "trace_state")}, "")',
                    f'set({name}, "unnamed") where {theirs} and not IsMatch({name}, "{_NAME}")',
                    *(f'replace_pattern({name}, "{_literal(blocked)}", "****") where {theirs}' for blocked in BLOCKED),
                ],
            },
            {
                "context": "spanevent",
                "statements": [
                    f'set({at("spanevent", "name")}, "event") where {at("spanevent", "name")} != "exception"',
                    stack("spanevent"),
                ],
            },
        ],
        "log_statements": [{"context": "log", "statements": log}],
    }
    if foreign.taken(version):
        body["metric_statements"] = foreign.statements()
    return body


def dropped_metrics() -> dict[str, Any]:
    """Config of the filter processor for metrics that come in."""
    return foreign.dropped([_literal(blocked) for blocked in BLOCKED])


def _literal(pattern: str) -> str:
    """A pattern within quotes of OTTL."""
    return pattern.replace("\\", "\\\\").replace('"', '\\"')
