"""Which files have the same content, by their bytes and never by their names: one of them is read, the others wait."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from enum import Enum, auto
from pathlib import Path
from typing import NamedTuple

from modelwatch.exporters.tailing.positions import HEAD_BYTES, Position, bytes_before, digest, is_still


class Kin(Enum):
    """What a file is to one that is known: another, one that has nothing more, or one where reading goes on."""

    OTHER = auto()
    SAME = auto()
    MORE = auto()


class Kinship(NamedTuple):
    """``before`` is where reading goes on in a file; ``waits_for`` is the one that it has nothing more than."""

    waits_for: Position | None = None
    before: Position | None = None


class Heads:
    """How files begin, to compare with one that has not even that much; what digests alone do not tell."""

    def __init__(self) -> None:
        self._known: dict[str, bytes] = {}

    def learn(self, known: Position, fd: int | None) -> bytes:
        """Empty where nobody has seen it. Raises OSError."""
        if known.digest not in self._known and fd is not None:
            head = os.pread(fd, known.head, 0)
            if digest(head) == known.digest:
                self._known[known.digest] = head
        return self._known.get(known.digest, b"")

    def keep(self, files: Iterable[Position]) -> None:
        used = {known.digest for known in files}
        self._known = {name: head for name, head in self._known.items() if name in used}


class _File:
    def __init__(self, fd: int, heads: Heads) -> None:
        self.fd = fd
        self._heads = heads
        self._head = os.pread(fd, HEAD_BYTES, 0)
        self._digests: dict[int, str] = {}

    def begins_as(self, known: Position) -> bool:
        # Of thousands of files few begin alike, and most are told apart by one digest.
        if known.head not in self._digests:
            self._digests[known.head] = digest(self._head[: known.head])
        return bool(known.head and known.file) and self._digests[known.head] == known.digest

    def may_begin_as(self, known: Position) -> bool:
        """Whether it has less than that much, but whole lines: less may become anything."""
        return bool(known.file) and len(self._head) < known.head and b"\n" in self._head

    def to(self, known: Position, original: int | None) -> Kin:
        """``original`` is the file of ``known``, open; None where it is no more. Raises OSError.

        The original may be cut at any moment: what is read of it says something only while it is what it was.
        """
        size = os.fstat(self.fd).st_size
        if not self.begins_as(known):
            begun = self.may_begin_as(known) and self._heads.learn(known, original).startswith(self._head)
            return Kin.SAME if begun else Kin.OTHER
        if size >= known.offset and not is_still(self.fd, known):
            return Kin.OTHER
        if original is None:
            return Kin.MORE if size >= known.offset else Kin.SAME
        other = os.fstat(original).st_size
        alike = bytes_before(self.fd, min(size, other)) == bytes_before(original, min(size, other))
        if not is_still(original, known):
            return Kin.SAME
        if not alike:
            return Kin.OTHER
        return Kin.MORE if size > other else Kin.SAME


def kinship(
    path: Path,
    held: Iterable[tuple[Position, int]],
    closed: Iterable[Position],
    cut: Iterable[Position],
    heads: Heads,
) -> Kinship:
    """What the file at ``path``, which is not known, is to the files that are. Raises OSError.

    ``held`` are open. A copy waits until its original is cut, or is no more. One that is longer than the file whose
    copy it seemed to be is the original, and that one waits.
    """
    more: list[Position] = []
    same: list[Position] = []
    with _opened(path) as fd:
        file, state = _File(fd, heads), os.fstat(fd)
        for known, original in held:
            kin = file.to(known, original)
            if kin is Kin.SAME:
                return Kinship(waits_for=known)
            more += [known] * (kin is Kin.MORE)
        for known in closed:
            if file.begins_as(known) or file.may_begin_as(known):
                with _still_there(known) as there:
                    kin = file.to(known, there)
                if kin is Kin.SAME and there is not None:
                    return Kinship(waits_for=known)
                same += [known] * (kin is Kin.SAME)
                more += [known] * (kin is Kin.MORE)
        for known in cut:
            if (known.device, known.inode) != (state.st_dev, state.st_ino):  # the cut one itself begins anew
                kin = file.to(known, None)
                same += [known] * (kin is Kin.SAME)
                more += [known] * (kin is Kin.MORE)
    # Of several that begin so, the one that is known best.
    best = max(more, key=lambda known: (known.offset, known.head), default=None)
    return Kinship(before=best) if best or not same else Kinship(waits_for=same[0])


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def _still_there(known: Position) -> Iterator[int | None]:
    """The file of ``known``, open; None where it is no more at its path."""
    with contextlib.ExitStack() as held:
        try:
            fd = held.enter_context(_opened(Path(known.path)))
        except (FileNotFoundError, NotADirectoryError):
            yield None
            return
        state = os.fstat(fd)
        yield fd if (state.st_dev, state.st_ino) == (known.device, known.inode) else None
