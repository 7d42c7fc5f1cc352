"""Rows as columns: ``{"features": {"hour": [...]}, "prediction": [...], "confidence": [...], "id": [...]}``.

Several times as fast to read as objects: a name is read once for all rows.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.ingest.columns import Column, Values, shown
from modelwatch.exporters.ingest.table import (
    NO_VALUES,
    MalformedError,
    Rejection,
    Table,
    add,
    checked_rows,
    unknown_features,
)
from modelwatch.exporters.ingest.times import timestamps
from modelwatch.exporters.subjects import Role

_BESIDE = ("prediction", "confidence", "id", "timestamp")


class Columns:
    """``features`` and ``beside`` are columns of ``rows`` plain values each."""

    places: Sequence[int] | None = None

    def __init__(
        self, rows: int, features: Mapping[str, Sequence[object]], beside: Mapping[str, Sequence[object]]
    ) -> None:
        self.rows = rows
        self._features, self._beside = features, beside
        self._times: NDArray[np.float64] | None = None

    def rejected(self, names: Collection[str]) -> dict[int, Rejection]:
        found: dict[int, Rejection] = {}
        self._times = self._read_times(found)
        if not self._features.keys().isdisjoint(names):
            return found
        if self._features and names:
            every = Rejection("unknown_features", unknown_features(self._features, names))
            return dict.fromkeys(range(self.rows), every)
        answers = [self._beside[name] for name in ("prediction", "confidence") if name in self._beside]
        for index in range(self.rows):
            if all(column[index] is None for column in answers):
                add(found, index, "no_values", NO_VALUES)
        return found

    def column(self, role: Role, name: str) -> Column | None:
        found = (self._features if role == "feature" else self._beside).get(name)
        return None if found is None else Values(found)

    def ids(self) -> Sequence[object] | None:
        return self._beside.get("id")

    def timestamps(self) -> NDArray[np.float64]:
        return self._read_times({}) if self._times is None else self._times

    def _read_times(self, errors: dict[int, Rejection]) -> NDArray[np.float64]:
        values = self._beside.get("timestamp")
        return np.full(self.rows, np.nan) if values is None else timestamps(values, errors)


def columns_table(columns: object) -> Table:
    """Raises MalformedError when ``columns`` is not made of arrays of one length, and TooManyRowsError."""
    if not isinstance(columns, dict):
        raise MalformedError(f"'columns' must be an object, found {shown(columns)}")
    features = columns.get("features", {})
    if not isinstance(features, dict):
        raise MalformedError(f"'columns.features' must be an object of arrays, found {shown(features)}")
    beside = {name: columns[name] for name in _BESIDE if columns.get(name) is not None}
    if columns and not features and not beside:
        sent = ", ".join(json.dumps(str(name)[:40]) for name in list(columns)[:5])
        raise MalformedError(f"'columns' has no 'features', found {sent}: put the columns of features into 'features'")
    every = [(f"features.{name}", column) for name, column in features.items()] + list(beside.items())
    for name, column in every:
        if not isinstance(column, list):
            raise MalformedError(f"'columns.{name[:80]}' must be an array, found {shown(column)}")
    rows = len(every[0][1]) if every else 0
    for name, column in every:
        if len(column) != rows:
            raise MalformedError(
                f"columns differ in length: 'columns.{every[0][0][:80]}' has {rows} values, "
                f"'columns.{name[:80]}' has {len(column)}"
            )
    return Columns(checked_rows(rows), features, beside)
