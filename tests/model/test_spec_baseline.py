"""Checks of the baseline: its columns against the features, and files that cannot be read."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from modelwatch.model.profile_head import content_hash

from .checks import lines
from .conftest import TEN_LINES, Load


def _table(path: Path, *columns: str) -> None:
    path.parent.mkdir(exist_ok=True)
    if path.name.endswith(".parquet"):
        pq.write_table(pa.table({name: [1.0] for name in columns}), path)
        return
    content = ",".join(f'"{name}"' for name in columns) + "\n"
    path.write_bytes(
        gzip.compress(content.encode()) if path.name.endswith(".gz") else b"\xef\xbb\xbf" + content.encode()
    )


@pytest.mark.parametrize("name", ["train.csv", "train.csv.gz", "train.parquet"])
def test_columns_of_a_baseline_are_compared_with_the_features(load: Load, name: str) -> None:
    _table(Path("data") / name, "age", "plans")
    found = load(churn=TEN_LINES + f"baseline: {{data: ../data/{name}}}\n").diagnostics
    assert lines(found) == [
        f"10:12 MW030 error the baseline ../data/{name} has no feature 'plan' -- did you mean 'plans'?"
    ]


def test_a_profile_is_compared_rather_than_the_data_it_came_from(load: Load) -> None:
    Path("profiles").mkdir()
    content = {"rows": 500, "features": [{"name": "age", "type": "numeric"}]}
    Path("profiles/churn.json").write_text(json.dumps({**content, "sha256": content_hash(content)}))
    found = load(churn=TEN_LINES + "baseline: {data: gone.csv, profile: ../profiles/churn.json}\n").diagnostics
    assert [d.message for d in found] == ["the baseline ../profiles/churn.json has no feature 'plan'"]
    assert found[0].help == "it has age; make it again with modelwatch profile churn --data DATA"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.parquet", b"PAR1 no", "x.parquet: this is no Parquet file"),
        ("x.csv.gz", b"no gzip", "x.csv.gz: this is no CSV file"),
        (
            "x.xlsx",
            b"",
            "x.xlsx: no CSV, Parquet or Arrow file by its name: use .csv, .csv.gz, .parquet, .pq, .arrow, .feather",
        ),
    ],
)
def test_a_broken_baseline_is_told_at_its_path(load: Load, name: str, content: bytes, message: str) -> None:
    Path("models", name).write_bytes(content)
    (found,) = load(churn=TEN_LINES + f"baseline: {{data: {name}}}\n").diagnostics
    assert (found.code, found.message) == ("MW032", message)


@pytest.mark.parametrize("content", ["[1]", "{}", "{", '{"features": [1]}', "[" * 100_000])
def test_a_broken_profile_is_told_at_its_path(load: Load, content: str) -> None:
    Path("models/p.json").write_text(content)
    (found,) = load(churn=TEN_LINES + "baseline: {profile: p.json}\n").diagnostics
    assert (found.code, found.message) == ("MW032", "p.json: this is no profile of modelwatch")
    assert found.help == "make it again with modelwatch profile churn --data DATA"


def test_a_missing_baseline_is_a_warning_that_lets_the_fleet_load(load: Load) -> None:
    loaded = load(churn=TEN_LINES + "baseline: {profile: ../profiles/churn.json}\n")
    assert loaded.fleet is not None
    assert lines(loaded.diagnostics) == [
        "11:21 MW031 warning the baseline ../profiles/churn.json is not there, so no drift can be told -- "
        "make it with modelwatch profile churn --data DATA; paths start from this file's folder"
    ]


def test_checking_a_folder_without_parquet_never_imports_pyarrow(tmp_path: Path) -> None:
    (tmp_path / "churn.yaml").write_text(TEN_LINES)
    program = (
        "import sys; from pathlib import Path; from modelwatch.model.load import load_fleet; "
        "load_fleet(Path(sys.argv[1])).unwrap(); sys.exit('pyarrow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False).returncode == 0


def test_a_baseline_may_be_arrow_and_names_its_columns_of_time_and_segment(load: Load) -> None:
    feather.write_feather(pa.table({"age": [1], "plan": ["a"], "seen_at": [1_700_000_000]}), "models/d.feather")
    good = TEN_LINES + "baseline: {data: d.feather, time: seen_at, segment: plan}\n"
    assert load(churn=good).diagnostics == ()
    found = load(churn=good.replace("time: seen_at, segment: plan", "time: seen, segment: age")).diagnostics
    assert [(d.code, d.message, d.help) for d in found] == [
        ("MW030", "the baseline d.feather has no column 'seen' to tell the time", "did you mean 'seen_at'?"),
        ("MW035", "'age' is no categorical feature, so there are no segments by it", "the spec has plan"),
    ]
    (found,) = load(churn=TEN_LINES + "baseline: {profile: p.json, time: seen_at}\n").diagnostics[:1]
    assert (found.code, found.message) == ("MW013", "'baseline' lacks 'data'")
