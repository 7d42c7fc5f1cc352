"""Formats that rows arrive in: one file each, found by the content type of the request."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from modelwatch.exporters.ingest.arrow import decode_arrow
from modelwatch.exporters.ingest.columns import Column, Numbers, Texts, Values
from modelwatch.exporters.ingest.json_body import AFTER, UNBROKEN, decode_json
from modelwatch.exporters.ingest.looks import looks_like, looks_like_arrow, looks_like_json
from modelwatch.exporters.ingest.ndjson import decode_ndjson
from modelwatch.exporters.ingest.table import REASONS, MalformedError, Reason, Rejection, Table, TooManyRowsError

NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")
ARROW = ("application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.file")
_TEXTS: Mapping[str, Callable[[bytes], Table]] = {
    "application/json": decode_json,
    **dict.fromkeys(NDJSON, decode_ndjson),
}
FORMATS = (*_TEXTS, *ARROW)
_FORM = "application/x-www-form-urlencoded"
# What programs write that were told nothing: plain sockets, curl -d and urllib, fetch() of a text, curl of a file.
UNSAID = ("", _FORM, "text/plain", "text/json", "application/octet-stream")
_FORM_HELP = (
    f"it came as {_FORM}, which is what curl -d says of itself, and was read as JSON; -d also takes the line breaks "
    "out of a file: send JSON Lines with --data-binary @FILE and -H 'Content-Type: application/x-ndjson'"
)

__all__ = [
    "ARROW",
    "FORMATS",
    "REASONS",
    "UNSAID",
    "Column",
    "MalformedError",
    "Numbers",
    "Reason",
    "Rejection",
    "Table",
    "Texts",
    "TooManyRowsError",
    "UnknownFormatError",
    "Values",
    "decode",
    "media_type",
]


class UnknownFormatError(Exception):
    """A content type that is none of ours. The message names those that are."""


def media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def decode(body: bytes | memoryview, content_type: str = "") -> Table:
    """The rows of a request. Raises MalformedError, TooManyRowsError and UnknownFormatError.

    What says nothing of itself (UNSAID) reads as JSON.
    """
    media = media_type(content_type)
    if media in ARROW:
        try:
            return decode_arrow(memoryview(body))
        except MalformedError as problem:
            if looks_like_arrow(body):
                raise
            json = "JSON: send it with Content-Type: application/json" if looks_like_json(body) else None
            if kind := json or looks_like(body[:4]):
                raise MalformedError(f"the body is no Arrow IPC, it looks like {kind} ({problem})") from None
            raise
    reader = decode_json if media in UNSAID or media.endswith("+json") else _TEXTS.get(media)
    if reader is None:
        raise UnknownFormatError(f"the content type {media[:80]!a} is not read here; send {', '.join(FORMATS)}")
    try:
        return reader(bytes(body))
    except MalformedError as problem:
        if media == _FORM:
            raise MalformedError(f"{problem}; {_FORM_HELP}") from None
        if media == "application/json" and AFTER in str(problem) and b"\n" not in bytes(body).strip():
            raise MalformedError(f"{problem}; JSON Lines are application/x-ndjson, and {UNBROKEN}") from None
        raise
