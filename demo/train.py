"""Train on January to June, check on July to December, and keep what the models were trained on as their baseline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from demo.dataset import LATE_MINUTES, YEAR, Dataset, Flights, midnight
from demo.models import CATEGORICAL, LATE, ON_TIME, RECIPES, Predictor, Recipe

SEED = 7
FIRST, SPLIT, END = date(YEAR, 1, 1), date(YEAR, 7, 1), date(YEAR + 1, 1, 1)
# Every fifth day is held out: whole days, since flights of the same day share their weather and their jams.
_HOLD_OUT = 5

Columns = Mapping[str, npt.NDArray[Any]]
Scores = Mapping[str, float]


@dataclass(frozen=True)
class Trained:
    """``reference`` is the held-out days of the training months with what the model answers for them."""

    predictor: Predictor
    reference: pa.Table
    scores: Scores


def columns(data: Dataset, flights: Flights) -> Columns:
    """Every feature of these flights, as known when they left."""
    return {
        **data.weather.join(flights.origin, flights.departed),
        **{name: getattr(flights, name) for name in ("dep_delay", "distance", "dep_hour", "carrier", "origin")},
    }


def train(data: Dataset, say: Callable[[str], None], iterations: int = 100) -> dict[str, Trained]:
    """All models by name. The same data and seed give the same models."""
    before, after = data.flights.between(FIRST, SPLIT), data.flights.between(SPLIT, END)
    held_out = (before.departed - midnight(FIRST)) // 86_400 % _HOLD_OUT == _HOLD_OUT // 2
    fit, validate = before.where(~held_out), before.where(held_out)
    trained = {}
    for recipe in RECIPES.values():
        say(f"training {recipe.name} on {len(fit):,} flights")
        predictor = _fit(recipe, data, fit, iterations)
        scores = _scores(predictor, data, fit, after)
        say(f"{recipe.name}, July to December: " + ", ".join(f"{name} {value:.3f}" for name, value in scores.items()))
        trained[recipe.name] = Trained(predictor, _reference(predictor, data, validate), scores)
    return trained


def _fit(recipe: Recipe, data: Dataset, flights: Flights, iterations: int) -> Predictor:
    known = columns(data, flights)
    categories = {
        name: {value: code for code, value in enumerate(sorted(set(known[name])))}
        for name in recipe.features
        if name in CATEGORICAL
    }
    regression = recipe.task == "regression"
    kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    # Early stopping would draw its own validation rows from the same days as the others.
    estimator = kind(
        max_iter=iterations, categorical_features=list(recipe.categorical), early_stopping=False, random_state=SEED
    )
    predictor = Predictor(recipe, estimator, categories)
    # One thread: on a machine that others use too, OpenMP's would spend their time waiting for each other.
    with threadpool_limits(1):
        estimator.fit(predictor.encode(known), flights.air_time if regression else flights.late)
    return predictor


def _scores(predictor: Predictor, data: Dataset, fit: Flights, flights: Flights) -> Scores:
    """How good it is on later months, beside what one gets without a model."""
    score = predictor.score(predictor.encode(columns(data, flights)))
    if predictor.recipe.task == "regression":
        line = np.polyval(np.polyfit(fit.distance, fit.air_time, 1), flights.distance)
        return {
            "mean absolute error": _mean(np.abs(score - flights.air_time)),
            "a line through distance": _mean(np.abs(line - flights.air_time)),
        }
    auc = float(roc_auc_score(flights.late, score))
    if predictor.recipe.task == "ranking":
        return {
            "AUC": auc,
            "late among a day's riskiest tenth": _top_tenth(score, flights),
            "late": _mean(flights.late),
        }
    return {
        "accuracy": _mean((score > 0.5) == flights.late),
        "AUC": auc,
        f"delay at departure > {LATE_MINUTES}": _mean((flights.dep_delay > LATE_MINUTES) == flights.late),
        "always on time": _mean(~flights.late),
    }


def _top_tenth(score: npt.NDArray[np.float64], flights: Flights) -> float:
    """Share of late flights among the tenth of each day that is ranked first."""
    day = (flights.departed - midnight(FIRST)) // 86_400
    late: list[np.bool_] = []
    for number in np.unique(day):
        here = np.flatnonzero(day == number)
        first = here[np.argsort(-score[here], kind="stable")][: max(1, len(here) // 10)]
        late.extend(flights.late[first])
    return _mean(np.array(late))


def _reference(predictor: Predictor, data: Dataset, flights: Flights) -> pa.Table:
    known = columns(data, flights)
    score = predictor.score(predictor.encode(known))
    # A missing value is null in the table, as it is in a row of the service.
    table = {name: pa.array(known[name].tolist(), from_pandas=True) for name in predictor.recipe.features}
    if predictor.recipe.task == "classification":
        late = score > 0.5
        table["prediction"] = pa.array(np.where(late, LATE, ON_TIME).tolist())
        table["confidence"] = pa.array(np.where(late, score, 1.0 - score))
    else:
        table["prediction"] = pa.array(score)
    return pa.table(table)


def _mean(values: npt.NDArray[Any]) -> float:
    return float(np.mean(values))
