"""Which traces the Collector will keep, so that an exemplar never links to one that it drops.

The service sends every trace; the Collector's tail_sampling processor keeps those that the spec names and a share of
the rest. That share is decided by a hash of the trace's id alone, so it can be known here.
"""

from __future__ import annotations

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


class TailSampling:
    """The spec's tracing policy, as the Collector applies it."""

    def __init__(self, policy: Tracing) -> None:
        self._errors, self._slow, self._low, self._drifted = (
            kind in policy.keep for kind in ("errors", "slow", "low_confidence", "drifted")
        )
        self._slow_seconds = policy.slow.seconds
        self._bound = int(policy.sample * Decimal(_MASK))
        self._all = policy.sample >= 1

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
        """Whether the trace will be found later."""
        return (
            self._all
            or (error and self._errors)
            or (low_confidence and self._low)
            or (drifted and self._drifted)
            or (seconds >= self._slow_seconds and self._slow)
            or fnv1a(trace_id.to_bytes(16, "big"), _SALTED) <= self._bound
        )
