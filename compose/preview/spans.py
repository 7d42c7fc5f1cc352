"""One trace as spans: read from OTLP's JSON, as Jaeger's API v3 gives it. What it holds is anybody's text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelwatch.telemetry import spans as S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Value = str | int | float | bool
_ERROR = {2, "2", "STATUS_CODE_ERROR"}
_KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
_SCALARS = ("stringValue", "boolValue", "doubleValue", "intValue")


@dataclass(frozen=True, slots=True)
class Event:
    name: str
    time: int
    attributes: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Span:
    """Times are nanoseconds since the epoch; ``links`` are (trace, span) of other traces."""

    trace: str
    id: str
    parent: str
    name: str
    start: int
    end: int
    service: str = ""
    kind: str = ""
    failed: bool = False
    attributes: Mapping[str, Value] = field(default_factory=dict)
    resource: Mapping[str, Value] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    links: tuple[tuple[str, str], ...] = ()

    @property
    def duration(self) -> int:
        return self.end - self.start

    @property
    def error(self) -> str:
        """The type of its error in words, empty where it has none."""
        named = self.attributes.get(S.ERROR_TYPE.key)
        return str(named) if named else "error" if self.failed else ""

    @property
    def stage(self) -> str:
        return str(self.attributes.get(S.STAGE.key, ""))


def read(document: Any) -> tuple[Span, ...]:
    """The spans of an answer of ``/api/v3/traces/<id>``; what is no span is left out, and so is one told twice."""
    found: dict[str, Span] = {}
    result = _dict(_dict(document).get("result"))
    for batch in dicts(result.get("resourceSpans")):
        resource = attributes(_dict(batch.get("resource")).get("attributes"))
        for scope in dicts(batch.get("scopeSpans")):
            for raw in dicts(scope.get("spans")):
                span = _span(raw, resource)
                if span is not None:
                    found.setdefault(span.id, span)
    return tuple(found.values())


def attributes(raw: Any) -> dict[str, Value]:
    """OTLP's list of keys and values."""
    return {str(pair.get("key", "")): _value(pair.get("value")) for pair in dicts(raw)}


def _span(raw: Mapping[str, Any], resource: Mapping[str, Value]) -> Span | None:
    try:
        start, end = int(raw["startTimeUnixNano"]), int(raw["endTimeUnixNano"])
        own, trace = str(raw["spanId"]), str(raw["traceId"])
    except (KeyError, OverflowError, TypeError, ValueError):
        return None
    own_attributes = attributes(raw.get("attributes"))
    return Span(
        trace,
        own,
        str(raw.get("parentSpanId") or ""),
        str(raw.get("name") or "unnamed"),
        start,
        max(start, end),
        str(resource.get(S.SERVICE_NAME.key, "")),
        _KINDS.get(raw.get("kind", 0), ""),
        _dict(raw.get("status")).get("code") in _ERROR or own_attributes.get(S.OUTCOME.key) == "error",
        own_attributes,
        resource,
        tuple(_events(raw.get("events"))),
        tuple((str(each.get("traceId", "")), str(each.get("spanId", ""))) for each in dicts(raw.get("links"))),
    )


def _events(raw: Any) -> Iterator[Event]:
    for each in dicts(raw):
        try:
            time = int(each.get("timeUnixNano", 0))
        except (OverflowError, TypeError, ValueError):
            time = 0
        yield Event(str(each.get("name", "")), time, attributes(each.get("attributes")))


def _value(raw: Any) -> Value:
    """A scalar as it is; whole numbers come as texts, lists and maps are shown as they were written."""
    body = _dict(raw)
    for kind in _SCALARS:
        if kind in body:
            value = body[kind]
            if kind == "intValue":
                try:
                    return int(value)
                except (OverflowError, TypeError, ValueError):
                    return str(value)
            return value if isinstance(value, str | int | float | bool) else str(value)
    return str(next(iter(body.values()), ""))


def _dict(raw: Any) -> dict[str, Any]:
    return raw if isinstance(raw, dict) else {}


def dicts(raw: Any) -> list[dict[str, Any]]:
    """The objects of a list; of anything else none."""
    return [each for each in raw if isinstance(each, dict)] if isinstance(raw, list) else []
