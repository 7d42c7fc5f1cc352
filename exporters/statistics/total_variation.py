"""Total variation distance.

    TV = sum over bins of |q - p| / 2

with ``p`` the reference's shares and ``q`` the window's: the share of rows that would have to move to another bin for
both to be equal, from 0 to 1. Source: Levin, Peres and Wilmer, Markov chains and mixing times (2009), chapter 4.

Its critical value grows with sqrt(1/n + 1/m); ``chance`` works it out.
"""

from __future__ import annotations

import numpy as np

from modelwatch.exporters.statistics.method import Floats
from modelwatch.exporters.statistics.sides import Sides
from modelwatch.exporters.statistics.sums import SumOverBins


class TotalVariation(SumOverBins):
    """See the module."""

    name = "tv"
    unit = "share of rows"

    @staticmethod
    def term(sides: Sides) -> Floats:
        return np.abs(sides.window.share - sides.reference.share) / 2

    @staticmethod
    def natural(inverse: Floats) -> Floats:
        return np.sqrt(inverse) / 2
