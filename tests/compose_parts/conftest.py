"""A machine whose Go is a script: it says what it is told to and makes programs that say their version."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from modelwatch.compose.parts.machine import Machine

FAKE_GO = r"""#!/bin/sh
printf '%s\n' "$*" >> "$FAKE/calls"
case "$1 $2" in
"env GOVERSION") cat "$FAKE/goversion"; exit 0 ;;
"version ") echo go version fake; exit 0 ;;
"mod download") printf '{"Dir": "%s", "Sum": "%s"}\n' "$FAKE" "$(cat "$FAKE/sum")"; exit 0 ;;
esac
[ -f "$FAKE/broken" ] && { echo "pkg: checking"; cat "$FAKE/broken" >&2; exit 1; }
while [ "$1" != -o ]; do shift; done
mkdir -p "$(dirname "$2")"
printf '#!/bin/sh\necho half' > "$2"
[ -f "$FAKE/slow" ] && { : > "$FAKE/started"; sleep 60 & echo $! > "$FAKE/sleeper"; wait; }
printf '#!/bin/sh\necho "program, version %s"\n' "$(cat "$FAKE/version")" > "$2"
chmod +x "$2"
"""


def write_program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def program() -> Callable[[Path, str], Path]:
    """Writes a program that reports a version."""
    return lambda path, version: write_program(path, f'#!/bin/sh\necho "program, version {version}"\n')


@pytest.fixture
def script() -> Callable[[Path, str], Path]:
    """Writes an executable file with the given text."""
    return write_program


@pytest.fixture
def fake(tmp_path: Path) -> Path:
    """Folder that steers the fake Go: version, sum, goversion; broken (what it then prints) and slow; calls."""
    folder = tmp_path / "fake"
    write_program(folder / "bin" / "go", FAKE_GO)
    for name, text in (("version", "0.87.0"), ("sum", "h1:wrong"), ("goversion", "go1.26.8")):
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def bare(tmp_path: Path) -> Machine:
    """A machine with a shell and nothing else."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "cat", "mkdir", "dirname", "chmod", "sleep", "nice", "readlink", "cp"):
        (tools / name).symlink_to(next(p for p in (Path("/bin") / name, Path("/usr/bin") / name) if p.exists()))
    home = tmp_path / "home"
    home.mkdir()
    env = {"PATH": str(tools), "HOME": str(home), "LANG": os.environ.get("LANG", "C.UTF-8")}
    return Machine(root=tmp_path / "work", env=env, clock=lambda: 1000.0)


@pytest.fixture
def machine(bare: Machine, fake: Path) -> Machine:
    """The same with the fake Go."""
    env = {**bare.env, "PATH": f"{fake / 'bin'}:{bare.env['PATH']}", "FAKE": str(fake)}
    return Machine(root=bare.root, env=env, clock=bare.clock)
