"""What the containers get where specs have services write files: those folders, read-only, and who reads them.

It stands in a file of its own beside compose.yaml, since how many folders there are differs from fleet to fleet.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from modelwatch.compose import service_files
from modelwatch.compose.state import StackError
from modelwatch.model.types import Fleet

Json = dict[str, Any]

_CONFIG = f"--config=/etc/modelwatch/{service_files.CONFIG}"
_OF_THE_DEMO = "/lines/demo"


def folders(fleet: Fleet) -> tuple[str, ...]:
    return tuple(sorted({*service_files.rows(fleet), *service_files.lines(fleet)}))


def make(wanted: Iterable[str]) -> None:
    """Make the folders that are not there: Docker would make them as root, and nothing could write to them.

    Raises StackError.
    """
    for folder in wanted:
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StackError(
                f"{folder} cannot be made: {error.strerror or error}\n"
                "help: a spec's `logging` has a service write there; make it, or name another folder"
            ) from error


def text(fleet: Fleet, compose_file: Path, *, reads: bool, demo: bool) -> str:
    """For docker compose, after ``compose_file``; ``reads`` is whether there is a config that reads log lines.

    Folders are there: containers join the group that each belongs to, since services write files for owner and group.
    """
    services = yaml.safe_load(compose_file.read_text("utf-8"))["services"]
    found: Json = {}
    rows = service_files.rows(fleet)
    if rows:
        inside = [f"/rows/{number}" for number in range(len(rows))]
        flags = [word for folder in inside for word in ("--logs", folder)]
        found["exporter"] = {"command": [*services["exporter"]["command"], *flags], **_mounts(rows, inside)}
    lines = service_files.lines(fleet)
    inside = [f"/lines/{number}" for number in range(len(lines))]
    pattern = service_files.pattern((*((_OF_THE_DEMO,) if demo else ()), *inside), {})
    if reads and pattern:
        found["collector"] = {
            "command": [*services["collector"]["command"], _CONFIG],
            "environment": {service_files.GLOB: _plain(pattern)},
            **_mounts(lines, inside),
        }
    return json.dumps({"services": found}, indent=1) + "\n"


def _mounts(sources: Iterable[str], targets: Iterable[str]) -> Json:
    pairs = list(zip(sources, targets, strict=True))
    if not pairs:
        return {}
    return {
        "group_add": sorted({str(Path(source).stat().st_gid) for source, _ in pairs}),
        "volumes": [
            {"type": "bind", "source": _plain(source), "target": target, "read_only": True} for source, target in pairs
        ],
    }


def _plain(value: str) -> str:
    """Compose would put the value of a variable where a dollar stands."""
    return value.replace("$", "$$")
