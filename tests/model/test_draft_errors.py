"""What cannot be drafted gives one clear error that says how to mend it."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pytest

from modelwatch.model.draft import InitError, draft

from .drafts import CHURN, csv, parquet, raw


@pytest.mark.parametrize(
    ("make", "options", "message", "help"),
    [
        (
            lambda: csv(""),
            {},
            "data/churn.csv is empty",
            "write a line with the columns' names, then one line a row",
        ),
        (lambda: raw("a,b\n1,2\n".encode("utf-16")), {}, "data/churn.csv is UTF-16 text", "save it as UTF-8"),
        (
            lambda: raw(b"PK\x03\x04..."),
            {},
            "data/churn.csv is an archive or a workbook and no CSV",
            "export the sheet as CSV",
        ),
        (
            lambda: raw(parquet(pa.table({"a": [1]})).read_bytes()),
            {},
            "data/churn.csv is Parquet by its content",
            "give it a name that ends in .parquet",
        ),
        (
            lambda: raw(gzip.compress(b"a,b\n1,2\n")),
            {},
            "data/churn.csv is compressed with gzip",
            "give it a name that ends in .csv.gz",
        ),
        (
            lambda: raw(b"a,b\n1,2\n", "x.csv.gz"),
            {},
            "data/x.csv.gz is not compressed with gzip",
            "if it is plain text, give it a name that ends in .csv",
        ),
        (
            lambda: raw(gzip.compress(b"a,b\n1,2\n" * 1000)[:40], "x.csv.gz"),
            {},
            "data/x.csv.gz is cut short",
            "copy or write it again",
        ),
        (
            lambda: csv("no", "x.parquet"),
            {},
            "data/x.parquet is too short to be Parquet",
            "write it again",
        ),
        (
            lambda: csv("a,b\n"),
            {},
            "data/churn.csv has no rows",
            "a baseline shows what the features usually look like",
        ),
        (
            lambda: csv("a,b\n1\n"),
            {},
            "data/churn.csv has a row with another number of cells (1) than its first line (2): 1",
            'write as many cells in every row, and put text that holds a comma or a line break in quotes: "a, b"',
        ),
        (
            lambda: csv('note,age\n"a, b\nc",3\n"d,4\n'),
            {},
            'data/churn.csv has a row with another number of cells (1) than its first line (2): "d,4',
            'write as many cells in every row, and put text that holds a comma or a line break in quotes: "a, b"',
        ),
        (
            lambda: csv("a;b\n1;2\n"),
            {},
            "data/churn.csv is not separated by commas",
            "save it as CSV with commas, or as Parquet",
        ),
        (
            lambda: csv("no " * 100, "x.parquet"),
            {},
            "data/x.parquet is no Parquet file, or only part of one",
            "write it again; data in other formats needs a name that ends in .csv or .csv.gz",
        ),
        (
            lambda: csv("a", "x.xlsx"),
            {},
            "data/x.xlsx is neither CSV nor Parquet by its name",
            "write it as CSV or Parquet, with a name that ends in .csv, .csv.gz, .parquet or .pq",
        ),
        (
            lambda: Path("data/gone.csv"),
            {},
            "there is no file data/gone.csv",
            "paths start from the folder that you are in",
        ),
        (
            lambda: parquet(pa.table({})),
            {},
            "data/churn.parquet has no columns",
            "a baseline has a column for every feature",
        ),
        (
            lambda: csv(CHURN),
            {"target": "chruned"},
            "data/churn.csv has no column 'chruned' for --target",
            "did you mean 'churned'?",
        ),
        (
            lambda: csv(CHURN),
            {"prediction": "answer"},
            "data/churn.csv has no column 'answer' for --prediction",
            "its columns are customer_id, age, plan, active, signup, note, churned",
        ),
        (
            lambda: csv(CHURN),
            {"name": "a b"},
            "'a b' cannot be a model's name",
            "use up to 63 letters, digits, '-' and '_', and start and end with a letter or digit",
        ),
        (lambda: csv(CHURN), {"name": "stack"}, "the name 'stack' is reserved", "add what the model predicts"),
    ],
)
def test_what_cannot_be_drafted_gives_one_clear_error(
    folder: Path, make: Callable[[], Path], options: dict[str, str], message: str, help: str
) -> None:
    with pytest.raises(InitError) as caught:
        draft(make(), **options)  # type: ignore[arg-type]  # options are all texts
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert caught.value.help == help


def test_bytes_that_are_no_text_give_one_clear_error(folder: Path) -> None:
    Path("data/x.csv").write_bytes(b"a,b\n\xe9,1\n")
    with pytest.raises(InitError, match=r"data/x\.csv is not UTF-8 text"):
        draft(Path("data/x.csv"))
