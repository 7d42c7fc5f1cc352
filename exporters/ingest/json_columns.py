"""Rows as columns: ``{"features": {"hour": [...]}, "prediction": [...], "confidence": [...], "id": [...]}``.

Several times as fast to read as objects: a name is read once for all rows.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.ingest.columns import Column, Mask, Numbers, Values, shown
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

ANSWERS = ("prediction", "confidence")
_BESIDE = (*ANSWERS, "id", "timestamp")


class Columns:
    """``features`` and ``beside`` are columns of ``rows`` values each, ``ids`` and ``times`` plain values."""

    places: Sequence[int] | None = None

    def __init__(
        self,
        rows: int,
        features: Mapping[str, Column],
        beside: Mapping[str, Column],
        ids: Sequence[object] | None,
        times: Sequence[object] | None,
    ) -> None:
        self.rows = rows
        self._features, self._beside, self._ids = features, beside, ids
        self._wrong_times: dict[int, Rejection] = {}
        self._times = np.full(rows, np.nan) if times is None else timestamps(times, self._wrong_times)

    def rejected(self, names: Collection[str]) -> dict[int, Rejection]:
        found = dict(self._wrong_times)
        if not self._features.keys().isdisjoint(names):
            return found
        if self._features and names:
            every = Rejection("unknown_features", unknown_features(self._features, names))
            return dict.fromkeys(range(self.rows), every)
        unsaid = np.ones(self.rows, dtype=np.bool_)
        for column in self._beside.values():
            unsaid &= _absent(column)
        for index in np.flatnonzero(unsaid).tolist():
            add(found, index, "no_values", NO_VALUES)
        return found

    def column(self, role: Role, name: str) -> Column | None:
        return (self._features if role == "feature" else self._beside).get(name)

    def ids(self) -> Sequence[object] | None:
        return self._ids

    def timestamps(self) -> NDArray[np.float64]:
        return self._times


def _absent(column: Column) -> Mask:
    match column:
        case Values():
            return np.array([value is None for value in column.values], dtype=np.bool_)
        case Numbers():
            return np.isnan(column.values)
    return column.texts().codes < 0


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
    checked_rows(rows)
    answers = {name: Values(beside[name]) for name in ANSWERS if name in beside}
    plain = {name: Values(values) for name, values in features.items()}
    return Columns(rows, plain, answers, beside.get("id"), beside.get("timestamp"))
