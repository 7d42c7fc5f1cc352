"""Who may send rows: those who know a token of a file."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import threading
from pathlib import Path
from typing import Literal

_log = logging.getLogger(__name__)
_LONGEST = 64 << 10
Verdict = Literal["good", "none_sent", "wrong", "no_tokens"]


class TokenError(Exception):
    """A token file that cannot be used. The message says why and how to mend it, and never holds a token."""


class TokenFile:
    """One token on a line, any of which is good: add the new one, move senders over, remove the old one.

    The file is read again when it changes. While it cannot be read, nobody is let in.
    """

    def __init__(self, path: Path) -> None:
        """Raises TokenError when the file cannot be read, or holds no token."""
        self._path = path
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._known: tuple[bytes, ...] = ()
        self._problem: str | None = None
        self._read()

    def judge(self, header: str) -> Verdict:
        """What ``header`` is: ``Bearer`` and a token of the file, or why not; takes as long for any token."""
        with self._lock:
            self._look()
            known, problem = self._known, self._problem
        scheme, _, token = header.partition(" ")
        sent = _digest(token.strip().encode("utf-8", "replace"))
        # All are compared, so that time tells neither which one it was nor how much of it was right.
        found = [hmac.compare_digest(sent, other) for other in known]
        if problem is not None:
            return "no_tokens"
        if scheme.lower() != "bearer" or not token.strip():
            return "none_sent"
        return "good" if any(found) else "wrong"

    def problem(self) -> str | None:
        """Why nobody is let in; None while the file can be read."""
        with self._lock:
            self._look()
            return self._problem

    def _look(self) -> None:
        try:
            if self._state() != self._seen:
                self._read()
                _log.info("%s: read anew, %d tokens", self._path, len(self._known))
        except (OSError, TokenError) as error:
            reason = f"{self._path}: {(error.strerror or '').lower()}" if isinstance(error, OSError) else str(error)
            if self._known:
                _log.error("%s: nobody can send rows until it can be read: %s", self._path, reason)
            self._known, self._seen, self._problem = (), None, reason

    def _state(self) -> tuple[int, int, int]:
        # Mounted secrets are links that are switched: the file behind the name is what counts.
        found = os.stat(self._path)  # noqa: PTH116  # the same either way, and called for each request
        return found.st_ino, found.st_size, found.st_mtime_ns

    def _read(self) -> None:
        try:
            state = self._state()
            with self._path.open("rb") as file:
                lines = file.read(_LONGEST).split()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise TokenError(
                f"{self._path}: cannot be read ({reason}); --token-file names a file with a token"
            ) from None
        if not lines:
            raise TokenError(f"{self._path}: holds no token; write one on a line, such as `openssl rand -hex 32` makes")
        self._known, self._seen, self._problem = tuple(map(_digest, lines)), state, None


def _digest(token: bytes) -> bytes:
    """Of one length for any token; and no token stays in memory."""
    return hashlib.sha256(token).digest()
