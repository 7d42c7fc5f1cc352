"""Drift or not: a score above its threshold, above what chance makes of it, and no accident of rare bins.

    detected = score > warning and score > critical value and G > its critical value

G, the likelihood ratio, keeps its rate where a method's own critical value is only nearly right, and PromQL can compute
it from counts for a whole fleet, whatever the method.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.statistics.likelihood_ratio import LikelihoodRatio
from modelwatch.exporters.statistics.method import Floats, Histograms, Method

_GUARD = LikelihoodRatio()


def detected(method: Method[Histograms], data: Histograms, warning: Floats, alpha: float) -> NDArray[np.bool_]:
    """Whether each row of ``data`` has drifted, shape (features,); ``warning`` has the same shape."""
    found = method.score(data) > warning
    # The dearest question last, and only of those that are left.
    for test in (_GUARD, method):
        left = np.flatnonzero(found)
        if len(left):
            part = Histograms(data.counts[left], data.reference[left])
            found[left] = test.score(part) > test.critical_value(part, part.n, alpha)
    return found
