"""Reads tables of flatbuffers: what Arrow describes its messages in.

Whatever lies beyond the end raises struct.error.
"""

from __future__ import annotations

import struct


class Flat:
    """A table in ``buffer``. Fields are numbered as they stand in the schema; one that is not there reads as 0."""

    def __init__(self, buffer: memoryview, at: int) -> None:
        self._buffer, self._at = buffer, at
        (back,) = struct.unpack_from("<i", buffer, at)
        self._fields = at - back
        if self._fields < 0:
            raise struct.error
        (self._size,) = struct.unpack_from("<H", buffer, self._fields)

    @classmethod
    def root(cls, buffer: memoryview) -> Flat:
        return cls(buffer, struct.unpack_from("<I", buffer, 0)[0])

    def _place(self, field: int) -> int | None:
        slot = 4 + 2 * field
        if slot + 2 > self._size:
            return None
        (offset,) = struct.unpack_from("<H", self._buffer, self._fields + slot)
        return self._at + offset if offset else None

    def _number(self, field: int, kind: str) -> int:
        place = self._place(field)
        return 0 if place is None else int(struct.unpack_from(kind, self._buffer, place)[0])

    def byte(self, field: int) -> int:
        return self._number(field, "<B")

    def short(self, field: int) -> int:
        return self._number(field, "<h")

    def whole(self, field: int) -> int:
        return self._number(field, "<i")

    def long(self, field: int) -> int:
        return self._number(field, "<q")

    def table(self, field: int) -> Flat | None:
        place = self._place(field)
        return None if place is None else Flat(self._buffer, place + struct.unpack_from("<I", self._buffer, place)[0])

    def _vector(self, field: int, size: int) -> tuple[int, int]:
        """Where it begins, and how many things of ``size`` bytes it holds."""
        place = self._place(field)
        if place is None:
            return 0, 0
        start = place + struct.unpack_from("<I", self._buffer, place)[0]
        (count,) = struct.unpack_from("<I", self._buffer, start)
        if start + 4 + count * size > len(self._buffer):
            raise struct.error
        return start + 4, count

    def text(self, field: int) -> str:
        """Raises UnicodeDecodeError."""
        start, count = self._vector(field, 1)
        return bytes(self._buffer[start : start + count]).decode()

    def tables(self, field: int) -> list[Flat]:
        start, count = self._vector(field, 4)
        places = range(start, start + 4 * count, 4)
        return [Flat(self._buffer, place + struct.unpack_from("<I", self._buffer, place)[0]) for place in places]

    def pairs(self, field: int) -> list[tuple[int, int]]:
        """A vector of structs of two long numbers."""
        start, count = self._vector(field, 16)
        return list(struct.iter_unpack("<qq", self._buffer[start : start + 16 * count]))
