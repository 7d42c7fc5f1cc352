"""Ports that `up` was told by the environment, remembered for the next `up` of the same folder."""

from __future__ import annotations

import json
from collections.abc import Mapping

from modelwatch.compose.state import Folder, write_atomically
from modelwatch.model.addresses import DEFAULT_PORTS

_PREFIX = "MODELWATCH_PORT_"
_FILE = "ports.json"


def recalled(folder: Folder, environ: Mapping[str, str]) -> dict[str, str]:
    """Variables of the ports that were chosen before and are not chosen now."""
    variables = {_PREFIX + name.upper(): str(port) for name, port in _file(folder).items()}
    # An empty variable is one that is not set.
    return {variable: port for variable, port in variables.items() if not environ.get(variable)}


def _file(folder: Folder) -> dict[str, int]:
    """Port by part. What cannot be read is as if it had never been."""
    try:
        said = json.loads((folder.home / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    found = said if isinstance(said, dict) else {}
    return {
        name: port
        for name, port in found.items()
        if name in DEFAULT_PORTS and isinstance(port, int) and 0 < port < 65536
    }


def remember(folder: Folder, public: Mapping[str, str], default: Mapping[str, str]) -> bool:
    """Keep which parts are elsewhere than by ``default``, and say whether that was news worth telling."""
    moved = {name: int(public[name].rpartition(":")[2]) for name in sorted(public) if public[name] != default[name]}
    before = _file(folder)
    if moved == before:
        return False
    if moved:
        write_atomically(folder.home / _FILE, json.dumps(moved, indent=1) + "\n")
    else:
        (folder.home / _FILE).unlink(missing_ok=True)
    return bool(moved)


def as_text(variables: Mapping[str, str]) -> str:
    """As people say it: preview 3333, prometheus 9091."""
    return ", ".join(f"{name.removeprefix(_PREFIX).lower()} {port}" for name, port in sorted(variables.items()))
