"""How often the same thing is told: a full disk fails at every request, and nobody reads a million lines."""

from __future__ import annotations

import time
from collections.abc import Callable

_MOST = 1000
# What has not come for so long is news again.
_QUIET_SECONDS = 600.0


class Telling:
    """Each power of two of a message is told. Not safe to use from several threads."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._seen: dict[str, tuple[int, float]] = {}

    def times(self, message: str) -> int:
        """How many times it has come without a long pause, if that is to be told; otherwise 0."""
        now = self._now()
        count, last = self._seen.pop(message, (0, now))
        count = 1 if now - last >= _QUIET_SECONDS else count + 1
        self._seen[message] = count, now
        if len(self._seen) > _MOST:
            del self._seen[next(iter(self._seen))]
        return count if count & (count - 1) == 0 else 0
