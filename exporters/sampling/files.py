"""The rotating files of one model.

Whole lines go to the open file at once, so after ``kill -9`` at most its last line is torn; the next start cuts that
off and closes the file. Closing flushes the file to disk before it gets its final name.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modelwatch.exporters.clock import Clock
from modelwatch.exporters.sampling.names import CLOSED, OPEN, UNFINISHED, KeptFile, kept_files, new_name

_log = logging.getLogger(__name__)
# Rows hold personal data.
_FOLDER_MODE, _FILE_MODE = 0o700, 0o600

# Makes the second file from the first, of JSON Lines. Raises any Exception.
Convert = Callable[[Path, Path], None]


class FolderTakenError(OSError):
    """Another process writes its rows here."""


@dataclass(frozen=True, slots=True)
class Rotation:
    file_bytes: int
    file_seconds: float
    total_bytes: int


class Files:
    """Files in ``folder``, which is made when it is first entered or written to. For one thread.

    With ``convert`` closed files are Parquet.
    """

    def __init__(self, folder: Path, rotation: Rotation, clock: Clock, convert: Convert | None = None) -> None:
        self.folder = folder
        self._rotation, self._clock, self._convert = rotation, clock, convert
        self._lock: int | None = None
        self._file: int | None = None
        self._path = folder
        self._size = 0
        self._begun = 0.0
        self._number = 0
        self._closed: list[tuple[Path, int]] = []

    def enter(self) -> None:
        """Make and take the folder, and close what a killed process left open. Raises OSError."""
        if self._lock is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True, mode=_FOLDER_MODE)
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._recover()
        except BlockingIOError:
            os.close(lock)
            raise FolderTakenError(f"{self.folder}: another sidecar keeps its rows here") from None
        except BaseException:
            os.close(lock)
            raise
        self._lock = lock

    def append(self, data: bytes) -> None:
        """Write whole lines, all of them or, raising OSError, none."""
        self.enter()
        if self._file is None:
            self._begin()
        assert self._file is not None
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError:
            # Part of a line may be there; without it the file stays readable, and the disk has room for another try.
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise
        self._size += len(data)
        if self._size >= self._rotation.file_bytes:
            self.rotate()
        self._remove_oldest()

    def tick(self) -> None:
        """Close the open file when it is old enough, and notice when somebody removed it. Raises OSError."""
        if self._file is not None and not self._path.exists():
            self._leave()
            raise FileNotFoundError(errno.ENOENT, "the file was removed while it was written", str(self._path))
        if self._file is not None and self._clock.monotonic() - self._begun >= self._rotation.file_seconds:
            self.rotate()

    def rotate(self) -> None:
        """Close the open file, on disk. Raises OSError."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            os.fsync(file)
        finally:
            os.close(file)
        self._finish(self._path)

    def close(self) -> None:
        """Close the open file and leave the folder to others. Raises OSError."""
        try:
            self.rotate()
        finally:
            self._leave()

    def _leave(self) -> None:
        for opened in (self._file, self._lock):
            if opened is not None:
                os.close(opened)
        self._file = self._lock = None

    def _recover(self) -> None:
        for path in self.folder.glob(f"*{UNFINISHED}"):
            path.unlink(missing_ok=True)
        found = kept_files(self.folder)
        self._number = max((file.number for file in found), default=0)
        self._closed = [(file.path, file.path.stat().st_size) for file in found if not file.open]
        finished = {file.stem for file in found if not file.open}
        for file in found:
            if file.open and file.stem in finished:
                # Stopped after its Parquet was made and before it was removed.
                file.path.unlink()
            elif file.open:
                _cut(file)
                self._finish(file.path)

    def _begin(self) -> None:
        path = self.folder / new_name(self._clock.wall(), self._number + 1)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        try:
            self._file = os.open(path, flags, _FILE_MODE)
        except FileNotFoundError:
            # The whole folder was removed: the next try makes it again.
            self._leave()
            raise
        self._number += 1
        self._path, self._size, self._begun = path, 0, self._clock.monotonic()

    def _finish(self, path: Path) -> None:
        """Give a whole file of lines its final form and name."""
        if not path.stat().st_size:
            path.unlink()
            return
        stem = path.name.removesuffix(OPEN)
        target = self._converted(path, stem) if self._convert else None
        if target is None:
            target = path.with_name(stem + CLOSED[0])
            path.rename(target)
        else:
            path.unlink()
        _sync_folder(self.folder)
        self._closed.append((target, target.stat().st_size))

    def _converted(self, path: Path, stem: str) -> Path | None:
        """The Parquet file; None where it cannot be made, and the lines stay what they are."""
        assert self._convert is not None
        target = path.with_name(stem + CLOSED[1])
        beside = target.with_name(target.name + UNFINISHED)
        try:
            self._convert(path, beside)
            with beside.open("rb") as file:
                os.fsync(file.fileno())
            beside.chmod(_FILE_MODE)
            beside.rename(target)
        except Exception as error:  # whatever a library raises, the rows are safe as they are
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
            _log.error("%s: cannot be made (%s); the rows stay in %s%s", target, error, stem, CLOSED[0])
            return None
        return target

    def _remove_oldest(self) -> None:
        total = self._size * (self._file is not None) + sum(size for _, size in self._closed)
        while self._closed and total > self._rotation.total_bytes:
            path, size = self._closed.pop(0)
            path.unlink(missing_ok=True)
            total -= size


def _cut(file: KeptFile) -> None:
    """Cut off a last line that was not written to its end."""
    with file.path.open("r+b") as opened:
        content = opened.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            opened.truncate(whole)
        os.fsync(opened.fileno())


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
