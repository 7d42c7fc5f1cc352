"""While nobody takes spans: when to try again, and what is said of it."""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST_SECONDS = 1.0
# So many seconds at the most after the Collector is back, spans reach it again.
LONGEST_SECONDS = 16.0
# What a Collector asks for by Retry-After is granted up to this.
PATIENCE_SECONDS = 60.0
_SPREAD = 0.2


class AwayError(Exception):
    """Raised by an exporter: nobody took these spans, and they may be sent again, not before ``after`` seconds.

    ``why`` tells people where it was tried and what came of it.
    """

    def __init__(self, after: float = 0.0, why: str = "") -> None:
        super().__init__("the Collector is away")
        self.after, self.why = after, why


class Outage:
    """Pauses between tries: 1, 2, 4, 8, 16 seconds and so on, each a little off, so that services do not try together.

    ``spread`` gives a number from 0 to 1.
    """

    def __init__(self, spread: Callable[[], float] = random.random) -> None:
        self._spread = spread
        self._step = 0.0
        self._until = 0.0

    @property
    def begun(self) -> bool:
        return self._step > 0

    def failed(self, now: float, after: float = 0.0) -> bool:
        """A try was in vain. True if it is the first of this outage."""
        first = not self.begun
        self._step = FIRST_SECONDS if first else min(2 * self._step, LONGEST_SECONDS)
        pause = max(self._step, min(after, PATIENCE_SECONDS))
        self._until = now + pause * (1 + _SPREAD * (2 * self._spread() - 1))
        return first

    def over(self) -> bool:
        """Somebody answered. True if there was an outage."""
        was, self._step = self.begun, 0.0
        return was

    def pause(self, now: float) -> float:
        """Seconds until the next try; 0 when there is nothing to wait for."""
        return max(self._until - now, 0.0) if self.begun else 0.0
