"""What is told of a model's answers besides their drift: how many are unsure, and whether they are all the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modelwatch.exporters.layout import SUM_Z, SUM_Z2, Layout, Watched
from modelwatch.exporters.statistics.ratios import constant_output
from modelwatch.exporters.subjects import CONFIDENCE, PREDICTION
from modelwatch.exporters.vectors import Vectors

# What is left of the variance of equal answers is rounding: some 1e-16 of their square.
_NO_SPREAD = 1e-7


@dataclass(frozen=True, slots=True)
class Answers:
    """``unsure`` is the share of answers below ``tracing.low_confidence``. ``constant`` is 1 when every answer of the
    window was the same and chance would hardly have made it so, else 0. NaN where it cannot be told.
    """

    unsure: float
    constant: float


def judge_answers(layout: Layout, total: Vectors, alpha: float, min_samples: int) -> Answers:
    """What the vectors of a window say. Below ``min_samples`` answers, nothing."""
    return Answers(_unsure(layout, total, min_samples), _constant(layout, total, alpha, min_samples))


def _unsure(layout: Layout, total: Vectors, min_samples: int) -> float:
    watched = layout.role(CONFIDENCE)
    if watched is None:
        return np.nan
    rows = int(total.counts[watched.block.start : watched.missing].sum())
    return int(total.counts[layout.unsure]) / rows if rows >= min_samples else np.nan


def _constant(layout: Layout, total: Vectors, alpha: float, min_samples: int) -> float:
    watched = layout.role(PREDICTION)
    if watched is None or watched.reference is None:
        return np.nan
    counts = total.counts[watched.block.start : watched.missing]
    rows = int(counts.sum())
    if rows < min_samples:
        return np.nan
    if np.count_nonzero(counts) > 1:
        return 0.0
    if watched.subject.numeric and _spread(watched, total, rows) > _NO_SPREAD:
        return 0.0
    most = int(counts.argmax())
    return float(constant_output(int(counts[most]), rows, _share(watched, most), alpha))


def _spread(watched: Watched, total: Vectors, rows: int) -> float:
    """Standard deviation of numeric answers, in the reference's."""
    sums = total.sums[watched.block.float_start :]
    mean = sums[SUM_Z] / rows
    return float(np.sqrt(max(sums[SUM_Z2] / rows - mean**2, 0.0))) / max(1.0, abs(float(mean)))


def _share(watched: Watched, place: int) -> float:
    """Share of the reference that falls where all answers do: how likely chance makes one more of them so."""
    reference = watched.reference
    if reference is None:
        return 1.0
    answered = int(reference[:-1].sum())
    return float(reference[watched.bin_of_place[place]]) / answered if answered else 1.0
