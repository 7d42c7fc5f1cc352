"""Looks at the messages of an Arrow IPC stream before Arrow reads them: what they would become in memory.

Arrow's own reader trusts lengths: a compressed body of a few kilobytes can say that it unpacks to gigabytes. The
messages' heads are flatbuffers; the three numbers needed here are read from them directly.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from modelwatch.exporters.ingest.table import MalformedError, checked_rows

_CONTINUATION = 0xFFFFFFFF
_SCHEMA, _DICTIONARY, _BATCH = 1, 2, 3
# Places in the tables of Arrow's Message.fbs.
_VERSION, _KIND, _HEAD, _BODY_LENGTH = 0, 1, 2, 3
_ROWS, _COMPRESSION = 0, 3
_DATA = 1
_MOST_MESSAGES = 20_000
_MOST_HEAD = 4 << 20


def check_messages(stream: memoryview) -> None:
    """Raises MalformedError for what is no stream or is compressed, and TooManyRowsError."""
    rows = count = 0
    try:
        for head in _heads(stream):
            count += 1
            if count > _MOST_MESSAGES:
                raise MalformedError(f"the body has more than {_MOST_MESSAGES} messages: make record batches larger")
            message = _Flat.root(head)
            kind = message.byte(_KIND)
            if count == 1 and kind != _SCHEMA:
                raise MalformedError("the body is no Arrow IPC stream: it does not begin with a schema")
            if kind in (_DICTIONARY, _BATCH):
                batch = message.table(_HEAD)
                if kind == _DICTIONARY and batch is not None:
                    batch = batch.table(_DATA)
                if batch is None:
                    raise MalformedError("the body is no Arrow IPC stream: a record batch has no content")
                if batch.table(_COMPRESSION) is not None:
                    raise MalformedError("the record batches are compressed: write them without compression")
                length = batch.long(_ROWS)
                if length < 0:
                    raise MalformedError("the body is no Arrow IPC stream: a record batch has fewer than 0 rows")
                rows = checked_rows(rows + length if kind == _BATCH else max(rows, 0))
    except struct.error:
        raise MalformedError("the body is no Arrow IPC stream: it ends early or is damaged") from None
    if not count:
        raise MalformedError("the body is no Arrow IPC stream: it is empty")


def _heads(stream: memoryview) -> Iterator[memoryview]:
    """The flatbuffer of each message; their bodies are skipped."""
    at = 0
    while at < len(stream):
        (size,) = struct.unpack_from("<I", stream, at)
        at += 4
        if size == _CONTINUATION:
            (size,) = struct.unpack_from("<I", stream, at)
            at += 4
        if size == 0:
            return
        if size > _MOST_HEAD or at + size > len(stream):
            raise MalformedError("the body is no Arrow IPC stream: a message is longer than the body")
        head = stream[at : at + size]
        yield head
        body = _Flat.root(head).long(_BODY_LENGTH)
        if body < 0 or at + size + body > len(stream):
            raise MalformedError("the body is no Arrow IPC stream: a record batch is longer than the body")
        at += size + body


class _Flat:
    """A table of a flatbuffer. Reading beyond its end raises struct.error."""

    def __init__(self, buffer: memoryview, at: int) -> None:
        self._buffer, self._at = buffer, at
        (back,) = struct.unpack_from("<i", buffer, at)
        self._fields = at - back
        if self._fields < 0:
            raise struct.error
        (self._size,) = struct.unpack_from("<H", buffer, self._fields)

    @classmethod
    def root(cls, buffer: memoryview) -> _Flat:
        return cls(buffer, struct.unpack_from("<I", buffer, 0)[0])

    def _place(self, field: int) -> int | None:
        slot = 4 + 2 * field
        if slot + 2 > self._size:
            return None
        (offset,) = struct.unpack_from("<H", self._buffer, self._fields + slot)
        return self._at + offset if offset else None

    def byte(self, field: int) -> int:
        place = self._place(field)
        return 0 if place is None else int(struct.unpack_from("<B", self._buffer, place)[0])

    def long(self, field: int) -> int:
        place = self._place(field)
        return 0 if place is None else int(struct.unpack_from("<q", self._buffer, place)[0])

    def table(self, field: int) -> _Flat | None:
        place = self._place(field)
        return None if place is None else _Flat(self._buffer, place + struct.unpack_from("<I", self._buffer, place)[0])
