"""What may leave the Collector. It fails closed: an attribute that is not listed here is removed.

Our own helpers attach nothing else, but other instrumentation in the same service may attach anything.
"""

from __future__ import annotations

from typing import Any

from modelwatch.otel.collector.names import Version, knows, path
from modelwatch.telemetry.spans import RESOURCE_ATTRIBUTES, SPAN_ATTRIBUTES

# What OpenTelemetry's own libraries say of a process, a route and an error; nothing that a caller typed in.
# exception.message is left out on purpose: it often quotes the input.
CONVENTIONS = (
    "telemetry.sdk.language",
    "telemetry.sdk.name",
    "telemetry.sdk.version",
    "host.name",
    "os.type",
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "exception.type",
    "exception.stacktrace",
)
ALLOWED = tuple(sorted({*(attribute.key for attribute in (*SPAN_ATTRIBUTES, *RESOURCE_ATTRIBUTES)), *CONVENTIONS}))

# RE2, without "$", which the Collector would expand. Each is masked wherever it stands in a value that may leave.
BLOCKED = (
    # e-mail addresses
    r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+",
    # payment cards of 16 digits, by the first digits of Visa, Mastercard and Discover; not the digits of a fraction
    r"(^|[^0-9.])(4\d{3}|5[1-5]\d{2}|2[2-7]\d{2}|6011|65\d{2})[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}\b",
    # payment cards of 15 digits, American Express
    r"(^|[^0-9.])3[47]\d{2}[ -]?\d{6}[ -]?\d{5}\b",
    # JSON web tokens, and what follows "Bearer"
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]+)?",
    r"(?i)\bbearer\s+[A-Za-z0-9._~+/-]{8,}",
)

# Scopes of our own helpers, which strip messages from stack traces.
OWN_SCOPES = "^modelwatch"


def processor() -> dict[str, Any]:
    """Config of the redaction processor; ``silent`` because the names of what was removed tell something too."""
    return {
        "allow_all_keys": False,
        "allowed_keys": list(ALLOWED),
        "blocked_values": list(BLOCKED),
        "summary": "silent",
    }


def transform(version: Version) -> dict[str, Any]:
    """Config of the transform processor that clears free text in fields that are no attributes, or not ours."""
    scope = "scope.name" if knows("paths_with_context", version) else "instrumentation_scope.name"

    def theirs(context: str) -> list[str]:
        attributes = path(context, "attributes", version)
        return [f'delete_key({attributes}, "exception.stacktrace") where not IsMatch({scope}, "{OWN_SCOPES}")']

    return {
        # What cannot be cleared is dropped.
        "error_mode": "propagate",
        "trace_statements": [
            # A status message is most often an exception's; error.type says what failed.
            {"context": "span", "statements": [f'set({path("span", "status.message", version)}, "")']},
            {"context": "spanevent", "statements": theirs("spanevent")},
        ],
        "log_statements": [{"context": "log", "statements": theirs("log")}],
    }
