"""The clock, injected so that tests can turn it."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """``monotonic`` never jumps and ages the windows; ``wall`` is what people and Prometheus read."""

    def monotonic(self) -> float:
        """Seconds since any fixed point."""

    def wall(self) -> float:
        """Seconds since the epoch."""


class SystemClock:
    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()
