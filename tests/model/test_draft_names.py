"""Columns of any name give a spec, and names that no label can hold are left out."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pytest

from modelwatch.model.draft import draft

from .drafts import CHURN, csv, loaded, parquet, reasons

ODD_NAMES = [
    "a b",
    "größe",
    "it's",
    'say "x"',
    "a: b",
    "x #1",
    "on",
    "1_000",
    "12",
    "null",
    "- x",
    "{x}",
    "日本",
    "\u200b",
    "*p",
    "a,b",
    "%",
    "?",
    "~",
    "2024-01-01",
    "x" * 128,
    "  x ",
]


def test_odd_names_of_columns_survive(folder: Path) -> None:
    model = loaded(draft(parquet({name: [1.5, 2.5] for name in ODD_NAMES})))
    assert [feature.name for feature in model.features] == ODD_NAMES


@pytest.mark.parametrize("name", ["", "a\nb", "x\x00y", "\x85", "x" * 129])
def test_names_that_no_label_can_hold_are_left_out(folder: Path, name: str) -> None:
    found = draft(parquet({"x": [1.5, 2.5], name: [1.5, 2.5]}))
    assert reasons(found) == {
        name: "its name is empty, too long or has control characters; rename the column to watch it"
    }
    loaded(found)


def test_columns_of_one_name_are_left_out_together(folder: Path) -> None:
    found = draft(csv("x,z,x\n1.5,2.5,3.5\n2.5,3.5,4.5\n"))
    assert [(one.name, one.reason) for one in found.left_out] == [
        ("x", "is there more than once; rename the columns"),
    ] * 2
    loaded(found)


def test_the_hundredth_feature_is_the_last(folder: Path) -> None:
    found = draft(parquet({f"f{n}": [1.5, 2.5] for n in range(150)}))
    assert len(found.features) == 100
    assert reasons(found)["f100"] == "is beyond the first 100 features; watch those that matter"
    loaded(found)


def test_a_table_without_any_feature_still_gives_a_spec(folder: Path) -> None:
    found = draft(parquet({"x": pa.array([None, None])}))
    assert "features: [] # no column can be watched, see below\n" in found.text
    loaded(found)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("Fraud v2.csv", "Fraud-v2"),
        ("stack.csv", "stack-model"),
        ("日本.csv", "model"),
        ("a.b.csv", "a"),
        ("_x_.csv", "x"),
    ],
)
def test_the_model_is_called_after_its_file(folder: Path, file: str, name: str) -> None:
    found = draft(csv(CHURN, file))
    assert found.name == name
    assert loaded(found).name == name


def test_paths_start_from_the_draft(folder: Path) -> None:
    found = draft(csv(CHURN, "it's #1.csv"), output=Path("specs/deep/x.yaml"))
    assert "baseline: {data: '../../data/it''s #1.csv'}\n" in found.text


def test_progress_goes_from_nothing_to_all(folder: Path) -> None:
    seen: list[float] = []
    draft(csv(CHURN), progress=seen.append)
    assert seen
    assert seen[-1] == 1.0
