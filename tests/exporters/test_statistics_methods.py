"""Every drift method against its textbook definition: scipy, and what other libraries give on the same data."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special
import scipy.stats
from drift_data import categorical, expected, numeric
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from modelwatch.exporters.bins import NumericBins
from modelwatch.exporters.statistics import METHODS, OF_CELLS, OF_HISTOGRAMS, OF_MOMENTS, Cells, Histograms, Moments
from modelwatch.exporters.statistics.chi_squared import ChiSquared
from modelwatch.exporters.statistics.kolmogorov_smirnov import KolmogorovSmirnov
from modelwatch.exporters.statistics.likelihood_ratio import LikelihoodRatio
from modelwatch.exporters.statistics.method import ReferenceCells

SUMS = {**OF_HISTOGRAMS, "g": LikelihoodRatio()}

pairs = st.integers(1, 30).flatmap(
    lambda size: st.tuples(
        *[st.lists(st.integers(0, 10_000), min_size=size, max_size=size).filter(any) for _ in range(2)]
    )
)
samples = st.lists(st.integers(-50, 50), min_size=1, max_size=60)


def _histograms(counts: object, reference: object) -> Histograms:
    return Histograms(np.array([counts], dtype=np.int64), np.array([reference], dtype=np.int64))


def _deciles() -> Histograms:
    reference, current = numeric()
    bins = NumericBins(tuple(np.quantile(reference, np.linspace(0, 1, 11)[1:-1])))
    size = len(bins.labels)
    return _histograms(
        np.bincount(bins.codes(current), minlength=size), np.bincount(bins.codes(reference), minlength=size)
    )


def _categories() -> Histograms:
    reference, current = categorical()
    names = sorted({*reference, *current})
    return _histograms([current.count(n) for n in names], [reference.count(n) for n in names])


def cells(window: np.ndarray, reference: np.ndarray, edges: np.ndarray | None = None) -> Cells:
    """A cell for every distinct value, or those between ``edges``, within the reference's range.

    Of one window, shape (n,), or of several, shape (windows, n).
    """
    windows = np.atleast_2d(window)
    low, high = reference.min(), reference.max()
    inner = np.unique(np.concatenate([windows.ravel(), reference]) if edges is None else edges)
    inner = inner[(inner > low) & (inner < high)]
    tops = np.concatenate([[np.nextafter(low, -np.inf)], [low], inner, [high] if high > low else [], [np.inf]])
    widths = np.concatenate([[0, 0], np.diff(tops[1:-1]), [0]])

    def count(values: np.ndarray) -> np.ndarray:
        places = np.searchsorted(tops, values, side="left") + len(tops) * np.arange(len(values))[:, None]
        return np.bincount(places.ravel(), minlength=len(tops) * len(values)).reshape(len(values), -1)

    def each(one: np.ndarray) -> np.ndarray:
        return np.repeat(np.atleast_2d(one), len(windows), axis=0)

    return Cells(
        count(windows),
        np.maximum(low - windows, 0).mean(axis=1),
        np.maximum(windows - high, 0).mean(axis=1),
        ReferenceCells(each(count(reference[None])), each(widths), np.full(len(windows), reference.std())),
    )


def moments(window: np.ndarray, reference: np.ndarray) -> Moments:
    windows = np.atleast_2d(window)
    one = np.ones(len(windows))
    return Moments(
        np.full(len(windows), windows.shape[1]),
        windows.mean(axis=1),
        windows.std(axis=1),
        np.full(len(windows), len(reference)),
        one * reference.mean(),
        one * reference.std(),
        one * (scipy.stats.kurtosis(reference, fisher=False) if reference.std() > 0 else 3),
    )


def test_a_method_is_registered_under_its_own_name_and_says_its_unit() -> None:
    assert list(METHODS) == [
        *("psi", "js", "kl", "hellinger", "tv", "chi2", "ks", "wasserstein", "wasserstein_scaled"),
        *("mean_shift", "std_shift"),
    ]
    for name, method in METHODS.items():
        assert method.name == name
        assert isinstance(method.unit, str)


def test_psi_over_the_reference_deciles_is_the_textbook_value() -> None:
    assert OF_HISTOGRAMS["psi"].score(_deciles()) == pytest.approx(expected("misc")["psi_decile_ref"], rel=1e-12)


@pytest.mark.parametrize(
    ("method", "library", "key"),
    [
        ("psi", "evidently", "cat_psi"),
        ("js", "nannyml", "c|jensen_shannon"),
        ("hellinger", "nannyml", "c|hellinger"),
        ("hellinger", "evidently", "cat_hellinger"),
        ("chi2", "nannyml", "c|chi2"),
        ("chi2", "misc", "chi2_contingency"),
        ("chi2", "frouros", "chi2"),
    ],
)
def test_scores_of_categories_with_a_new_one_equal_other_libraries(method: str, library: str, key: str) -> None:
    assert OF_HISTOGRAMS[method].score(_categories()) == pytest.approx(expected(library)[key], rel=1e-9)


def test_js_of_categories_equals_evidently_after_its_change_of_base() -> None:
    [found] = OF_HISTOGRAMS["js"].score(_categories())
    assert found * math.sqrt(math.log(2)) == pytest.approx(expected("evidently")["cat_js"], rel=1e-9)


def test_ks_and_wasserstein_of_the_numeric_pair_equal_other_libraries() -> None:
    reference, window = numeric()
    data = cells(window, reference)
    assert OF_CELLS["ks"].score(data) == pytest.approx(expected("nannyml")["x|kolmogorov_smirnov"], rel=1e-12)
    assert OF_CELLS["ks"].score(data) == pytest.approx(expected("frouros")["ks"], rel=1e-12)
    # Between two neighbouring values scipy's shares are level and ours rise.
    assert OF_CELLS["wasserstein"].score(data) == pytest.approx(expected("misc")["w1"], rel=3e-4)
    assert OF_CELLS["wasserstein_scaled"].score(data) == pytest.approx(expected("evidently")["num_wass"], rel=3e-4)


def test_the_p_value_of_ks_is_kolmogorovs_and_near_the_one_for_finite_rows() -> None:
    reference, window = numeric()
    [found] = KolmogorovSmirnov().p_value(cells(window, reference))
    d, effective = expected("misc")["ks_D"], len(window) * len(reference) / (len(window) + len(reference))
    assert found == pytest.approx(scipy.special.kolmogorov(d * math.sqrt(effective)), rel=1e-9)
    assert math.log(found) == pytest.approx(math.log(expected("misc")["ks_p"]), rel=0.01)


def test_256_cells_find_ks_and_wasserstein_within_their_width() -> None:
    reference, window = numeric()
    coarse = cells(window, reference, np.quantile(reference, np.linspace(0, 1, 256)))
    assert OF_CELLS["ks"].score(coarse) == pytest.approx(expected("misc")["ks_D"], abs=1 / 256)
    assert OF_CELLS["ks"].score(coarse) <= expected("misc")["ks_D"] + 1e-12
    assert OF_CELLS["wasserstein"].score(coarse) == pytest.approx(expected("misc")["w1"], rel=5e-3)


@given(pairs)
def test_js_equals_scipy(pair: tuple[list[int], list[int]]) -> None:
    counts, reference = pair
    # scipy's own rounding under the root is what limits the agreement near 0.
    assert OF_HISTOGRAMS["js"].score(_histograms(counts, reference)) == pytest.approx(
        float(np.nan_to_num(jensenshannon(reference, counts, base=2))), abs=1e-7
    )


@given(pairs)
def test_chi2_and_g_equal_scipy_with_its_p_value(pair: tuple[list[int], list[int]]) -> None:
    table = np.array(pair)
    table = table[:, table.sum(axis=0) > 0]
    data = _histograms(*pair)
    found = scipy.stats.chi2_contingency(table, correction=False)
    assert ChiSquared().score(data) == pytest.approx(found.statistic, rel=1e-9, abs=1e-9)
    assert ChiSquared().p_value(data) == pytest.approx(found.pvalue, rel=1e-9, abs=1e-14)
    ratio = scipy.stats.chi2_contingency(table, correction=False, lambda_="log-likelihood")
    assert LikelihoodRatio().score(data) == pytest.approx(ratio.statistic, rel=1e-9, abs=1e-7)


@given(pairs)
def test_kl_equals_scipy_where_the_reference_fills_every_bin(pair: tuple[list[int], list[int]]) -> None:
    counts, reference = (np.array(side) + 1 for side in pair)
    reference = np.maximum(reference, math.ceil(1e-4 * 2 * reference.sum()))
    if (reference / reference.sum()).min() < 1e-4:
        return
    found = OF_HISTOGRAMS["kl"].score(_histograms(counts, reference))
    assert found == pytest.approx(float(scipy.stats.entropy(counts, reference)), rel=1e-9, abs=1e-12)


@given(pairs)
def test_hellinger_and_total_variation_are_the_definitions(pair: tuple[list[int], list[int]]) -> None:
    q, p = (np.array(side) / sum(side) for side in pair)
    data = _histograms(*pair)
    # 1 minus the affinity rounds to 1e-16, and its root to 1e-8.
    assert OF_HISTOGRAMS["hellinger"].score(data) == pytest.approx(
        math.sqrt(max(1 - float(np.sqrt(p * q).sum()), 0)), abs=2e-8
    )
    assert OF_HISTOGRAMS["tv"].score(data) == pytest.approx(float(np.maximum(q - p, 0).sum()), abs=1e-12)


@given(samples, samples)
def test_ks_equals_scipy_with_ties(window: list[int], reference: list[int]) -> None:
    w, r = np.array(window, dtype=float), np.array(reference, dtype=float)
    found = OF_CELLS["ks"].score(cells(w, r))
    # Beyond the reference's range all values share a cell, where its own share does not change.
    assert found == pytest.approx(scipy.stats.ks_2samp(w, r).statistic, rel=1e-12)


@given(samples, samples)
def test_wasserstein_equals_scipy_up_to_the_width_of_a_cell(window: list[int], reference: list[int]) -> None:
    w, r = np.array(window, dtype=float), np.array(reference, dtype=float)
    data = cells(w, r)
    limit = float((np.abs(np.diff(data.gap, prepend=0)) * data.reference.widths).sum()) / 2
    found = float(OF_CELLS["wasserstein"].score(data)[0])
    assert found == pytest.approx(scipy.stats.wasserstein_distance(w, r), abs=limit + 1e-9)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e3))
def test_wasserstein_of_values_spread_evenly_in_cells_is_exact(start: float, width: float) -> None:
    """Ten cells of equal width; shares that cross once, so that the area is known."""
    window, reference = np.arange(1, 11), np.arange(10, 0, -1)
    data = Cells(
        np.pad(window, 1)[None],
        np.zeros(1),
        np.zeros(1),
        ReferenceCells(np.pad(reference, 1)[None], np.pad(np.full(10, width), 1)[None], np.ones(1)),
    )
    fine = np.linspace(0, 10, 100_001)
    gap = np.interp(fine, np.arange(11), np.concatenate([[0], np.cumsum(window - reference)]) / 55)
    assert OF_CELLS["wasserstein"].score(data) == pytest.approx(np.trapezoid(np.abs(gap), fine) * width, rel=1e-6)


def test_wasserstein_counts_how_far_values_lie_beyond_the_range() -> None:
    reference, window = np.linspace(0, 1, 101), np.linspace(0, 1, 101) + 5
    assert OF_CELLS["wasserstein"].score(cells(window, reference)) == pytest.approx(5, abs=0.005)
    assert OF_CELLS["wasserstein"].score(cells(window - 10, reference)) == pytest.approx(5, abs=0.005)


@given(samples, samples.filter(lambda values: len(set(values)) > 1))
def test_shifts_of_mean_and_deviation_are_the_definitions(window: list[int], reference: list[int]) -> None:
    w, r = np.array(window, dtype=float), np.array(reference, dtype=float)
    data = moments(w, r)
    assert OF_MOMENTS["mean_shift"].score(data) == pytest.approx((w.mean() - r.mean()) / r.std(), abs=1e-9)
    found = float(OF_MOMENTS["std_shift"].score(data)[0])
    if len(w) > 1 and w.std() > 0:
        assert found == pytest.approx(math.log(w.std() / r.std()), abs=1e-9)
    else:
        assert math.isnan(found)


def test_moments_from_sums_of_z_give_the_same_shifts() -> None:
    reference, window = numeric()
    z = (window - reference.mean()) / reference.std()
    summed = Moments.standardised(
        np.array([len(z)]), np.array([z.sum()]), np.array([(z**2).sum()]), np.array([len(reference)]), np.array([3.0])
    )
    for method in OF_MOMENTS.values():
        assert method.score(summed) == pytest.approx(method.score(moments(window, reference)), rel=1e-9)


@given(pairs, st.integers(0, 5))
@pytest.mark.parametrize("name", SUMS)
def test_scores_over_bins_are_finite_zero_for_equal_shares_and_free_of_order_and_padding(
    name: str, pair: tuple[list[int], list[int]], padding: int
) -> None:
    method = SUMS[name]
    [score] = method.score(_histograms(*pair))
    assert math.isfinite(score) and score >= 0
    assert method.score(_histograms(pair[1], pair[1])) == pytest.approx(0, abs=1e-7)
    order = np.random.default_rng(len(pair[0])).permutation(len(pair[0]))
    turned = _histograms(*(np.pad(np.array(side)[order], (0, padding)) for side in pair))
    assert method.score(turned) == pytest.approx(score, rel=1e-9, abs=1e-9)


@given(pairs)
@pytest.mark.parametrize("name", ["psi", "js", "hellinger", "tv", "chi2", "g"])
def test_symmetric_methods_do_not_mind_which_side_is_the_reference(
    name: str, pair: tuple[list[int], list[int]]
) -> None:
    [there] = SUMS[name].score(_histograms(*pair))
    assert SUMS[name].score(_histograms(pair[1], pair[0])) == pytest.approx(there, rel=1e-9, abs=1e-9)


@given(pairs, pairs)
@pytest.mark.parametrize("name", SUMS)
def test_each_row_is_scored_as_if_it_were_alone(
    name: str, one: tuple[list[int], list[int]], other: tuple[list[int], list[int]]
) -> None:
    size = max(len(one[0]), len(other[0]))
    both = [np.array([np.pad(side, (0, size - len(side))) for side in sides]) for sides in zip(one, other, strict=True)]
    found = SUMS[name].score(Histograms(both[0], both[1]))
    alone = [float(SUMS[name].score(_histograms(*pair))[0]) for pair in (one, other)]
    assert found == pytest.approx(alone, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", SUMS)
def test_js_of_nothing_is_nothing_and_huge_counts_are_fine(name: str) -> None:
    assert np.isnan(SUMS[name].score(_histograms([0, 0], [1, 2]))).all()
    assert np.isnan(SUMS[name].score(_histograms([1, 2], [0, 0]))).all()
    assert np.isnan(SUMS[name].critical_value(_histograms([1, 2], [0, 0]), np.array([3]), 1e-3)).all()
    huge = 2**52
    [found] = SUMS[name].score(_histograms([huge, huge], [huge, 3 * huge]))
    [small] = SUMS[name].score(_histograms([2**12, 2**12], [2**12, 3 * 2**12]))
    assert found == pytest.approx(small * (2**40 if name in ("chi2", "g") else 1), rel=1e-9)


def test_js_and_hellinger_of_disjoint_histograms_are_one() -> None:
    for name in ("js", "hellinger", "tv"):
        assert SUMS[name].score(_histograms([9, 0], [0, 4])) == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize("name", OF_CELLS)
def test_numeric_methods_tell_nothing_without_rows_and_a_single_row_is_a_window(name: str) -> None:
    reference = np.linspace(0, 1, 50)
    one = cells(np.array([0.5]), reference)
    assert np.isfinite(OF_CELLS[name].score(one)).all()
    none = Cells(0 * one.counts, one.below, one.above, one.reference)
    assert np.isnan(OF_CELLS[name].score(none)).all()
    assert np.isnan(OF_CELLS[name].critical_value(none, none.n, 1e-3)).all()


def test_a_reference_that_never_varies_gives_no_scaled_score() -> None:
    same = np.full(20, 3.0)
    assert np.isnan(OF_CELLS["wasserstein_scaled"].score(cells(same, same))).all()
    for method in OF_MOMENTS.values():
        assert np.isnan(method.score(moments(same, same))).all()
