"""The journal's bytes: a segment is a header and records, each framed by its length and checksums.

    frame    length of the payload, CRC-32 of the payload, CRC-32 of these eight bytes; then the payload
    header   JSON: format, model, shape of the vectors, and where the time line stood when the segment was begun
    record   sequence, time, wall clock, newest row's time, accepted rows, rejected rows by reason, counts, sums, and
             where the rows were read from a file, how far it was read

The checksums of records go on from the header's, so a record is only ever read with the shape that it was written for.
The frame has a checksum of its own: what a kill has cut short has a whole frame, or less than one, and nothing after
it. A frame that is whole and wrong is damage, and what follows cannot be trusted to be where it seems.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import orjson

from modelwatch.exporters.clock import Moment
from modelwatch.exporters.formats import OtherFormatError, checked_format
from modelwatch.exporters.ledger import Mark, Record
from modelwatch.exporters.packed import from_bytes, to_bytes
from modelwatch.exporters.shape import Delta, Shape

# The first has no marks.
FORMATS = ("modelwatch.journal/1", "modelwatch.journal/2")

_FRAME, _FRAME_CHECK = struct.Struct("<II"), struct.Struct("<I")
FRAME_SIZE = _FRAME.size + _FRAME_CHECK.size
_RECORD = struct.Struct("<QqddIB")
_COUNT = struct.Struct("<I")
_MARK = struct.Struct("<QQQ")
# A record of nothing at all: no fewer bytes hold one.
LEAST_SIZE = FRAME_SIZE + _RECORD.size


@dataclass(frozen=True, slots=True)
class Header:
    """``moment`` is any moment of the process that wrote the segment."""

    model: str
    shape: Shape
    moment: Moment


def _framed(payload: bytes, seed: int) -> bytes:
    head = _FRAME.pack(len(payload), crc32(payload, seed))
    return head + _FRAME_CHECK.pack(crc32(head, seed)) + payload


def header_bytes(header: Header) -> tuple[bytes, int]:
    """The header as it is written, and what records of its segment are sealed with."""
    moment = header.moment
    payload = orjson.dumps(
        {
            "format": FORMATS[-1],
            "model": header.model,
            "shape": header.shape.plain(),
            "moment": [moment.time, moment.wall, moment.monotonic, moment.boot],
        }
    )
    return _framed(payload, 0), crc32(payload)


def body_bytes(delta: Delta) -> bytes:
    """The part of a record that does not hang on when and after what it comes."""
    reasons = b"".join(
        bytes([len(name)]) + name + _COUNT.pack(rows)
        for name, rows in ((reason.encode()[:255], rows) for reason, rows in delta.reasons.items())
    )
    return reasons + to_bytes(delta.counts) + to_bytes(delta.sums)


def record_bytes(record: Record, body: bytes, seed: int) -> bytes:
    """A record as it is written; ``body`` is ``body_bytes`` of its delta."""
    delta = record.delta
    newest = math.nan if delta.newest is None else delta.newest
    head = _RECORD.pack(record.sequence, record.time, record.wall, newest, delta.accepted, len(delta.reasons))
    return _framed(head + body + (b"" if record.mark is None else _MARK.pack(*record.mark)), seed)


class DamagedError(ValueError):
    """Bytes that were not written so. ``at`` is where they begin."""

    def __init__(self, at: int, message: str) -> None:
        super().__init__(message)
        self.at = at


class Segment:
    """A segment that is read. ``header`` is None where a kill came before it was whole.

    Raises DamagedError, and OtherFormatError for what another version of modelwatch has written.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.header: Header | None = None
        found = self._frame(0, 0)
        if found is None:
            return
        payload, self._at = found
        self._seed = crc32(payload)
        try:
            document: Any = orjson.loads(payload)
            checked_format(document["format"], FORMATS)
            moment = Moment(*document["moment"])
            self.header = Header(document["model"], Shape.of_plain(document["shape"]), moment)
        except OtherFormatError:
            raise
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedError(0, str(error)) from None

    def records(self) -> Iterator[Record]:
        """Up to the end, or up to what a kill has cut short. Raises DamagedError after the last good one."""
        if self.header is None:
            return
        at, shape = self._at, self.header.shape
        while (found := self._frame(at, self._seed)) is not None:
            payload, after = found
            try:
                record = _record(payload, shape)
            except (ValueError, struct.error, IndexError) as error:
                raise DamagedError(at, str(error)) from None
            yield record
            at = after

    def _frame(self, at: int, seed: int) -> tuple[bytes, int] | None:
        """The payload at ``at`` and where it ends; None at the end."""
        content = self._content
        start = at + FRAME_SIZE
        if start > len(content):
            return None
        size, check = _FRAME.unpack_from(content, at)
        if crc32(content[at : at + _FRAME.size], seed) != _FRAME_CHECK.unpack_from(content, at + _FRAME.size)[0]:
            raise DamagedError(at, "a frame does not match its checksum")
        if start + size > len(content):
            return None
        payload = content[start : start + size]
        if crc32(payload, seed) != check:
            raise DamagedError(at, "a record does not match its checksum")
        return payload, start + size


def _record(payload: bytes, shape: Shape) -> Record:
    """Raises ValueError, struct.error or IndexError."""
    sequence, time, wall, newest, accepted, kinds = _RECORD.unpack_from(payload)
    at = _RECORD.size
    reasons = {}
    for _ in range(kinds):
        end = at + 1 + payload[at]
        reasons[payload[at + 1 : end].decode()] = _COUNT.unpack_from(payload, end)[0]
        at = end + _COUNT.size
    counts, at = from_bytes(payload, at, shape.width)
    sums, at = from_bytes(payload, at, shape.float_width)
    mark = None
    if at != len(payload):
        if at + _MARK.size != len(payload):
            raise ValueError(f"a record of {len(payload)} bytes ends after {at}")
        mark = Mark(*_MARK.unpack_from(payload, at))
    delta = Delta(counts, sums, accepted, reasons, None if math.isnan(newest) else newest)
    return Record(sequence, time, wall, delta, mark)
