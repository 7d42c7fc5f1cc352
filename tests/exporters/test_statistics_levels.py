"""Critical values: chance alone passes them no more often than asked for, however few rows a bin expects.

``tests.bench.levels`` says how rates of a millionth can be told from a few ten thousand draws.
"""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from test_statistics_methods import SUMS, cells, moments

from modelwatch.exporters.statistics import OF_CELLS, OF_MOMENTS, Histograms, Moments
from modelwatch.exporters.statistics.std_shift import StdShift
from modelwatch.exporters.statistics.sums import FEW_BINS
from tests.bench.levels import LAWS, SMALL, exact_rates, rates, reference_rows, spread


@pytest.mark.parametrize(("n", "alpha"), [(150, 1e-6), (1500, 1e-3), (1500, 1e-6), (40_000, 1e-6)])
@pytest.mark.parametrize("law", LAWS)
def test_chance_passes_a_critical_value_at_most_about_as_often_as_asked(law: str, n: int, alpha: float) -> None:
    # Pearson's statistic is not foreseen for values that a small reference lacks; see its own docstring.
    names = [name for name in SUMS if name != "chi2"]
    found = rates(LAWS[law], n, reference_rows(n), alpha, names)
    # Draws of rates of a millionth are themselves uncertain by a fifth.
    assert max(found.values()) < 2, found
    assert found["g"] < 1.5, found


@pytest.mark.parametrize("alpha", [1e-6, 7e-9])
@pytest.mark.parametrize("law", [law for law, (share, _) in SMALL.items() if len(share) < 4])
def test_the_rate_of_forty_features_holds_exactly_where_every_window_can_be_looked_at(law: str, alpha: float) -> None:
    share, rows = SMALL[law]
    for n in rows:
        found = exact_rates(share, n, 50_000, alpha, list(SUMS))
        assert max(found.values()) < 1.6, (n, found)
        assert found["psi"] + found["g"] > 0, (n, found)


def test_draws_tell_the_rate_that_all_windows_give() -> None:
    share, names = SMALL["0.6, 0.3, 0.1"][0], ["kl", "tv"]
    exact, drawn = (f(share, 100, 50_000, 7e-9, names) for f in (exact_rates, rates))
    for name in names:
        assert drawn[name] == pytest.approx(exact[name], rel=0.3)


def test_a_chi_squared_quantile_would_be_passed_many_times_as_often() -> None:
    """What the critical values are for, and that this test's own draws can tell."""
    share, n, m, alpha = LAWS["50 categories"], 500, 50_000, 1e-6
    p, rng = share / share.sum(), np.random.default_rng(1)
    counts, weight = spread(rng, p, n, alpha, 20_000)
    reference = rng.multinomial(m, p)
    score = SUMS["js"].score(Histograms(counts, np.broadcast_to(reference, counts.shape)))
    quantile = np.sqrt(scipy.stats.chi2.isf(alpha, 49) * (1 / n + 1 / m) / (8 * np.log(2)))
    assert (weight * (score > quantile)).mean() > 20 * alpha


def test_critical_values_approach_the_chi_squared_quantile_as_rows_grow() -> None:
    reference = np.full((1, 10), 10_000_000)
    data = Histograms(reference, reference)
    quantile = scipy.stats.chi2.isf(1e-4, 9)
    [psi] = SUMS["psi"].critical_value(data, np.array([10_000_000]), 1e-4)
    inverse = 1 / 1e7 + 1 / 1e8
    assert psi / inverse == pytest.approx(quantile, rel=0.08)
    assert SUMS["g"].critical_value(data, np.array([10_000_000]), 1e-4) == pytest.approx(quantile, rel=0.08)


@pytest.mark.parametrize("name", SUMS)
@pytest.mark.parametrize("bins", [3, FEW_BINS + 4])
def test_critical_values_do_not_depend_on_padding_order_or_neighbours(name: str, bins: int) -> None:
    rng = np.random.default_rng(bins)
    reference = rng.multinomial(20_000, rng.dirichlet(np.full(bins, 3.0)))
    padded = np.pad(reference, (0, 4))
    both = np.array([padded, np.pad(reference[::-1], (0, 4)), rng.multinomial(900, np.full(bins + 4, 1 / (bins + 4)))])
    n = np.array([700, 700, 90])
    found = SUMS[name].critical_value(Histograms(both, both), n, 1e-5)
    [alone] = SUMS[name].critical_value(Histograms(reference[None], reference[None]), n[:1], 1e-5)
    assert found[0] == pytest.approx(alone, rel=1e-3)
    assert found[1] == pytest.approx(alone, rel=0.05)


