"""Pools sparse bins before a score is taken, so that its critical value holds.

The chi-squared approximation of a score breaks where a bin expects fewer than about 20 rows (Cochran's rule is the
same idea). Measured with 300,000 simulated windows without drift, of 200 to 2,000 rows over 2 to 50 bins, how often the
PSI passes its critical value, as a multiple of the configured rate: up to 76 unpooled (50 categories after Zipf's law),
up to 3 pooled at a rate of 1e-3 and up to 7 at 1e-4; with deciles and 500 rows 1.2 and 1.6.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.statistics.method import Counts

LEAST_EXPECTED = 20


def pools(reference: Counts, n: int) -> NDArray[np.int64]:
    """The pool of each bin, shape (bins,), numbered from 0, for ``n`` rows in the window.

    Neighbours are joined until they expect 20 rows; what is left at the end is a pool of its own, so that a rare value
    which becomes frequent still shows. A bin that the reference never fills (new categories, values below the lowest)
    stays by itself: it cannot alarm by chance.
    """
    expected = reference * (n / max(int(reference.sum()), 1))
    pool = np.empty(len(reference), dtype=np.int64)
    filled = np.flatnonzero(reference)
    number, held = 0, 0.0
    for bin_ in filled:
        pool[bin_] = number
        held += expected[bin_]
        if held >= LEAST_EXPECTED:
            number, held = number + 1, 0.0
    number += held > 0
    empty = np.flatnonzero(reference == 0)
    pool[empty] = np.arange(number, number + len(empty))
    return pool


def pooled(counts: Counts, pool: NDArray[np.int64]) -> Counts:
    """Counts summed by pool."""
    summed = np.zeros(int(pool.max()) + 1, dtype=np.int64)
    np.add.at(summed, pool, counts)
    return summed
