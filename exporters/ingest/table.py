"""Rows as every format hands them on: columns of plain values, not yet checked against a spec."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.subjects import Role

MOST_ROWS = 100_000


class MalformedError(Exception):
    """A request that cannot be read as rows at all. The message says what and how to mend it."""


class TooManyRowsError(Exception):
    """A request of more rows than are looked at in one go."""

    def __init__(self, rows: int) -> None:
        super().__init__(f"{rows} rows are more than {MOST_ROWS} at once: send fewer rows at once")


def checked_rows(rows: int) -> int:
    """``rows``. Raises TooManyRowsError: millions of rows can be short, but the reasons why they are wrong are not."""
    if rows > MOST_ROWS:
        raise TooManyRowsError(rows)
    return rows


class Table(Protocol):
    @property
    def rows(self) -> int:
        """Number of rows, rejected ones included."""

    def rejected(self, names: Collection[str]) -> dict[int, str]:
        """Reason by row for rows that are no rows of a model with the features ``names``."""

    def column(self, role: Role, name: str) -> Sequence[object] | None:
        """Values of a feature, or of ``prediction`` or ``confidence``, one for each row; None when no row has it."""

    def ids(self) -> Sequence[object] | None:
        """What identifies each row's prediction, as it was sent; None when no row says."""

    def timestamps(self) -> NDArray[np.float64] | None:
        """When each row was predicted, in seconds since the epoch, NaN where the row does not say."""


def seconds(values: Sequence[object]) -> NDArray[np.float64]:
    """Timestamps, numbers or ISO 8601 texts, as seconds since the epoch; NaN for what is none."""
    return np.array([_second(value) for value in values], dtype=np.float64)


def _second(value: object) -> float:
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        return float(value) if isinstance(value, int | float) else math.nan
    except (ValueError, OverflowError):
        return math.nan


def shown(value: object) -> str:
    """A value for an error message: its kind and, where it is short, itself; plain ASCII whatever comes in."""
    match value:
        case str():
            return f"the text {json.dumps(value[:40])}"
        case bool():
            return f"the boolean {json.dumps(value)}"
        case int() | float():
            text = repr(value) if isinstance(value, float) or abs(value) < 1e18 else "of many digits"
            return f"the number {text}"
        case list():
            return "an array"
        case dict():
            return "an object"
    return "null"


def unknown_features(sent: Collection[str], names: Collection[str]) -> str:
    """The reason of a row none of whose features is in the spec."""
    some = ", ".join(json.dumps(name[:40]) for name in list(sent)[:5])
    known = ", ".join(json.dumps(name) for name in sorted(names)[:20])
    return f"none of its features ({some}) is in the spec, which has {known}"
