"""Times and lengths of time as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

_UNITS = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"))
_MINUTE, _HOUR = 60 * 10**9, 3600 * 10**9


def duration(nanoseconds: int) -> str:
    """Three digits and a unit: 1.23 s, 45.6 ms, 789 µs; from two minutes on 2 min 5 s."""
    if nanoseconds >= 2 * _HOUR:
        return f"{nanoseconds // _HOUR} h {nanoseconds % _HOUR // _MINUTE} min"
    if nanoseconds >= 2 * _MINUTE:
        return f"{nanoseconds // _MINUTE} min {nanoseconds % _MINUTE // 10**9} s"
    for size, unit in _UNITS:
        # What would be rounded up to a thousand is one of the next unit.
        if nanoseconds >= size * 0.9995:
            value = nanoseconds / size
            return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f} {unit}"
    return f"{nanoseconds} ns" if nanoseconds else "0"


def iso(nanoseconds: int) -> str:
    """For machines; a time beyond what a calendar holds is empty."""
    try:
        return datetime.fromtimestamp(nanoseconds / 1e9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return ""


def moment(nanoseconds: int) -> str:
    """For people, where no script puts it into their own time zone."""
    return iso(nanoseconds).replace("T", " ").replace("Z", " UTC") or "no time"


def count(number: int, one: str, many: str = "") -> str:
    """1 span, 1,200 spans."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def percent(share: float) -> str:
    """Only what is the whole is 100 %."""
    if share < 1:
        return "below 1 %" if share > 0 else "0 %"
    return f"{share if share > 99.99 else min(share, 99):.0f} %"
