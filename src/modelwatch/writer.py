"""The only module that writes generated files.

A list of what was written (``.manifest``, committed with the rest) tells our files from those that a person put into
the folder: ours are replaced and removed, a person's are never touched. All new texts are on disk before the first
one takes its place.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MANIFEST = ".manifest"
_MANIFEST_HEADER = "# Files that `modelwatch generate` wrote here; any other file in this folder is yours.\n"


class NotOursError(Exception):
    """A file that a person wrote stands where a generated one belongs. ``path`` says which."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} was not written by modelwatch and is in the way: move it elsewhere, or delete it, and run again"
        )
        self.path = path


@dataclass(frozen=True, slots=True)
class Changes:
    """Paths below the output folder, sorted."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    same: int

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


def _read_manifest(out: Path) -> frozenset[str]:
    try:
        lines = (out / MANIFEST).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return frozenset()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def _inside(out: Path, path: str) -> bool:
    """A manifest that was tampered with must not make us remove files elsewhere."""
    return (
        not Path(path).is_absolute()
        and ".." not in Path(path).parts
        and (out / path).parent.resolve().is_relative_to(out.resolve())
    )


def compare(out: Path, files: Mapping[str, str]) -> Changes:
    """What writing these files would do. Raises NotOursError."""
    ours = _read_manifest(out)
    added, changed, same = [], [], 0
    for path, text in files.items():
        try:
            old = (out / path).read_bytes()
        except FileNotFoundError:
            added.append(path)
            continue
        if old == text.encode():
            same += 1
        elif path in ours:
            changed.append(path)
        else:
            raise NotOursError(out / path)
    removed = [path for path in ours - files.keys() if _inside(out, path) and (out / path).is_file()]
    if not added and not changed and not removed and ours != files.keys():
        changed.append(MANIFEST)
    return Changes(tuple(sorted(added)), tuple(sorted(changed)), tuple(sorted(removed)), same)


def write(out: Path, files: Mapping[str, str]) -> Changes:
    """Make ``out`` hold these generated files beside what a person put there. Raises NotOursError, OSError."""
    changes = compare(out, files)
    if not changes:
        return changes
    manifest = _MANIFEST_HEADER + "".join(f"{path}\n" for path in sorted(files))
    texts = {path: files[path] for path in (*changes.added, *changes.changed) if path in files}
    staged: list[tuple[str, Path]] = []
    try:
        for path, text in {**texts, MANIFEST: manifest}.items():
            target = out / path
            target.parent.mkdir(parents=True, exist_ok=True)
            staged.append((_stage(target, text), target))
        for temporary, target in staged:
            os.replace(temporary, target)  # noqa: PTH105 - Path.replace of a str would need a Path for nothing
    except BaseException:
        for temporary, _ in staged:
            Path(temporary).unlink(missing_ok=True)
        raise
    for path in changes.removed:
        (out / path).unlink(missing_ok=True)
        _prune((out / path).parent, out)
    return changes


def _stage(target: Path, text: str) -> str:
    handle, name = tempfile.mkstemp(prefix=".", suffix=".new", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        # mkstemp makes files private; these are read by servers that run as other users.
        Path(name).chmod(0o644)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return name


def _prune(folder: Path, out: Path) -> None:
    """Remove folders that became empty."""
    while folder != out and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
