"""The browser's pure modules under node's own test runner."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from modelwatch.dashboards import generate
from modelwatch.model.types import Fleet

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


def test_the_kit_s_own_boards_ask_for_nothing_that_is_not_drawn(node: str, fleet: Fleet, tmp_path: Path) -> None:
    """Whatever a generated board wants, the preview knows."""
    boards = generate(fleet)
    for name, text in boards.items():
        (tmp_path / Path(name).name).write_text(text, "utf-8")
    script = f"""
        import fs from "node:fs";
        import {{ unsupported }} from "{(STATIC / "lib" / "support.js").as_uri()}";
        const all = (panels) => panels.flatMap((panel) => [panel, ...all(panel.panels ?? [])]);
        const missing = process.argv.slice(1).flatMap((file) =>
          all(JSON.parse(fs.readFileSync(file)).panels).flatMap((panel) => unsupported(panel).map((what) => `${{panel.title}}: ${{what}}`)));
        console.log(JSON.stringify(missing));
    """
    files = [str(path) for path in tmp_path.glob("*.json")]
    command = [node, "--input-type=module", "--eval", script, *files]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert len(files) == len(boards) > 0
    assert json.loads(result.stdout) == []


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
