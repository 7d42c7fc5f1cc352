"""The messages of an Arrow IPC stream, looked at before anybody reads them: what they would become in memory.

Arrow's own reader trusts lengths: a compressed body of a few kilobytes can say that it unpacks to gigabytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from modelwatch.exporters.ingest.flatbuffer import Flat
from modelwatch.exporters.ingest.table import MalformedError, checked_rows

_CONTINUATION = 0xFFFFFFFF
SCHEMA, DICTIONARY, BATCH = 1, 2, 3
# Places in the tables of Arrow's Message.fbs.
_VERSION, _KIND, _HEAD, _BODY_LENGTH = 0, 1, 2, 3
ROWS, _COMPRESSION = 0, 3
DATA = 1
_MOST_MESSAGES = 20_000
_CUT = "the body is an Arrow IPC stream that is cut off"
_MOST_HEAD = 4 << 20


class Message(NamedTuple):
    """``head`` is of a schema, a dictionary or a batch, as ``kind`` says; ``batch`` the part of it that has rows.

    ``version`` is that of the format, numbered from 0.
    """

    version: int
    kind: int
    head: Flat | None
    batch: Flat | None
    body: memoryview


def messages(stream: memoryview) -> list[Message]:
    """Raises MalformedError for what is no stream or is compressed, and TooManyRowsError."""
    found: list[Message] = []
    rows = 0
    try:
        for flat, body in _messages(stream):
            kind, head = flat.byte(_KIND), flat.table(_HEAD)
            if len(found) == _MOST_MESSAGES:
                raise MalformedError(f"the body has more than {_MOST_MESSAGES} messages: make record batches larger")
            if not found and kind != SCHEMA:
                raise MalformedError("the body is no Arrow IPC stream: it does not begin with a schema")
            batch = None
            if kind in (DICTIONARY, BATCH):
                batch = head.table(DATA) if kind == DICTIONARY and head is not None else head
                rows = _checked_batch(kind, batch, rows)
            found.append(Message(flat.short(_VERSION), kind, head, batch, body))
    except struct.error:
        raise MalformedError("the body is no Arrow IPC stream: it ends early or is damaged") from None
    if not found:
        raise MalformedError("the body is no Arrow IPC stream: it is empty")
    return found


def _checked_batch(kind: int, batch: Flat | None, rows: int) -> int:
    """The rows up to here."""
    if batch is None:
        raise MalformedError("the body is no Arrow IPC stream: a record batch has no content")
    if batch.table(_COMPRESSION) is not None:
        raise MalformedError("the record batches are compressed: write them without compression")
    length = batch.long(ROWS)
    if length < 0:
        raise MalformedError("the body is no Arrow IPC stream: a record batch has fewer than 0 rows")
    return checked_rows(rows + length if kind == BATCH else rows)


def _messages(stream: memoryview) -> Iterator[tuple[Flat, memoryview]]:
    """The flatbuffer and the body of each message."""
    at = 0
    while at < len(stream):
        size, at = _size(stream, at)
        if size == 0:
            return
        if size > _MOST_HEAD:
            raise MalformedError("the body is no Arrow IPC stream: a message is longer than the body")
        if at + size > len(stream):
            raise MalformedError(f"{_CUT}: a message is longer than the body")
        flat = Flat.root(stream[at : at + size])
        length = flat.long(_BODY_LENGTH)
        start = at + size
        if length < 0:
            raise MalformedError("the body is no Arrow IPC stream: a record batch is longer than the body")
        if start + length > len(stream):
            raise MalformedError(f"{_CUT}: a record batch is longer than the body")
        at = start + length
        yield flat, stream[start:at]


def _size(stream: memoryview, begin: int) -> tuple[int, int]:
    """How long the head of the message at ``begin`` is, and where it stands."""
    at = begin
    try:
        (size,) = struct.unpack_from("<I", stream, at)
        at += 4
        if size == _CONTINUATION:
            (size,) = struct.unpack_from("<I", stream, at)
            at += 4
    except struct.error:
        if not begin:
            raise
        raise MalformedError(f"{_CUT}: its last message has only begun") from None
    return size, at
