"""One log that is read as it grows: whole lines only, whatever its name becomes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from modelwatch.exporters.ledger import Mark
from modelwatch.exporters.tailing.positions import (
    HEAD_BYTES,
    TAIL_BYTES,
    Position,
    bytes_before,
    check_of,
    digest,
    has_head,
    is_still,
    stopped_since,
)

STEP_BYTES = 1 << 20
STEP_LINES = 20_000
Identity = tuple[int, int]


class Step(NamedTuple):
    """What is read at once, and the offset behind it: whole lines, or a part of one that is too long to be read."""

    raw: bytes
    end: int
    skipped: bool = False
    too_long: int = 0

    @property
    def text(self) -> bytes:
        """Whole lines."""
        return b"" if self.skipped else self.raw


class Follower:
    """Holds the file open, so that one that is renamed or removed can be read to its end.

    ``file`` is 0 until ``begin``; before that nothing is read.
    """

    def __init__(self, path: Path, before: Position | None = None, boot: str = "") -> None:
        """``before`` is how far it had been read, if it is still the same. Raises OSError.

        It is the same, too, where the machine has stopped in between, and the file lacks the end that it had.
        """
        self.path = path
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        found = os.fstat(self.fd)
        self.identity: Identity = (found.st_dev, found.st_ino)
        self._boot = boot
        # Where it ended when the machine had stopped, until it has been read so far.
        self._stopped_at: int | None = None
        self._written_boot = boot
        self.file = self.offset = 0
        self._head = self._tail = b""
        self._skipping = False
        # Behind the last line that was read to its end.
        self._whole = 0, b""
        if before is None or not before.file:
            return
        stopped = stopped_since(before, boot)
        if is_still(self.fd, before):
            self.offset = before.offset
        elif stopped and has_head(self.fd, before):
            self.offset = min(before.offset, found.st_size)
        else:
            return
        self.file = before.file
        self._head, self._tail = os.pread(self.fd, before.head, 0), bytes_before(self.fd, self.offset)
        self._whole = self.offset, self._tail
        if stopped:
            self._stopped_at, self._written_boot = found.st_size, before.boot

    def position(self) -> Position:
        """Where reading goes on after a restart: at the beginning of a line."""
        offset, tail = self._whole
        head, check = len(self._head), check_of(tail)
        found = digest(self._head)
        return Position(str(self.path), *self.identity, offset, head, found, self.file, check, self._written_boot)

    def replaced(self) -> bool:
        """Whether its content is another one now: cut to nothing and written anew, as copytruncate does."""
        if os.fstat(self.fd).st_size < self.offset:
            return True
        return os.pread(self.fd, len(self._head), 0) != self._head or bytes_before(self.fd, self.offset) != self._tail

    def begin(self, file: int, last: bool = False) -> bool:
        """Call it ``file``, if it has not begun and there is something to know it by: a line, or many bytes.

        Less, an open brace, would be taken for the beginning of whatever is written there after it has been cut.
        """
        if self.file:
            return False
        found = os.pread(self.fd, HEAD_BYTES, 0)
        end = found.rfind(b"\n") + 1
        whole = last or len(found) == HEAD_BYTES
        self._head = found[:end] if end and not whole else found
        self.file = file if found and (end or whole) else 0
        return bool(self.file)

    def state(self) -> os.stat_result:
        return os.fstat(self.fd)

    def behind(self) -> bool:
        """Whether there is more than has been read."""
        return self.state().st_size > self.offset

    def read(self, last: bool = False) -> Step:
        """Whole lines from the offset on. The offset stays: ``advance`` moves it, once they have been counted.

        ``last`` is for a file that nobody writes to any more: its last line may lack the line feed.
        """
        size = STEP_BYTES if self._stopped_at is None else max(0, min(STEP_BYTES, self._stopped_at - self.offset))
        text = os.pread(self.fd, size, self.offset)
        if self._skipping:
            end = text.find(b"\n") + 1
            self._skipping = not end
            return self._up_to(text[: end or len(text)], skipped=True)
        end = text.rfind(b"\n") + 1
        if end:
            end -= len(text[:end].split(b"\n", STEP_LINES)[-1]) if text.count(b"\n") > STEP_LINES else 0
            return self._up_to(text[:end])
        if len(text) == STEP_BYTES:
            self._skipping = True
            return self._up_to(text, skipped=True, too_long=1)
        return self._up_to(text if last else b"")

    def _up_to(self, raw: bytes, skipped: bool = False, too_long: int = 0) -> Step:
        return Step(raw, self.offset + len(raw), skipped, too_long)

    def mark(self, step: Step) -> Mark:
        """What is kept with the counts of ``step``."""
        return Mark(self.file, step.end, check_of(self._tail + step.raw))

    def counted_to(self, mark: Mark | None) -> int | None:
        """The offset up to which what is read next has been counted by ``mark``; None where the file is another one."""
        if mark is None or mark.offset <= self.offset:
            return self.offset
        if self.state().st_size >= mark.offset and check_of(bytes_before(self.fd, mark.offset)) == mark.check:
            return mark.offset
        # What the machine took with it had been counted.
        return None if self._stopped_at is None else min(mark.offset, self._stopped_at)

    def renew(self, file: int) -> bool:
        """Call it ``file``, if the machine has stopped: marks may be of an end that is there no more.

        Half a line that is left there is nobody's to complete.
        """
        if self._stopped_at is None:
            return False
        self.offset, self._tail = self._stopped_at, bytes_before(self.fd, self._stopped_at)
        self._whole = self.offset, self._tail
        self.file, self._stopped_at, self._written_boot = file, None, self._boot
        return True

    def advance(self, step: Step) -> None:
        if self.offset <= len(self._head) < HEAD_BYTES:
            self._head = max(self._head, (self._head[: self.offset] + step.raw)[:HEAD_BYTES], key=len)
        self._tail = (self._tail + step.raw)[-TAIL_BYTES:]
        self.offset = step.end
        if not self._skipping:
            self._whole = self.offset, self._tail

    def close(self) -> None:
        os.close(self.fd)
