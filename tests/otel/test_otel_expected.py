"""What `predicted` says of answers and values that the sidecar would reject later."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from modelwatch.exporters.bins import category_text
from modelwatch.exporters.ingest.wrong import _known
from modelwatch.model.types import Logging, Model, PredictionLogs, Task
from modelwatch.otel import Watch, expected
from modelwatch.otel.expected import category, known
from modelwatch.otel.logs.outbox import flush_all
from tests.conftest import sample_model

FEATURES = {"dep_hour": 7, "carrier": "UA"}


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other tests were told is told here again."""
    monkeypatch.setattr(expected, "_told", set())


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.WARNING, "modelwatch.otel")
    return lambda: [record.getMessage() for record in caplog.records]


def watching(model: Model) -> Watch:
    return Watch(model, version="7", registry=CollectorRegistry())


def answers(model: Model, *predictions: Any) -> None:
    with watching(model).inference() as inference:
        for prediction in predictions:
            inference.predicted(FEATURES, prediction, 0.9)


REGRESSION = sample_model("air-time", task=Task("regression", unit="minutes"))
NUMBERED = sample_model(task=Task("classification", ("0.0", "1", "True"), "1"))


class Raises:
    def __str__(self) -> str:
        raise RuntimeError("ada@example.com")


@pytest.mark.parametrize("wrong", ["LATE", "ada@example.com", 1, 0.5, True, np.str_("later"), np.int64(3), ["late"]])
def test_a_class_that_the_spec_lacks_is_said_once_with_what_to_do_and_not_quoted(
    model: Model, told: Callable[[], list[str]], wrong: Any
) -> None:
    answers(model, wrong, "late", wrong)
    answers(model, wrong)
    assert told() == [
        "a prediction of flight-delay is none of task.classes (on_time, late), and the sidecar rejects such rows: "
        "give predicted() one of them, or add it to the spec"
    ]


def test_each_model_and_each_kind_is_said_once(model: Model, told: Callable[[], list[str]]) -> None:
    for _ in range(2):
        answers(model, "LATE", np.zeros(3), Raises())
        answers(replace(model, name="churn"), "LATE")
        answers(REGRESSION, "late", True)
    assert [text.split(",")[0].split(" (")[0] for text in told()] == [
        "a prediction of flight-delay is none of task.classes",
        "a prediction of flight-delay was a ndarray",
        "a prediction of churn is none of task.classes",
        "a prediction of air-time was a str",
    ]
    assert "needs a number, and the sidecar rejects such rows: give predicted() that" in told()[-1]
    assert "example.com" not in str(told())


def test_of_many_classes_some_are_named(told: Callable[[], list[str]]) -> None:
    answers(sample_model(task=Task("classification", tuple(f"c{n}" for n in range(14)), "c1")), "x")
    assert "(c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 and 4 more)" in told()[0]


@pytest.mark.parametrize(
    ("model", "right"),
    [
        (sample_model(), ["late", "on_time", None, "", np.str_("late"), np.array(["late"]), float("nan")]),
        (NUMBERED, [0, 0.0, "0", "0.0", 1, 1.0, np.int64(1), np.float32(0), True, "true", "True", np.True_]),
        (REGRESSION, [3, -2.5, float("nan"), float("inf"), None, np.float32(2), np.int64(7), np.array([1.5])]),
    ],
    ids=["texts", "numbers", "regression"],
)
def test_what_the_sidecar_takes_is_not_spoken_of(model: Model, right: list[Any], told: Callable[[], list[str]]) -> None:
    answers(model, *right)
    assert told() == []


classes = st.lists(
    st.one_of(st.text(max_size=6), st.from_regex(r"-?[0-9]{1,2}(\.0{0,2})?", fullmatch=True)), max_size=6
)


@given(classes.map(lambda found: tuple([*found, "True", "FALSE", "1.0"][: len(found) + 2])))
def test_the_known_classes_are_those_that_the_sidecar_knows(names: tuple[str, ...]) -> None:
    assert known(names) == _known(names)


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)))
def test_a_class_is_spelt_as_the_sidecar_spells_it(value: Any) -> None:
    assert (category(value) or None) == category_text(value)


@pytest.fixture
def written(model: Model, tmp_path: Path) -> Model:
    rows = PredictionLogs(str(tmp_path), 1, 10, sample=Decimal(1))
    return replace(model, logging=Logging("info", Decimal(0), (), (), (), predictions=rows))


def test_a_feature_of_a_wrong_type_is_said_once_where_rows_are_written(
    written: Model, told: Callable[[], list[str]], tmp_path: Path
) -> None:
    with watching(written).inference() as inference:
        for hour in ("7", True, 7, None, 7.5, np.int64(7), "8"):
            inference.predicted({"dep_hour": hour, "carrier": 3}, "late", 0.9)
    flush_all()
    assert [text.partition(",")[0] for text in told()] == ["feature dep_hour of flight-delay was a str"]
    (path,) = tmp_path.iterdir()
    assert len(list(map(json.loads, path.read_text().splitlines()))) == 7
