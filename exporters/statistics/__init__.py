"""The drift methods, by the name that a spec and the label ``method`` give them. One file each.

A new method is a new file and its name in one of these lines.
"""

from __future__ import annotations

from collections.abc import Mapping

from modelwatch.exporters.statistics.chi_squared import ChiSquared
from modelwatch.exporters.statistics.hellinger import Hellinger
from modelwatch.exporters.statistics.jensen_shannon import JensenShannon
from modelwatch.exporters.statistics.kullback_leibler import KullbackLeibler
from modelwatch.exporters.statistics.method import Cells, Counts, Histograms, Method, Moments
from modelwatch.exporters.statistics.psi import Psi
from modelwatch.exporters.statistics.total_variation import TotalVariation

_HISTOGRAM_METHODS: tuple[Method[Histograms], ...] = (
    Psi(),
    JensenShannon(),
    KullbackLeibler(),
    Hellinger(),
    TotalVariation(),
    ChiSquared(),
)

OF_HISTOGRAMS: Mapping[str, Method[Histograms]] = {m.name: m for m in _HISTOGRAM_METHODS}
OF_CELLS: Mapping[str, Method[Cells]] = {}
OF_MOMENTS: Mapping[str, Method[Moments]] = {}

METHODS: Mapping[str, Method[Histograms] | Method[Cells] | Method[Moments]] = {
    **OF_HISTOGRAMS,
    **OF_CELLS,
    **OF_MOMENTS,
}

__all__ = ["METHODS", "OF_CELLS", "OF_HISTOGRAMS", "OF_MOMENTS", "Cells", "Counts", "Histograms", "Method", "Moments"]
