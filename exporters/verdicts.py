"""From counts to what is told: scores, critical values, drift or not, and why there is no score.

Drift of a distribution needs all of: as many rows as the spec asks for; a score of its method above the warning
threshold; that score above the critical value of its method; and a likelihood-ratio test of the whole histogram that
rejects at the same rate. The test keeps its rate where bins expect few rows, and a score's critical value does not
always; the score says how much has changed, and the test that it is no chance.

To methods of bins a missing value is a bin. Those that look at values need as many values as the others need rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.comparison import Comparison
from modelwatch.exporters.guards import WARMING, Inactive, without_answer
from modelwatch.exporters.layout import Layout
from modelwatch.exporters.outputs import Answers, judge_answers
from modelwatch.exporters.related import Related, judge_relations
from modelwatch.exporters.statistics import OF_CELLS, OF_HISTOGRAMS, OF_MOMENTS, TESTS, detection
from modelwatch.exporters.statistics.likelihood_ratio import LikelihoodRatio
from modelwatch.exporters.statistics.method import Cells, Counts, Floats, Histograms, Method, Moments, WithPValue
from modelwatch.exporters.vectors import Vectors
from modelwatch.model.units import Duration

Places = NDArray[np.int64]
D = TypeVar("D", Histograms, Cells, Moments)
_GUARD = LikelihoodRatio()


@dataclass(frozen=True, eq=False)
class Judgement:
    """One window of a model. Arrays have an entry for each of ``layout.watched``; NaN is what cannot be told.

    ``samples`` are the rows in the window. ``scores``, ``critical`` and ``p_values`` are by method. ``drifted`` is 1 or
    0 after every guard, 0 with too few rows too, and NaN where the own method cannot tell. ``missing`` is a share of
    the rows, ``outside`` and ``new`` are shares of the values, and ``mismatched`` is one of the values and the rejected
    ones together. ``effective`` are the rows that the reference is worth where it is a mixture of parts.
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


def judge(
    comparison: Comparison, windows: Sequence[Duration], totals: Sequence[Vectors], *, warm: bool = True
) -> list[Judgement]:
    """What ``totals``, the vectors of each of ``windows``, say of each distribution.

    Where they are not ``warm``, critical values are not at hand: then there is no score and no verdict.
    """
    layout, watched, count = comparison.layout, comparison.layout.watched, len(windows)
    least, rate = layout.model.drift.min_samples, comparison.alpha
    counts = np.array([total.counts for total in totals])
    rows = comparison.rows(counts)
    missing, outside, wrong = (counts[:, comparison.places(which)] for which in ("missing", "outside", "mismatched"))
    here = rows - missing
    inactive = [_inactive(comparison, each, warm) for each in rows]
    tell = _Teller(comparison.scored & warm, least, rate)
    drifted = np.full((count, len(watched)), np.nan)
    effective, sums = drifted, np.array([total.sums for total in totals])
    if warm and layout.compared and layout.unlike is None:
        every, numeric = tell.part(comparison.compared_places, rows), tell.part(comparison.numeric_places, here)
        histograms = _distributions(comparison, tell, (every, numeric), counts, sums)
        if comparison.mixture is not None:
            effective = every.spread(histograms.m)
        active = comparison.scored & (rows >= least)
        own = _own(comparison, tell, count)
        found = _drifted(comparison, tell, every, histograms, own) & active
        untold = active & np.isnan(own.sum(axis=0))
        drifted = np.where(comparison.compared & ~untold, found, np.nan)
        for i in np.flatnonzero(untold.any(axis=1)).tolist():
            inactive[i] = _explained(comparison, inactive[i], untold[i], rows[i], here[i])
    with np.errstate(divide="ignore", invalid="ignore"):
        missing_ratio = np.where(comparison.features, missing / rows, np.nan)
        outside_ratio = np.where(comparison.bounded, outside / here, np.nan)
        new, mismatched = _new(comparison, counts) / here, wrong / (rows + wrong)
    relations = judge_relations(layout, sums, rate, least)
    return [
        Judgement(
            layout=layout,
            window=window,
            total=total,
            samples=rows[i],
            scores={name: values[i] for name, values in tell.scores.items()},
            critical={name: values[i] for name, values in tell.critical.items()},
            p_values={name: values[i] for name, values in tell.p_values.items()},
            drifted=drifted[i],
            inactive=inactive[i],
            missing=missing_ratio[i],
            outside=outside_ratio[i],
            new=new[i],
            mismatched=mismatched[i],
            answers=judge_answers(layout, total, rate, least),
            relations=relations[i],
            effective=effective[i],
        )
        for i, (window, total) in enumerate(zip(windows, totals, strict=True))
    ]


def _distributions(
    comparison: Comparison, tell: _Teller, parts: tuple[_Part, _Part], counts: Counts, sums: Floats
) -> Histograms:
    """Have every method told, of every distribution and of the numeric ones, and give the histograms."""
    every, numeric = parts
    histograms = comparison.histograms(counts)
    tell.methods(OF_HISTOGRAMS, histograms, every)
    # A mixture of parts of the reference is one of bins only.
    if comparison.numeric and comparison.mixture is None:
        cells = comparison.cells(counts, sums)
        tell.methods(OF_CELLS, cells, numeric)
        tell.methods(OF_MOMENTS, comparison.moments(cells, sums), numeric)
    return histograms


