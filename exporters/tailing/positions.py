"""How far each log has been read: by device and inode, and by its bytes, since inodes are used again and files are cut.

Which rows have been counted, the marks beside the counts say to the byte. What is kept here is where reading goes on:
never beyond what has been counted of every model, and behind it by a second at most.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from modelwatch.exporters.formats import checked_format
from modelwatch.exporters.journal import sync_folder

# The first knows neither marks nor files that were cut.
FORMATS = ("modelwatch.offsets/1", "modelwatch.offsets/2")
# So much of a file's beginning tells it apart: the first row, with its id and its time.
HEAD_BYTES = 1024
# And so much before the place that it was read up to, where every file begins with the same row.
TAIL_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Position:
    """``offset`` is behind the last line that was counted; ``digest`` is of the first ``head`` bytes.

    ``file`` is what marks call it by: another one once it was cut to nothing, and 0 before it has a line. ``check`` is
    of the bytes before ``offset``, None where nobody has kept it. ``boot`` is of the machine, when it was written.
    """

    path: str
    device: int
    inode: int
    offset: int
    head: int
    digest: str
    file: int
    check: int | None
    boot: str


class Kept(NamedTuple):
    """``cut`` are files that were cut to nothing: copies of them go on from there."""

    files: list[Position]
    cut: list[Position]


def new_file() -> int:
    """What marks call a file by: never the same twice, not even where the positions are lost."""
    return secrets.randbits(63) or 1


def digest(head: bytes) -> str:
    return hashlib.sha256(head).hexdigest()


def check_of(tail: bytes) -> int:
    """Of the last bytes before an offset."""
    return int.from_bytes(hashlib.blake2b(tail[-TAIL_BYTES:], digest_size=8).digest())


def bytes_before(fd: int, offset: int) -> bytes:
    """What ``check_of`` is asked about. Raises OSError."""
    start = max(0, offset - TAIL_BYTES)
    return os.pread(fd, offset - start, start)


def has_head(fd: int, position: Position) -> bool:
    """Whether the open file begins as the one of ``position`` did. Raises OSError."""
    return digest(os.pread(fd, position.head, 0)) == position.digest


def is_still(fd: int, position: Position) -> bool:
    """Whether the open file is the one of ``position``. Raises OSError."""
    if os.fstat(fd).st_size < position.offset or not has_head(fd, position):
        return False
    return position.check is None or check_of(bytes_before(fd, position.offset)) == position.check


def begins_alike(path: Path, position: Position, wholly: bool = False) -> bool:
    """Whether the file at ``path`` begins as the one of ``position`` did; ``wholly`` up to its offset.

    Raises OSError: who cannot be looked at is not known to be another.
    """
    if not position.head:
        return False
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        return is_still(fd, position) if wholly else has_head(fd, position)
    finally:
        os.close(fd)


def stopped_since(position: Position, boot: str) -> bool:
    """Whether the machine has stopped since: then a log may lack an end that was read, and counted."""
    return position.boot not in ("", boot)


def load(path: Path) -> Kept:
    """Raises ValueError when the file is damaged, and OSError; no file is no positions."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return Kept([], [])
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError("is damaged: it holds no object")
    checked_format(document.get("format"), FORMATS)
    try:
        return Kept(*([_position(found) for found in document.get(name, ())] for name in Kept._fields))
    except (KeyError, TypeError) as error:
        raise ValueError(f"is damaged: {error}") from None


def _position(found: dict[str, object]) -> Position:
    """Raises TypeError."""
    return Position(**{"file": new_file(), "check": None, "boot": "", **found})  # type: ignore[arg-type]  # fields by their name


def save(path: Path, files: Iterable[Position], cut: Iterable[Position]) -> None:
    """Replace the file as a whole, so that it outlives a power cut. Raises OSError."""
    document = {"format": FORMATS[-1], "files": [*map(asdict, files)], "cut": [*map(asdict, cut)]}
    beside = path.with_suffix(".new")
    with beside.open("w") as file:
        json.dump(document, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)
