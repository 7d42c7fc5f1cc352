"""Debian compiles the paths of templates and pages into its programs: run them unpacked elsewhere nevertheless.

Where an option moves a path, a launcher gives the option. Where none does, the path in our copy of the program is
replaced by one of the same length that means "the folder which the launcher opened", as package managers that install
into any folder do. The packages were checked by apt before; only the unpacked copy is changed.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

_DESCRIPTOR = 9
"""POSIX shells can redirect single digits; nothing else uses the last one."""


class RelocationError(Exception):
    """A program that does not hold the path it should."""


def _stand_in(path: str) -> str:
    # Further slashes mean nothing in a path, so they fill the length.
    return f"/proc/self/fd/{_DESCRIPTOR}".ljust(len(path), "/")


def relocate(program: Path, path: str) -> None:
    """Replace ``path`` in the program's file. Raises RelocationError where it does not occur or is too short."""
    content, old, new = program.read_bytes(), path.encode(), _stand_in(path).encode()
    if len(new) != len(old):
        raise RelocationError(f"{path} is too short to be replaced")
    if old not in content:
        raise RelocationError(f"{program.name} does not hold the path {path}: this package differs from the one known")
    program.write_bytes(content.replace(old, new))


def launcher(program: Path, arguments: Sequence[str], opened: str | None) -> str:
    """A shell script that starts ``program`` (relative to the script) with ``arguments`` before those it is given.

    ``{root}`` in an argument is the unpacked package; ``opened`` the relocated path, if any.
    """
    lines = [
        "#!/bin/sh",
        "# Starts a program unpacked from a Debian package with its own templates and pages, wherever this folder is.",
        'here=$(dirname "$(readlink -f "$0")")',
        'root="$here/../root"',
    ]
    if opened:
        lines.append(f'exec {_DESCRIPTOR}<"$root"{shlex.quote(opened)}')
    given = [f'"{argument.replace("{root}", "$root")}"' for argument in arguments]
    lines.append(" ".join(["exec", f'"$here"/{shlex.quote(str(program))}', *given, '"$@"']))
    return "\n".join(lines) + "\n"
