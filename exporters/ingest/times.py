"""When a row was predicted: seconds since the epoch, from what senders write.

A number is seconds, and by its size milliseconds (from 1e11 on), microseconds (from 1e14) or nanoseconds (from 1e17):
as seconds, 1e11 is the year 5138, and as milliseconds it is 1973. A text is ISO 8601; without a zone it is UTC.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.ingest.columns import shown
from modelwatch.exporters.ingest.table import Rejection, add

_HELP = "'timestamp' must be seconds since the epoch or an ISO 8601 text, found "
_NUMERIC_OR_NONE = frozenset((float, int, type(None)))
# The last second of the year 9999.
_LATEST = 253_402_300_799.0


def seconds(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Epoch numbers of any of the four units as seconds."""
    scale = np.select([values >= 1e17, values >= 1e14, values >= 1e11], [1e9, 1e6, 1e3], 1.0)
    found: NDArray[np.float64] = values / scale
    return found


def timestamps(values: Sequence[object], errors: dict[int, Rejection]) -> NDArray[np.float64]:
    """Seconds since the epoch, shape (n,), NaN for null; notes in ``errors`` what is no time."""
    if values.count(None) == len(values):
        return np.full(len(values), math.nan)
    if _NUMERIC_OR_NONE.issuperset(map(type, values)):
        try:
            numbers = np.array(values, dtype=np.float64)
        except OverflowError:
            pass  # each is looked at below
        else:
            return checked(numbers, errors)
    found = np.full(len(values), math.nan)
    for index, value in enumerate(values):
        if value is None:
            continue
        moment = _moment(value)
        if moment is None:
            add(errors, index, "bad_timestamp", _HELP + shown(value))
        else:
            found[index] = moment
    return found


def checked(numbers: NDArray[np.float64], errors: dict[int, Rejection]) -> NDArray[np.float64]:
    """Epoch numbers as seconds; notes in ``errors`` those before 1970, and too large ones. Not finite is missing."""
    found = seconds(np.where(np.isfinite(numbers), numbers, math.nan))
    wrong = (found < 0) | (found > _LATEST)
    if wrong.any():
        for index in np.flatnonzero(wrong).tolist():
            add(errors, index, "bad_timestamp", f"{_HELP}the number {float(numbers[index])!r}")
        found = np.where(wrong, math.nan, found)
    return found


def _moment(value: object) -> float | None:
    """Seconds; NaN for a number that is missing; None for what is no time."""
    if isinstance(value, bool):
        return None
    try:
        if isinstance(value, int | float):
            if not math.isfinite(value):
                return math.nan
            number = float(seconds(np.array(float(value))))
        elif isinstance(value, str):
            moment = datetime.fromisoformat(value)
            number = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        else:
            return None
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number <= _LATEST else None
