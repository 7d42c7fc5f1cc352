"""Lines in files of a folder: each process has its own, begins a new one when it is large, and removes the oldest.

A file is never renamed and never cut, so whoever follows the folder sees each line once. Processes on several machines
may share the folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from weakref import WeakSet

from modelwatch.model.types import LineFiles

_MEGABYTE = 1_000_000
# Rows and logs may hold personal data: they are for the owner and its group.
_MODE = 0o640


class _File(NamedTuple):
    path: Path
    fd: int
    identity: tuple[int, int]


class RotatedFiles:
    """``stem`` begins the names of all files that count for ``total_bytes``, whoever writes them."""

    def __init__(self, folder: Path, stem: str, *, file_bytes: int, total_bytes: int) -> None:
        self.folder, self._stem, self._file_bytes, self._total_bytes = folder, stem, file_bytes, total_bytes
        self._file: _File | None = None
        self._start_afresh()
        _OPEN.add(self)

    @classmethod
    def of(cls, files: LineFiles, stem: str, folder: str = "") -> RotatedFiles:
        sizes = {"file_bytes": files.file_megabytes * _MEGABYTE, "total_bytes": files.total_megabytes * _MEGABYTE}
        return cls(Path(folder or files.folder), stem, **sizes)

    def _start_afresh(self) -> None:
        self._instance, self._number = uuid.uuid4().hex[:12], 0

    def write(self, lines: Sequence[bytes]) -> int:
        """Append lines, each with its line feed; how many are whole in the file. Raises OSError if none is."""
        done = 0
        while done < len(lines):
            try:
                batch, written = self._write_some(lines[done:])
            except OSError:
                if not done:
                    raise
                break
            done += written
            if written < batch:
                break
        return done

    def _write_some(self, lines: Sequence[bytes]) -> tuple[int, int]:
        """As many as the current file has room for; how many these are, and how many were written. Raises OSError."""
        file, size = self._current(len(lines[0]))
        batch: list[bytes] = []
        for line in lines:
            if batch and size + len(line) > self._file_bytes:
                break
            batch.append(line)
            size += len(line)
        return len(batch), self._append(file.fd, batch)

    def forked(self) -> None:
        """The file that is open is the parent's."""
        if self._file is not None:
            os.close(self._file.fd)
            self._file = None
        self._start_afresh()

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file.fd)
            self._file = None

    def _append(self, fd: int, lines: Sequence[bytes]) -> int:
        """One write. Where the disk takes a part of it only, half a line is taken away again. Raises OSError."""
        text = b"".join(lines)
        start = os.fstat(fd).st_size
        written = os.write(fd, text)
        if written == len(text):
            return len(lines)
        whole = text.rfind(b"\n", 0, written) + 1
        os.ftruncate(fd, start + whole)
        return text.count(b"\n", 0, whole)

    def _current(self, more: int) -> tuple[_File, int]:
        """The file that so many bytes go into, and its size. A line that is longer than a file has one of its own.

        Raises OSError.
        """
        file = self._file
        if file is not None:
            size = os.fstat(file.fd).st_size
            if (size + more <= self._file_bytes or not size) and _is_at(file):
                return file, size
            self.close()
        file = self._file = self._begin()
        self._remove_oldest()
        return file, 0

    def _begin(self) -> _File:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._number += 1
        path = self.folder / f"{self._stem}-{self._instance}-{self._number:06}.jsonl"
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
        with contextlib.suppress(
            OSError
        ):  # a volume without locks: its oldest files may be someone's, who then begins anew
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        found = os.fstat(fd)
        return _File(path, fd, (found.st_dev, found.st_ino))

    def _remove_oldest(self) -> None:
        """Until all fit, with room for the one that has begun; none that is being written to."""
        found = []
        for path in self.folder.glob(f"{self._stem}-*-[0-9]*.jsonl"):
            with contextlib.suppress(OSError):
                state = path.stat()
                found.append((state.st_mtime_ns, state.st_size, path))
        left = sum(size for _, size, _ in found) + self._file_bytes
        for _, size, path in sorted(found):
            if left <= self._total_bytes:
                return
            if (self._file is None or path != self._file.path) and _removed(path):
                left -= size


def _is_at(file: _File) -> bool:
    """Whether it is still in the folder: one that was removed is read by nobody."""
    try:
        found = file.path.stat()
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == file.identity


def _removed(path: Path) -> bool:
    """Remove it unless its writer holds it, or another process was first."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        with contextlib.suppress(OSError):
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        path.unlink(missing_ok=True)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


_OPEN: WeakSet[RotatedFiles] = WeakSet()


def _in_child() -> None:
    for files in list(_OPEN):
        files.forked()


os.register_at_fork(after_in_child=_in_child)
