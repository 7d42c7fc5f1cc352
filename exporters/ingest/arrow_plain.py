"""Arrow IPC without Arrow's own library, which takes 80 MiB: numbers, booleans, times, texts and dictionaries of texts.

Every buffer is looked at within its bounds, and every value that a column is made of is checked before it is used.

nanoarrow (0.9.0) would be small enough to do this instead. It was tried on damaged streams and is unfit for what
strangers send: a buffer whose offset is near 2**63 passes its check of bounds and ends the process by SIGSEGV; one
whose size is near 2**63 makes the batch vanish without an error; the old framing, without a continuation, can abort in
``free()``; texts that are no UTF-8 pass its full validation. tests/exporters/test_ingest_arrow.py holds such streams.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.ingest import times
from modelwatch.exporters.ingest.arrow_messages import BATCH, DICTIONARY, ROWS, SCHEMA, Message
from modelwatch.exporters.ingest.arrow_schema import Field, Kind, fields
from modelwatch.exporters.ingest.arrow_table import ArrowTable, epoch_seconds
from modelwatch.exporters.ingest.arrow_texts import DamagedTextsError, encoded, texts
from modelwatch.exporters.ingest.columns import Column, Mask, Numbers, Texts, Values, shown
from modelwatch.exporters.ingest.flatbuffer import Flat
from modelwatch.exporters.ingest.table import MalformedError, Rejection

# Places in Arrow's Message.fbs.
_NODES, _BUFFERS = 1, 2
_DICTIONARY_ID, _DELTA = 0, 2
# Of Arrow from 0.8 on, and from 1.0 on.
_VERSIONS = (3, 4)
_NO_STREAM = "the body is no Arrow IPC stream"
_Found = TypeVar("_Found")
_Scalar = TypeVar("_Scalar", bound=np.generic)
_Real = TypeVar("_Real", np.float32, np.float64)


class _DamagedError(ValueError):
    """A column that is not what it says. The message says why."""


class _Part(NamedTuple):
    """A column of one batch: ``missing`` of its ``rows`` are null."""

    rows: int
    missing: int
    buffers: tuple[memoryview, ...]
    dictionary: tuple[str | None, ...] | None = None


def plain_table(messages: Sequence[Message], most_batches: int) -> ArrowTable | None:
    """The rows, or None where the stream is not read here. Raises MalformedError.

    What is damaged is refused here: it would be a stranger's way to have the library loaded, for good.
    """
    try:
        return _table(messages, most_batches)
    except struct.error:
        raise MalformedError(f"{_NO_STREAM}: a message is damaged") from None
    except ValueError as error:
        raise MalformedError(f"{_NO_STREAM}: {ascii(str(error)[:300])[1:-1]}") from None


def _table(messages: Sequence[Message], most_batches: int) -> ArrowTable | None:
    known = fields(_there(messages[0].head))
    if known is None:
        return None
    # A dictionary holds for the batches after it, until another of its number comes.
    dictionaries: dict[int, tuple[str | None, ...]] = {}
    kinds = {field.id: field.kind for field in known if field.id is not None}
    columns: list[list[_Part]] = [[] for _ in known]
    rows = batches = 0
    for message in messages[1:]:
        batch = message.batch
        if message.version not in _VERSIONS or message.kind == SCHEMA or batch is None:
            raise _DamagedError("a message is of another version or another kind")
        if message.kind == DICTIONARY:
            head = _there(message.head)
            number = head.long(_DICTIONARY_ID)
            if head.byte(_DELTA):
                return None
            if number not in kinds:
                raise _DamagedError("a dictionary is of no column")
            (part,) = _parts(batch, message.body, [kinds[number]])
            dictionaries[number] = _dictionary(part, kinds[number])
        elif message.kind == BATCH:
            batches += 1
            if batches > most_batches:
                raise MalformedError(f"the body has more than {most_batches} record batches: make them larger")
            rows += batch.long(ROWS)
            for field, column, part in zip(
                known, columns, _parts(batch, message.body, [field.stored for field in known]), strict=True
            ):
                if field.id is not None and field.id not in dictionaries:
                    raise _DamagedError("a dictionary is missing")
                if part.rows:
                    column.append(part if field.id is None else part._replace(dictionary=dictionaries[field.id]))
    return ArrowTable(_Columns(known, columns), rows)


def _there(flat: Flat | None) -> Flat:
    if flat is None:
        raise _DamagedError("a message has no content")
    return flat


def _parts(batch: Flat, body: memoryview, kinds: Sequence[Kind]) -> list[_Part]:
    nodes, places = batch.pairs(_NODES), batch.pairs(_BUFFERS)
    rows = batch.long(ROWS)
    if len(nodes) != len(kinds) or len(places) != sum(kind.buffers for kind in kinds):
        raise _DamagedError("a record batch has other columns than the schema")
    found, at = [], 0
    for kind, (length, missing) in zip(kinds, nodes, strict=True):
        if length != rows or not 0 <= missing <= length:
            raise _DamagedError("a column has more or fewer values than its record batch")
        buffers = []
        for offset, size in places[at : at + kind.buffers]:
            if offset < 0 or size < 0 or offset + size > len(body):
                raise _DamagedError("a column lies outside of its record batch")
            buffers.append(body[offset : offset + size])
        at += kind.buffers
        found.append(_Part(length, missing, tuple(buffers)))
    return found


def _array(part: _Part, kind: np.dtype[np.generic], count: int) -> NDArray[np.generic]:
    """The first ``count`` numbers of a column."""
    if len(part.buffers[1]) < count * kind.itemsize:
        raise _DamagedError("it is shorter than its rows")
    return np.frombuffer(part.buffers[1], dtype=kind, count=count)


def _bits(buffer: memoryview, rows: int) -> Mask:
    if len(buffer) * 8 < rows:
        raise _DamagedError("it is shorter than its rows")
    return np.unpackbits(np.frombuffer(buffer, dtype=np.uint8), count=rows, bitorder="little").view(np.bool_)


def _nulls(part: _Part) -> Mask | None:
    """Which values are missing; None where none is."""
    if not len(part.buffers[0]):
        if part.missing:
            raise _DamagedError("it does not say which of its values are null")
        return None
    nulls = ~_bits(part.buffers[0], part.rows)
    if np.count_nonzero(nulls) != part.missing:
        raise _DamagedError(f"it says that {part.missing} of its values are null, and others are")
    return nulls if part.missing else None


def _offsets(part: _Part, kind: Kind) -> NDArray[np.signedinteger]:
    if not part.rows and not len(part.buffers[1]):
        return np.zeros(1, dtype=np.int64)
    found: NDArray[np.signedinteger] = _array(part, kind.type, part.rows + 1).astype(np.int64)
    return found


def _dictionary(part: _Part, kind: Kind) -> tuple[str | None, ...]:
    """Raises _DamagedError, DamagedTextsError and UnicodeDecodeError."""
    nulls = _nulls(part)
    try:
        found = texts(_offsets(part, kind), part.buffers[2])
    except DamagedTextsError as error:
        raise _DamagedError(str(error)) from None
    return found if nulls is None else tuple(None if null else text for text, null in zip(found, nulls, strict=True))


class _Columns:
    """``parts`` are those of each of ``fields``, none of them empty."""

    def __init__(self, fields: Sequence[Field], parts: Sequence[Sequence[_Part]]) -> None:
        self.names = [field.name for field in fields]
        self._fields, self._parts = fields, parts

    def column(self, name: str) -> Column | None:
        return self._read(name, _column)

    def there(self, name: str) -> Mask | None:
        return self._read(name, lambda _, parts: ~_missing(parts))

    def plain(self, name: str) -> Sequence[object] | None:
        return self._read(name, _values)

    def seconds(self, name: str, errors: dict[int, Rejection]) -> NDArray[np.float64] | None:
        return self._read(name, lambda field, parts: _seconds(field, parts, errors))

    def _read(self, name: str, read: Callable[[Field, Sequence[_Part]], _Found]) -> _Found | None:
        if name not in self.names:
            return None
        place = self.names.index(name)
        if not self._parts[place]:
            return None
        try:
            return read(self._fields[place], self._parts[place])
        except (_DamagedError, DamagedTextsError, UnicodeDecodeError) as error:
            why = ascii(str(error)[:300])[1:-1]
            raise MalformedError(f"the column {shown(name)[9:]} is damaged: {why}") from None


def _missing(parts: Sequence[_Part]) -> Mask:
    found = [(part.rows, _nulls(part)) for part in parts]
    return np.concatenate([np.zeros(rows, dtype=np.bool_) if nulls is None else nulls for rows, nulls in found])


def _column(field: Field, parts: Sequence[_Part]) -> Column:
    if field.codes is not None:
        return _coded(parts, field.codes)
    if field.kind.what == "text":
        return _encoded(parts, field.kind)
    if field.kind.what == "boolean":
        return Values(_values(field, parts))
    if field.kind.what == "time":
        wrong = ~_missing(parts)
        return Numbers(np.full(len(wrong), math.nan), wrong if wrong.any() else None, "Arrow's timestamp")
    if field.kind.type == np.float32:
        # Twice as wide, they would take twice their body.
        return Numbers.of(_joined([_reals(part, field.kind, np.float32) for part in parts]))
    return Numbers.of(_joined([_floats(part, field.kind) for part in parts]))


def _joined(arrays: Sequence[NDArray[_Scalar]]) -> NDArray[_Scalar]:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _floats(part: _Part, kind: Kind) -> NDArray[np.float64]:
    return _reals(part, kind, np.float64)


def _reals(part: _Part, kind: Kind, wanted: type[_Real]) -> NDArray[_Real]:
    """NaN for null; where they lie if they are what is wanted and none is null."""
    nulls = _nulls(part)
    found = _array(part, kind.type, part.rows).astype(wanted, copy=False)
    return found if nulls is None else np.where(nulls, wanted(math.nan), found)


def _coded(parts: Sequence[_Part], index: Kind) -> Texts:
    found: list[NDArray[np.signedinteger]] = []
    distinct: list[str] = []
    before: tuple[str | None, ...] | None = None
    for part in parts:
        words = part.dictionary or ()
        if words is not before:
            # Each batch may have a dictionary of its own.
            start, before = len(distinct), words
            distinct.extend(text or "" for text in words)
        found.append(_codes(part, index, words, start))
    return Texts(_joined(found), tuple(distinct))


def _codes(part: _Part, index: Kind, words: Sequence[str | None], start: int) -> NDArray[np.signedinteger]:
    nulls, codes = _nulls(part), _array(part, index.type, part.rows)
    if nulls is not None:
        # What stands where nothing is may be anything.
        codes = np.where(nulls, index.type.type(0), codes)
    if not len(words):
        if nulls is None or not nulls.all():
            raise _DamagedError("its dictionary is empty")
        return np.full(part.rows, -1)
    if int(codes.max()) >= len(words) or int(codes.min()) < 0:
        raise _DamagedError("it has codes that are not in its dictionary")
    if None in words:
        empty = np.array([text is None for text in words])[codes]
        nulls = empty if nulls is None else nulls | empty
    plain = index.type.kind == "i" and not start
    found: NDArray[np.signedinteger] = codes.astype(index.type if plain else np.int64, copy=False)
    if start:
        found = found + start
    return found if nulls is None else np.where(nulls, found.dtype.type(-1), found)


def _encoded(parts: Sequence[_Part], kind: Kind) -> Texts:
    found: list[NDArray[np.int64]] = []
    distinct: list[str] = []
    for part in parts:
        nulls = _nulls(part)
        codes, words = encoded(_offsets(part, kind), part.buffers[2])
        codes += len(distinct)
        distinct.extend(words)
        found.append(codes if nulls is None else np.where(nulls, -1, codes))
    return Texts(_joined(found), tuple(distinct))


def _values(field: Field, parts: Sequence[_Part]) -> list[object]:
    if field.stored.what == "boolean":
        values = [value for part in parts for value in _bits(part.buffers[1], part.rows).tolist()]
    elif field.kind.what == "text":
        read = _coded(parts, field.codes) if field.codes else _encoded(parts, field.kind)
        # The last is for -1.
        words = [*read.distinct, None]
        values = [words[code] for code in read.codes.tolist()]
    else:
        values = [value for part in parts for value in _array(part, field.kind.type, part.rows).tolist()]
    return [None if null else value for value, null in zip(values, _missing(parts).tolist(), strict=True)]


def _seconds(field: Field, parts: Sequence[_Part], errors: dict[int, Rejection]) -> NDArray[np.float64]:
    if field.kind.what == "time":
        return epoch_seconds(_joined([_floats(part, field.kind) for part in parts]) / field.kind.per_second, errors)
    if field.kind.what == "number":
        return times.checked(_joined([_floats(part, field.kind) for part in parts]), errors)
    return times.timestamps(_values(field, parts), errors)
