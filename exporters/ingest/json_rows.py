"""Rows as objects: ``[{"id": ..., "timestamp": ..., "features": {...}, "prediction": ..., "confidence": ...}]``."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.ingest.table import MalformedError, Table, checked_rows, seconds, shown, unknown_features
from modelwatch.exporters.subjects import Role

_EMPTY: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class _Rows:
    """``rows`` as they came; ``bad`` holds the reason of those that are no row, which read as empty."""

    documents: list[dict[str, Any]]
    features: list[dict[str, Any]]
    bad: dict[int, str]

    @property
    def rows(self) -> int:
        return len(self.documents)

    def rejected(self, names: Collection[str]) -> dict[int, str]:
        found = dict(self.bad)
        known = frozenset(names)
        for index, features in enumerate(self.features):
            if index in found or not known.isdisjoint(features):
                continue
            row = self.documents[index]
            if features and known:
                found[index] = unknown_features(features, known)
            elif row.get("prediction") is None and row.get("confidence") is None:
                found[index] = "it holds no feature, no prediction and no confidence"
        return found

    def column(self, role: Role, name: str) -> Sequence[object] | None:
        source = self.features if role == "feature" else self.documents
        return [row.get(name) for row in source]

    def ids(self) -> Sequence[object] | None:
        return self._beside("id")

    def timestamps(self) -> NDArray[np.float64] | None:
        found = self._beside("timestamp")
        return None if found is None else seconds(found)

    def _beside(self, name: str) -> Sequence[object] | None:
        return [row.get(name) for row in self.documents] if any(name in row for row in self.documents) else None


def rows_table(rows: object) -> Table:
    """Raises MalformedError when ``rows`` is no list, and TooManyRowsError."""
    if not isinstance(rows, list):
        raise MalformedError(f"'rows' must be an array of objects, found {shown(rows)}")
    checked_rows(len(rows))
    documents, features, bad = [], [], {}
    for index, row in enumerate(rows):
        problem = _problem(row)
        if problem:
            bad[index] = problem
        documents.append(_EMPTY if problem else row)
        features.append(_EMPTY if problem else row["features"])
    return _Rows(documents, features, bad)


def _problem(row: object) -> str | None:
    if not isinstance(row, dict):
        return f"a row must be an object, found {shown(row)}"
    if "features" not in row:
        return "it has no 'features'"
    if not isinstance(row["features"], dict):
        return f"'features' must be an object, found {shown(row['features'])}"
    return no_time(row.get("timestamp"))


def no_time(value: object) -> str | None:
    """Why ``value`` is no timestamp, or None."""
    if value is None or (isinstance(value, int | float | str) and not isinstance(value, bool)):
        return None
    return f"'timestamp' must be seconds since the epoch or an ISO 8601 text, found {shown(value)}"
