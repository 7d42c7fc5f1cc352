"""A summary as bytes: a version, the SHA-256 of what follows, and that, compressed: a JSON head and plain arrays."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from modelwatch.exporters.reference import ProfileError
from modelwatch.exporters.summary.categories import Categories
from modelwatch.exporters.summary.column import Numbers, Texts
from modelwatch.exporters.summary.groups import Group, Groups
from modelwatch.exporters.summary.histogram import Histogram
from modelwatch.exporters.summary.summary import Plan, Summary, Watched

FORMAT = "modelwatch.partial/1"
_CODEC = "zstd"
_AGAIN = "make the partial profile again with modelwatch profile --partial"


def to_bytes(summary: Summary) -> bytes:
    """The summary as a partial profile."""
    writer = _Writer()
    head = _document(summary, writer)
    head["arrays"] = [[array.dtype.str, array.shape] for array in writer.arrays]
    text = json.dumps(head).encode()
    body = b"".join([len(text).to_bytes(8, "little"), text, *map(_shuffled, writer.arrays)])
    compressed: bytes = pa.compress(body, codec=_CODEC, asbytes=True)
    packed = len(body).to_bytes(8, "little") + compressed
    return f"{FORMAT}\n{hashlib.sha256(packed).hexdigest()}\n".encode() + packed


def from_bytes(content: bytes, where: str) -> Summary:
    """The summary of a partial profile. Raises ProfileError, which starts with ``where``, for anything else."""
    version, _, rest = content.partition(b"\n")
    if not version.startswith(b"modelwatch.partial/"):
        raise ProfileError(f"{where}: is no partial profile; make one with modelwatch profile --partial")
    if version != FORMAT.encode():
        name = version.decode("ascii", "replace")
        raise ProfileError(f"{where}: has the format {name!r}, this version reads {FORMAT!r}; {_AGAIN}")
    digest, _, packed = rest.partition(b"\n")
    if hashlib.sha256(packed).hexdigest().encode() != digest:
        raise ProfileError(f"{where}: its content does not match its sha256: it is damaged or cut short; {_AGAIN}")
    try:
        body = pa.decompress(packed[8:], int.from_bytes(packed[:8], "little"), codec=_CODEC, asbytes=True)
        size = int.from_bytes(body[:8], "little")
        head = json.loads(body[8 : 8 + size])
        return _summary(head, _arrays(head["arrays"], memoryview(body)[8 + size :]))
    except (KeyError, TypeError, ValueError, StopIteration, pa.ArrowException) as error:
        raise ProfileError(f"{where}: is no whole partial profile ({error!r}); {_AGAIN}") from None


class _Writer:
    """Takes arrays and tells nothing: they are read in the order in which they were written."""

    def __init__(self) -> None:
        self.arrays: list[NDArray[Any]] = []

    def put(self, *arrays: NDArray[Any]) -> None:
        self.arrays += arrays


def _shuffled(array: NDArray[Any]) -> bytes:
    """All first bytes, then all second ones: numbers of a kind compress much better so."""
    plain = np.ascontiguousarray(array)
    return plain.view(np.uint8).reshape(-1, plain.itemsize).T.tobytes() if plain.size else b""


def _arrays(kinds: list[Any], body: memoryview) -> Iterator[NDArray[Any]]:
    start = 0
    for kind, shape in kinds:
        dtype = np.dtype(kind)
        size = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
        flat = np.frombuffer(body[start : start + size], dtype=np.uint8).reshape(dtype.itemsize, -1)
        yield np.ascontiguousarray(flat.T).view(dtype).reshape(shape).copy()
        start += size


def _document(summary: Summary, writer: _Writer) -> dict[str, Any]:
    products, sample = summary.products, summary.sample
    columns = [
        _numbers_document(column, writer) if isinstance(column, Numbers) else _texts_document(column, writer)
        for column in summary.columns.values()
    ]
    # The matrix of products is symmetric: as rows and columns are in one order, one half tells the other.
    size = products.tops.size * len(products.values.high)
    half = np.tril_indices(size)
    for wide in (products.values, products.sums, products.squares):
        for part in (wide.high, wide.low):
            writer.put(part.reshape(size, size)[half] if wide is products.values else part)
    writer.put(products.tops, products.rows, sample.hashes, sample.rows, sample.numbers)
    return {
        "plan": asdict(summary.plan),
        "rows": summary.rows,
        "columns": columns,
        "groups": [
            groups and _groups_document(groups, writer)
            for groups in (summary.hours, summary.weekdays, summary.segments)
        ],
    }


def _histogram_document(histogram: Histogram, writer: _Writer) -> dict[str, Any]:
    writer.put(np.diff(histogram.cells, prepend=np.int64(0)), histogram.counts)
    low, high = (value if histogram.total else None for value in (histogram.minimum, histogram.maximum))
    return {"bits": histogram.bits, "minimum": low, "maximum": high, "at_minimum": histogram.at_minimum}


def _numbers_document(column: Numbers, writer: _Writer) -> dict[str, Any]:
    return {
        **_histogram_document(column.histogram, writer),
        "sum": hex(column.sum),
        "squares": hex(column.squares),
        "missing": column.missing,
    }


def _texts_document(column: Texts, writer: _Writer) -> dict[str, Any]:
    categories = column.categories
    if categories.counters is not None:
        writer.put(categories.counters)
    return {
        "names": list(categories.names),
        "counts": list(categories.names.values()),
        "total": categories.total,
        "complete": categories.complete,
        "missing": column.missing,
    }


def _groups_document(groups: Groups, writer: _Writer) -> dict[str, Any]:
    return {
        "too_many": groups.too_many,
        "groups": [
            {
                "value": value,
                "rows": group.rows,
                "numbers": [
                    {"name": name, "missing": missing, **_histogram_document(histogram, writer)}
                    for name, (histogram, missing) in group.numbers.items()
                ],
                "texts": group.texts,
            }
            for value, group in groups.groups.items()
        ],
    }


def _summary(head: dict[str, Any], arrays: Iterator[NDArray[Any]]) -> Summary:
    plan = head["plan"]
    watched = tuple(Watched(**one) for one in plan["watched"])
    summary = Summary(Plan(plan["model"], watched, plan["time"], plan["segment"]))
    summary.rows = head["rows"]
    for column, document in zip(summary.columns.values(), head["columns"], strict=True):
        if isinstance(column, Numbers):
            _restore(column.histogram, document, arrays)
            column.sum, column.squares = int(document["sum"], 16), int(document["squares"], 16)
        else:
            _restore_categories(column.categories, document, arrays)
        column.missing = document["missing"]
    products, sample = summary.products, summary.sample
    size = products.tops.size * len(products.values.high)
    for wide in (products.values, products.sums, products.squares):
        for part in (wide.high, wide.low):
            found = next(arrays)
            if wide is products.values:
                square = np.zeros((size, size), dtype=np.int64)
                rows, columns = np.tril_indices(size)
                square[rows, columns] = square[columns, rows] = found
                found = square.reshape(part.shape)
            part[:] = found
    products.tops, products.rows = next(arrays), next(arrays)
    sample.hashes, sample.rows, sample.numbers = next(arrays), next(arrays), next(arrays)
    for groups, document in zip((summary.hours, summary.weekdays, summary.segments), head["groups"], strict=True):
        if groups is not None:
            _restore_groups(groups, document, arrays)
    return summary


def _restore(histogram: Histogram, document: dict[str, Any], arrays: Iterator[NDArray[Any]]) -> None:
    cells, counts = np.cumsum(next(arrays)), next(arrays)
    if len(cells):
        histogram.restore(
            cells,
            counts,
            bits=document["bits"],
            minimum=document["minimum"],
            maximum=document["maximum"],
            at_minimum=document["at_minimum"],
        )


def _restore_categories(categories: Categories, document: dict[str, Any], arrays: Iterator[NDArray[Any]]) -> None:
    categories.names = dict(zip(document["names"], document["counts"], strict=True))
    categories.total = document["total"]
    categories.counters = None if document["complete"] else next(arrays)


def _restore_groups(groups: Groups, document: dict[str, Any], arrays: Iterator[NDArray[Any]]) -> None:
    groups.too_many = document["too_many"]
    for one in document["groups"]:
        group = groups.groups[one["value"]] = Group()
        group.rows, group.texts = one["rows"], one["texts"]
        for found in one["numbers"]:
            histogram = group.histogram(found["name"])
            _restore(histogram, found, arrays)
            group.numbers[found["name"]] = histogram, found["missing"]
