"""Jensen-Shannon distance, base 2.

    JS = sqrt((KL(p || a) + KL(q || a)) / 2),  a = (p + q) / 2,  KL(p || a) = sum of p log2(p / a)

with ``p`` the reference's shares and ``q`` the window's. It has no unit and lies between 0 (equal) and 1 (no bin in
common). Source: Endres and Schindelin, A new metric for probability distributions (2003); equal to
``scipy.spatial.distance.jensenshannon(p, q, base=2)``.

Where bins expect many rows, 8 ln(2) JS^2 / (1/n + 1/m) is chi-squared without drift (Menendez et al. 1997).
"""

from __future__ import annotations

import math

import numpy as np

from modelwatch.exporters.statistics.method import Floats
from modelwatch.exporters.statistics.sides import Sides, times_log
from modelwatch.exporters.statistics.sums import SumOverBins


class JensenShannon(SumOverBins):
    """See the module."""

    name = "js"
    unit = ""

    @staticmethod
    def term(sides: Sides) -> Floats:
        q, p = sides.window.share, sides.reference.share
        middle = np.where(sides.filled, (p + q) / 2, 1.0)
        return (times_log(p, p / middle) + times_log(q, q / middle)) / (2 * math.log(2))

    @staticmethod
    def natural(inverse: Floats) -> Floats:
        return inverse / (8 * math.log(2))

    @staticmethod
    def finish(total: Floats) -> Floats:
        # Between histograms with no bin in common, rounding can leave a little more than 1.
        return np.sqrt(np.minimum(total, 1.0))
