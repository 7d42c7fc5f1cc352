"""Where `modelwatch sampled` looks for rows."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from modelwatch.cli.command import Streams
from modelwatch.cli.main import main

SPEC = """\
apiVersion: modelwatch/v1
kind: Model
metadata: {name: loans, owner: credit}
serving: {job: loans, targets: ["127.0.0.1:8000"]}
task: {type: classification}
sampling: {rows_per_hour: 200}
"""
STACK, ALONE = (Path(f".modelwatch/{name}/sampling/loans") for name in ("data/exporter", "exporter"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("models").mkdir()
    Path("models/loans.yaml").write_text(SPEC)


def sampled(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    return main(["sampled", "loans", *arguments], Streams(out=out, err=err)), out.getvalue(), err.getvalue()


@pytest.mark.parametrize("folder", [STACK, ALONE])
def test_rows_are_found_of_the_stack_and_of_a_sidecar_alone(folder: Path) -> None:
    folder.mkdir(parents=True)
    code, out, err = sampled()
    assert (code, err) == (0, "") and out.endswith(f"/{folder}\n")


@pytest.mark.parametrize(("newer", "older"), [(STACK, ALONE), (ALONE, STACK)])
def test_of_both_the_one_is_read_that_was_written_to_last_and_said(newer: Path, older: Path) -> None:
    for folder, time in ((older, 1_000), (newer, 2_000)):
        folder.mkdir(parents=True)
        os.utime(folder, (time, time))
    code, out, err = sampled()
    assert code == 0 and out.endswith(f"/{newer}\n")
    assert f"/{newer}; " in err and f"/{older} has older rows, which --state reads" in err
    code, out, err = sampled("--state", str(older.parent.parent))
    assert (code, err) == (0, "") and out.endswith(f"/{older}\n")


def test_where_neither_is_there_both_are_named() -> None:
    code, _, err = sampled()
    assert code == 2 and f"/{STACK} and " in err and f"/{ALONE}: no rows of loans are kept here" in err
    assert "if the sidecar has another --state" in err
