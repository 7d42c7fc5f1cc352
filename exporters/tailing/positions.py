"""How far each log has been read: by device and inode, and by its beginning, since inodes are used again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

FORMAT = "modelwatch.offsets/1"
# So much of a file's beginning tells it apart: the first row, with its id and its time.
HEAD_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Position:
    """``offset`` is behind the last line that was counted; ``digest`` is of the first ``head`` bytes."""

    path: str
    device: int
    inode: int
    offset: int
    head: int
    digest: str


def digest(fd: int, head: int) -> str:
    return hashlib.sha256(os.pread(fd, head, 0)).hexdigest()


def begins_alike(path: Path, position: Position) -> bool:
    """Whether the file at ``path`` begins as the one of ``position`` did."""
    if not position.head:
        return False
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return digest(fd, position.head) == position.digest
    finally:
        os.close(fd)


def load(path: Path) -> list[Position]:
    """Raises ValueError when the file is damaged, and OSError; no file is no positions."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return []
    document = json.loads(text)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"is not of the format {FORMAT}")
    try:
        return [Position(**found) for found in document["files"]]
    except (KeyError, TypeError) as error:
        raise ValueError(f"is damaged: {error}") from None


def save(path: Path, positions: Iterable[Position]) -> None:
    """Replace the file as a whole. Raises OSError."""
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps({"format": FORMAT, "files": [asdict(found) for found in positions]}))
    beside.replace(path)
