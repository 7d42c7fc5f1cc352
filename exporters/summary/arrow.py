"""Arrow's columns as a summary takes them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from modelwatch.exporters.bins import category_text
from modelwatch.exporters.reference import ProfileError
from modelwatch.exporters.subjects import subjects
from modelwatch.exporters.summary.groups import Codes, Column
from modelwatch.exporters.summary.summary import Batch, Plan, Watched
from modelwatch.model import types as t

_HOUR, _DAY = 3_600_000_000, 86_400_000_000
# Monday is 0, and 1 January 1970 was a Thursday.
_EPOCH_WEEKDAY = 3
# Seconds since 1970 that would be after the year 5138 are milliseconds.
_MILLISECONDS = 1e11


def plan(
    model: t.Model, columns: Sequence[str], where: str, *, time: str | None = None, segment: str | None = None
) -> Plan:
    """What to make of data that has ``columns``. Raises ProfileError, which starts with ``where``, if some lack."""
    watched = [subject for subject in subjects(model) if subject.role == "feature" or subject.name in columns]
    wanted = [*(subject.name for subject in watched), *([time] if time else [])]
    for name in wanted:
        if columns.count(name) > 1:
            raise ProfileError(f"{where}: has the column {name!r} more than once; rename one")
    # All that is wrong at once: who mends one mistake need not meet the next.
    wrong = list(_lacking([subject.name for subject in watched], columns, model.name))
    if time and time not in columns:
        wrong.append(f"has no column {_near(time, columns)} to tell the time; {_listed(columns)}")
    categorical = [subject.name for subject in watched if not subject.numeric and subject.role == "feature"]
    if segment and segment not in categorical:
        wrong.append(
            f"{_near(segment, categorical)} is no categorical feature of model {model.name}, so there are "
            f"no segments by it; it has {', '.join(categorical) or 'none'}"
        )
    if wrong:
        raise ProfileError(f"{where}: " + ". And: ".join(wrong))
    return Plan(
        model.name,
        tuple(
            Watched(subject.name, subject.numeric, subject.role != "feature", subject.feature.max_categories)
            for subject in watched
        ),
        time or None,
        segment or None,
    )


def _lacking(names: Sequence[str], columns: Sequence[str], model: str) -> Iterator[str]:
    lacking = [name for name in names if name not in columns]
    if lacking:
        yield (
            f"has no column for {', '.join(_near(name, columns) for name in lacking)} of model {model}; "
            f"{_listed(columns)}. Rename the feature in the spec or the column in the data"
        )


def _near(name: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, names, n=2, cutoff=0.6)
    return repr(name) + (f" (did you mean {' or '.join(map(repr, near))}?)" if near else "")


def _listed(columns: Sequence[str]) -> str:
    return "its columns are " + ", ".join(columns[:20]) + (", ..." if len(columns) > 20 else "")


def wanted(found: Plan) -> dict[str, bool]:
    """Columns to read, and whether as numbers."""
    columns = {one.name: one.numeric for one in found.watched}
    if found.time is not None:
        columns.setdefault(found.time, False)
    return columns


def batch(found: Plan, data: Any, where: str) -> Batch:
    """The columns of a record batch or table. Raises ProfileError, which starts with ``where``."""
    columns: dict[str, Column] = {}
    for one in found.watched:
        column = _plain(data.column(one.name))
        columns[one.name] = _numbers(column, one, where) if one.numeric else _texts(column, one, where)
    if found.time is None:
        return Batch(data.num_rows, columns)
    hours, weekdays = _seasons(_plain(data.column(found.time)), found.time, where)
    return Batch(data.num_rows, columns, hours, weekdays)


def _plain(column: Any) -> Any:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _numbers(column: Any, watched: Watched, where: str) -> NDArray[np.float64]:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if not (
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind)
    ):
        raise ProfileError(
            f"{where}: the column {watched.name!r} holds {kind}, a numeric {_role(watched)} needs numbers; "
            "declare it categorical, or convert the column"
        )
    found: NDArray[np.float64] = pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return found


def _role(watched: Watched) -> str:
    return watched.name if watched.answer else "feature"


def _texts(column: Any, watched: Watched, where: str) -> tuple[list[str | None], Codes]:
    """The distinct texts of a column and the place of each row's among them; -1 where there is none."""
    if pa.types.is_nested(column.type):
        raise ProfileError(
            f"{where}: the column {watched.name!r} holds {column.type}; a categorical {_role(watched)} needs texts"
        )
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    values = column.dictionary.to_pylist()
    texts = [category_text(v if isinstance(v, str | bool | int | float | None) else str(v)) for v in values]
    return texts, column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)


def _seasons(column: Any, name: str, where: str) -> tuple[Codes, Codes]:
    """Hour of the day and weekday of each row, in UTC; -1 where the time is missing."""
    try:
        found = _microseconds(column)
    except pa.ArrowException:
        raise ProfileError(
            f"{where}: the column {name!r} does not tell the time: it holds other texts than times; write "
            "2024-05-31T14:00:00Z or seconds since 1970, in all rows alike, or name another column"
        ) from None
    if found is None:
        raise ProfileError(
            f"{where}: the column {name!r} holds {column.type}; times are timestamps, dates, texts such as "
            "2024-05-31T14:00:00Z, or seconds since 1970"
        )
    here = found.is_valid().to_numpy(zero_copy_only=False)
    times = found.fill_null(0).to_numpy(zero_copy_only=False)
    hours, weekdays = times % _DAY // _HOUR, (times // _DAY + _EPOCH_WEEKDAY) % 7
    return np.where(here, hours, -1), np.where(here, weekdays, -1)


def _microseconds(column: Any) -> Any:
    """Microseconds since 1970 as int64; None for a type that tells no time."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_null(kind):
        return pc.cast(column, pa.int64())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        column = _told(column)
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        seconds = pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        # Where a number is too large to be a time there is none.
        seconds = np.where(np.abs(seconds) >= _MILLISECONDS, seconds / 1000, seconds)
        known = np.abs(seconds) < _MILLISECONDS
        return pa.array((np.where(known, seconds, 0) * 1e6).astype(np.int64), mask=~known)
    if not (pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)):
        return None
    zone = column.type.tz if pa.types.is_timestamp(column.type) else None
    return pc.cast(pc.cast(column, pa.timestamp("us", zone and "UTC"), safe=False), pa.int64())


def _told(column: Any) -> Any:
    """What texts tell: numbers, as all of a CSV's are read as texts; else times with or without a zone."""
    for kind in (pa.float64(), pa.timestamp("us")):
        try:
            return pc.cast(column, kind)
        except pa.ArrowException:
            continue
    return pc.cast(column, pa.timestamp("us", "UTC"))
