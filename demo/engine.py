"""What the service does with a request, apart from HTTP: features, prediction, faults, and telling the watch."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from demo import faults as F
from demo.artifacts import Artifacts
from demo.dataset import NEW_YORK, WEATHER, Dataset
from demo.ledger import Ledger
from demo.models import AIR_TIME, FLIGHT_DELAY, GATE_RANKING, LATE, ON_TIME, RECIPES, Answer, InputError, Recipe, Value
from modelwatch.otel import Inference, Watch

log = logging.getLogger("demo.flights")

_SLOW_SECONDS = 0.4
_KILOMETRES = 1.609344
_SOURCE = "weather"


class RowLog(Protocol):
    """modelwatch.exporters.client.PredictionLog."""

    def record(
        self,
        *,
        features: Mapping[str, object],
        prediction: object,
        confidence: float | None,
        id: str | None,  # the sidecar's name for it
    ) -> None: ...

    def close(self, timeout: float = ...) -> None: ...


class InjectedError(RuntimeError):
    """The fault ``failing``."""


@dataclass(frozen=True)
class Row:
    """One flight that is about to leave: ``moment`` in seconds since the epoch, the features that the caller knows."""

    id: str | None
    moment: float
    features: Mapping[str, Value]


def read_row(recipe: Recipe, raw: object) -> Row:
    """A row of a request. Raises InputError."""
    if not isinstance(raw, dict):
        raise InputError("a flight is a JSON object")
    key = raw.get("id")
    if key is not None and not (isinstance(key, str) and 0 < len(key) <= 100):
        raise InputError("id is a text of 1 to 100 characters")
    return Row(key, _moment(raw.get("time")), recipe.read(raw))


def _moment(text: object) -> float:
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InputError(f"time is {text!r}: give the departure such as 2013-07-01T09:15:00Z")
    return found.timestamp()


class Loaded:
    """The models and what features come from."""

    def __init__(self, artifacts: Artifacts, data: Dataset) -> None:
        self.predictors, self.scores = artifacts.predictors, artifacts.scores
        self.weather, self.flights = data.weather, data.flights


class Engine:
    """Answers for all models. ``loaded`` is None until they are."""

    def __init__(
        self,
        watches: Mapping[str, Watch],
        logs: Mapping[str, RowLog],
        *,
        sleep: Callable[[float], None] = time.sleep,
        faults: F.Faults | None = None,
    ) -> None:
        self.watches, self._logs, self._sleep = watches, logs, sleep
        self.faults = faults or F.Faults()
        self.ledgers = {name: Ledger() for name in RECIPES}
        self.loaded: Loaded | None = None
        self.simulated: float | None = None
        self.ranked: tuple[date, list[dict[str, object]]] | None = None
        self._frozen: float | None = None
        self._requests = 0
        self._lock = threading.Lock()

    def answer(self, recipe: Recipe, rows: Sequence[Row], inference: Inference) -> list[Answer]:
        """Answer one request inside its inference. Raises InjectedError."""
        loaded = self._loaded()
        with inference.stage("preprocessing"):
            features = [self._features(recipe, row) for row in rows]
            matrix = loaded.predictors[recipe.name].encode_rows(features)
        with inference.stage("predict"):
            self._misbehave()
            scores = loaded.predictors[recipe.name].score(matrix)
        with inference.stage("postprocessing"):
            answers = [self._answer(recipe, float(score)) for score in scores]
            for row, known, answer in zip(rows, features, answers, strict=True):
                if answer.confidence is not None:
                    inference.confidence(answer.confidence)
                if answer.prediction == LATE:
                    # What the spec does not allow, the delay, is not written.
                    told = {name: known[name] for name in ("carrier", "origin", "dep_delay")}
                    log.info("expected to arrive late", extra=told)
                self.ledgers[recipe.name].answered(row.id, answer.prediction)
                self._record(recipe, known, answer, row.id)
        return answers

    def _loaded(self) -> Loaded:
        if self.loaded is None:
            raise RuntimeError("the models are not loaded yet")
        return self.loaded

    def _features(self, recipe: Recipe, row: Row) -> dict[str, Value]:
        features = dict(row.features)
        wanted = [name for name in recipe.features if name in WEATHER]
        if wanted:
            weather = self._weather(recipe, str(features["origin"]), row.moment)
            features.update({name: weather[name] for name in wanted})
        distance = features.get("distance")
        if isinstance(distance, float) and self.faults.on(F.SHIFTED_FEATURE):
            features["distance"] = distance * _KILOMETRES
        return features

    def _weather(self, recipe: Recipe, origin: str, moment: float) -> Mapping[str, float | None]:
        """The newest observation, and its age to the watch."""
        if self.faults.on(F.MISSING_WEATHER):
            return dict.fromkeys(WEATHER)
        stopped = self._stopped(moment)
        values, age = self._loaded().weather.at(origin, stopped)
        if math.isfinite(age):
            self.watches[recipe.name].feature_age(_SOURCE, age + moment - stopped)
        return values

    def _stopped(self, moment: float) -> float:
        """The moment that the feature store has got to: now, unless it stopped at the first request under the fault."""
        with self._lock:
            if not self.faults.on(F.STALE_FEATURES):
                self._frozen = None
                return moment
            if self._frozen is None:
                self._frozen = moment
            return min(moment, self._frozen)

    def _misbehave(self) -> None:
        if self.faults.on(F.SLOW):
            self._sleep(_SLOW_SECONDS)
        if self.faults.on(F.FAILING):
            with self._lock:
                self._requests += 1
                fails = self._requests % 3 != 0
            if fails:
                raise InjectedError("the fault 'failing' is on")

    def _answer(self, recipe: Recipe, score: float) -> Answer:
        if recipe is FLIGHT_DELAY and self.faults.on(F.CONSTANT_OUTPUT):
            return Answer(LATE, 1.0)
        return self._loaded().predictors[recipe.name].answer(score)

    def _record(self, recipe: Recipe, features: Mapping[str, Value], answer: Answer, key: str | None) -> None:
        self._logs[recipe.name].record(
            features=features, prediction=answer.prediction, confidence=answer.confidence, id=key
        )

    def advance(self, moment: float) -> date | None:
        """Move simulated time on; the New York day that has begun when it is a new one."""
        with self._lock:
            before = self.simulated
            # The replay starts again in July after December.
            if before is None or moment > before or before - moment > timedelta(days=2).total_seconds():
                self.simulated = moment
                today = _day(moment)
                return today if before is None or today != _day(before) else None
            return None

    def label(self, recipe: Recipe, key: str, actual: object) -> bool:
        """The true label of an earlier answer has arrived; False when that answer is not known. Raises InputError."""
        watch, ledger = self.watches[recipe.name], self.ledgers[recipe.name]
        if recipe is FLIGHT_DELAY:
            if not isinstance(actual, str) or actual not in (ON_TIME, LATE):
                raise InputError(f"actual is {actual!r}: give {ON_TIME!r} or {LATE!r}")
            called = ledger.labelled(key, actual)
            if isinstance(called, str):
                watch.label(predicted=called, actual=actual)
            return called is not None
        if recipe is AIR_TIME:
            if isinstance(actual, bool) or not isinstance(actual, int | float) or not math.isfinite(actual):
                raise InputError(f"actual is {actual!r}: give the minutes in the air")
            minutes = ledger.labelled(key, float(actual))
            if isinstance(minutes, float):
                watch.absolute_error(abs(minutes - actual))
            return minutes is not None
        raise InputError("gate-ranking takes no labels: flight-delay's say which flights were late")

    def rank(self, day: date) -> None:
        """Rank a day's flights by their risk of being late, so that gates are staffed where it matters."""
        loaded = self._loaded()
        flights = loaded.flights.between(day, day + timedelta(days=1))
        predictor = loaded.predictors[GATE_RANKING.name]
        with self.watches[GATE_RANKING.name].batch_run() as run:
            with run.stage("preprocessing"):
                columns = {name: getattr(flights, name) for name in GATE_RANKING.features}
                matrix = predictor.encode(columns)
            with run.stage("predict"):
                if self.faults.on(F.FAILING):
                    raise InjectedError("the fault 'failing' is on")
                scores = predictor.score(matrix) if len(flights) else matrix[:, 0]
            with run.stage("postprocessing"):
                for position in range(len(flights)):
                    features = GATE_RANKING.read({name: _plain(values[position]) for name, values in columns.items()})
                    answer = predictor.answer(float(scores[position]))
                    self._record(GATE_RANKING, features, answer, str(flights.id[position]))
                riskiest = sorted(range(len(flights)), key=lambda position: -scores[position])[:5]
                self.ranked = (
                    day,
                    [{"id": str(flights.id[n]), "risk": round(float(scores[n]), 3)} for n in riskiest],
                )
            run.rows = len(flights)

    def progress(self) -> dict[str, object]:
        """What the demo is doing, for people and programs."""
        local = None if self.simulated is None else datetime.fromtimestamp(self.simulated, UTC).astimezone(NEW_YORK)
        tallies = {name: ledger.tally() for name, ledger in self.ledgers.items() if name != GATE_RANKING.name}
        ranked = self.ranked
        return {
            "ready": self.loaded is not None,
            "simulated": None if local is None else local.isoformat(timespec="minutes"),
            "models": {
                name: {
                    "predictions": tally.predictions,
                    "errors": tally.errors,
                    "labelled": tally.labelled,
                    "labels_without_prediction": tally.unknown,
                    "recent_accuracy" if name == FLIGHT_DELAY.name else "recent_absolute_error": tally.recent,
                }
                for name, tally in tallies.items()
            },
            "ranking": None if ranked is None else {"day": ranked[0].isoformat(), "riskiest": ranked[1]},
            "trained": None if self.loaded is None else self.loaded.scores,
            "faults": self.faults.listing(),
        }

    def close(self) -> None:
        for row_log in self._logs.values():
            row_log.close(timeout=2)


def _plain(value: object) -> object:
    return value if isinstance(value, str) else float(value)  # type: ignore[arg-type]  # a numpy integer


def _day(moment: float) -> date:
    return datetime.fromtimestamp(moment, UTC).astimezone(NEW_YORK).date()
