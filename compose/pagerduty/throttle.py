"""PagerDuty's rate limit: a number of calls in a window that looks back from now, for each integration key."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# "approximately 120 calls/minute per integration key ... over a 60 second window looking back from the current time"
CALLS_PER_MINUTE = 120
WINDOW_SECONDS = 60.0


class Throttle:
    """``limit`` calls a minute for each key, 0 for no limit. ``now`` gives seconds that never go back."""

    def __init__(self, limit: int, now: Callable[[], float]) -> None:
        self._limit = limit
        self._now = now
        self._calls: dict[str, deque[float]] = {}

    def admit(self, key: str) -> bool:
        """Whether a call with this key may pass. A refused call does not count, so that waiting always helps."""
        if not self._limit:
            return True
        start = self._now() - WINDOW_SECONDS
        for known in list(self._calls):
            calls = self._calls[known]
            while calls and calls[0] <= start:
                calls.popleft()
            if not calls:
                del self._calls[known]
        calls = self._calls.setdefault(key, deque())
        if len(calls) >= self._limit:
            return False
        calls.append(self._now())
        return True
