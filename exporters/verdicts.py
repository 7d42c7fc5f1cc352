"""From counts to what is told: scores, critical values, drift or not, and why there is no score.

Drift of a distribution needs all of: as many rows as the spec asks for; a score of its method above the warning
threshold; that score above the critical value of its method; and a likelihood-ratio test of the whole histogram that
rejects at the same rate. The test keeps its rate where bins expect few rows, and a score's critical value does not
always; the score says how much has changed, and the test that it is no chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.bins import CategoricalBins
from modelwatch.exporters.comparison import Comparison
from modelwatch.exporters.layout import Layout, Watched
from modelwatch.exporters.outputs import Answers, judge_answers
from modelwatch.exporters.related import Related, judge_relations
from modelwatch.exporters.statistics import OF_CELLS, OF_HISTOGRAMS, OF_MOMENTS, TESTS, detection
from modelwatch.exporters.statistics.likelihood_ratio import LikelihoodRatio
from modelwatch.exporters.statistics.looks import per_look
from modelwatch.exporters.statistics.method import Cells, Counts, Floats, Histograms, Method, Moments, WithPValue
from modelwatch.exporters.vectors import Vectors
from modelwatch.model import types as t
from modelwatch.model.units import Duration

Places = NDArray[np.int64]
D = TypeVar("D", Histograms, Cells, Moments)
# The fewest rows of a reference that anything can be compared with.
LEAST_REFERENCE = 100
_GUARD = LikelihoodRatio()


@dataclass(frozen=True, slots=True)
class Inactive:
    """Why there is no score: ``reason`` for a label, ``sentence`` for people, with what is needed."""

    reason: str
    sentence: str


@dataclass(frozen=True, eq=False)
class Judgement:
    """One window of a model. Arrays have an entry for each of ``layout.watched``; NaN is what cannot be told.

    ``samples`` are the rows in the window. ``scores``, ``critical`` and ``p_values`` are by method. ``drifted`` is 1 or
    0 after every guard. ``missing`` is a share of the rows, ``outside`` and ``new`` are shares of the values, and
    ``mismatched`` is one of the values and the rejected ones together. ``effective`` are the rows that the reference
    is worth where it is a mixture of parts.
    """

    layout: Layout
    window: Duration
    total: Vectors
    samples: Counts
    scores: Mapping[str, Floats]
    critical: Mapping[str, Floats]
    p_values: Mapping[str, Floats]
    drifted: Floats
    inactive: tuple[Inactive | None, ...]
    missing: Floats
    outside: Floats
    new: Floats
    mismatched: Floats
    answers: Answers
    relations: Related
    effective: Floats


def alpha(layout: Layout) -> float:
    """Rate at which chance may pass at one look at one distribution; see ``statistics.looks``."""
    filled = [int((watched.reference > 0).sum()) for watched in layout.compared if watched.reference is not None]
    return per_look(float(layout.model.drift.false_alarm_rate), len(filled), max(filled, default=2) - 1)


def judge(comparison: Comparison, window: Duration, total: Vectors) -> Judgement:
    """What ``total``, the vectors of a window, says of each distribution."""
    layout = comparison.layout
    rate = alpha(layout)
    counts, sums = total.counts, total.sums
    watched = layout.watched
    rows = comparison.rows(counts)
    missing, outside, wrong = (counts[comparison.places(which)] for which in ("missing", "outside", "mismatched"))
    here = rows - missing
    inactive = tuple(_inactive(layout, w, int(n)) for w, n in zip(watched, rows, strict=True))
    active = np.array([why is None for why in inactive], dtype=bool)
    comparable = comparison.compared & (layout.unlike is None)

    scores: dict[str, Floats] = {}
    critical: dict[str, Floats] = {}
    p_values: dict[str, Floats] = {}
    drifted, effective = np.where(comparable, 0.0, np.nan), np.full(len(watched), np.nan)
    if layout.compared and layout.unlike is None:
        histograms = comparison.histograms(counts)
        cells = comparison.cells(counts, sums)
        moments = comparison.moments(cells, sums)
        every = np.flatnonzero(comparable)
        numeric = every[comparison.numeric_rows]
        # With too few rows, the critical value that the score will have to pass as soon as there are enough.
        waited = np.maximum(rows, layout.model.drift.min_samples)
        tell = _Teller(active, waited, rate, scores, critical, p_values)
        for name, of_histograms in OF_HISTOGRAMS.items():
            tell.method(name, of_histograms, histograms, every)
        # A mixture of parts of the reference is one of bins only.
        if len(numeric) and comparison.mixture is None:
            for name, of_cells in OF_CELLS.items():
                tell.method(name, of_cells, cells, numeric)
            for name, of_moments in OF_MOMENTS.items():
                tell.method(name, of_moments, moments, numeric)
        if comparison.mixture is not None:
            effective[every] = histograms.m
        ratio, most = np.full(len(watched), np.nan), np.full(len(watched), np.nan)
        ratio[every] = _GUARD.score(histograms)
        most[every] = _GUARD.critical_value(histograms, waited[every], rate)
        own = [w.subject.feature.drift for w in watched]
        score, bar = (_own(values, own) for values in (scores, critical))
        found = detection.drifted(score, np.array([float(one.warning) for one in own]), bar, ratio, most)
        drifted = np.where(comparable, (found & active).astype(float), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        return Judgement(
            layout=layout,
            window=window,
            total=total,
            samples=rows,
            scores=scores,
            critical=critical,
            p_values=p_values,
            drifted=drifted,
            inactive=inactive,
            missing=np.where(comparison.features, missing / rows, np.nan),
            outside=np.where(comparison.bounded, outside / here, np.nan),
            new=_new(watched, counts) / here,
            mismatched=wrong / (rows + wrong),
            answers=judge_answers(layout, total, rate, layout.model.drift.min_samples),
            relations=judge_relations(layout, total, rate, layout.model.drift.min_samples),
            effective=effective,
        )


@dataclass(frozen=True, slots=True)
class _Teller:
    """Writes what methods say into arrays over all distributions."""

    active: NDArray[np.bool_]
    waited: Counts
    alpha: float
    scores: dict[str, Floats]
    critical: dict[str, Floats]
    p_values: dict[str, Floats]

    def method(self, name: str, method: Method[D], data: D, places: Places) -> None:
        """``places`` are the distributions that the rows of ``data`` are of."""
        active = self.active[places]
        self.scores[name] = self._spread(places, np.where(active, method.score(data), np.nan))
        self.critical[name] = self._spread(places, method.critical_value(data, self.waited[places], self.alpha))
        if name in TESTS:
            test = cast("WithPValue[D]", method)
            self.p_values[name] = self._spread(places, np.where(active, test.p_value(data), np.nan))

    def _spread(self, places: Places, values: Floats) -> Floats:
        found = np.full(len(self.active), np.nan)
        found[places] = values
        return found


def _inactive(layout: Layout, watched: Watched, rows: int) -> Inactive | None:
    if watched.reference is None:
        return Inactive(watched.reason, watched.inactive or "")
    if layout.unlike is not None:
        return Inactive("no_baseline", layout.unlike)
    known = int(watched.reference.sum())
    if known < LEAST_REFERENCE:
        return Inactive("reference_too_small", f"needs {LEAST_REFERENCE} rows in the reference, has {known}")
    needed = layout.model.drift.min_samples
    return None if rows >= needed else Inactive("few_samples", f"needs {needed} rows, has {rows}")


def _own(values: Mapping[str, Floats], drifts: Sequence[t.Drift]) -> Floats:
    """Of each distribution what its own method says; NaN where it says nothing."""
    return np.array([values[drift.method][place] for place, drift in enumerate(drifts)])


def _new(watched: tuple[Watched, ...], counts: Counts) -> Floats:
    """Values of categories that the reference never had; NaN where that cannot be known."""
    found = np.full(len(watched), np.nan)
    for place, one in enumerate(watched):
        if isinstance(one.bins, CategoricalBins) and one.bins.complete:
            found[place] = counts[one.block.start + one.bins.new]
    return found
