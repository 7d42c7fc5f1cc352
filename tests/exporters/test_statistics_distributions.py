"""The distributions behind critical values, against scipy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.exporters.statistics.distributions import chi_squared, gamma, kolmogorov, log_normal, normal

degrees = st.one_of(st.integers(1, 500).map(float), st.floats(0.5, 5000))
rates = st.floats(1e-12, 0.999)


@given(st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=20))
def test_the_logarithm_of_gamma_equals_scipy(values: list[float]) -> None:
    assert gamma.log_gamma(values) == pytest.approx(scipy.special.gammaln(values), rel=1e-12, abs=1e-12)


@given(st.floats(0, 5000), degrees)
def test_the_chi_squared_survival_equals_scipy(x: float, df: float) -> None:
    assert float(chi_squared.survival(x, df)) == pytest.approx(scipy.stats.chi2.sf(x, df), rel=1e-10, abs=1e-14)


@given(st.lists(st.tuples(st.floats(0, 1e8), st.integers(1, 90)), min_size=1, max_size=20))
def test_the_survival_of_whole_degrees_is_the_same_whichever_way_it_is_found(pairs: list[tuple[float, int]]) -> None:
    x, df = np.array([one for one, _ in pairs]), np.array([one for _, one in pairs])
    found = chi_squared.survival_of_whole(np.append(x, np.nan), np.append(df, 3))
    assert found[:-1] == pytest.approx(scipy.stats.chi2.sf(x, df), rel=1e-10, abs=1e-300)
    assert np.isnan(found[-1])


@given(rates, degrees)
def test_the_chi_squared_quantile_equals_scipy(alpha: float, df: float) -> None:
    assert chi_squared.quantile(alpha, df) == pytest.approx(scipy.stats.chi2.isf(alpha, df), rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("alpha", [1e-9, 0.01, 0.5])
def test_the_chi_squared_quantile_of_very_many_degrees_is_found_at_once(alpha: float) -> None:
    for df in (1.1e5, 1e9, 1e13):
        assert chi_squared.quantile(alpha, df) == pytest.approx(scipy.stats.chi2.isf(alpha, df), rel=1e-6)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -1.0])
def test_a_quantile_of_no_probability_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match="no chi-squared quantile"):
        chi_squared.quantile(alpha, 3)


def test_many_quantiles_at_once_are_near_the_exact_ones() -> None:
    degrees = np.array([3.0, 40, 150, 2000, 1e6])
    for alpha in (1e-9, 1e-3, 0.999, 1 - 1e-9):
        exact = [
            scipy.stats.chi2.ppf(1 - alpha, df) if alpha > 0.5 else scipy.stats.chi2.isf(alpha, df) for df in degrees
        ]
        assert chi_squared.quantiles(alpha, degrees) == pytest.approx(exact, rel=1e-2)


def test_quantiles_without_a_degree_of_freedom_are_none() -> None:
    found = chi_squared.quantiles(0.01, np.array([0, 3]))
    assert np.isnan(found[0]) and found[1] == chi_squared.quantile(0.01, 3)


@given(st.floats(-9, 37))
def test_the_normal_survival_equals_scipy(z: float) -> None:
    assert float(normal.survival(z)) == pytest.approx(scipy.stats.norm.sf(z), rel=1e-10)


@given(rates)
def test_the_normal_quantiles_equal_scipy(alpha: float) -> None:
    assert normal.quantile(alpha) == pytest.approx(scipy.stats.norm.isf(alpha), rel=1e-10, abs=1e-12)
    assert normal.two_sided(alpha) == pytest.approx(scipy.stats.norm.isf(alpha / 2), rel=1e-10, abs=1e-12)


@given(st.floats(0, 12))
def test_the_kolmogorov_survival_equals_scipy(x: float) -> None:
    assert float(kolmogorov.survival(x)) == pytest.approx(scipy.special.kolmogorov(x), rel=1e-10, abs=1e-14)


@given(rates)
def test_the_kolmogorov_quantile_equals_scipy(alpha: float) -> None:
    assert kolmogorov.quantile(alpha) == pytest.approx(scipy.special.kolmogi(alpha), rel=1e-10)


@given(st.floats(0.01, 2), st.floats(-8, 8))
def test_the_log_normal_of_a_kurtosis_equals_scipy(spread: float, z: float) -> None:
    law = scipy.stats.lognorm(spread)
    w = np.exp(spread**2)
    kurtosis = w**4 + 2 * w**3 + 3 * w**2 - 3
    wanted = (np.exp(spread * z) - law.mean()) / law.std()
    assert log_normal.standardised(np.array([z]), np.array([kurtosis])) == pytest.approx(wanted, rel=1e-4, abs=1e-4)


def test_without_a_heavy_tail_the_log_normal_is_normal() -> None:
    z = np.array([5.0, 5.0, 5.0, 5.0])
    found = log_normal.standardised(z, np.array([1.8, 3.0, 3 + 1e-12, np.nan]))
    assert found[:3] == pytest.approx(5.0) and np.isnan(found[3])


def test_survivals_of_what_is_no_number_are_none() -> None:
    for survival in (normal.survival, kolmogorov.survival, lambda x: chi_squared.survival(x, 3)):
        assert np.isnan(survival(np.nan))
