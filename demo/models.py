"""The three models: what each one reads, how a row becomes numbers, and what it answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Value = str | float | None
Task = Literal["classification", "regression", "ranking"]
Matrix = npt.NDArray[np.float64]

ON_TIME, LATE = "on_time", "late"
CATEGORICAL = frozenset(("carrier", "origin"))


class InputError(ValueError):
    """A row that the model cannot read; the message says which field and why."""


def _read(name: str, value: object) -> Value:
    if value is None:
        return None
    if name in CATEGORICAL:
        if not isinstance(value, str):
            raise InputError(f"{name} is {value!r}: give a text or null")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{name} is {value!r}: give a number or null")
    return float(value)


@dataclass(frozen=True)
class Recipe:
    """A model by the name of its spec in models/. ``features`` are in the order of the matrix's columns."""

    name: str
    task: Task
    features: tuple[str, ...]

    @property
    def categorical(self) -> tuple[bool, ...]:
        return tuple(feature in CATEGORICAL for feature in self.features)

    def read(self, row: Mapping[str, object]) -> dict[str, Value]:
        """The model's features of a row, None where one is missing. Raises InputError."""
        return {name: _read(name, row.get(name)) for name in self.features}


# The month is left out on purpose: learned from January to June it would say nothing about July. The weekday is, since
# a window of a few days never holds a whole week, which would look like drift.
FLIGHT_DELAY = Recipe(
    "flight-delay",
    "classification",
    ("dep_delay", "distance", "dep_hour", "temp", "humid", "wind_speed", "precip", "visib", "carrier", "origin"),
)
AIR_TIME = Recipe("air-time", "regression", ("distance", "dep_hour", "temp", "wind_speed", "carrier", "origin"))
# The evening before nobody knows the delay at departure, nor the weather.
GATE_RANKING = Recipe("gate-ranking", "ranking", ("distance", "dep_hour", "carrier", "origin"))
RECIPES = {recipe.name: recipe for recipe in (FLIGHT_DELAY, AIR_TIME, GATE_RANKING)}


@dataclass(frozen=True)
class Answer:
    """``prediction`` is a class, minutes or a risk score. ``confidence`` is of a class: its probability."""

    prediction: str | float
    confidence: float | None = None


@dataclass(frozen=True)
class Predictor:
    """A fitted estimator of scikit-learn with the categories that it knows."""

    recipe: Recipe
    estimator: Any
    categories: Mapping[str, Mapping[Any, int]]

    def encode(self, columns: Mapping[str, Sequence[Value] | npt.NDArray[Any]]) -> Matrix:
        """Columns of equal length -> a matrix; a missing value and an unknown category are NaN."""
        return np.column_stack([self._column(name, columns[name]) for name in self.recipe.features])

    def _column(self, name: str, values: Sequence[Value] | npt.NDArray[Any]) -> Matrix:
        known = self.categories.get(name)
        if known is not None:
            values = [known.get(value) for value in values]
        return np.asarray(values, dtype=np.float64)

    def encode_rows(self, rows: Sequence[Mapping[str, Value]]) -> Matrix:
        """Rows that ``Recipe.read`` gave -> a matrix."""
        return self.encode({name: [row[name] for row in rows] for name in self.recipe.features})

    def score(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        """Probability of being late, or minutes."""
        found: npt.NDArray[np.float64]
        if self.recipe.task == "regression":
            found = self.estimator.predict(matrix)
        else:
            found = self.estimator.predict_proba(matrix)[:, 1]
        return found

    def answer(self, score: float) -> Answer:
        """What the service says for a score."""
        if self.recipe.task != "classification":
            return Answer(round(float(score), 4))
        late = float(score) > 0.5
        return Answer(LATE if late else ON_TIME, float(score) if late else 1.0 - float(score))
