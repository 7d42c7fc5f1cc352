"""The time range of an address, as Grafana writes it: ``from=now-1h&to=now``, or milliseconds."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_RELATIVE = re.compile(r"now(?:-(\d{1,6})([smhdw]))?")
_MILLISECONDS = re.compile(r"\d{1,14}")
CHOICES = (("now-15m", "15 minutes"), ("now-1h", "hour"), ("now-6h", "6 hours"), ("now-1d", "day"), ("now-7d", "week"))
DEFAULT = "now-1h"


@dataclass(frozen=True, slots=True)
class TimeRange:
    """``start`` and ``end`` in milliseconds; ``asked`` as the address has it."""

    asked: tuple[str, str]
    start: int
    end: int

    @property
    def query(self) -> dict[str, str]:
        return {"from": self.asked[0], "to": self.asked[1]}

    @property
    def words(self) -> str:
        for start, text in CHOICES:
            if self.asked == (start, "now"):
                return f"the last {text}"
        return "the chosen time"


def parse(start: str, end: str, now: int) -> TimeRange:
    """Raises ValueError that says what is wrong. ``now`` is in milliseconds."""
    begin, finish = _moment("from", start, now), _moment("to", end, now)
    if begin >= finish:
        raise ValueError(f"the time range ends ({end}) before it begins ({start})")
    return TimeRange((start, end), begin, finish)


def _moment(name: str, text: str, now: int) -> int:
    if _MILLISECONDS.fullmatch(text):
        return int(text)
    relative = _RELATIVE.fullmatch(text)
    if relative is None:
        raise ValueError(f"{name}={text} is no time: write now, now-1h or milliseconds")
    count, unit = relative.groups()
    return max(0, now - int(count) * _SECONDS[unit] * 1000) if count else now
