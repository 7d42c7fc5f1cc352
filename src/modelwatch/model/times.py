"""Whether values tell the time as a reference profile reads it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from modelwatch.model import words

# From 1990 to 2100, in seconds and in milliseconds since 1970: the hour of a day, or an id, is no time.
_RANGES = ((631_152_000, 4_102_444_800), (631_152_000_000, 4_102_444_800_000))


def no_time(values: Sequence[Any]) -> str | None:
    """One of ``values`` that is no time, as text to show; None when all of them may be. None is missing."""
    known = [value for value in values if value is not None]
    numbers = [_number(value) for value in known]
    if known and None not in numbers:
        # Some may be missing ones that were written as 0 or -1.
        timely = any(low <= number <= high for number in numbers if number is not None for low, high in _RANGES)
        return None if timely else words.short(str(known[0]))
    return next((_shown(value) for value in known if not _is_iso(value)), None)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _is_iso(value: Any) -> bool:
    """Numbers among texts are none: then neither reading fits all rows."""
    if not isinstance(value, str) or _number(value) is not None:
        return False
    try:
        datetime.fromisoformat(value.strip())
    except ValueError:
        return False
    return True


def _shown(value: Any) -> str:
    return words.scalar(words.short(value)) if isinstance(value, str) else words.short(str(value))
