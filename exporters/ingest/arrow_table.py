"""The rows of Arrow IPC, whoever reads its columns: names beside one another, features and the rest alike."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.ingest import times
from modelwatch.exporters.ingest.columns import Column, Mask
from modelwatch.exporters.ingest.table import NO_VALUES, MalformedError, Rejection, add, unknown_features
from modelwatch.exporters.subjects import Role

_BESIDE = frozenset(("prediction", "confidence", "id", "timestamp"))


class ArrowColumns(Protocol):
    """Columns by name; None for one that there is not. All raise MalformedError for one that is damaged."""

    @property
    def names(self) -> Sequence[str]: ...

    def column(self, name: str) -> Column | None: ...

    def there(self, name: str) -> Mask | None:
        """Which values are not null."""

    def plain(self, name: str) -> Sequence[object] | None:
        """The values as Python has them."""

    def seconds(self, name: str, errors: dict[int, Rejection]) -> NDArray[np.float64] | None:
        """The values as times; notes in ``errors`` what is none."""


class ArrowTable:
    places: Sequence[int] | None = None

    def __init__(self, columns: ArrowColumns, rows: int) -> None:
        self.rows = rows
        self._columns = columns
        self._times: NDArray[np.float64] | None = None

    def rejected(self, names: Collection[str]) -> dict[int, Rejection]:
        """Raises MalformedError when a column that is needed is damaged or comes twice."""
        for name, times_sent in Counter(self._columns.names).items():
            if times_sent > 1 and (name in names or name in _BESIDE):
                said = json.dumps(name[:40])
                raise MalformedError(f"the column {said} comes {times_sent} times: send each name once")
        found: dict[int, Rejection] = {}
        self._times = self._read_times(found)
        there = set(self._columns.names)
        if not there.isdisjoint(names):
            return found
        sent = there - _BESIDE if names else set()
        if sent:
            return dict.fromkeys(range(self.rows), Rejection("unknown_features", unknown_features(sorted(sent), names)))
        here = np.zeros(self.rows, dtype=np.bool_)
        for name in ("prediction", "confidence"):
            valid = self._columns.there(name)
            if valid is not None:
                here |= valid
        for index in np.flatnonzero(~here).tolist():
            add(found, index, "no_values", NO_VALUES)
        return found

    def column(self, role: Role, name: str) -> Column | None:  # noqa: ARG002  # all names share one table
        return self._columns.column(name)

    def ids(self) -> Sequence[object] | None:
        values = self._columns.plain("id")
        if values is None:
            return None
        return [value if isinstance(value, str | int | float) else None for value in values]

    def timestamps(self) -> NDArray[np.float64]:
        return self._read_times({}) if self._times is None else self._times

    def _read_times(self, errors: dict[int, Rejection]) -> NDArray[np.float64]:
        found = self._columns.seconds("timestamp", errors)
        return np.full(self.rows, math.nan) if found is None else found


def epoch_seconds(numbers: NDArray[np.float64], errors: dict[int, Rejection]) -> NDArray[np.float64]:
    """Times of a type that tells its unit, already as seconds: what is too late for any is none."""
    return times.checked(np.where(numbers >= 1e11, -1.0, numbers), errors)
