"""Becomes one program of the stack. The supervisor runs it in ``.modelwatch``, with the program's name.

The supervisor's own config has a quoting of its own, in which some folder names cannot be written. Arguments and
environment stand in ``run/NAME.json`` instead.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

from modelwatch.compose.state import write_atomically


@dataclass(frozen=True)
class Launch:
    """What to run. ``needs`` names the program that ``argv`` starts with; ``argv[0]`` is empty until that is there."""

    argv: tuple[str, ...]
    cwd: str
    env: dict[str, str] = field(default_factory=dict)
    needs: str = ""
    nice: int = 0

    @property
    def waits(self) -> bool:
        return self.argv[0] == ""

    @property
    def text(self) -> str:
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"


def path_of(run: Path, name: str) -> Path:
    return run / f"{name}.json"


def read_launch(run: Path, name: str) -> Launch:
    """Raises OSError or ValueError."""
    said = json.loads(path_of(run, name).read_text(encoding="utf-8"))
    return Launch(**{**said, "argv": tuple(said["argv"])})


def write_launch(run: Path, name: str, launch: Launch) -> None:
    write_atomically(path_of(run, name), launch.text, mode=0o600)


def main(name: str) -> int:
    try:
        launch = read_launch(Path("run"), name)
        os.nice(launch.nice)
        os.chdir(launch.cwd)
        os.execvpe(launch.argv[0], launch.argv, {**os.environ, **launch.env})  # noqa: S606 - no shell: argv as it stands
    except (OSError, ValueError) as error:
        sys.stderr.write(f"cannot start {name}: {error}\n")
        return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
