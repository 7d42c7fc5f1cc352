"""Rows as objects: ``[{"id": ..., "timestamp": ..., "features": {...}, "prediction": ..., "confidence": ...}]``."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from operator import itemgetter
from typing import Any, Literal

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

# What may stand beside the features; of a log, the model too.
_BESIDE = frozenset(("prediction", "confidence", "id", "timestamp", "model"))
_EMPTY: dict[str, Any] = {}


class Rows:
    """A table over parsed rows. ``bad`` are rejections known already, of rows that need not be objects.

    What is no row reads as empty. Columns are taken out of the objects all at once: one look-up of all names in a row
    is several times as fast as one of each.
    """

    places: Sequence[int] | None = None

    def __init__(self, rows: Sequence[object], bad: Mapping[int, Rejection] | None = None) -> None:
        """Raises TooManyRowsError."""
        checked_rows(len(rows))
        self._bad = dict(bad or {})
        try:
            # The usual case, without a look at each row: a wrong one raises.
            self._features: list[dict[str, Any]] = [row["features"] for row in rows]  # type: ignore[index]
            self._documents: Sequence[dict[str, Any]] = rows  # type: ignore[assignment]
            usual = not self._bad and set(map(type, self._features)) <= {dict} and set(map(type, rows)) <= {dict}
        except (KeyError, TypeError, IndexError):
            usual = False
        if not usual:
            self._sort_out(rows)
        self._times: NDArray[np.float64] | None = None
        self._columns: dict[str, Sequence[object]] = {}

    def _sort_out(self, rows: Sequence[object]) -> None:
        documents, features = [], []
        for index, row in enumerate(rows):
            problem = None if index in self._bad else _problem(row)
            if problem:
                add(self._bad, index, "not_a_row", problem)
            usable = isinstance(row, dict) and not problem and index not in self._bad
            documents.append(row if isinstance(row, dict) and usable else _EMPTY)
            features.append(row["features"] if isinstance(row, dict) and usable else _EMPTY)
        self._documents, self._features = documents, features

    @property
    def rows(self) -> int:
        return len(self._documents)

    def rejected(self, names: Collection[str]) -> dict[int, Rejection]:
        found = dict(self._bad)
        self._times = timestamps(_taken(self._documents, "timestamp"), found)
        known = frozenset(names)
        if not self._split(list(known)):
            for index, features in enumerate(self._features):
                if index in self._bad or not known.isdisjoint(features):
                    continue
                row = self._documents[index]
                if features and known:
                    add(found, index, "unknown_features", unknown_features(features, known))
                elif row.get("prediction") is None and row.get("confidence") is None:
                    add(found, index, "no_values", NO_VALUES)
        return found

    def _split(self, names: list[str]) -> bool:
        """Take out all columns at once; False where some row lacks some of them."""
        if not names:
            return False
        try:
            if len(names) == 1:
                self._columns = {names[0]: list(map(itemgetter(names[0]), self._features))}
            else:
                taken = zip(*map(itemgetter(*names), self._features), strict=True)
                self._columns = dict(zip(names, taken, strict=False))
        except KeyError:
            self._columns = {}
        return bool(self._columns)

    def column(self, role: Role, name: str) -> Column | None:
        return Values(self.values("feature" if role == "feature" else "beside", name))

    def values(self, place: Literal["feature", "beside"], name: str) -> Sequence[object]:
        """One value of each row, of its features or beside them."""
        if place == "beside":
            return _taken(self._documents, name)
        taken = self._columns.get(name)
        return _taken(self._features, name) if taken is None else taken

    def ids(self) -> Sequence[object] | None:
        return _taken(self._documents, "id")

    def timestamps(self) -> NDArray[np.float64]:
        if self._times is None:
            self._times = timestamps(_taken(self._documents, "timestamp"), {})
        return self._times


def rows_table(rows: object) -> Table:
    """Raises MalformedError when ``rows`` is no list, and TooManyRowsError."""
    if not isinstance(rows, list):
        raise MalformedError(f"'rows' must be an array of objects, found {shown(rows)}")
    return Rows(rows)


def _taken(objects: Sequence[dict[str, Any]], name: str) -> list[object]:
    return [found.get(name) for found in objects]


def _instead(row: dict[str, Any]) -> str:
    """What a row has instead, and how to write it."""
    others = [str(name)[:40] for name in row if name not in _BESIDE]
    if not others:
        return ': write {"features": {...}}, with a value of each feature'
    found = ", ".join(json.dumps(name) for name in others[:5]) + (" and more" if len(others) > 5 else "")
    if len(others) == 1 and isinstance(row.get(others[0]), dict):
        return f", found {found}: call it 'features'"
    return f', found {found}: put the features into an object, {{"features": {{{json.dumps(others[0])}: ...}}}}'


def _problem(row: object) -> str | None:
    if not isinstance(row, dict):
        return f"a row must be an object, found {shown(row)}"
    if "features" not in row:
        return f"it has no 'features'{_instead(row)}"
    if not isinstance(row["features"], dict):
        return f"'features' must be an object, found {shown(row['features'])}"
    return None
