"""Where a program is: the user's own choice, the pinned ones, PATH."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Literal

from modelwatch.compose.parts.cache import find_entry
from modelwatch.compose.parts.machine import Machine
from modelwatch.compose.parts.recipes import is_wanted, reported_version
from modelwatch.compose.parts.table import Age, Part, PartError, Source, part_named, sources_of

Version = Literal["any", "oldest", "newest"]
_PATIENCE = 30.0
"""Seconds that a program may take to say its version."""


def variable(part: Part, age: Version = "any") -> str:
    """Name of the environment variable that overrides where a part is."""
    stem = f"MODELWATCH_{part.name.upper().replace('-', '_')}"
    return f"{stem}_OLDEST" if age == "oldest" else stem


def ask_version(part: Part, path: Path, machine: Machine) -> str | None:
    """The version that a program reports; None when it does not run or says none."""
    try:
        answer = subprocess.run(
            [path, *part.version_command],
            env=dict(machine.env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if answer.returncode else reported_version(f"{answer.stdout}\n{answer.stderr}")


def _runnable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _override(part: Part, age: Version, machine: Machine) -> Path | None:
    name = variable(part, age)
    text = machine.env.get(name)
    if not text:
        return None
    path = machine.expand(text)
    if not _runnable(path):
        raise PartError(f"{name}={text} is no program: set it to an executable file, or unset it")
    return path.absolute()


def _own(part: Part, age: Version, machine: Machine) -> Path | None:
    """A program that the user has put into .tools/bin: anything there that is no link of ours into the cache."""
    path = machine.links / (f"{part.binary}-oldest" if age == "oldest" else part.binary)
    return path if _runnable(path) and not machine.holds(path) else None


def _on_path(part: Part, machine: Machine) -> Path | None:
    for name in (part.binary, *part.also_named):
        found = machine.which(name)
        if found and not machine.holds(found):
            return found
    for folder in part.folders:
        if _runnable(found := machine.expand(folder) / part.binary):
            return found
    return None


def _pinned(part: Part, source: Source, machine: Machine) -> Path | None:
    entry = find_entry(machine, source)
    return entry.program(part.name) if entry else None


def pin(part: Part, age: Age) -> Source:
    """The source of that age; of a part with one pin, that one."""
    newest, *older = sources_of(part)
    return older[0] if older and age == "oldest" else newest


def find(name: str, version: Version = "any", *, machine: Machine | None = None) -> Path | None:
    """Path of a program, or None when it is not here.

    ``any`` takes, in this order: MODELWATCH_<NAME>, what the user has put into .tools/bin, the newest pin, PATH, the
    oldest pin. ``newest`` and ``oldest`` take the pin (the only one, where a part has one), or a program on PATH of
    that very version, unless MODELWATCH_<NAME> (or MODELWATCH_<NAME>_OLDEST) or .tools/bin/<name> (or <name>-oldest)
    is the user's own.
    Raises PartError for a name that is no part, and for an override that is no program.
    """
    machine, part = machine or Machine.here(), part_named(name)
    newest, oldest = pin(part, "newest"), pin(part, "oldest")
    if newest is oldest and version == "oldest":
        version = "newest"
    chosen = _override(part, version, machine) or _own(part, version, machine)
    if chosen:
        return chosen
    if version == "any":
        return _pinned(part, newest, machine) or _on_path(part, machine) or _pinned(part, oldest, machine)
    source = oldest if version == "oldest" else newest
    if pinned := _pinned(part, source, machine):
        return pinned
    found = _on_path(part, machine)
    return found if found and is_wanted(source, ask_version(part, found, machine)) else None
