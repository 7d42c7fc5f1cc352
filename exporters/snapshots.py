"""A tally as bytes: the SHA-256 of all that follows on the first line, JSON on the second, then the packed vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson

from modelwatch.exporters.clock import Moment
from modelwatch.exporters.formats import checked_format
from modelwatch.exporters.ledger import Kept, Mark, Tally
from modelwatch.exporters.packed import Packed, from_bytes, pack, to_bytes, unpacked
from modelwatch.exporters.shape import Shape
from modelwatch.exporters.windows import Floats, Ints, Slot

# The second has no marks.
FORMATS = ("modelwatch.state/2", "modelwatch.state/3")


def encoded(tally: Tally) -> bytes:
    moment = tally.moment
    head = {
        "format": FORMATS[-1],
        "sequence": tally.sequence,
        "moment": [moment.time, moment.wall, moment.monotonic, moment.boot],
        "accepted": tally.accepted,
        "reasons": dict(tally.reasons),
        "last_row": tally.last_row,
        "lag": tally.lag,
        "shape": tally.shape.plain(),
        "marks": [[*mark] for mark in tally.marks.values()],
        "slots": [[kept.newest, *(slot.number for slot in kept.earlier)] for kept in tally.windows.values()],
    }
    content = orjson.dumps(head) + b"\n" + b"".join(to_bytes(packed) for packed in _vectors(tally))
    return hashlib.sha256(content).hexdigest().encode() + b"\n" + content


def _vectors(tally: Tally) -> Iterator[Packed]:
    yield from (pack(tally.counters), pack(tally.sums))
    for kept in tally.windows.values():
        yield from (pack(kept.counts), pack(kept.sums))
        for slot in kept.earlier:
            yield from (slot.counts, slot.sums)


def decoded(content: bytes) -> Tally:
    """Raises ValueError, KeyError or TypeError; OtherFormatError for what another version has written."""
    digest, _, rest = content.partition(b"\n")
    if hashlib.sha256(rest).hexdigest().encode() != digest:
        raise ValueError("is damaged: its content does not match its checksum")
    text, _, body = rest.partition(b"\n")
    head: Any = orjson.loads(text)
    checked_format(head["format"], FORMATS)
    shape = Shape.of_plain(head["shape"])
    reader = _Reader(body, shape)
    counters, sums = reader.vectors()
    windows = {}
    for milliseconds, (newest, *numbers) in zip(shape.windows, head["slots"], strict=True):
        kept = reader.vectors()
        windows[milliseconds] = Kept(newest, *kept, tuple(Slot(number, *reader.pair()) for number in numbers))
    reader.end()
    return Tally(
        shape=shape,
        sequence=head["sequence"],
        moment=Moment(*head["moment"]),
        accepted=head["accepted"],
        reasons=head["reasons"],
        last_row=head["last_row"],
        lag=head["lag"],
        counters=counters,
        sums=sums,
        windows=windows,
        marks={mark.file: mark for mark in (Mark(*found) for found in head.get("marks", ()))},
    )


class _Reader:
    def __init__(self, body: bytes, shape: Shape) -> None:
        self._body, self._shape, self._at = body, shape, 0

    def pair(self) -> tuple[Packed, Packed]:
        counts, at = from_bytes(self._body, self._at, self._shape.width)
        sums, self._at = from_bytes(self._body, at, self._shape.float_width)
        return counts, sums

    def vectors(self) -> tuple[Ints, Floats]:
        counts, sums = self.pair()
        return unpacked(counts, np.int64), unpacked(sums, np.float64)

    def end(self) -> None:
        if self._at != len(self._body):
            raise ValueError(f"has {len(self._body) - self._at} bytes too many")
