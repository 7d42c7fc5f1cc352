"""The durable state: one JSON object a line, appended and synced to the disk before an event is answered."""

from __future__ import annotations

import fcntl
import os
import secrets
from typing import TYPE_CHECKING

import orjson

from modelwatch.compose.pagerduty.records import Record, from_json, to_json

if TYPE_CHECKING:
    from pathlib import Path

    from modelwatch.compose.pagerduty.records import JSON

_FORMAT = "modelwatch pagerduty double"
_VERSION = 1


class JournalError(Exception):
    """A state file that cannot be used: ``path``, ``line`` (0 for the whole file) and why, with how to mend it."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(f"{path}:{line}: {reason}" if line else f"{path}: {reason}")
        self.path, self.line = path, line


class Journal:
    """An append-only file that one process holds at a time.

    ``records`` are those found at the start. ``salt`` keys the hash that stands for a routing key: it is made with the
    file, so that the same key has the same identity after a restart and the file tells nothing about the key.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file. A torn last line, left by a crash, is cut off. Raises JournalError."""
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalError(path, 0, f"{error.strerror}: give another place with --state") from None
        try:
            self._lock()
            self.salt, self.records = self._load(path.read_bytes())
        except BaseException:
            os.close(self._file)
            raise

    def append(self, record: Record) -> None:
        """Durable when it returns. Raises OSError, and then the file is as it was."""
        self._write(to_json(record))

    def close(self) -> None:
        os.close(self._file)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            reason = "another process has this state file: stop it, or give another file with --state"
            raise JournalError(self.path, 0, reason) from None

    def _load(self, data: bytes) -> tuple[bytes, tuple[Record, ...]]:
        whole = data.rfind(b"\n") + 1
        if whole != len(data):
            os.ftruncate(self._file, whole)
        lines = data[:whole].splitlines()
        if not lines:
            salt = secrets.token_bytes(16)
            self._write({"format": _FORMAT, "version": _VERSION, "salt": salt.hex()})
            return salt, ()
        return self._header(lines[0]), tuple(self._record(i, line) for i, line in enumerate(lines[1:], start=2))

    def _header(self, line: bytes) -> bytes:
        try:
            header = orjson.loads(line)
            if header["format"] == _FORMAT and header["version"] == _VERSION:
                return bytes.fromhex(header["salt"])
        except (LookupError, TypeError, ValueError):
            pass
        reason = "no state file of this program and version: move it away, or give another file with --state"
        raise JournalError(self.path, 1, reason)

    def _record(self, number: int, line: bytes) -> Record:
        try:
            return from_json(orjson.loads(line))
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            reason = f"no record ({type(error).__name__}: {error}): mend the line, or move the file away to begin anew"
            raise JournalError(self.path, number, reason) from None

    def _write(self, line: JSON) -> None:
        data = orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
        before = os.fstat(self._file).st_size
        try:
            written = os.write(self._file, data)
            if written != len(data):
                raise OSError(f"only {written} of {len(data)} bytes could be written to {self.path}")
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, before)
            raise
