"""Arrow IPC, stream or file: columns named like features, and ``prediction``, ``confidence``, ``id``, ``timestamp``.

Numbers are read where they lie in the body; a dictionary's texts are looked at once, however many rows use them. What
comes in is nobody's friend: every message is checked before anybody reads it, and every column before it is used.

Usual columns take no more than numpy. What is left (decimals, dates, views and the like) is for Arrow's own library.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.ingest import times
from modelwatch.exporters.ingest.arrow_messages import messages
from modelwatch.exporters.ingest.arrow_plain import plain_table
from modelwatch.exporters.ingest.arrow_table import ArrowTable, epoch_seconds
from modelwatch.exporters.ingest.columns import Column, Mask, Numbers, Texts, Values, shown
from modelwatch.exporters.ingest.table import MalformedError, Rejection, Table, add, checked_rows

_MAGIC = b"ARROW1\0\0"
_MOST_BATCHES = 10_000


@cache
def _arrow() -> Any:
    # 60 MiB resident, which a sidecar that is sent JSON alone never needs.
    import pyarrow as pa  # noqa: PLC0415  # 60 MiB that only Arrow needs
    import pyarrow.compute  # noqa: PLC0415
    import pyarrow.ipc  # noqa: PLC0415

    return pa


def decode_arrow(body: memoryview) -> Table:
    """Raises MalformedError and TooManyRowsError.

    A file is a stream with a footer; the stream inside is read, so that one way of reading has to be right.
    """
    view = body[len(_MAGIC) :] if body[: len(_MAGIC)] == _MAGIC else body
    return plain_table(messages(view), _MOST_BATCHES) or _by_library(view)


def _by_library(view: memoryview) -> Table:
    """For a stream whose messages have been looked at."""
    pa = _arrow()
    try:
        schema, batches, rows = _batches(view)
        return ArrowTable(_Columns(schema, batches), rows)
    except (pa.ArrowException, OSError, ValueError, KeyError, OverflowError, MemoryError, NotImplementedError) as error:
        raise MalformedError(f"the body is no Arrow IPC stream: {_plain(error)}") from None


def _batches(view: memoryview) -> tuple[Any, list[Any], int]:
    pa = _arrow()
    found, rows = [], 0
    with pa.ipc.open_stream(pa.py_buffer(view)) as reader:
        schema = reader.schema
        for batch in reader:
            rows = checked_rows(rows + batch.num_rows)
            found.append(batch)
            if len(found) > _MOST_BATCHES:
                raise MalformedError(f"the body has more than {_MOST_BATCHES} record batches: make them larger")
    return schema, [batch for batch in found if batch.num_rows], rows


def _plain(error: BaseException) -> str:
    return ascii(str(error)[:300])[1:-1]


class _Columns:
    """Of ``batches`` that have ``schema``."""

    def __init__(self, schema: Any, batches: list[Any]) -> None:
        self.names: Sequence[str] = schema.names
        self._batches = batches

    def column(self, name: str) -> Column | None:
        array = self._array(name)
        return None if array is None else _column(array)

    def there(self, name: str) -> Mask | None:
        array = self._array(name)
        return None if array is None else array.is_valid().to_numpy(zero_copy_only=False)

    def plain(self, name: str) -> Sequence[object] | None:
        array = self._array(name)
        return None if array is None else self._guarded(name, array.to_pylist)

    def seconds(self, name: str, errors: dict[int, Rejection]) -> NDArray[np.float64] | None:
        array = self._array(name)
        return None if array is None else self._guarded(name, lambda: _seconds(array, errors))

    def _array(self, name: str) -> Any:
        """The column as one array, checked; None where there is none."""
        if name not in self.names or not self._batches:
            return None
        place = self.names.index(name)

        def joined() -> Any:
            parts = [batch.column(place) for batch in self._batches]
            for part in parts:
                part.validate(full=True)
            if len(parts) == 1:
                return parts[0]
            pa = _arrow()
            if pa.types.is_dictionary(parts[0].type):
                # Each batch may have a dictionary of its own.
                parts = pa.chunked_array(parts).unify_dictionaries().chunks
            return pa.concat_arrays(parts)

        return self._guarded(name, joined)

    def _guarded(self, name: str, read: Callable[[], Any]) -> Any:
        pa = _arrow()
        try:
            return read()
        except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError, NotImplementedError) as error:
            raise MalformedError(f"the column {shown(name)[9:]} is damaged: {_plain(error)}") from None


def _column(array: Any) -> Column:
    """An array that has been checked, as numbers where it holds numbers, as texts where it holds texts."""
    types = _arrow().types
    if types.is_dictionary(array.type):
        return _dictionary(array)
    if _is_text(array.type):
        return _dictionary(array.cast(_arrow().large_string()).dictionary_encode())
    if types.is_boolean(array.type):
        return Values(array.to_pylist())
    if _is_number(array.type):
        return Numbers.of(_floats(array))
    return _mismatched(array)


def _is_text(kind: Any) -> bool:
    types = _arrow().types
    return bool(types.is_string(kind) or types.is_large_string(kind) or kind == _arrow().string_view())


def _is_number(kind: Any) -> bool:
    types = _arrow().types
    return bool(types.is_floating(kind) or types.is_integer(kind) or types.is_decimal(kind))


def _mismatched(array: Any) -> Numbers:
    wrong: Mask = array.is_valid().to_numpy(zero_copy_only=False)
    kind = f"Arrow's {_plain_type(array.type)}"
    return Numbers(np.full(len(array), math.nan), wrong if wrong.any() else None, kind)


def _plain_type(kind: object) -> str:
    return ascii(str(kind)[:60])[1:-1]


def _floats(array: Any) -> NDArray[np.float64]:
    """Numbers as float64, NaN for null; where they lie if they are float64 and none is null."""
    pa = _arrow()
    if array.null_count and not pa.types.is_floating(array.type):
        array = array.cast(pa.float64(), safe=False)
    found: NDArray[np.float64] = array.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    return found


def _dictionary(array: Any) -> Column:
    """Texts keep their codes. Numbers are spread over the rows; what is larger is not: it could fill the memory."""
    kind = array.dictionary.type
    if not _is_text(kind):
        plain = _is_number(kind) or _arrow().types.is_boolean(kind)
        return _column(array.dictionary_decode()) if plain else _mismatched(array)
    indices = array.indices
    missing = indices.is_null().to_numpy(zero_copy_only=False) if indices.null_count else None
    codes = (indices.fill_null(0) if indices.null_count else indices).to_numpy(zero_copy_only=False)
    texts = array.dictionary.to_pylist()
    if not np.issubdtype(codes.dtype, np.signedinteger):
        codes = codes.astype(np.int64)
    if None in texts:
        places = [*(-1 if text is None else place for place, text in enumerate(texts)), -1]
        codes = np.array(places)[np.where(missing, -1, codes)] if missing is not None else np.array(places)[codes]
    elif missing is not None:
        codes = np.where(missing, -1, codes)
    return Texts(codes, tuple(text or "" for text in texts))


def _seconds(array: Any, errors: dict[int, Rejection]) -> NDArray[np.float64]:
    pa = _arrow()
    kind = array.type
    if pa.types.is_date(kind):
        array = array.cast(pa.timestamp("ms"))
        kind = array.type
    if pa.types.is_timestamp(kind):
        per_second = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[kind.unit]
        numbers = _floats(array.view(pa.int64())) / per_second
        return epoch_seconds(numbers, errors)
    column = _column(array)
    if isinstance(column, Numbers):
        if column.mismatched is None:
            return times.checked(column.wide, errors)
        for index in np.flatnonzero(column.mismatched).tolist():
            add(errors, index, "bad_timestamp", f"'timestamp' must be a time, found {column.kind}")
        return column.wide
    return times.timestamps(array.to_pylist(), errors)
