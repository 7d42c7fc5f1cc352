"""Which traces the Collector will keep, so that an exemplar never links to one that it drops.

The service sends every trace; the Collector's tail_sampling processor keeps those that the spec names and a share of
the rest. That share is decided by a hash of the trace's id alone, so it can be known here. Where the share has a limit
too, it is applied here and marked on the spans that are over it: the Collector judges the traces of a second in any
order, so which of them its own limit would keep nobody can know.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal

from modelwatch.model.types import Kept, Tracing

_OFFSET, _PRIME, _MASK = 0xCBF29CE484222325, 0x100000001B3, 0xFFFFFFFFFFFFFFFF


def fnv1a(data: bytes, state: int = _OFFSET) -> int:
    """64-bit FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/), continued from ``state``."""
    for byte in data:
        state = ((state ^ byte) * _PRIME) & _MASK
    return state


# The processor's own seed where its config sets no hash_salt.
_SALTED = fnv1a(b"default-hash-seed")


_SLOTS = 20


class SpanLimit:
    """Fewer than ``spans_per_second`` spans in whatever second, of one process.

    The Collector looks at a second's traces at once. Releases from 0.158 have a bucket for two seconds' spans, those up
    to 0.140 take less than one second's in each second of the clock. A bucket here would let two seconds' spans through
    within one, after a pause; a window that slides stays within both.

    Without a lock: threads that meet may let a few spans more through. A forked process begins with its parent's count,
    which it forgets within a second.
    """

    def __init__(self, spans_per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._clock = spans_per_second, clock
        # One more than a second has, as the newest is not over yet.
        self._spans = [0] * (_SLOTS + 1)
        self._newest = 0

    def admits(self, spans: int) -> bool:
        """Whether there is room for a trace; it is then taken."""
        slot, counts = int(self._clock() * _SLOTS), self._spans
        passed = min(slot - self._newest, len(counts))
        if passed > 0:
            self._newest = slot
            for empty in range(slot - passed + 1, slot + 1):
                counts[empty % len(counts)] = 0
        if sum(counts) + spans >= self._limit:
            return False
        counts[slot % len(counts)] += spans
        return True


class TailSampling:
    """The spec's tracing policy, as the Collector applies it; ``limit`` where its share has one."""

    def __init__(self, policy: Tracing) -> None:
        self._errors, self._slow, self._low, self._drifted = (
            kind in policy.keep for kind in ("errors", "slow", "low_confidence", "drifted")
        )
        self._slow_seconds = policy.slow.seconds
        self._bound = int(policy.sample * Decimal(_MASK))
        self._all = policy.sample >= 1
        limit = policy.max_spans_per_second
        self.limit = None if limit is None else SpanLimit(limit)

    def over(
        self, trace_id: int, spans: int, *, error: bool, seconds: float, low_confidence: bool, drifted: bool
    ) -> bool:
        """Whether an inference of so many spans is over the limit: one that is of the share and nothing else.

        To be asked once for each, since what is not over counts.
        """
        if self.limit is None:
            return False
        why = self.reasons(trace_id, error=error, seconds=seconds, low_confidence=low_confidence, drifted=drifted)
        return why == () and not self.limit.admits(spans)

    def reasons(
        self, trace_id: int, *, error: bool, seconds: float, low_confidence: bool, drifted: bool = False
    ) -> tuple[Kept, ...] | None:
        """What of ``keep`` the inference is; nothing for one of the share of the rest, None where it is not kept."""
        marks: tuple[tuple[Kept, bool], ...] = (
            ("errors", error and self._errors),
            ("slow", seconds >= self._slow_seconds and self._slow),
            ("low_confidence", low_confidence and self._low),
            ("drifted", drifted and self._drifted),
        )
        found = tuple(kind for kind, holds in marks if holds)
        return found if found or self.keeps(trace_id, error=False, seconds=0.0, low_confidence=False) else None

    def keeps(self, trace_id: int, *, error: bool, seconds: float, low_confidence: bool, drifted: bool = False) -> bool:
        """Whether the trace will be found later, unless it is over the limit."""
        return (
            self._all
            or (error and self._errors)
            or (low_confidence and self._low)
            or (drifted and self._drifted)
            or (seconds >= self._slow_seconds and self._slow)
            or fnv1a(trace_id.to_bytes(16, "big"), _SALTED) <= self._bound
        )
