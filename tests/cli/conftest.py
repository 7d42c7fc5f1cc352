"""Commands run as a person runs them, in a folder of the test's own."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from modelwatch.cli.command import Streams
from modelwatch.cli.main import main

TEN_LINES = """apiVersion: modelwatch/v1
kind: Model
metadata: {name: churn, owner: growth}
serving: {job: churn, targets: ["127.0.0.1:8000"]}
task: {type: classification, classes: [stays, leaves], positive_class: leaves}
features:
  - {name: age, type: numeric, range: [0, 120]}
  - {name: country, type: categorical}
"""


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Result:
        out, err = io.StringIO(), io.StringIO()
        return Result(main(arguments, Streams(out=out, err=err)), out.getvalue(), err.getvalue())

    return call


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "churn.yaml").write_text(TEN_LINES)
    return folder
