"""Folders of specs for the loader's tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from modelwatch.model.load import Loaded, load_fleet

TEN_LINES = """\
apiVersion: modelwatch/v1
kind: Model
metadata:
  name: churn
  owner: growth
serving: {job: churn}
task: {type: classification}
features:
  - {name: age, type: numeric}
  - {name: plan, type: categorical}
"""

Load = Callable[..., Loaded]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """``load(churn="...", stack="...")`` loads a folder ``models`` of these files, named relative to the working folder."""
    monkeypatch.chdir(tmp_path)
    folder = Path("models")
    folder.mkdir()

    def _load(**files: str | bytes) -> Loaded:
        for name, content in files.items():
            raw = content if isinstance(content, bytes) else content.encode()
            (folder / f"{name}.yaml").write_bytes(raw)
        return load_fleet(folder)

    return _load


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a folder ``data`` for tables that specs are drafted from."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    return tmp_path


def told(loaded: Loaded) -> list[str]:
    """``line:column CODE message`` of each diagnostic."""
    return [f"{d.line}:{d.column} {d.code} {d.message}" for d in loaded.diagnostics]
