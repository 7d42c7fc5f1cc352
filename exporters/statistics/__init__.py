"""The drift methods, by the name that a spec and the label ``method`` give them. One file each.

A new method is a new file and its name in one of these lines.
"""

from __future__ import annotations

from collections.abc import Mapping

from modelwatch.exporters.statistics.chi_squared import ChiSquared
from modelwatch.exporters.statistics.hellinger import Hellinger
from modelwatch.exporters.statistics.jensen_shannon import JensenShannon
from modelwatch.exporters.statistics.kolmogorov_smirnov import KolmogorovSmirnov
from modelwatch.exporters.statistics.kullback_leibler import KullbackLeibler
from modelwatch.exporters.statistics.mean_shift import MeanShift
from modelwatch.exporters.statistics.method import Cells, Counts, Histograms, Method, Moments, WithPValue
from modelwatch.exporters.statistics.psi import Psi
from modelwatch.exporters.statistics.std_shift import StdShift
from modelwatch.exporters.statistics.sums import SumOverBins
from modelwatch.exporters.statistics.total_variation import TotalVariation
from modelwatch.exporters.statistics.wasserstein import Wasserstein, WassersteinScaled

_HISTOGRAM_METHODS: tuple[SumOverBins, ...] = (
    Psi(),
    JensenShannon(),
    KullbackLeibler(),
    Hellinger(),
    TotalVariation(),
    ChiSquared(),
)
_CELL_METHODS: tuple[Method[Cells], ...] = (KolmogorovSmirnov(), Wasserstein(), WassersteinScaled())
_MOMENT_METHODS: tuple[Method[Moments], ...] = (MeanShift(), StdShift())

OF_HISTOGRAMS: Mapping[str, SumOverBins] = {m.name: m for m in _HISTOGRAM_METHODS}
OF_CELLS: Mapping[str, Method[Cells]] = {m.name: m for m in _CELL_METHODS}
OF_MOMENTS: Mapping[str, Method[Moments]] = {m.name: m for m in _MOMENT_METHODS}

METHODS: Mapping[str, Method[Histograms] | Method[Cells] | Method[Moments]] = {
    **OF_HISTOGRAMS,
    **OF_CELLS,
    **OF_MOMENTS,
}

# Those that have a p-value.
TESTS = frozenset(name for name, method in METHODS.items() if isinstance(method, WithPValue))

__all__ = [
    "METHODS",
    "OF_CELLS",
    "OF_HISTOGRAMS",
    "OF_MOMENTS",
    "TESTS",
    "Cells",
    "Counts",
    "Histograms",
    "Method",
    "Moments",
]
