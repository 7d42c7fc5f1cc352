"""When the rows of a history happened: the column that tells it, and its values as seconds."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modelwatch.exporters.reading import DataFile
from modelwatch.exporters.reference import ProfileError
from modelwatch.exporters.statistics.method import Floats

# From 1990 to 2100: the day of a month, or a version, is no time.
_FIRST, _LAST = 631_152_000, 4_102_444_800
_TEXTS = (pa.timestamp("us"), pa.timestamp("us", tz="UTC"), pa.float64())


def time_column(file: DataFile, names: Iterable[str | None], taken: Collection[str]) -> str | None:
    """The first of ``names``, capitals ignored, that is a column which holds times by its first rows."""
    there = {name.lower(): name for name in reversed(file.columns) if name not in taken}
    found = dict.fromkeys(there[name.lower()] for name in names if name is not None and name.lower() in there)
    if not found:
        return None
    first = next(file.batches(dict.fromkeys(found, False), _quiet), None)
    return next((name for name in found if first is not None and _holds_times(first.column(name), file.path)), None)


def _quiet(_share: float) -> None:
    """One batch is read."""


def _holds_times(column: Any, path: Path) -> bool:
    try:
        seconds = seconds_of(column, "", path)
    except ProfileError:
        return False
    return bool(len(seconds) and ((seconds >= _FIRST) & (seconds <= _LAST)).all())


def seconds_of(column: Any, name: str, path: Path) -> Floats:
    """Seconds since the epoch. Raises ProfileError."""
    try:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            column = _read(column)
        if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
            column = pc.divide(pc.cast(pc.cast(pc.cast(column, pa.timestamp("us")), pa.int64()), pa.float64()), 1e6)
        found: Floats = pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowException:
        raise ProfileError(
            f"{path}: the column {name!r} holds no times that can be read; write 2026-01-31T12:00:00 or seconds"
        ) from None
    if not np.isfinite(found).all():
        raise ProfileError(f"{path}: the column {name!r} lacks times in some rows; fill them or drop these rows")
    # Counted in milli-, micro- or nanoseconds.
    unit = next((unit for unit in (1e3, 1e6, 1e9) if len(found) and _FIRST <= found.min() / unit <= _LAST), 1.0)
    return found / unit


def _read(texts: Any) -> Any:
    """Times or numbers. Raises ArrowException for the last thing that they are not."""
    for wanted in _TEXTS[:-1]:
        try:
            return pc.cast(texts, wanted)
        except pa.ArrowException:
            continue
    return pc.cast(texts, _TEXTS[-1])
