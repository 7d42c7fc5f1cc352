"""CloudEvents 1.0 over HTTP: what an event says of itself, whichever of the three modes it was sent in.

Binary: attributes are headers (``ce-id``), the body is the data. Structured: the body is the event as JSON. Batched: an
array of those.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from modelwatch.exporters.ingest.columns import shown
from modelwatch.exporters.ingest.json_body import parsed
from modelwatch.exporters.ingest.table import MalformedError

STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"
_HELP = "send CloudEvents with JSON data, as KServe's logger does"
_MOST_EVENTS = 10_000


@dataclass(frozen=True, slots=True)
class Event:
    """``attributes`` by lower-case name, without the prefix; ``data`` as it was sent, to be JSON."""

    attributes: Mapping[str, str]
    data: bytes

    def attribute(self, name: str) -> str:
        """Raises MalformedError when the event does not have it."""
        found = self.attributes.get(name)
        if not found:
            raise MalformedError(f"the event has no attribute {name!r}: {_HELP}")
        return found


def is_event(headers: Mapping[str, str], media: str) -> bool:
    """Whether a request with these headers and this media type holds events."""
    return media in (STRUCTURED, BATCHED) or "ce-specversion" in headers or "ce-type" in headers


def decode_events(body: bytes, media: str, headers: Mapping[str, str]) -> list[Event]:
    """Raises MalformedError. Names in ``headers`` are lower-case."""
    if media == BATCHED:
        batch = parsed(body, _HELP)
        if not isinstance(batch, list):
            raise MalformedError(f"a batch of events must be an array, found {shown(batch)}; {_HELP}")
        if len(batch) > _MOST_EVENTS:
            raise MalformedError(f"the batch has more than {_MOST_EVENTS} events: send fewer at once")
        return [_structured(event) for event in batch]
    if media == STRUCTURED:
        return [_structured(parsed(body, _HELP))]
    return [Event({name[3:]: unquote(value) for name, value in headers.items() if name.startswith("ce-")}, body)]


def _structured(event: Any) -> Event:
    if not isinstance(event, dict):
        raise MalformedError(f"an event must be an object, found {shown(event)}; {_HELP}")
    attributes = {name.lower(): value for name, value in event.items() if isinstance(value, str)}
    data = event.get("data")
    if data is None and "data_base64" in attributes:
        try:
            return Event(attributes, base64.b64decode(attributes["data_base64"], validate=True))
        except (binascii.Error, ValueError):
            raise MalformedError(f"'data_base64' of an event is no base64: {_HELP}") from None
    # JSON that was sent under another content type stands in the event as a text.
    text = data if isinstance(data, str) else json.dumps(data)
    return Event(attributes, text.encode("utf-8", "surrogatepass"))
