"""From counts to what is told of a feature: score, critical value, drift or not, and why there is no score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modelwatch.exporters.bins import CategoricalBins
from modelwatch.exporters.layout import Layout, Watched
from modelwatch.exporters.statistics.likelihood_ratio import LikelihoodRatio
from modelwatch.exporters.statistics.looks import per_look
from modelwatch.exporters.statistics.method import Counts, Histograms
from modelwatch.model.units import Duration

# Fewest rows in a reference that tells anything of shares.
LEAST_ROWS = 100
_GUARD = LikelihoodRatio()


@dataclass(frozen=True, slots=True)
class Verdict:
    """One feature in one window. A ratio is None where it has nothing to stand on.

    ``samples`` are the rows in the window. ``score`` is None, and ``inactive`` says why, until there are enough of
    them. ``detected`` is None where nothing can be compared at all.
    """

    watched: Watched
    window: Duration
    samples: int
    score: float | None
    critical_value: float | None
    detected: bool | None
    inactive: str | None
    missing_ratio: float | None
    out_of_range_ratio: float | None
    new_category_ratio: float | None


def alpha(layout: Layout) -> float:
    """Rate at which chance may pass at one look at one feature; see ``statistics.looks``."""
    filled = [int((watched.reference > 0).sum()) for watched in layout.watched if watched.reference is not None]
    return per_look(float(layout.model.drift.false_alarm_rate), layout.compared, max(filled, default=2) - 1)


def verdicts(layout: Layout, window: Duration, total: Counts) -> list[Verdict]:
    """What the counts ``total`` of a window, shape (layout.width,), say of each feature."""
    rate = alpha(layout)
    return [_verdict(layout, watched, window, total, rate) for watched in layout.watched]


def _verdict(layout: Layout, watched: Watched, window: Duration, total: Counts, rate: float) -> Verdict:
    counts = watched.counts(total)
    rows = int(counts.sum())
    missing = int(counts[-1])
    here = rows - missing
    score, critical, significant, inactive = _compared(layout, watched, counts, rows, rate)
    detected = None
    if watched.reference is not None:
        warning = float(watched.subject.feature.drift.warning)
        detected = score is not None and critical is not None and score > warning and score > critical and significant
    bins = watched.bins
    return Verdict(
        watched=watched,
        window=window,
        samples=rows,
        score=score,
        critical_value=critical,
        detected=detected,
        inactive=inactive,
        missing_ratio=missing / rows if rows and watched.subject.role == "feature" else None,
        out_of_range_ratio=int(total[watched.outside]) / here
        if here and watched.subject.feature.range is not None
        else None,
        new_category_ratio=int(counts[bins.new]) / here
        if here and isinstance(bins, CategoricalBins) and bins.complete
        else None,
    )


def _compared(
    layout: Layout, watched: Watched, counts: Counts, rows: int, rate: float
) -> tuple[float | None, float | None, bool, str | None]:
    """Score, critical value, whether the likelihood ratio agrees, and why there is no score."""
    if watched.reference is None:
        return None, None, False, watched.inactive
    method, data = watched.method, Histograms(counts[None], watched.reference[None])
    known = int(data.m[0])
    if known < LEAST_ROWS:
        return None, None, False, f"needs {LEAST_ROWS} rows in the reference, has {known}"
    needed = max(layout.model.drift.min_samples, LEAST_ROWS)
    # With too few rows, the critical value that the score will have to pass as soon as there are enough.
    n = np.array([max(rows, needed)])
    critical = float(method.critical_value(data, n, rate)[0])
    if rows < needed:
        return None, critical, False, f"needs {needed} rows, has {rows}"
    significant = bool(_GUARD.score(data)[0] > _GUARD.critical_value(data, n, rate)[0])
    return float(method.score(data)[0]), critical, significant, None
