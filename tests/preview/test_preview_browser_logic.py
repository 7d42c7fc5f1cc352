"""The browser's pure modules under node's own test runner."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
STATIC = HERE.parents[1] / "compose" / "preview" / "static"


@pytest.fixture
def node() -> str:
    found = shutil.which("node")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("node is missing: install Node.js 20 or newer")
        pytest.skip("node is missing: install Node.js 20 or newer to test the browser's modules")
    return found


def test_pure_modules_behave_as_grafana_does(node: str) -> None:
    """Units, time, variables, frames, transformations, links and support, tested in node."""
    files = sorted(str(path) for path in (HERE / "js").glob("*.test.mjs"))
    result = subprocess.run([node, "--test", *files], capture_output=True, text=True, timeout=120, check=False)
    assert files
    assert result.returncode == 0, result.stdout[-8000:] + result.stderr[-2000:]
    assert "# fail 0" in result.stdout


def test_every_module_parses(node: str) -> None:
    """A module that no other test loads has no syntax error either."""
    modules = [path for path in STATIC.rglob("*.js") if "vendor" not in path.parts]
    assert len(modules) > 20
    for path in modules:
        result = subprocess.run([node, "--check", str(path)], capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 0, result.stderr


def test_modules_stay_small() -> None:
    """One job a module: none outgrows what can be read at once."""
    sizes = {p.name: len(p.read_text("utf-8").splitlines()) for p in STATIC.rglob("*.js") if "vendor" not in p.parts}
    assert max(sizes.values()) < 400, sizes
