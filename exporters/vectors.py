"""The two vectors that all that is counted of a model is made of; additive, like everything that is counted."""

from __future__ import annotations

from dataclasses import dataclass

from modelwatch.exporters.statistics.method import Counts, Floats


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """``counts``, shape (layout.width,), and ``sums``, shape (layout.float_width,)."""

    counts: Counts
    sums: Floats
