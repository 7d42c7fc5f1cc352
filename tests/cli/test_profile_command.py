"""modelwatch profile as a person uses it: files in, a profile out, and what is refused."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from modelwatch.cli.command import Streams
from modelwatch.cli.main import main
from modelwatch.exporters.profile import partial_profile
from modelwatch.model.load import load_model

SPEC = """apiVersion: modelwatch/v1
kind: Model
metadata: {name: churn, owner: growth}
serving: {job: churn, targets: ["127.0.0.1:8000"]}
task: {type: classification, classes: [stays, leaves], positive_class: leaves}
features:
  - {name: age, type: numeric, range: [0, 120]}
  - {name: country, type: categorical}
"""
Run = Callable[..., tuple[int, str, str]]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    Path("models").mkdir()
    Path("models/churn.yaml").write_text(SPEC)
    for i in range(4):
        rows = (f"{n % 90},{'DE' if n % (i + 2) else 'FR'},{3600 * n}" for n in range(i * 700, i * 700 + 700))
        Path(f"{i}.csv").write_text("age,country,at\n" + "\n".join(rows) + "\n")

    def call(*arguments: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), _Terminal()
        return main(["profile", *arguments], Streams(out=out, err=err)), out.getvalue(), err.getvalue()

    return call


def test_parts_merge_into_the_profile_of_all_files(run: Run) -> None:
    options = ("--time", "at", "--segment", "country")
    every = [argument for i in range(4) for argument in ("--data", f"{i}.csv")]
    code, out, err = run("churn", *every, *options, "--output", "whole.json")
    assert code == 0 and "whole.json: 2800 rows, 2 features" in out
    assert "0.csv and 3 more:  50%" in err and err.endswith("100%\n")
    for i in range(4):
        code, out, _ = run("churn", "--data", f"{i}.csv", "--partial", *options)
        assert code == 0 and f"{i}.partial: a partial profile" in out
    code, out, _ = run(
        "churn", "--merge", "3.partial", "1.partial", "0.partial", "2.partial", "--output", "merged.json"
    )
    assert code == 0 and "merged.json: 2800 rows" in out
    assert Path("merged.json").read_bytes() == Path("whole.json").read_bytes()


def test_a_profile_is_shown_without_naming_its_model(run: Run) -> None:
    run("churn", "--data", "0.csv", "--output", "p.json")
    code, out, _ = run("--show", "p.json")
    assert code == 0
    assert out.startswith("churn: 700 rows, 2 features\nmodelwatch.profile/2 sha256 ")
    assert "DE 50.0%, FR 50.0%" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--data", "0.csv"), "which model?"),
        (("churn", "--merge", "0.partial"), "--merge needs --output FILE"),
        (("churn", "--merge", "0.csv", "--output", "x"), "0.csv: is no partial profile"),
        (("churn", "--merge", "gone.partial", "--output", "x"), "gone.partial: no such file"),
        (("churn", "--merge", "0.csv", "--output", "x", "--time", "at"), "belong to --data"),
        (("churn", "--data", "0.csv", "--time", "when"), "no column 'when' to tell the time"),
        (("churn", "--data", "0.csv", "--segment", "age"), "'age' is no categorical feature"),
        (("--show", "0.csv"), "0.csv: is no JSON"),
        (("churn", "--data", "0.csv", "--time", "country"), "'country' does not tell the time: it holds other texts"),
    ],
)
def test_what_cannot_be_done_ends_with_one_message_and_nothing_written(
    run: Run, arguments: tuple[str, ...], message: str
) -> None:
    code, out, err = run(*arguments)
    assert code == 2 and message in err and not out
    assert not Path("x").exists() and not list(Path().glob("*.json"))


def test_a_part_that_is_given_twice_is_refused_and_parts_without_rows_are_not(run: Run) -> None:
    run("churn", "--data", "0.csv", "--partial")
    run("churn", "--data", "1.csv", "--partial")
    code, _, err = run("churn", "--merge", "0.partial", "1.partial", "0.partial", "--output", "x")
    assert code == 2 and "0.partial: is given twice, and its rows would count twice" in err
    Path("copy.partial").write_bytes(Path("0.partial").read_bytes())
    code, _, err = run("churn", "--merge", "0.partial", "copy.partial", "--output", "x")
    assert code == 2 and "copy.partial: is the same as 0.partial" in err
    assert not Path("x").exists()
    for name in ("a", "b"):
        Path(name).write_bytes(partial_profile(load_model(Path("models/churn.yaml")), []))
    code, out, err = run("churn", "--merge", "a", "0.partial", "b", "--output", "x")
    assert code == 0 and "x: 700 rows" in out, err


def test_a_partial_profile_is_shown_as_none_and_merge_is_named(run: Run) -> None:
    run("churn", "--data", "0.csv", "--partial")
    code, out, err = run("--show", "0.partial")
    assert code == 2 and "0.partial: is a partial profile" in err and "--merge" in err and not out


def test_parts_of_another_model_are_refused(run: Run) -> None:
    run("churn", "--data", "0.csv", "--partial")
    code, _, err = run("other", "--merge", "0.partial", "--output", "x")
    assert code == 2 and "0.partial: is of model 'churn', not of 'other'" in err
