"""The real flights, models trained on a few of them, and the service over both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from starlette.testclient import TestClient

from demo import dataset
from demo.artifacts import Artifacts
from demo.dataset import Dataset
from demo.engine import Engine, Loaded
from demo.faults import Faults
from demo.models import AIR_TIME, FLIGHT_DELAY, GATE_RANKING, RECIPES
from demo.service import Service
from demo.train import Trained, train
from modelwatch.model import types as t
from modelwatch.model.units import Duration
from modelwatch.otel import Watch


@dataclass
class Rows:
    """Stands in for the sidecar's client: keeps what it is given."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    closed: bool = False

    def record(self, **row: Any) -> None:
        self.rows.append(row)

    def close(self, timeout: float = 2) -> None:
        self.closed = True


@dataclass
class Clock:
    """A clock that is moved by hand."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="session")
def data() -> Dataset:
    return dataset.load()


@pytest.fixture(scope="session")
def few(data: Dataset) -> Dataset:
    """Every fortieth flight."""
    return Dataset(data.flights.where(np.arange(0, len(data.flights), 40)), data.weather, data.dropped)


@pytest.fixture(scope="session")
def trained(few: Dataset) -> dict[str, Trained]:
    return train(few, lambda _: None, iterations=40)


@pytest.fixture(scope="session")
def loaded(trained: dict[str, Trained], few: Dataset) -> Loaded:
    predictors = {name: found.predictor for name, found in trained.items()}
    return Loaded(Artifacts(predictors, {name: found.scores for name, found in trained.items()}), few)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def watches(model: t.Model, registry: CollectorRegistry) -> dict[str, Watch]:
    batch = replace(model.serving, mode="batch", every=Duration.parse("5m"))
    specs = {
        FLIGHT_DELAY: model,
        AIR_TIME: replace(model, name=AIR_TIME.name, task=t.Task("regression", unit="minutes")),
        GATE_RANKING: replace(model, name=GATE_RANKING.name, task=t.Task("ranking"), serving=batch),
    }
    return {recipe.name: Watch(spec, version="2013.06", registry=registry) for recipe, spec in specs.items()}


@pytest.fixture
def logs() -> Mapping[str, Rows]:
    return {name: Rows() for name in RECIPES}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sleeps() -> list[float]:
    """How long the service would have slept."""
    return []


@pytest.fixture
def engine(watches: dict[str, Watch], logs: dict[str, Rows], clock: Clock, sleeps: list[float]) -> Engine:
    return Engine(watches, logs, sleep=sleeps.append, faults=Faults(clock))


@pytest.fixture
def client(engine: Engine, registry: CollectorRegistry, loaded: Loaded) -> Iterator[TestClient]:
    """The service, ready."""
    service = Service(engine, registry, lambda: loaded)
    with TestClient(service.app()) as found:
        engine.loaded = loaded
        yield found