def _own(comparison: Comparison, tell: _Teller, windows: int) -> Floats:
    """The score and the critical value of each one's own method, shape (2, windows, distributions)."""
    score, bar = found = np.full((2, windows, len(comparison.layout.watched)), np.nan)
    for method, places in comparison.own.items():
        # Where no reference has values, those that look at values were not asked.
        if method in tell.scores:
            score[:, places], bar[:, places] = tell.scores[method][:, places], tell.critical[method][:, places]
    return found


def _drifted(
    comparison: Comparison, tell: _Teller, every: _Part, histograms: Histograms, own: Floats
) -> NDArray[np.bool_]:
    score, bar = own
    ratio, most = every.spread(
        np.array([_GUARD.score(histograms), _GUARD.critical_value(histograms, every.waited, tell.alpha)])
    )
    return detection.drifted(score, comparison.warnings, bar, ratio, most)


@dataclass(frozen=True, slots=True)
class _Part:
    """Some of ``every`` distribution, at ``places``: those of the first window, then those of the second, and so on.

    ``active`` have a score. With too few rows, ``waited`` are those that the critical value is told for: the one that
    the score will have to pass as soon as there are enough.
    """

    places: Places
    every: int
    active: NDArray[np.bool_]
    waited: Counts

    def spread(self, values: Floats | Counts) -> Floats:
        """From shape (..., these) to (..., windows, all distributions), NaN elsewhere."""
        here = values.reshape(*values.shape[:-1], -1, len(self.places))
        if len(self.places) == self.every:
            return here.astype(np.float64, copy=False)
        found = np.full((*here.shape[:-1], self.every), np.nan)
        found[..., self.places] = here
        return found


@dataclass(frozen=True, slots=True)
class _Teller:
    """Keeps what methods say in arrays over all distributions, shape (windows, distributions).

    ``scored`` may have a score, from ``least`` rows on that a method looks at.
    """

    scored: NDArray[np.bool_]
    least: int
    alpha: float
    scores: dict[str, Floats] = field(default_factory=dict)
    critical: dict[str, Floats] = field(default_factory=dict)
    p_values: dict[str, Floats] = field(default_factory=dict)

    def part(self, places: Places, looked_at: Counts) -> _Part:
        """``looked_at`` are the rows of all distributions that its methods look at: all of them, or those with a
        value."""
        active, waited = self.scored & (looked_at >= self.least), np.maximum(looked_at, self.least)
        return _Part(places, active.shape[1], active[:, places].reshape(-1), waited[:, places].reshape(-1))

    def methods(self, methods: Mapping[str, Method[D]], data: D, part: _Part) -> None:
        """Have them tell of ``data``, whose rows are the distributions of ``part``."""
        tests = {name: cast("WithPValue[D]", method) for name, method in methods.items() if name in TESTS}
        scores: list[Floats] = [method.score(data) for method in methods.values()]
        p_values: list[Floats] = [test.p_value(data) for test in tests.values()]
        critical: list[Floats] = [method.critical_value(data, part.waited, self.alpha) for method in methods.values()]
        # All at once: it is calls that cost, and not the few numbers.
        said = np.concatenate([*scores, *p_values, *critical]).reshape(-1, len(part.active))
        tested, bars = len(scores), len(scores) + len(p_values)
        if not part.active.all():
            said[:bars, ~part.active] = np.nan
        told = list(part.spread(said))
        self.scores.update(zip(methods, told[:tested], strict=True))
        self.p_values.update(zip(tests, told[tested:bars], strict=True))
        self.critical.update(zip(methods, told[bars:], strict=True))


def _inactive(comparison: Comparison, rows: Counts, warm: bool) -> tuple[Inactive | None, ...]:
    """Of each of ``layout.watched``, of which the window holds so many rows."""
    layout = comparison.layout
    needed = layout.model.drift.min_samples
    if warm and (rows >= needed).all():
        return comparison.inactive
    enough = None if warm else WARMING
    return tuple(
        found or (enough if n >= needed else Inactive("few_samples", f"needs {needed} rows, has {n}"))
        for found, n in zip(comparison.inactive, rows.tolist(), strict=True)
    )


def _explained(
    comparison: Comparison, inactive: tuple[Inactive | None, ...], untold: NDArray[np.bool_], rows: Counts, here: Counts
) -> tuple[Inactive | None, ...]:
    """``inactive`` of a window, and why methods cannot tell of its ``untold`` distributions though it has the rows."""
    found, watched = list(inactive), comparison.layout.watched
    for place in np.flatnonzero(untold).tolist():
        values, least = int(here[place]), comparison.layout.model.drift.min_samples
        found[place] = without_answer(watched[place], int(rows[place]), values, least)
    return tuple(found)


def _new(comparison: Comparison, counts: Counts) -> Floats:
    """Values of categories that the reference never had; NaN where that cannot be known."""
    found = np.full((len(counts), len(comparison.layout.watched)), np.nan)
    places, where = comparison.new
    found[:, places] = counts[:, where]
    return found
