"""What a profile says of its data, against numpy and scipy."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import specs
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import feather
from scipy import stats

from modelwatch.exporters.bins import Cells, NumericBins
from modelwatch.exporters.profile import (
    FORMAT,
    ProfileError,
    build_profile,
    load_profile,
    merge_partials,
    partial_profile,
)
from modelwatch.exporters.reference import FeatureProfile, Profile
from modelwatch.exporters.reference.show import profile_text
from modelwatch.exporters.summary import exact
from modelwatch.exporters.summary.distribution import Distribution
from modelwatch.exporters.summary.histogram import Histogram, floats, keys
from modelwatch.model import types as t

finite = st.floats(allow_nan=False, allow_infinity=False)
moderate = st.one_of(st.floats(-1e6, 1e6).filter(lambda x: x == 0 or abs(x) > 1e-100), st.integers(-9, 9).map(float))


def _profile(model: t.Model | None = None, **columns: object) -> Profile:
    table = pa.table(columns)
    found = model or specs.model(features=tuple(specs.feature(name) for name in columns))
    return merge_partials([partial_profile(found, [table])])


def _feature(values: object) -> FeatureProfile:
    found = _profile(x=values).feature("x")
    assert found is not None
    return found


@given(st.lists(finite, max_size=60))
def test_a_sum_is_that_of_the_fractions(values: list[float]) -> None:
    found = Fraction(exact.exact_sum(np.array(values, dtype=np.float64)), 1 << exact.UNIT)
    assert found == sum(map(Fraction, values))


@given(st.lists(st.floats(-1e150, 1e150).filter(lambda x: x == 0 or abs(x) > 1e-130), max_size=60))
def test_a_sum_of_squares_is_that_of_the_fractions(values: list[float]) -> None:
    found = Fraction(exact.exact_squares(np.array(values, dtype=np.float64)), 1 << exact.UNIT)
    assert found == sum(Fraction(value) ** 2 for value in values)


@given(st.lists(finite, min_size=1, max_size=40))
def test_bits_of_floats_are_in_the_order_of_the_floats(values: list[float]) -> None:
    found = np.array(values)
    assert (np.argsort(keys(found), kind="stable") == np.argsort(found, kind="stable")).all()
    assert (floats(keys(found)) == found).all()


@given(st.lists(moderate, min_size=1, max_size=60), st.integers(0, 20))
def test_quantiles_are_numpys(values: list[float], share: int) -> None:
    histogram = Histogram()
    histogram.add(np.array(values))
    assert Distribution.of(histogram).quantile(share / 20) == np.quantile(values, share / 20)


@given(st.lists(moderate, min_size=2, max_size=60))
def test_moments_are_numpys_and_scipys(values: list[float]) -> None:
    feature, found = _feature(values), np.array(values)
    assert (feature.minimum, feature.maximum) == (found.min(), found.max())
    assert feature.mean == pytest.approx(math.fsum(values) / len(values), rel=1e-15, abs=1e-300)
    assert feature.std == pytest.approx(np.std(found), rel=1e-9, abs=1e-9 * float(np.abs(found).max()))
    largest = np.abs(found).max()
    if feature.std and feature.std > 1e-6 * largest:
        # Of the values in their largest one: scipy's fourth powers of tiny ones are 0.
        assert feature.kurtosis == pytest.approx(stats.kurtosis(found / largest, fisher=False), rel=1e-6)


def test_a_deviation_far_below_the_mean_keeps_its_digits() -> None:
    x = 1e9 + np.random.default_rng(0).normal(0, 1e-3, 50_000)
    assert _feature(x).std == pytest.approx(np.std(x - 1e9), rel=1e-9)


@given(st.lists(finite, min_size=1, max_size=80))
def test_counts_by_bin_and_by_cell_are_those_of_the_values(values: list[float]) -> None:
    feature, found = _feature(values), np.array(values)
    assert isinstance(feature.bins, NumericBins) and feature.cells is not None
    assert feature.counts == tuple(np.bincount(feature.bins.codes(found), minlength=len(feature.bins.labels)))
    assert (*feature.cells.counts, 0) == tuple(feature.cells.count(found))
    assert set(feature.bins.limits) <= set(feature.cells.edges)
    assert feature.cells.edges[0] <= found.min() and feature.cells.edges[-1] == found.max()
    coarse = np.bincount(feature.cells.coarse, feature.cells.counts, len(feature.counts) - 1)
    assert tuple(coarse) == feature.counts[:-1]


SHAPES = {
    "normal": lambda rng, n, s: rng.normal(s, 1 + s / 4, n),
    "lognormal": lambda rng, n, s: rng.lognormal(s, 1, n),
    "exponential": lambda rng, n, s: rng.exponential(1 + s, n),
    "uniform": lambda rng, n, s: rng.uniform(s, 1 + s, n),
    "bimodal": lambda rng, n, s: np.where(rng.random(n) < 0.5 + s / 4, rng.normal(0, 1, n), rng.normal(20, 2, n)),
    "integer": lambda rng, n, s: np.floor(rng.gamma(2 + s, 20, n)),
    "far from 0": lambda rng, n, s: rng.normal(-122.4 + s / 10, 0.1, n),
}


def _distances(feature: FeatureProfile, current: np.ndarray) -> tuple[float, float]:
    """KS, and Wasserstein with straight lines between the borders of cells."""
    cells, scale = feature.cells, feature.scale
    assert isinstance(cells, Cells) and scale is not None
    counts = cells.count(current)[:-1]
    gap = np.cumsum(counts) / counts.sum() - np.cumsum(cells.counts) / sum(cells.counts)
    left, right = np.abs(gap[:-2]), np.abs(gap[1:-1])
    crossing = gap[:-2] * gap[1:-1] < 0
    area = np.where(crossing, (left**2 + right**2) / (2 * np.maximum(left + right, 1e-300)), (left + right) / 2)
    outside = (np.maximum(scale.minimum - current, 0) + np.maximum(current - scale.maximum, 0)).mean()
    return float(np.abs(gap).max()), float((area * cells.widths[1:-1]).sum() + outside)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rows", [50_000, 400_000])
def test_distances_from_cells_are_close_to_the_exact_ones(shape: str, rows: int) -> None:
    rng = np.random.default_rng(1)
    reference = SHAPES[shape](rng, rows, 0.0)
    feature = _feature(reference)
    assert len(feature.cells or ()) < 300
    for shift in (0.1, 0.5):
        current = SHAPES[shape](rng, 20_000, shift)
        ks, wasserstein = _distances(feature, current)
        assert ks == pytest.approx(stats.ks_2samp(reference, current).statistic, abs=0.002)
        assert wasserstein == pytest.approx(stats.wasserstein_distance(reference, current), rel=0.01)


def test_correlations_are_those_of_pairwise_complete_rows() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(30_000, 5)) @ rng.normal(size=(5, 5))
    x[:, 1] += 1e5
    x[:, 2] *= 1e-12
    x[rng.random(x.shape) < 0.04] = np.nan
    constant = np.full(len(x), 7.0)
    profile = _profile(**{f"f{i}": pa.array(x[:, i], from_pandas=True) for i in range(5)}, constant=constant)
    assert profile.correlations is not None and profile.pca is not None
    matrix = profile.correlations.matrix()
    for i, j in itertools.combinations(range(5), 2):
        both = np.isfinite(x[:, i]) & np.isfinite(x[:, j])
        assert matrix[i, j] == pytest.approx(np.corrcoef(x[both, i], x[both, j])[0, 1], abs=6e-7)
    assert np.isnan(matrix[5, :5]).all()
    assert profile.pca.features == ("f0", "f1", "f2", "f3", "f4")


def test_components_are_the_eigenvectors_and_the_residual_is_that_of_the_rows() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(40_000, 3)) @ rng.normal(size=(3, 8)) + 0.3 * rng.normal(size=(40_000, 8))
    pca = _profile(**{f"f{i}": x[:, i] for i in range(8)}).pca
    assert pca is not None and pca.residual is not None
    values, vectors = np.linalg.eigh(np.corrcoef(x.T))
    axes = np.array(pca.components)
    kept = len(axes)
    assert sum(values[::-1][: kept - 1]) / 8 < 0.95 <= sum(values[::-1][:kept]) / 8
    assert np.abs(np.sum(axes * vectors[:, ::-1][:, :kept].T, axis=1)) == pytest.approx(np.ones(kept), abs=1e-4)
    assert pca.explained == pytest.approx(values[::-1][:kept] / 8, abs=1e-5)
    z = (x - np.array(pca.mean)) / np.array(pca.scale)
    errors = ((z - z @ axes.T @ axes) ** 2).sum(axis=1)
    assert pca.residual.mean == pytest.approx(errors.mean(), rel=1e-3)
    assert pca.residual.std == pytest.approx(errors.std(), rel=0.1)
    assert pca.residual.q95 == pytest.approx(np.quantile(errors, 0.95), rel=0.1)
    assert pca.residual.q99 == pytest.approx(np.quantile(errors, 0.99), rel=0.15)
    assert pca.residual.rows == 4096


def _timed(time: object, count: int = 24_000) -> Profile:
    rng = np.random.default_rng(4)
    hour = np.arange(count) % 24
    model = specs.model(features=(specs.feature("x"), specs.feature("c", "categorical")))
    table = pa.table(
        {
            "x": pa.array(np.where(hour < 12, rng.normal(0, 1, count), rng.normal(3, 1, count))),
            "c": pa.array(np.where(hour % 2 == 0, "even", "odd")),
            "t": time,
        }
    )
    return merge_partials([partial_profile(model, [table], time="t", segment="c")])


_STAMPS = [1_700_006_400 + 3600 * i for i in range(24_000)]


@pytest.mark.parametrize(
    "times",
    [
        pa.array(_STAMPS),
        pa.array([stamp * 1000 for stamp in _STAMPS]),
        pa.array(_STAMPS, pa.timestamp("s")),
        pa.array(_STAMPS, pa.timestamp("s", "America/New_York")),
        pa.array(_STAMPS, pa.timestamp("s")).cast(pa.string()),
        pc.binary_join_element_wise(pa.array(_STAMPS, pa.timestamp("s")).cast(pa.string()), "Z", ""),
        pa.array(_STAMPS).cast(pa.string()),
    ],
    ids=["seconds", "milliseconds", "timestamp", "zoned", "text", "zoned text", "digits"],
)
def test_seasons_are_told_from_every_way_to_write_a_time(times: pa.Array) -> None:
    profile = _timed(times)
    assert profile.seasons is not None and profile.segments is not None
    # 15 November 2023, 00:00 in UTC, was a Wednesday.
    assert [one.value for one in profile.seasons.hours] == [str(i) for i in range(24)]
    assert {one.rows for one in profile.seasons.hours} == {1000}
    assert sum(one.rows for one in profile.seasons.weekdays) == 24_000
    noon, night = profile.seasons.hours[12], profile.seasons.hours[0]
    assert noon.counts["c"] == (1000, 0, 0, 0, 0)
    assert sum(noon.counts["x"]) == sum(night.counts["x"]) == 1000
    assert sum(noon.counts["x"][:4]) < 50
    assert sum(night.counts["x"][:6]) > 900
    assert [(one.value, one.rows) for one in profile.segments.values] == [("even", 12_000), ("odd", 12_000)]
    weekday = _timed(pa.array([1_700_006_400] * 24_000)).seasons
    assert weekday is not None and [one.value for one in weekday.weekdays] == ["2"]


def test_counts_of_a_season_are_within_a_cell_of_the_exact_ones() -> None:
    rng = np.random.default_rng(5)
    x = rng.gamma(2, 100, 200_000)
    model = specs.model(features=(specs.feature("x"),))
    profile = merge_partials(
        [partial_profile(model, [pa.table({"x": x, "t": (rng.integers(0, 24, len(x)) * 3600)})], time="t")]
    )
    found, feature = profile.seasons, profile.feature("x")
    assert found is not None and feature is not None and isinstance(feature.bins, NumericBins)
    total = np.sum([one.counts["x"] for one in found.hours], axis=0)
    assert total.sum() == len(x)
    assert np.abs(total - feature.counts).max() < 0.001 * len(x)


def test_seasons_and_segments_that_cannot_be_had_are_refused_with_the_reason() -> None:
    model = specs.model(features=(specs.feature("x"), specs.feature("c", "categorical")))
    table = pa.table({"x": [1.0] * 100, "c": [str(i) for i in range(100)], "t": ["late"] * 100, "l": [[1]] * 100})
    for options, reason in (
        ({"time": "tt"}, r"no column 'tt' \(did you mean 't'\?\) to tell the time"),
        ({"time": "t"}, "the column 't' does not tell the time"),
        ({"time": "l"}, "the column 'l' holds list"),
        ({"segment": "x"}, "'x' is no categorical feature of model flight-delay"),
        ({"segment": "c"}, "the column 'c' has more than 64 values"),
    ):
        with pytest.raises(ProfileError, match=reason):
            merge_partials([partial_profile(model, [table], **options)])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["r.arrow", "r.feather", "stream.arrow"])
def test_arrow_files_and_streams_give_the_same_profile(tmp_path: Path, name: str) -> None:
    table = pa.table({"x": np.arange(30_000) * 0.5, "other": ["y"] * 30_000})
    path = tmp_path / name
    if name.startswith("stream"):
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=7000)
    else:
        feather.write_feather(table, path, compression="lz4" if name.endswith("feather") else "uncompressed")
    model = specs.model(features=(specs.feature("x"),))
    seen: list[float] = []
    assert build_profile(model, path, seen.append) == merge_partials([partial_profile(model, [table])])
    assert seen == sorted(seen) and seen[-1] == 1.0
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ProfileError, match="cannot be read as data"):
        build_profile(model, path)


def test_several_files_are_one_reference(tmp_path: Path) -> None:
    model = specs.model(features=(specs.feature("x"),))
    paths = []
    for i in range(3):
        paths.append(tmp_path / f"{i}.csv")
        paths[-1].write_text("x\n" + "\n".join(str(v) for v in range(i * 100, i * 100 + 100)) + "\n")
    seen: list[float] = []
    whole = build_profile(model, paths, seen.append)
    assert whole == merge_partials([partial_profile(model, [pa.table({"x": np.arange(300.0)})])])
    assert seen == sorted(seen) and seen[-1] == 1.0
    paths[1].write_text("x,confidence\n1,0.5\n")
    with pytest.raises(ProfileError, match=r"1\.csv: the columns confidence are in some files only"):
        build_profile(model, paths)


def test_a_profile_of_the_first_format_is_to_be_made_again(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    path.write_text('{"format": "modelwatch.profile/1", "sha256": "", "features": []}')
    with pytest.raises(
        ProfileError, match=rf"'modelwatch.profile/1', this version reads '{FORMAT}'; make the profile again"
    ):
        load_profile(path)


def test_a_profile_is_shown_with_types_shapes_edges_and_what_goes_together() -> None:
    rng = np.random.default_rng(6)
    x = rng.normal(size=20_000)
    model = specs.model(
        features=(specs.feature("x"), specs.feature("y"), specs.feature("c", "categorical"), specs.feature("void"))
    )
    profile = _profile(model, x=x, y=-x, c=["a\n", "b"] * 10_000, void=pa.array([None] * 20_000, pa.float64()))
    text = profile_text(profile)
    assert "flight-delay: 20,000 rows, 4 features" in text and profile.sha256 in text
    assert "x and y -1.00" in text
    assert "a\\n 50.0%, b 50.0%" in text
    assert "void: none: there is no value" in text
    line = next(line for line in text.splitlines() if line.startswith("x  "))
    bars = line.split()[-1]
    assert len(bars) == 20 and max(bars) in bars[8:12] and bars[0] < bars[5] < bars[9]
