"""Whether a model answers one thing alone, and how seldom chance would make it do so."""

from __future__ import annotations

import math


def constant_output(most_frequent: int, n: int, reference_share: float, alpha: float) -> bool:
    """Whether all ``n`` answers are the same and chance would make them so less often than ``alpha``.

    ``reference_share`` is the share of the reference's most frequent answer: 1 where it never answers otherwise, and
    then nothing is wrong.
    """
    if n < 1 or most_frequent < n or reference_share >= 1:
        return False
    return reference_share <= 0 or n * math.log(reference_share) < math.log(alpha)