@pytest.mark.parametrize("name", SUMS)
def test_critical_values_fall_with_the_rate_and_with_the_rows(name: str) -> None:
    reference = np.array([[4000, 3000, 2000, 900, 80, 15, 5, 1]])
    data = Histograms(reference, reference)
    by_rate = [float(SUMS[name].critical_value(data, np.array([1000]), a)[0]) for a in (1e-8, 1e-6, 1e-4, 1e-2)]
    assert by_rate == sorted(by_rate, reverse=True)
    if name not in ("chi2", "g"):
        by_rows = [float(SUMS[name].critical_value(data, np.array([n]), 1e-6)[0]) for n in (100, 1000, 10_000)]
        assert by_rows == sorted(by_rows, reverse=True)


@pytest.mark.parametrize("n", [100, 2000])
@pytest.mark.parametrize("law", ["normal", "lognormal", "uniform", "mostly zero"])
def test_numeric_methods_keep_their_rate(law: str, n: int) -> None:
    rng, m, trials, alpha = np.random.default_rng(3), 20_000, 1000, 0.02

    def draw(*size: int) -> np.ndarray:
        if law == "normal":
            return rng.normal(size=size)
        if law == "uniform":
            return rng.uniform(size=size)
        if law == "mostly zero":
            return np.where(rng.random(size) < 0.8, 0.0, rng.exponential(size=size))
        return rng.lognormal(0, 0.7, size)

    reference = draw(m)
    edges = np.quantile(reference, np.linspace(0, 1, 64))
    windows = draw(trials, n)
    of_cells, of_moments = cells(windows, reference, edges), moments(windows, reference)
    rows = np.full(trials, n)
    passed = {name: one.score(of_cells) > one.critical_value(of_cells, rows, alpha) for name, one in OF_CELLS.items()}
    passed |= {
        name: np.abs(one.score(of_moments)) > one.critical_value(of_moments, rows, alpha)
        for name, one in OF_MOMENTS.items()
    }
    ratio = {name: float(beyond.mean()) / alpha for name, beyond in passed.items()}
    assert max(ratio.values()) < 1.6, ratio


@pytest.mark.parametrize("n", [100, 2000])
@pytest.mark.parametrize("spread", [0.4, 0.7, 1.0])
def test_one_far_value_of_a_skewed_feature_is_no_drift_of_its_deviation(spread: float, n: int) -> None:
    """Log-normal features at the rate that 40 features have by default, told by drawing one value of n far out."""
    rng, trials, alpha, m = np.random.default_rng(8), 4000, 7e-9, 20_000
    w = np.exp(spread**2)
    deviation, kurtosis = np.sqrt((w - 1) * w), w**4 + 2 * w**3 + 3 * w**2 - 3
    far = scipy.stats.norm(5, 2)
    z = rng.normal(size=(trials, n))
    z[np.arange(trials), rng.integers(0, n, trials)] = far.rvs(trials, random_state=rng)
    # A part is drawn as it is, so that no weight is beyond the inverse of its share.
    z[: trials // 3] = rng.normal(size=(trials // 3, n))
    likelier = np.exp(far.logpdf(z) - scipy.stats.norm.logpdf(z)).mean(axis=1)
    share = trials // 3 / trials
    weight = 1 / (share + (1 - share) * likelier)
    score = np.log(np.exp(spread * z).std(axis=1) / deviation)

    def rate(critical: float) -> float:
        return float((weight * (score > critical)).mean()) / alpha

    zero, one, rows = np.zeros(1), np.ones(1), np.array([n])
    data = Moments(rows, zero, one, np.array([m]), zero, one, np.array([kurtosis]))
    [critical] = StdShift().critical_value(data, rows, alpha)
    assert rate(critical) < 1
    # What the gamma distribution alone would make of it, and that this test's draws can tell.
    if n == 2000 and spread > 0.5:
        degrees = 2 / ((kurtosis - 1) * (1 / n + 1 / m))
        assert rate(np.log(scipy.stats.chi2.isf(alpha / 2, degrees) / degrees) / 2) > 1000


def test_a_critical_value_is_that_of_the_rows_asked_for_whatever_was_asked_before() -> None:
    """What methods share is worked out once for the same rows, and anew for other ones."""
    rng = np.random.default_rng(7)
    values = rng.normal(size=(3, 2000))
    known = np.array([[900, 80, 20], [500, 300, 200], [10, 10, 980]])
    every = (
        (SUMS, lambda: Histograms(known, known)),
        (OF_CELLS, lambda: cells(values, values[0])),
        (OF_MOMENTS, lambda: moments(values, values[0])),
    )
    for methods, fresh in every:
        data = fresh()
        for name, method in methods.items():
            for n in (300, 70_000, 300):
                rows = np.full(3, n)
                found = method.critical_value(data, rows, 1e-3)  # type: ignore[arg-type]  # data of its own kind
                assert found == pytest.approx(method.critical_value(fresh(), rows.copy(), 1e-3)), (name, n)  # type: ignore[arg-type]  # the same
