"""The series of one model: all lines are begun when its layout is made, and a scrape fills in the numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter

import numpy as np

from modelwatch.exporters.comparison import Comparison
from modelwatch.exporters.exposition.page import Block, Page, Series
from modelwatch.exporters.ingest.table import REASONS
from modelwatch.exporters.layout import Watched
from modelwatch.exporters.ledger import Tally
from modelwatch.exporters.monitor import Snapshot
from modelwatch.exporters.statistics import METHODS, TESTS
from modelwatch.exporters.statistics.method import Counts, Floats
from modelwatch.exporters.verdicts import Judgement
from modelwatch.model.units import Duration
from modelwatch.telemetry import metrics as m

# The short form of a profile's hash, as its file's name and logs show it.
HASH_DIGITS = 12


class Sheet:
    """For one layout; ``fill`` writes a snapshot of it onto a page."""

    def __init__(self, comparison: Comparison) -> None:
        self._comparison, self._layout = comparison, comparison.layout
        layout = comparison.layout
        self._name = layout.model.name
        features = [w.name for w in layout.watched]
        self._judged = _Judged(self._name, features, layout.windows)
        compared = layout.compared
        bins = [(self._name, w.name, label) for w in compared for label in w.bins.labels]
        expected = bins if layout.slices is not None else []
        mismatched = [(self._name, name) for name in features]
        self._counted = Block(
            [
                Series.of(m.EXPORTER_ROWS, [(self._name, "accepted"), (self._name, "rejected")]),
                Series.of(m.EXPORTER_REJECTED, [(self._name, reason) for reason in REASONS]),
                Series.of(m.EXPORTER_LAST_ROW, [(self._name,)]),
                Series.of(m.EXPORTER_ROW_LAG, [(self._name,)]),
                Series.of(m.FEATURE_VALUES, bins),
                Series.of(m.FEATURE_EXPECTED, expected),
                Series.of(m.FEATURE_MISMATCHED, mismatched),
            ]
        )
        self._bins = bins
        self._fixed: Page | None = None

    def fill(self, page: Page, snapshot: Snapshot, judgements: Sequence[Judgement]) -> None:
        """``judgements`` are one for each window of the layout."""
        self._counts(page, snapshot.tally)
        page.take(self._settings())
        self._judged.fill(page, judgements)

    def _counts(self, page: Page, tally: Tally) -> None:
        comparison, counters = self._comparison, tally.counters
        rows = [tally.accepted, tally.rejected, *(tally.reasons.get(reason, 0) for reason in REASONS)]
        times = [np.nan if time is None else time for time in (tally.last_row, tally.lag)]
        by_bin, expected = comparison.by_bin(counters), comparison.expected(counters)
        mismatched = counters[comparison.places("mismatched")]
        page.block(self._counted, np.array(rows), np.array(times), by_bin, expected, mismatched)

    def _settings(self) -> Page:
        """What no row changes; made once all of it is at hand."""
        if self._fixed is not None:
            return self._fixed
        quantile = self._comparison.likelihood_quantile()
        page = self._made(quantile)
        if quantile is not None:
            self._fixed = page
        return page

    def _made(self, quantile: Floats | None) -> Page:
        name, compared = self._name, self._layout.compared
        features = [(name, w.name) for w in compared]
        drifts = [(w.name, w.subject.feature.drift) for w in compared]
        thresholds = [(name, n, d.method, level) for n, d in drifts for level in ("warning", "critical")]
        block = Block(
            [
                Series.of(m.FEATURE_REFERENCE, self._bins),
                Series.of(m.DRIFT_CHI_SQUARED_QUANTILE, features),
                Series.of(m.DRIFT_THRESHOLD, thresholds),
                Series.of(m.REFERENCE_ROWS, features),
            ]
        )
        shares = [np.empty(0), *map(_reference_shares, compared)]
        levels = np.array([float(level) for _, drift in drifts for level in (drift.warning, drift.critical)])
        rows = np.array([0 if w.reference is None else w.reference.sum() for w in compared], dtype=np.int64)
        page = Page()
        page.block(block, *shares, np.full(len(features), np.nan) if quantile is None else quantile, levels, rows)
        profile = self._layout.profile
        if profile is not None:
            page.add(m.REFERENCE_INFO, 1, name, profile.sha256[:HASH_DIGITS], str(profile.rows))
        return page


class _Judged:
    """The series of all windows."""

    def __init__(self, model: str, features: Sequence[str], windows: Sequence[Duration]) -> None:
        self._model, self._features = model, features
        texts = [window.text for window in windows]
        self._filled: tuple[tuple[Judgement, ...], Page] = ((), Page())

        def each(metric: m.Metric) -> Series:
            return Series.of(metric, [(model, feature, text) for text in texts for feature in features])

        def by_method(metric: m.Metric, method: str) -> Series:
            return Series.of(metric, [(model, feature, method, text) for text in texts for feature in features])

        self._block = Block(
            [
                *map(each, _BY_FEATURE),
                *(by_method(m.DRIFT_SCORE, name) for name in METHODS),
                *(by_method(m.DRIFT_CRITICAL_VALUE, name) for name in METHODS),
                *(by_method(m.DRIFT_P_VALUE, name) for name in METHODS if name in TESTS),
            ]
        )
        self._none = np.full(len(features), np.nan)

    def fill(self, page: Page, judgements: Sequence[Judgement]) -> None:
        """Add the lines of ``judgements``, one for each window; those of the last ones are kept for when they come
        again."""
        known, lines = self._filled
        if len(known) != len(judgements) or any(one is not other for one, other in zip(known, judgements, strict=True)):
            lines = Page()
            self._fill(lines, judgements)
            self._filled = tuple(judgements), lines
        page.take(lines)

    def _fill(self, page: Page, judgements: Sequence[Judgement]) -> None:
        none = self._none
        values: list[Counts | Floats] = [of(found) for of in _BY_FEATURE.values() for found in judgements]
        values += [found.scores.get(name, none) for name in METHODS for found in judgements]
        values += [found.critical.get(name, none) for name in METHODS for found in judgements]
        values += [found.p_values.get(name, none) for name in METHODS if name in TESTS for found in judgements]
        page.block(self._block, *values)
        for found in judgements:
            self._alone(page, found, found.window.text)

    def _alone(self, page: Page, found: Judgement, window: str) -> None:
        """What a window has few numbers of."""
        for feature, why in zip(self._features, found.inactive, strict=True):
            if why is not None:
                page.add(m.DRIFT_INACTIVE, 1, self._model, feature, window, why.reason)
        for metric, value in (
            (m.LOW_CONFIDENCE, found.answers.unsure),
            (m.CONSTANT_OUTPUT, found.answers.constant),
            (m.RECONSTRUCTION_ERROR, found.relations.reconstruction),
        ):
            if not np.isnan(value):
                page.add(metric, value, self._model, window)
        for feature, other, change in found.relations.changes:
            page.add(m.CORRELATION_CHANGE, change, self._model, feature, other, window)


# What a judgement has a number of for each feature.
_BY_FEATURE: Mapping[m.Metric, Callable[[Judgement], Counts | Floats]] = {
    m.DRIFT_SAMPLES: attrgetter("samples"),
    m.DRIFT_DETECTED: attrgetter("drifted"),
    m.REFERENCE_EFFECTIVE_ROWS: attrgetter("effective"),
    m.FEATURE_MISSING: attrgetter("missing"),
    m.FEATURE_OUT_OF_RANGE: attrgetter("outside"),
    m.FEATURE_NEW_CATEGORY: attrgetter("new"),
    m.FEATURE_MISMATCHED_RATIO: attrgetter("mismatched"),
}


def _reference_shares(watched: Watched) -> Floats:
    """NaN where the reference is empty."""
    reference = watched.reference
    if reference is None or not reference.any():
        return np.full(len(watched.bins.labels), np.nan)
    shares: Floats = reference / reference.sum()
    return shares
