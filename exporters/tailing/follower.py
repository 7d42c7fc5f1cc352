"""One log that is read as it grows: whole lines only, whatever its name becomes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from modelwatch.exporters.tailing.positions import HEAD_BYTES, Position, digest

STEP_BYTES = 1 << 20
STEP_LINES = 20_000
Identity = tuple[int, int]


class Step(NamedTuple):
    """Whole lines, the offset behind them, and how many lines were too long to be read."""

    text: bytes
    end: int
    too_long: int = 0


class Follower:
    """Holds the file open, so that one that is renamed or removed can be read to its end."""

    def __init__(self, path: Path, before: Position | None = None) -> None:
        """``before`` is how far it had been read, if its beginning is still the same. Raises OSError."""
        self.path = path
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        found = os.fstat(self._fd)
        self.identity: Identity = (found.st_dev, found.st_ino)
        self.offset = self._head = 0
        self._digest = ""
        self._skipping = False
        if before is not None and self._is(before, found.st_size):
            self.offset, self._head, self._digest = before.offset, before.head, before.digest

    def _is(self, position: Position, size: int) -> bool:
        return size >= position.offset and digest(self._fd, position.head) == position.digest

    def position(self) -> Position:
        """Where reading goes on after a restart."""
        return Position(str(self.path), *self.identity, self.offset, self._head, self._digest)

    def replaced(self) -> bool:
        """Whether its content is another one now: cut to nothing and written anew, as copytruncate does."""
        if os.fstat(self._fd).st_size < self.offset:
            return True
        return bool(self._head) and digest(self._fd, self._head) != self._digest

    def start_again(self) -> None:
        self.offset = self._head = 0
        self._digest, self._skipping = "", False

    def state(self) -> os.stat_result:
        return os.fstat(self._fd)

    def behind(self) -> bool:
        """Whether there is more than has been read."""
        return self.state().st_size > self.offset

    def read(self, last: bool = False) -> Step:
        """Whole lines from the offset on. The offset stays: ``advance`` moves it, once they have been counted.

        ``last`` is for a file that nobody writes to any more: its last line may lack the line feed.
        """
        text = os.pread(self._fd, STEP_BYTES, self.offset)
        if self._skipping:
            end = text.find(b"\n") + 1
            self._skipping = not end
            return Step(b"", self.offset + (end or len(text)))
        end = text.rfind(b"\n") + 1
        if end:
            end -= len(text[:end].split(b"\n", STEP_LINES)[-1]) if text.count(b"\n") > STEP_LINES else 0
            return Step(text[:end], self.offset + end)
        if len(text) == STEP_BYTES:
            self._skipping = True
            return Step(b"", self.offset + len(text), too_long=1)
        return Step(text, self.offset + len(text)) if last else Step(b"", self.offset)

    def advance(self, offset: int) -> None:
        self.offset = offset
        if self._head < HEAD_BYTES:
            self._head = min(offset, HEAD_BYTES)
            self._digest = digest(self._fd, self._head)

    def close(self) -> None:
        os.close(self._fd)
