"""Keys and a stack's state stay out of git: a .gitignore for a folder that has none, and advice for one that has."""

from __future__ import annotations

import subprocess
from pathlib import Path

PRIVATE = ("secrets/", ".modelwatch/")


def keep_private(folder: Path) -> tuple[str, ...]:
    """Write a .gitignore where there is none; what to say of it. A file of the user's is never touched."""
    path = folder / ".gitignore"
    missing = _not_ignored(folder, path)
    if not missing:
        return ()
    lines = " and ".join(missing)
    if path.exists() or path.is_symlink():
        return (f"git would take up {lines} (keys and the stack's state): add {_lines(missing)} to {path.name}",)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write("# Keys, and what the stack of modelwatch keeps.\n" + "".join(f"{one}\n" for one in missing))
    except OSError as error:
        return (f"{path} cannot be written ({(error.strerror or str(error)).lower()}): keep {lines} out of git",)
    return (f"{path.name}: keeps {lines} out of git",)


def _lines(missing: tuple[str, ...]) -> str:
    return ("the lines " if len(missing) > 1 else "the line ") + " and ".join(f"`{one}`" for one in missing)


def _not_ignored(folder: Path, path: Path) -> tuple[str, ...]:
    """What git would take up, by git itself in a repository, and by the lines of the file elsewhere."""
    # A file within: git looks at patterns for folders only where there is one, or where a path goes on.
    inside = {f"{one}x": one for one in PRIVATE}
    try:
        done = subprocess.run(
            ["git", "check-ignore", *inside], cwd=folder, capture_output=True, text=True, timeout=10, check=False
        )
        if done.returncode in (0, 1):
            return tuple(one for name, one in inside.items() if name not in done.stdout.splitlines())
    except (OSError, subprocess.TimeoutExpired):
        pass
    try:
        written = {line.strip().strip("/") for line in path.read_text(encoding="utf-8", errors="replace").splitlines()}
    except OSError:
        written = set()
    return tuple(one for one in PRIVATE if one.strip("/") not in written)
