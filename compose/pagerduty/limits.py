"""PagerDuty's documented limits, as one pure function from a request's body to an event or the reasons against it.

Source: "Send an Alert Event" and "Events API v2 Overview" in PagerDuty's developer documentation. Where the wording of
a real answer is known it is used, so that a search for the message finds PagerDuty's own pages.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import orjson

from modelwatch.compose.pagerduty.records import ACTIONS, JSON, Action, Content, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUTING_KEY_LENGTH = 32
DEDUP_KEY_MAX = 255
SUMMARY_MAX = 1024
# "512 KB" in the documentation; Alertmanager takes it as 512,000 bytes, and the smaller reading is the safe one.
BODY_MAX = 512_000
SEVERITIES = ("critical", "warning", "error", "info")
# Not PagerDuty's: deeper nesting is nobody's alert, and every reader of it would have to guard its own stack.
NESTING_MAX = 64

_KEY_HINT = (
    "Use the Integration Key of an Events API v2 integration (32 letters and digits). A REST API key (20 characters) "
    "is another thing. With routing_key_file, look at what the file holds."
)
_SOURCE_HINT = (
    "In Alertmanager, template source only over labels in group_by: any other goes empty as soon as a second alert "
    "joins the group."
)
_SEVERITY_HINT = (
    "Map the severity label in pagerduty_configs: page to critical, ticket to warning, info to info. An upper-case or "
    "empty value is refused too."
)
_SUMMARY_HINT = "Set description in pagerduty_configs to a text that is never empty."
_LONG_SUMMARY_HINT = "Shorten description in pagerduty_configs; lists of alerts belong in custom_details."
_DEDUP_HINT = "Send the dedup_key that the trigger had, or that its answer gave."
_SIZE_HINT = "Put fewer alerts or annotations into custom_details, or group by more labels."


@dataclass(frozen=True)
class Event:
    """A valid event. ``routing_key`` is a secret: it stays out of ``repr`` and ``content`` and is not to be stored."""

    action: Action
    routing_key: str = field(repr=False)
    dedup_key: str | None
    shown_dedup_key: str
    content: Content

    @property
    def key(self) -> str:
        return mask(self.routing_key)


class RefusedError(Exception):
    """A request that breaks a limit: HTTP ``status``, all ``problems``, and what could be read of the event."""

    def __init__(self, status: int, problems: tuple[Problem, ...], sketch: Sketch | None = None) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.status = status
        self.problems = problems
        self.sketch = sketch or Sketch()


@dataclass(frozen=True)
class Sketch:
    """The readable part of a refused event, masked and cut to a length that a table can show."""

    action: str = ""
    key: str = ""
    dedup_key: str = ""
    summary: str = ""


def mask(key: str) -> str:
    """The last four characters of a routing key. A short text is not a key, and four characters would be most of it."""
    stripped = key.strip()
    return f"…{stripped[-4:]}" if len(stripped) >= 16 else "…"


def too_large() -> RefusedError:
    message = f"Payload is too large (the limit is {BODY_MAX} bytes)"
    return RefusedError(413, (Problem(message, _SIZE_HINT),))


def load(body: bytes) -> JSON:
    """The JSON object in a request's body, of a size and depth that can be worked with. Raises RefusedError."""
    if len(body) > BODY_MAX:
        raise too_large()
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RefusedError(400, (Problem(f"JSON cannot be parsed: {error}"),)) from None
    if not isinstance(document, dict):
        raise RefusedError(400, (Problem("Body is not a JSON object"),))
    if _deeper_than(document, NESTING_MAX):
        raise RefusedError(400, (Problem(f"Body is nested deeper than {NESTING_MAX} levels"),))
    return document


def parse(body: bytes) -> Event:
    """The event in a request's body. Raises RefusedError with every problem found."""
    document = load(body)
    problems = tuple(_problems(document))
    secret = document.get("routing_key")
    shown = cast("JSON", _scrub(document, secret.strip())) if isinstance(secret, str) else document
    if problems:
        raise RefusedError(400, problems, _sketch(shown, secret))
    return Event(
        action=document["event_action"],
        routing_key=document["routing_key"],
        dedup_key=document.get("dedup_key") or None,
        shown_dedup_key=shown.get("dedup_key") or "",
        content=_content(shown),
    )


def is_url(text: object, schemes: tuple[str, ...] = ("https", "http")) -> bool:
    """Whether a text is an absolute URL that is safe to offer as a link."""
    if not isinstance(text, str) or any(ord(c) <= 0x20 or c in "<>\"'`\\" for c in text):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname)
    except ValueError:
        return False


def _problems(event: JSON) -> Iterator[Problem]:
    yield from _routing_key(event.get("routing_key"))
    action = event.get("event_action")
    if _blank(action):
        yield Problem("'event_action' is missing or blank")
    elif action not in ACTIONS:
        yield Problem("'event_action' is invalid (must be one of the following: 'trigger', 'acknowledge' or 'resolve')")
    yield from _dedup_key(event.get("dedup_key"), action)
    payload = event.get("payload")
    if payload is not None and not isinstance(payload, dict):
        yield Problem("'payload' is not an object")
    elif action == "trigger":
        yield from _payload(payload or {})
    for name in ("client", "client_url"):
        yield from _string(event, name, name)
    yield from _attachments(event, "links", "href", ("https", "http"))
    yield from _attachments(event, "images", "src", ("https",))


