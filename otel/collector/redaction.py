"""What may leave the Collector. It fails closed: an attribute that is not listed here is removed.

Our own helpers attach nothing else, but other instrumentation in the same service may attach anything.
"""

from __future__ import annotations

from typing import Any

from modelwatch.otel.collector import foreign
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
# A number that only looks private is masked too: RE2 cannot work out a check digit.
BLOCKED = (
    # private keys in PEM, before anything takes a part of them
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(-----END [A-Z ]*PRIVATE KEY-----)?",
    # name and password in a URL
    r"://[^\s/:@]+:[^\s/@]+@",
    # what follows "Bearer" or "Basic", and JSON web tokens
    r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}",
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]+)?",
    # keys that say what they are: AWS, GitHub, GitLab, Google, Slack, Stripe, Hugging Face, npm, OpenAI
    r"\b(AKIA|ASIA|AIza|gh[opsu]_|github_pat_|glpat-|hf_|npm_|xox[a-z]-|[prs]k[_-])[A-Za-z0-9_-]{10,}",
    # password=, "api_key": and their like, in JSON within JSON too
    r"(?i)(passw(or)?d|pwd|secret|token|api[_-]?key|session[_-]?id)[\\\"']*\s*[:=]\s*[\\\"']*[^\s\\\"',;&]+",
    # e-mail addresses, in URLs too
    r"[^\s@<>\"'(),;:/?&=]+(@|%40)[^\s@<>\"'(),;:/?&=]+\.[^\s\d@<>\"'(),;:/?&=.][^\s@<>\"'(),;:/?&=.]+",
    # IBANs: in capitals, or of digits after the bank
    r"\b[A-Z]{2}\d{2}([ ]?[A-Z0-9]{4}){2,7}([ ]?[A-Z0-9]{1,4})?\b",
    r"(?i)\b[a-z]{2}\d{2}[ ]?([a-z]{4}[ ]?)?\d{2,4}([ ]?\d{4}){2,6}([ ]?\d{1,3})?\b",
    # payment cards of 13 to 19 digits, by the first digits of all issuers; not the digits of a fraction
    r"(^|[^0-9.])([3-6]\d|2[2-7])([\s-]?\d){11,17}\b",
    # telephone numbers with a country's code, and with an area's; not the digits of a fraction
    r"(\+|(^|[^0-9.])00)[1-9]\d{0,2}([\s()./-]*\d){6,12}\b",
    r"\(0?\d{2,5}\)[\s/-]?\d{3,4}[\s-]?\d{2,5}\b",
    r"\b0\d{2,4}[\s/-]\d{3,4}[\s-]?\d{2,5}\b",
    r"\b\d{3}[\s-]\d{3}[\s-]\d{4}\b",
)

# Scopes of our own helpers, which strip messages from stack traces.
OWN_SCOPES = r"^modelwatch(\\.|\\z)"


# What a name is that instrumentation writes by convention, such as "GET /flights/{id}": two words, no sentence.
_NAME = r"^\\S+( \\S+)?\\z"
_SEVERITY = r"^[A-Za-z0-9]{0,12}\\z"
_EVENT = r"^[A-Za-z0-9_.-]*\\z"


def processor(version: Version) -> dict[str, Any]:
    """Config of the redaction processor; ``silent`` because the names of what was removed tell something too."""
    body: dict[str, Any] = {
        "allow_all_keys": False,
        "allowed_keys": list(ALLOWED),
        "blocked_values": list(BLOCKED),
        "summary": "silent",
    }
    if knows("redact_all_types", version):
        # Lists and maps below an allowed key, and numbers.
        body["redact_all_types"] = True
    return body


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
