"""Hellinger distance.

    H = sqrt(sum over bins of (sqrt(q) - sqrt(p))^2 / 2)

with ``p`` the reference's shares and ``q`` the window's. It has no unit and lies between 0 (equal) and 1 (no bin in
common). Source: Hellinger (1909); in this form Le Cam, Asymptotic methods in statistical decision theory (1986).

Where bins expect many rows, 8 H^2 / (1/n + 1/m) is chi-squared without drift.
"""

from __future__ import annotations

import numpy as np

from modelwatch.exporters.statistics.method import Floats
from modelwatch.exporters.statistics.sides import Sides
from modelwatch.exporters.statistics.sums import SumOverBins


class Hellinger(SumOverBins):
    """See the module."""

    name = "hellinger"
    unit = ""

    @staticmethod
    def term(sides: Sides) -> Floats:
        return (sides.window.root - sides.reference.root) ** 2 / 2

    @staticmethod
    def natural(inverse: Floats) -> Floats:
        return inverse / 8

    @staticmethod
    def finish(total: Floats) -> Floats:
        return np.sqrt(np.minimum(total, 1.0))
