"""Statistics of whole rows: correlations, reconstruction error, shares of rows, constant output, the likelihood ratio."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from modelwatch.exporters.statistics.correlation import correlation_change, correlations
from modelwatch.exporters.statistics.detection import detected, drifted
from modelwatch.exporters.statistics.likelihood_ratio import LikelihoodRatio
from modelwatch.exporters.statistics.method import Histograms
from modelwatch.exporters.statistics.psi import Psi
from modelwatch.exporters.statistics.ratios import constant_output
from modelwatch.exporters.statistics.reconstruction import error_ratio


def _sums(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Sums over the rows in which both features are present, as a window keeps them."""
    here = np.isfinite(x).astype(float)
    filled = np.where(here > 0, x, 0.0)
    return (here.T @ here).astype(np.int64), filled.T @ here, (filled**2).T @ here, filled.T @ filled


def test_correlations_from_sums_are_pearsons_of_the_rows_where_both_are_present() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 3)) @ rng.normal(size=(3, 3))
    x[rng.random(x.shape) < 0.2] = np.nan
    found = correlations(*_sums(x))
    for i, j in ((0, 1), (0, 2), (1, 2)):
        both = np.isfinite(x[:, i]) & np.isfinite(x[:, j])
        assert found[i, j] == pytest.approx(scipy.stats.pearsonr(x[both, i], x[both, j]).statistic, rel=1e-9)
        assert found[j, i] == pytest.approx(found[i, j], rel=1e-12)


def test_a_feature_that_never_varies_has_no_correlation() -> None:
    x = np.column_stack([np.arange(9.0), np.full(9, 2.0)])
    assert np.isnan(correlations(*_sums(x))[0, 1])


def test_correlation_changes_name_the_worst_pairs_first_and_never_the_unknown() -> None:
    now = np.array([[1, 0.9, 0.1, np.nan], [0.9, 1, 0.5, 0], [0.1, 0.5, 1, 0.2], [np.nan, 0, 0.2, 1]])
    before = np.array([[1, 0.2, 0.1, 0], [0.2, 1, 0.3, 0], [0.1, 0.3, 1, 0.2], [0, 0, 0.2, 1]])
    n = np.full((4, 4), 403)
    found = correlation_change(now, n, before, np.full((4, 4), 10_003))
    assert found.change[0, 1] == pytest.approx(math.atanh(0.9) - math.atanh(0.2))
    assert found.standard_error[0, 1] == pytest.approx(math.sqrt(1 / 400 + 1 / 10_000))
    assert found.worst(2) == [(0, 1), (1, 2)]
    assert (0, 3) not in found.worst(10)
    assert np.isnan(np.diag(found.change)).all()
    assert not correlation_change(now, np.full((4, 4), 3), before, n).worst(5)


def test_chance_passes_the_critical_change_of_a_correlation_as_often_as_asked() -> None:
    rng, n, alpha, passed, trials = np.random.default_rng(1), 300, 0.02, 0, 2000
    before, rows = np.array([[1, 0.6], [0.6, 1]]), np.full((2, 2), n)
    mix = np.linalg.cholesky(before)
    for _ in range(trials):
        r = np.corrcoef(rng.normal(size=(n, 2)) @ mix.T, rowvar=False)
        found = correlation_change(r, rows, before, np.full((2, 2), 10**9))
        passed += abs(found.change[0, 1]) > found.critical_value(alpha)[0, 1]
    assert passed / trials == pytest.approx(alpha, abs=0.01)


def test_the_reconstruction_error_ratio_is_of_means() -> None:
    assert error_ratio(30.0, 10, 2.0) == 1.5
    assert math.isnan(error_ratio(0.0, 0, 2.0)) and math.isnan(error_ratio(1.0, 5, 0.0))


@pytest.mark.parametrize(
    ("most", "n", "share", "alarm"),
    [
        (500, 500, 0.7, True),
        (499, 500, 0.7, False),  # one other answer
        (5, 5, 0.7, False),  # chance: 17 %
        (500, 500, 1.0, False),  # the reference never answers otherwise
        (500, 500, 0.0, True),
        (0, 0, 0.7, False),
    ],
)
def test_an_output_is_constant_when_all_answers_are_one_and_chance_would_not_make_them_so(
    most: int, n: int, share: float, alarm: bool
) -> None:
    assert constant_output(most, n, share, 1e-6) is alarm


def test_the_likelihood_ratio_is_what_promql_can_compute_from_counts() -> None:
    c, r = np.array([[30, 0, 12, 5]]), np.array([[400, 90, 0, 60]])
    n, m = c.sum(), r.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.nansum(c * np.log(c / (c + r))) + np.nansum(r * np.log(r / (c + r)))
    whole = 2 * (parts + (n + m) * math.log(n + m) - n * math.log(n) - m * math.log(m))
    assert LikelihoodRatio().score(Histograms(c, r)) == pytest.approx(whole, rel=1e-12)


def test_its_constant_is_above_the_critical_value_for_every_number_of_rows() -> None:
    reference = np.array([[4000, 3000, 2000, 900, 80, 15, 5, 1], [700, 300, 0, 0, 0, 0, 0, 0]])
    data, guard = Histograms(reference, reference), LikelihoodRatio()
    constant = guard.quantile(data, 500, 1e-6)
    for n in (500, 2000, 32_000, 512_000):
        assert (guard.critical_value(data, np.full(2, n), 1e-6) <= constant * (1 + 1e-12)).all()
    quantile = scipy.stats.chi2.isf(1e-6, data.filled - 1)
    assert (constant > 0.95 * quantile).all() and (constant < 1.5 * quantile).all()


def test_drift_needs_the_threshold_and_both_critical_values() -> None:
    rng = np.random.default_rng(3)
    reference = rng.multinomial(50_000, np.full(10, 0.1))
    moved = np.array([0.2, 0.15, *[0.65 / 8] * 8])
    counts = np.array([rng.multinomial(n, p) for n, p in ((2000, np.full(10, 0.1)), (2000, moved), (20, moved))])
    for warning, expected in ((0.0, [False, True, False]), (0.1, [False, True, False]), (5.0, [False, False, False])):
        assert list(detected(Psi(), counts, reference, warning, 1e-7)) == expected
    one, nothing = np.ones(1), np.array([np.nan])
    assert drifted(-one, 0.5, 0.9 * one, one, 0.9 * one).all()
    for parts in ((one, 1.0, 0 * one, one, 0 * one), (one, 0.0, one, one, 0 * one), (one, 0.0, 0 * one, one, one)):
        assert not drifted(*parts).any()
    for place in range(5):
        parts = [one, 0.5 * one, 0.5 * one, one, 0.5 * one]
        parts[place] = nothing
        assert not drifted(*parts).any()
