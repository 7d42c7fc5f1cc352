"""A column that is to tell the time of a baseline's rows is looked at by `check`, as far as its first rows."""

from __future__ import annotations

import datetime
import gzip
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from .conftest import TEN_LINES, Load

NOON = datetime.datetime(2024, 5, 31, 12, 0, 0, 123456)
SPEC = TEN_LINES + "baseline: {data: ../data/FILE, time: seen}\n"


def write(name: str, seen: Sequence[Any], kind: Any = None) -> None:
    path = Path("data", name)
    path.parent.mkdir(exist_ok=True)
    table = pa.table({"age": [1.0] * len(seen), "plan": ["a"] * len(seen), "seen": pa.array(seen, kind)})
    if name.endswith(".parquet"):
        pyarrow.parquet.write_table(table, path)
    elif name.endswith(".feather"):
        pyarrow.feather.write_feather(table, path)
    elif name.endswith(".arrow"):
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table)
    else:
        lines = ["age,plan,seen", *(f"1,a,{'' if value is None else value}" for value in seen)]
        content = ("\n".join(lines) + "\n").encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)


def told(load: Load, name: str) -> list[tuple[str, str]]:
    return [(found.code, found.message) for found in load(churn=SPEC.replace("FILE", name)).diagnostics]


FILES = ("t.csv", "t.csv.gz", "t.parquet", "t.feather", "t.arrow")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("seen", "shown"),
    [
        (["UA", "AA"], "UA"),
        ([None, "2024-05-31", "soon"], "soon"),
        ([14, 15], "14"),
        ([0.5, None], "0.5"),
        ([1_700_000_000_000_000], "1700000000000000"),
        (["31.05.2024 14:00"], "'31.05.2024 14:00'"),
        (["1700000000", "2024-05-31"], "'1700000000'"),
    ],
)
def test_what_no_profile_could_read_as_times_is_told(load: Load, name: str, seen: list[Any], shown: str) -> None:
    write(name, seen)
    message = f"the column 'seen' of the baseline ../data/{name} holds no times, such as {shown}"
    assert told(load, name) == [("MW055", message)]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "seen",
    [
        ["2024-05-31T14:00:00Z", None, "2024-05-31 14:00"],
        ["2024-05-31", "2024-06-01"],
        ["2024-05-31T14:00:00.123+02:00"],
        [1_700_000_000, 1_700_000_001],
        [1.7e12, None],
        ["1700000000"],
        [0, 1_700_000_000],
        [None, None],
        [],
    ],
)
def test_times_of_every_form_are_no_finding(load: Load, name: str, seen: list[Any]) -> None:
    write(name, seen, None if any(value is not None for value in seen) else pa.string())
    assert told(load, name) == []


@pytest.mark.parametrize("name", ["t.parquet", "t.feather"])
@pytest.mark.parametrize("kind", [pa.timestamp("ns"), pa.timestamp("s", "UTC"), pa.date32()])
def test_columns_that_say_they_are_times_are_believed(load: Load, name: str, kind: Any) -> None:
    write(name, [NOON.replace(microsecond=0)], kind)
    assert told(load, name) == []


@pytest.mark.parametrize("seen", [[True], [NOON.time()], [Decimal("1.5")], [["2024-05-31"]]])
def test_columns_of_a_type_that_tells_no_time_are_told(load: Load, seen: list[Any]) -> None:
    write("t.parquet", seen)
    [(code, _)] = told(load, "t.parquet")
    assert code == "MW055"


def test_only_the_first_rows_are_looked_at(load: Load) -> None:
    for name in FILES:
        write(name, ["2024-05-31"] * 100 + ["soon"])
        assert told(load, name) == []
        write(name, ["2024-05-31"] * 99 + ["soon"])
        assert len(told(load, name)) == 1


def test_a_row_that_is_cut_by_the_end_of_what_is_read_says_nothing(load: Load) -> None:
    write("t.csv", ["2024-05-31T14:00:00Z"])
    with Path("data/t.csv").open("a") as file:
        # As long as what is read of a file, and the cut goes through the last time.
        file.write(f'1,"{"x" * ((1 << 20) - file.tell() - 12)}",2024-05-31T14:00:00Z\n')
    assert told(load, "t.csv") == []
