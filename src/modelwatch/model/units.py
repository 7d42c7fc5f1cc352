"""Durations of the spec, written as Prometheus writes them: 250ms, 30s, 5m, 6h, 30d, 1w, 1h30m."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering

_UNITS_MS = {"y": 31_536_000_000, "w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
DURATION_PATTERN = r"^(?=\d)(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m(?!s))?(\d+s)?(\d+ms)?$"
_PART = re.compile(r"(\d+)(ms|[ywdhms])")


@total_ordering
@dataclass(frozen=True, slots=True)
class Duration:
    """A span of time, exact to the millisecond."""

    milliseconds: int

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Read ``1h30m``. Raises ValueError that says what is allowed."""
        if not re.match(DURATION_PATTERN, text):
            raise ValueError(f"{text!r} is no duration: write a number and a unit, such as 250ms, 30s, 5m, 6h or 30d")
        return cls(sum(int(count) * _UNITS_MS[unit] for count, unit in _PART.findall(text)))

    @property
    def seconds(self) -> float:
        return self.milliseconds / 1000

    @property
    def text(self) -> str:
        """As Prometheus prints it, largest units first and without years and weeks: ``1d``, ``1h30m``, ``250ms``."""
        if self.milliseconds == 0:
            return "0s"
        rest, out = self.milliseconds, ""
        for unit in ("d", "h", "m", "s", "ms"):
            count, rest = divmod(rest, _UNITS_MS[unit])
            out += f"{count}{unit}" if count else ""
        return out

    def __lt__(self, other: Duration) -> bool:
        return self.milliseconds < other.milliseconds

    def __str__(self) -> str:
        return self.text