def _routing_key(key: object) -> Iterator[Problem]:
    if key is None or key == "":
        yield Problem("'routing_key' is missing or blank", _KEY_HINT)
    elif not isinstance(key, str):
        yield Problem("'routing_key' is not a string", _KEY_HINT)
    else:
        wrong_length = len(key) != ROUTING_KEY_LENGTH
        if wrong_length:
            yield Problem("Length of 'routing_key' is incorrect (should be 32 characters)", _KEY_HINT)
        if not (key.isascii() and key.isalnum()):
            hint = "" if wrong_length else _KEY_HINT
            yield Problem("'routing_key' cannot contain non-alphanumeric characters.", hint)


def _dedup_key(key: object, action: object) -> Iterator[Problem]:
    if key is None or key == "":
        if action in ("acknowledge", "resolve"):
            yield Problem("'dedup_key' is missing or blank", _DEDUP_HINT)
    elif not isinstance(key, str):
        yield Problem("'dedup_key' is not a string", _DEDUP_HINT)
    elif len(key) > DEDUP_KEY_MAX:
        yield Problem(f"Length of 'dedup_key' is incorrect (should be at most {DEDUP_KEY_MAX} characters)", _DEDUP_HINT)


def _payload(payload: JSON) -> Iterator[Problem]:
    summary, severity = payload.get("summary"), payload.get("severity")
    if _blank(summary):
        yield Problem("'payload.summary' is missing or blank", _SUMMARY_HINT)
    elif not isinstance(summary, str):
        yield Problem("'payload.summary' is not a string", _SUMMARY_HINT)
    elif len(summary) > SUMMARY_MAX:
        message = f"Length of 'payload.summary' is incorrect (should be at most {SUMMARY_MAX} characters)"
        yield Problem(message, _LONG_SUMMARY_HINT)
    if _blank(payload.get("source")):
        yield Problem("'payload.source' is missing or blank", _SOURCE_HINT)
    elif not isinstance(payload["source"], str):
        yield Problem("'payload.source' is not a string", _SOURCE_HINT)
    if _blank(severity):
        yield Problem("'payload.severity' is missing or blank", _SEVERITY_HINT)
    elif severity not in SEVERITIES:
        message = (
            "'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')"
        )
        yield Problem(message, _SEVERITY_HINT)
    for name in ("component", "group", "class"):
        yield from _string(payload, name, f"payload.{name}")
    details = payload.get("custom_details")
    if details is not None and not isinstance(details, dict):
        yield Problem("'payload.custom_details' is not an object")
    if payload.get("timestamp") is not None and not _iso8601(payload["timestamp"]):
        yield Problem("'payload.timestamp' is not an ISO 8601 date and time")


def _attachments(event: JSON, name: str, required: str, schemes: tuple[str, ...]) -> Iterator[Problem]:
    items = event.get(name)
    if items is None:
        return
    if not isinstance(items, list):
        yield Problem(f"'{name}' is not an array")
        return
    wanted = "an https URL" if schemes == ("https",) else "an http or https URL"
    for index, item in enumerate(items):
        where = f"{name}[{index}]"
        if not isinstance(item, dict):
            yield Problem(f"'{where}' is not an object")
            continue
        if _blank(item.get(required)):
            yield Problem(f"'{where}.{required}' is missing or blank")
        elif not is_url(item[required], schemes):
            yield Problem(f"'{where}.{required}' is invalid (must be {wanted})")
        for text in ("text", "href", "alt"):
            if text != required:
                yield from _string(item, text, f"{where}.{text}")


def _string(holder: JSON, name: str, where: str) -> Iterator[Problem]:
    if holder.get(name) is not None and not isinstance(holder[name], str):
        yield Problem(f"'{where}' is not a string")


def _blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _iso8601(value: object) -> bool:
    try:
        datetime.fromisoformat(cast("str", value))
    except (TypeError, ValueError):
        return False
    return True


def _deeper_than(value: object, levels: int) -> bool:
    """Level by level, not by recursion: a hostile body may nest deeper than Python's stack."""
    level = [value]
    for _ in range(levels):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True


def _scrub(value: Any, secret: str) -> Any:
    """The same document with the routing key masked in every text and key. Shorter texts than 8 are no secret."""
    if len(secret) < 8:
        return value
    if isinstance(value, str):
        return value.replace(secret, mask(secret))
    if isinstance(value, list):
        return [_scrub(item, secret) for item in value]
    if isinstance(value, dict):
        return {name.replace(secret, mask(secret)): _scrub(item, secret) for name, item in value.items()}
    return value


def _text(value: object, limit: int | None = None) -> str:
    return value[:limit] if isinstance(value, str) else ""


def _sketch(shown: JSON, secret: object) -> Sketch:
    payload = shown.get("payload")
    return Sketch(
        action=_text(shown.get("event_action"), 40),
        key=mask(secret) if isinstance(secret, str) and secret else "",
        dedup_key=_text(shown.get("dedup_key"), 80),
        summary=_text(payload.get("summary"), 200) if isinstance(payload, dict) else "",
    )


def _content(shown: JSON) -> Content:
    payload = shown.get("payload") or {}
    details = payload.get("custom_details")
    return Content(
        summary=_text(payload.get("summary"), SUMMARY_MAX),
        source=_text(payload.get("source")),
        severity=payload["severity"] if payload.get("severity") in SEVERITIES else "",
        timestamp=_text(payload.get("timestamp")),
        component=_text(payload.get("component")),
        group=_text(payload.get("group")),
        event_class=_text(payload.get("class")),
        custom_details=details if isinstance(details, dict) else {},
        client=_text(shown.get("client")),
        client_url=_text(shown.get("client_url")),
        links=tuple(shown.get("links") or ()),
        images=tuple(shown.get("images") or ()),
    )
