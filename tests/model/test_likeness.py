"""A label that nobody named is told instead of being watched as a feature in silence."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelwatch.model.draft import Draft, draft
from modelwatch.model.likeness import agreement

ROWS = 2_000
RNG = random.Random(3)
TRUTH = [int(RNG.random() < 0.3) for _ in range(ROWS)]
ANSWERS = [value if RNG.random() < 0.85 else 1 - value for value in TRUTH]
FLAG = [int(RNG.random() < 0.4) for _ in range(ROWS)]
AGE = [RNG.gauss(40, 9) for _ in range(ROWS)]


def drafted(folder: Path, columns: dict[str, Any], form: str, **roles: str) -> Draft:
    path = folder / f"churn.{form}"
    table = pa.table(columns)
    if form == "csv":
        from pyarrow import csv

        csv.write_csv(table, path)
    else:
        pq.write_table(table, path)
    return draft(path, output=folder / "models" / "churn.yaml", **roles)


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("spell", [int, float, bool, lambda value: ("stays", "leaves")[value]])
def test_a_column_that_says_what_the_answers_say_is_told(tmp_path: Path, form: str, spell: Any) -> None:
    """However each is spelt: answers are 0 and 1 where the truth is true and false."""
    answers = [str(spell(value)) if isinstance(spell(value), str) else value for value in ANSWERS]
    found = drafted(
        tmp_path, {"age": AGE, "flag": FLAG, "gone": [spell(v) for v in TRUTH], "prediction": answers}, form
    )
    assert found.likely is not None
    assert (found.likely.name, found.likely.why) == ("gone", "it says nearly what the prediction says")
    assert "gone, type: categorical} # the truth? No request holds that" in found.text


def test_numbers_near_the_predicted_ones_are_told_and_what_only_moves_with_them_is_not(tmp_path: Path) -> None:
    minutes = [RNG.gauss(100, 30) for _ in range(ROWS)]
    columns = {
        "miles": [8 * value for value in minutes],
        "took": [value + RNG.gauss(0, 10) for value in minutes],
        "prediction": minutes,
    }
    found = drafted(tmp_path, columns, "parquet")
    assert found.likely is not None
    assert found.likely.name == "took"


@pytest.mark.parametrize("name", ["churn_label", "actual delay", "is_fraud", "Churned", "true_target"])
def test_a_name_that_labels_have_is_told(tmp_path: Path, name: str) -> None:
    found = drafted(tmp_path, {"age": AGE, name: FLAG}, "csv")
    assert found.likely is not None
    assert (found.likely.name, found.likely.why) == (name, "it is called like one")


@pytest.mark.parametrize("name", ["age", "latency", "ticket_class", "labeled_by", "default_rate_region", "on_time"])
def test_features_are_not_suspected(tmp_path: Path, name: str) -> None:
    found = drafted(tmp_path, {name: FLAG, "flag": FLAG, "prediction": ANSWERS}, "csv")
    assert found.likely is None
    assert "the truth?" not in found.text


def test_a_named_target_leaves_nothing_to_suspect(tmp_path: Path) -> None:
    found = drafted(tmp_path, {"age": AGE, "gone": TRUTH, "prediction": ANSWERS}, "csv", target="gone")
    assert (found.likely, found.features) == (None, ("age",))


def test_a_table_of_features_alone_is_told(tmp_path: Path) -> None:
    assert drafted(tmp_path, {"age": AGE}, "csv").unanswered
    assert not drafted(tmp_path, {"age": AGE, "prediction": ANSWERS}, "csv").unanswered


def test_agreement_is_none_where_nothing_varies_or_is_there() -> None:
    ones, nulls = pa.array([1, 1, 1]), pa.array([None, None, None], pa.int64())
    assert agreement(ones, ones) == agreement(ones, nulls) == agreement(nulls, nulls) == 0
    assert agreement(pa.array([0, 1, 1]), pa.array(["0", "2", "1.0"])) < 1
    assert agreement(pa.array([0, 1, 1]), pa.array(["0", "True", "1.0"])) == 1
