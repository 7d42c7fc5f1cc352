"""PSI, Jensen-Shannon, their critical values, and the chi-squared quantile behind them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from drift_data import categorical, expected, numeric
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2

from modelwatch.exporters.bins import NumericBins
from modelwatch.exporters.statistics import METHODS
from modelwatch.exporters.statistics.chi_squared import quantile, survival
from modelwatch.exporters.statistics.pooling import LEAST_EXPECTED, pooled, pools

histograms = st.integers(1, 30).flatmap(
    lambda size: st.tuples(
        *[st.lists(st.integers(0, 10_000), min_size=size, max_size=size).filter(any) for _ in range(2)]
    )
)


def _deciles() -> tuple[np.ndarray, np.ndarray]:
    reference, current = numeric()
    bins = NumericBins(tuple(np.quantile(reference, np.linspace(0, 1, 11)[1:-1])))
    size = len(bins.labels)
    return (
        np.bincount(bins.codes(current), minlength=size),
        np.bincount(bins.codes(reference), minlength=size),
    )


def _categories() -> tuple[np.ndarray, np.ndarray]:
    reference, current = categorical()
    names = sorted({*reference, *current})
    return np.array([current.count(n) for n in names]), np.array([reference.count(n) for n in names])


def test_psi_over_the_reference_deciles_is_the_textbook_value() -> None:
    assert METHODS["psi"].score(*_deciles()) == pytest.approx(expected("misc")["psi_decile_ref"], rel=1e-12)


def test_psi_of_categories_with_a_new_one_equals_evidently() -> None:
    assert METHODS["psi"].score(*_categories()) == pytest.approx(expected("evidently")["cat_psi"], rel=1e-12)


def test_js_of_categories_with_a_new_one_equals_nannyml() -> None:
    assert METHODS["js"].score(*_categories()) == pytest.approx(expected("nannyml")["c|jensen_shannon"], rel=1e-12)


@given(histograms)
def test_js_equals_scipy(pair: tuple[list[int], list[int]]) -> None:
    counts, reference = map(np.array, pair)
    # scipy's own rounding under the root is what limits the agreement near 0.
    assert METHODS["js"].score(counts, reference) == pytest.approx(
        float(np.nan_to_num(jensenshannon(reference, counts, base=2))), abs=1e-7
    )


@given(histograms)
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_scores_are_finite_symmetric_for_equal_rows_and_zero_for_equal_shares(method, pair) -> None:  # type: ignore[no-untyped-def]
    counts, reference = map(np.array, pair)
    score = method.score(counts, reference)
    assert math.isfinite(score) and score >= 0
    assert method.score(reference, reference) == pytest.approx(0, abs=1e-7)
    assert method.score(counts, reference) == pytest.approx(score, rel=1e-12)
    order = np.random.default_rng(len(counts)).permutation(len(counts))
    assert method.score(counts[order], reference[order]) == pytest.approx(score, rel=1e-9, abs=1e-9)


def test_js_of_disjoint_histograms_is_one() -> None:
    assert METHODS["js"].score(np.array([9, 0]), np.array([0, 4])) == 1.0


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_score_without_rows_is_refused(method) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="no rows"):
        method.score(np.zeros(3, dtype=np.int64), np.array([1, 2, 3]))


def test_the_critical_value_of_psi_is_the_chi_squared_one() -> None:
    found = METHODS["psi"].critical_value(n=3000, m=5000, bins=10, alpha=0.01)
    assert found == pytest.approx(expected("misc")["psi_crit99"], rel=1e-12)


@given(st.floats(1e-12, 0.999999), st.integers(1, 500))
def test_the_chi_squared_quantile_equals_scipy(alpha: float, degrees: int) -> None:
    assert quantile(alpha, degrees) == pytest.approx(chi2.isf(alpha, degrees), rel=1e-8)


@given(st.floats(0, 2000), st.integers(1, 500))
def test_the_chi_squared_survival_equals_scipy(x: float, degrees: int) -> None:
    assert survival(x, degrees) == pytest.approx(chi2.sf(x, degrees), rel=1e-8, abs=1e-14)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -1.0])
def test_a_quantile_of_no_probability_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match="no chi-squared quantile"):
        quantile(alpha, 3)


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=40), st.integers(1, 5000))
def test_pools_keep_every_row_join_neighbours_and_leave_empty_bins_alone(reference: list[int], n: int) -> None:
    counts = np.array(reference)
    pool = pools(counts, n)
    assert pooled(counts, pool).sum() == counts.sum()
    assert sorted(set(pool)) == list(range(pool.max() + 1))
    filled = pool[counts > 0]
    assert list(filled) == sorted(filled)
    for place in np.flatnonzero(counts == 0):
        assert list(pool).count(pool[place]) == 1
    expected_rows = pooled(counts, pool)[pooled(counts, pool) > 0] * n / max(counts.sum(), 1)
    assert all(rows >= LEAST_EXPECTED * (1 - 1e-9) for rows in expected_rows[:-1])


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize(
    "law", [np.full(10, 0.1), 1 / np.arange(1, 51), 1 / np.arange(1, 21) ** 2.0, np.array([0.9, 0.09, 0.009, 0.001])]
)
def test_without_drift_the_critical_value_is_passed_about_as_often_as_configured(method, law) -> None:  # type: ignore[no-untyped-def]
    rng, n, m, alpha, trials = np.random.default_rng(7), 500, 50_000, 0.01, 4000
    share = law / law.sum()
    above = 0
    for counts, reference in zip(rng.multinomial(n, share, trials), rng.multinomial(m, share, trials), strict=True):
        pool = pools(reference, n)
        left, right = pooled(counts, pool), pooled(reference, pool)
        above += method.score(left, right) > method.critical_value(n, m, int((right > 0).sum()), alpha)
    assert above <= 2.5 * alpha * trials
