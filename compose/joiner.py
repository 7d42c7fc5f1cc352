"""Adds parts to the running stack as their programs are built. The supervisor runs it.

What runs already is never swapped for a newer build.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from modelwatch.compose import parts
from modelwatch.compose.launch import Launch, read_launch, write_launch
from modelwatch.compose.parts.machine import Machine
from modelwatch.compose.state import MARK
from modelwatch.compose.supervision import Supervisor

_PAUSE = 3.0


def waiting(run: Path) -> dict[str, Launch]:
    """Name -> launch of every program that is not there yet."""
    found = {path.stem: read_launch(run, path.stem) for path in sorted(run.glob("*.json"))}
    return {name: launch for name, launch in found.items() if launch.waits}


def join_once(
    run: Path, find: Callable[[str], Path | None], supervisor: Supervisor, say: Callable[[str], None]
) -> bool:
    """Start what can be started now; whether anything still waits."""
    found = waiting(run)
    for name, launch in tuple(found.items()):
        if path := find(launch.needs):
            write_launch(run, name, replace(launch, argv=(str(path), *launch.argv[1:])))
            supervisor.start(name)
            say(f"{name} joins the stack: {path}")
            del found[name]
    return bool(found)


def main() -> int:
    home = Path(os.environ[MARK])
    machine = Machine.here(home.parent)
    # Set by the supervisor for what it runs.
    supervisor = Supervisor(os.environ["SUPERVISOR_SERVER_URL"].removeprefix("unix://"))

    def find(name: str) -> Path | None:
        return parts.find(name, machine=machine)

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")

    while join_once(home / "run", find, supervisor, say):
        time.sleep(_PAUSE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
