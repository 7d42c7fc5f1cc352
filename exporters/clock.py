"""The clocks, injected so that tests can turn them, and the time line of a model, which restarts do not break."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol
from uuid import uuid4


class Clock(Protocol):
    """``monotonic`` never jumps and ages the windows; ``wall`` is what people and Prometheus read."""

    def monotonic(self) -> float:
        """Seconds since any fixed point."""

    def wall(self) -> float:
        """Seconds since the epoch."""

    def boot(self) -> str:
        """Those who are told the same have the same monotonic clock."""


class SystemClock:
    def monotonic(self) -> float:
        # Counts on while a laptop sleeps, where the system has such a clock.
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))

    def wall(self) -> float:
        return time.time()

    def boot(self) -> str:
        return _boot()


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        # Nobody can tell: this process alone has its clock.
        return uuid4().hex


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of a model's time line, ``time`` in microseconds, and what the clocks said then, in seconds."""

    time: int
    wall: float
    monotonic: float
    boot: str

    def later(self, time: int, wall: float) -> Moment:
        """The moment ``time`` of the same process."""
        return Moment(time, wall, self.monotonic + (time - self.time) / 1e6, self.boot)


class TimeLine:
    """Goes on with the monotonic clock from where an earlier process stood, so steps of the wall clock move nothing.

    While no process ran, the monotonic clock counts if the machine did not start anew. Otherwise the wall clock has to
    do; one that was set back makes the time in between negative, and then none has passed.
    """

    def __init__(self, clock: Clock, before: Moment | None = None) -> None:
        self._clock = clock
        self._monotonic, self._boot = clock.monotonic(), clock.boot()
        wall = clock.wall()
        if before is None:
            self._start = round(wall * 1e6)
        elif self._boot == before.boot and self._monotonic >= before.monotonic:
            self._start = before.time + round((self._monotonic - before.monotonic) * 1e6)
        else:
            self._start = before.time + round(max(wall - before.wall, 0.0) * 1e6)
        self._last = self._start

    def now(self) -> Moment:
        """For one caller at a time."""
        monotonic = self._clock.monotonic()
        self._last = max(self._last, self._start + round((monotonic - self._monotonic) * 1e6))
        return Moment(self._last, self._clock.wall(), monotonic, self._boot)
