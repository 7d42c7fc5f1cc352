"""What one of the SDK's own samplers will say, known beforehand."""

from __future__ import annotations

import re
from dataclasses import dataclass

from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased

ID_LIMIT = TraceIdRatioBased.TRACE_ID_LIMIT
"""The bits of a trace's id by which its share is decided."""

_RATIO = re.compile(r"TraceIdRatioBased\{([0-9.e-]+)\}")


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What one of the SDK's own samplers will say, so that it need not be asked for every request.

    A trace is sampled if its id, cut to the lower 64 bits, is below ``bound``, or, where ``by_parent``, as its parent.
    """

    bound: int
    by_parent: bool


def foreseen(sampler: Sampler) -> Foreseen | None:
    """None for a sampler that must be asked."""
    if type(sampler).__module__ != TraceIdRatioBased.__module__:
        return None
    told = sampler.get_description()
    ratio = _RATIO.search(told)
    roots: list[tuple[Sampler, int]] = [(ALWAYS_ON, ID_LIMIT + 1), (ALWAYS_OFF, 0)]
    if ratio is not None:
        share = TraceIdRatioBased(float(ratio[1]))
        roots = [(share, share.bound)]
    for root, bound in roots:
        if told == root.get_description():
            return Foreseen(bound, by_parent=False)
        if told == ParentBased(root).get_description():  # type: ignore[no-untyped-call]  # ships none
            return Foreseen(bound, by_parent=True)
    return None
