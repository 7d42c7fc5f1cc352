"""One model's write-ahead journal: what each request added, written before it is answered.

One folder a model, because a damaged record must cost one model's counts, models must not wait for one another's
writes, and a model that is removed takes its journal with it. A segment belongs to one process and one shape: whoever
goes on begins another, so nothing is ever written behind a torn end. It is made by the first record that it is for.

``os.write`` hands a record to the operating system, which keeps it whatever becomes of this process. ``sync`` makes it
outlive the machine.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from modelwatch.exporters.ledger import Record
from modelwatch.exporters.records import Header, header_bytes, record_bytes

SUFFIX = ".log"
# A journal that no snapshot relieves grows no further: a start reads it into memory, and the disk has other uses.
MOST_BYTES = 64 << 20


def segments(folder: Path) -> list[Path]:
    """The segments in ``folder``, oldest first: named by the sequence that they begin with. Raises OSError."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == SUFFIX and first_sequence(path) >= 0)
    except FileNotFoundError:
        return []


def first_sequence(path: Path) -> int:
    """The sequence that a segment begins with; -1 where its name is none of ours."""
    digits = path.name.partition("-")[0]
    return int(digits) if digits.isascii() and digits.isdigit() else -1


def prune(folder: Path, sequence: int) -> None:
    """Delete the segments that begin with ``sequence`` or before it: what is in them is kept elsewhere."""
    with contextlib.suppress(OSError):
        for path in segments(folder):
            if first_sequence(path) <= sequence:
                path.unlink(missing_ok=True)


class JournalFullError(OSError):
    """The journal has grown to its bound, because no snapshot could be saved."""


class Journal:
    """Writes for one process and one shape. ``append`` and ``rest`` are for one caller at a time."""

    def __init__(self, folder: Path, header: Header, unsaved: int = 0) -> None:
        """``unsaved`` are the bytes of earlier segments that no snapshot holds."""
        self.folder = folder
        self._header, self._seed = header_bytes(header)
        self._file: int | None = None
        self._path = folder
        self._end = 0
        # Records are written by one thread and flushed by another.
        self._lock = threading.Lock()
        self._unsynced: list[int] = []
        self._dirty = self._made = False
        self.written = 0
        self._unsaved = unsaved

    def append(self, record: Record, body: bytes) -> None:
        """Write a record; ``body`` is ``body_bytes`` of its delta. Raises OSError, and then nothing is written."""
        if self._unsaved + self.written >= MOST_BYTES:
            raise JournalFullError(
                f"no snapshot could be saved, and the journal has grown to its bound, {MOST_BYTES} bytes"
            )
        content = record_bytes(record, body, self._seed)
        if self._file is None:
            self._begin(record.sequence)
        assert self._file is not None
        self._write(self._file, content)
        self._dirty = True
        self.written += len(content)

    def _begin(self, sequence: int) -> None:
        self.folder.mkdir(exist_ok=True)
        for path in self._names(sequence):
            try:
                self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
            except FileExistsError:
                continue
            self._path, self._end = path, 0
            break
        assert self._file is not None
        try:
            self._write(self._file, self._header)
        except OSError:
            # Not left for ``sync`` to close: on a full disk every request comes by here.
            with self._lock:
                file, self._file = self._file, None
            if file is not None:
                os.close(file)
            with contextlib.suppress(OSError):
                self._path.unlink()
            raise
        self._made = True
        self.written += len(self._header)

    def _names(self, sequence: int) -> Iterator[Path]:
        # A process that was killed before its first record was whole has left a segment of the same beginning.
        number = 0
        while True:
            yield self.folder / f"{sequence:020d}-{number:04d}{SUFFIX}"
            number += 1

    def _write(self, file: int, content: bytes) -> None:
        try:
            written = os.write(file, content)
            if written != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            try:
                os.ftruncate(file, self._end)
            except OSError:
                # Half a record must be the end of a segment.
                if self._end:
                    self._leave()
            raise
        self._end += len(content)

    def _leave(self) -> None:
        with self._lock:
            if self._file is not None:
                self._unsynced.append(self._file)
                self._file = None

    def rest(self) -> None:
        """The next record begins a segment; so all that there are now can be deleted together."""
        self._leave()
        self._unsaved, self.written = self._unsaved + self.written, 0

    def saved(self) -> None:
        """A snapshot holds all that was written before the last ``rest``."""
        self._unsaved = 0

    def sync(self) -> None:
        """Make what has been written outlive the machine. May be called beside ``append``. Raises OSError.

        After a failure the operating system may have dropped what it could not write, so a later success says nothing:
        the caller has to keep everything anew, elsewhere.
        """
        with self._lock:
            files, self._unsynced = self._unsynced, []
            # Each is taken back only where it was seen: what is appended just now must not be forgotten.
            if self._dirty and self._file is not None:
                self._dirty = False
                files.append(os.dup(self._file))
            made = self._made
            if made:
                self._made = False
        failure: OSError | None = None
        for file in files:
            try:
                os.fsync(file)
            except OSError as error:
                failure = error
            finally:
                os.close(file)
        if made and not failure:
            for folder in (self.folder, self.folder.parent):
                sync_folder(folder)
        if failure:
            raise failure

    def gone(self) -> bool:
        """Whether somebody has deleted the segment that is being written."""
        with self._lock:  # nobody closes it meanwhile
            if self._file is None:
                return False
            try:
                return not os.path.samestat(os.fstat(self._file), self._path.stat())
            except OSError:
                return True

    def close(self) -> None:
        """For good."""
        self._leave()
        with contextlib.suppress(OSError):
            self.sync()


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` outlive the machine. Raises OSError."""
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
