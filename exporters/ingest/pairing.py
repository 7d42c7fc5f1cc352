"""Brings an inference's request and answer together: they arrive as two events, in any order, with one id.

What waits is kept as it was sent, and bounded in number, bytes and time.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


class Key(NamedTuple):
    """What the two events of one inference share."""

    model: str
    component: str
    endpoint: str
    id: str


@dataclass(frozen=True, slots=True)
class Half:
    """``data`` is the JSON of a request, or of a response. ``time`` is when it was sent, where that is known."""

    data: bytes
    is_request: bool
    time: str | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """What waits no longer: both halves, or the one that waited too long."""

    key: Key
    request: Half | None
    response: Half | None


# Key, dictionary entry and objects of a half that waits, in bytes.
_OVERHEAD = 1000


class Pairing:
    """``most`` events and ``size`` bytes wait for at most ``seconds``. Safe to use from several threads."""

    def __init__(self, now: Callable[[], float], most: int = 10_000, size: int = 16 << 20, seconds: float = 60) -> None:
        self._now, self._most, self._size, self._seconds = now, most, size, seconds
        self._waiting: OrderedDict[Key, tuple[Half, float]] = OrderedDict()
        self._held = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, key: Key, half: Half) -> list[Pair]:
        """One event; what has become ready by it."""
        with self._lock:
            ready = []
            other = self._take(key) if key in self._waiting else None
            if other is not None and other.is_request == half.is_request:
                # The same event twice: the earlier one waits no longer.
                ready.append(_pair(key, other))
                other = None
            if other is not None:
                ready.append(_pair(key, half, other))
            else:
                self._waiting[key] = half, self._now()
                self._held += _size(half)
            return ready + self._overdue()

    def overdue(self) -> list[Pair]:
        """What has waited too long, or has no place any more."""
        with self._lock:
            return self._overdue()

    def all(self) -> list[Pair]:
        """Everything, at the end."""
        with self._lock:
            return [_pair(key, self._take(key)) for key in list(self._waiting)]

    def _take(self, key: Key) -> Half:
        half, _ = self._waiting.pop(key)
        self._held -= _size(half)
        return half

    def _overdue(self) -> list[Pair]:
        found = []
        oldest = self._now() - self._seconds
        while self._waiting:
            key, (_, since) = next(iter(self._waiting.items()))
            if len(self._waiting) <= self._most and self._held <= self._size and since > oldest:
                break
            found.append(_pair(key, self._take(key)))
        return found


def _size(half: Half) -> int:
    return len(half.data) + _OVERHEAD


def _pair(key: Key, *halves: Half) -> Pair:
    return Pair(
        key,
        next((half for half in halves if half.is_request), None),
        next((half for half in halves if not half.is_request), None),
    )
