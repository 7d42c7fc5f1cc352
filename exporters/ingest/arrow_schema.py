"""What the columns of an Arrow IPC stream are, as far as they are read without Arrow's own library."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from modelwatch.exporters.ingest.flatbuffer import Flat

# Places in the tables of Arrow's Schema.fbs.
_ENDIANNESS, _FIELDS = 0, 1
_NAME, _TYPE, _TYPE_TABLE, _ENCODING, _CHILDREN = 0, 2, 3, 4, 5
_WIDTH, _SIGNED, _PRECISION, _UNIT = 0, 1, 0, 0
_ID, _INDEX, _ENCODING_KIND = 0, 1, 3
# Of Arrow's types, numbered as there.
_INT, _FLOAT, _UTF8, _BOOL, _TIMESTAMP, _LARGE_UTF8 = 2, 3, 5, 6, 10, 20
_PER_SECOND = (1.0, 1e3, 1e6, 1e9)


class Kind(NamedTuple):
    """``type`` is that of the numbers, or of where each text begins. ``per_second`` are the units of a time."""

    what: Literal["number", "boolean", "text", "time"]
    type: np.dtype[np.generic]
    per_second: float = 1.0

    @property
    def buffers(self) -> int:
        return 3 if self.what == "text" else 2


_FLOATS = {place: Kind("number", np.dtype(f"<f{size}")) for place, size in enumerate((2, 4, 8))}


class Field(NamedTuple):
    """``kind`` is that of the values; where they are in the dictionary ``id``, ``codes`` is that of their places."""

    name: str
    kind: Kind
    id: int | None = None
    codes: Kind | None = None

    @property
    def stored(self) -> Kind:
        """What record batches hold."""
        return self.codes or self.kind


def fields(schema: Flat) -> list[Field] | None:
    """The columns, or None where one is of a type that is not read here. Raises struct.error and UnicodeDecodeError."""
    if schema.short(_ENDIANNESS) != 0:
        return None
    found = []
    for flat in schema.tables(_FIELDS):
        kind = _kind(flat)
        if kind is None:
            return None
        encoding = flat.table(_ENCODING)
        if encoding is None:
            found.append(Field(flat.text(_NAME), kind))
            continue
        index = encoding.table(_INDEX)
        codes = Kind("number", np.dtype("<i4")) if index is None else _whole(index)
        if kind.what != "text" or codes is None or encoding.short(_ENCODING_KIND) != 0:
            return None
        found.append(Field(flat.text(_NAME), kind, encoding.long(_ID), codes))
    return found


def _kind(field: Flat) -> Kind | None:
    told = field.table(_TYPE_TABLE)
    if told is None or field.tables(_CHILDREN):
        return None
    kind = field.byte(_TYPE)
    if kind == _INT:
        return _whole(told)
    if kind == _FLOAT:
        return _FLOATS.get(told.short(_PRECISION))
    if kind in (_UTF8, _LARGE_UTF8):
        return Kind("text", np.dtype("<i4" if kind == _UTF8 else "<i8"))
    if kind == _TIMESTAMP:
        unit = dict(enumerate(_PER_SECOND)).get(told.short(_UNIT))
        return Kind("time", np.dtype("<i8"), unit) if unit else None
    return Kind("boolean", np.dtype(np.bool_)) if kind == _BOOL else None


def _whole(told: Flat) -> Kind | None:
    width = told.whole(_WIDTH)
    if width not in (8, 16, 32, 64):
        return None
    return Kind("number", np.dtype(f"<{'i' if told.byte(_SIGNED) else 'u'}{width // 8}"))
