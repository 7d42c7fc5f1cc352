"""Partial profiles: whatever the parts and their order, the whole is the same to the last byte."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import specs
from hypothesis import given, settings
from hypothesis import strategies as st

from modelwatch.exporters.profile import (
    Profile,
    ProfileError,
    build_profile,
    combine_partials,
    load_profile,
    merge_partials,
    partial_profile,
    profile_to_json,
)
from modelwatch.exporters.summary.categories import Categories
from modelwatch.exporters.summary.histogram import Histogram
from modelwatch.model import types as t

NAMES = ("x", 'y of "z"\n', "c", "z")
MODEL = specs.model(
    features=(
        specs.feature(NAMES[0]),
        specs.feature(NAMES[1]),
        specs.feature(NAMES[2], "categorical", max_categories=3),
        specs.feature(NAMES[3]),
    ),
    baseline=t.Baseline(data="d", time="t", segment=NAMES[2]),
)
floats = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 1.0, 1e-320, 1e308, -1e308, 1e200, 2.0**60, 0.1, float("nan"), float("inf")]),
    st.floats(),
    st.integers(-50, 50).map(float),
    st.none(),
)
texts = st.one_of(st.none(), st.sampled_from(["a", "b", "c", "d", "", "UA"]), st.text(max_size=3))
rows = st.lists(st.tuples(floats, floats, texts, st.floats(-1e3, 1e3), st.integers(0, 10**9)), min_size=1, max_size=40)


def _table(found: Sequence[tuple[Any, ...]]) -> pa.Table:
    x, y, c, z, time = zip(*found, strict=True) if found else [()] * 5
    clean = [None if text is None else text.encode("utf-8", "replace").decode() for text in c]
    return pa.table(
        {
            NAMES[0]: pa.array(x, pa.float64()),
            NAMES[1]: pa.array(y, pa.float64()),
            NAMES[2]: pa.array(clean, pa.string()),
            NAMES[3]: pa.array(z, pa.float64()),
            "t": pa.array(time, pa.int64()),
        }
    )


def _text(parts: Sequence[bytes]) -> str:
    return profile_to_json(merge_partials(parts))


@given(rows, st.randoms(use_true_random=False), st.integers(1, 6))
def test_parts_of_any_rows_make_the_profile_of_the_whole(found: list, random: Any, parts: int) -> None:
    whole = _text([partial_profile(MODEL, [_table(found)])])
    shuffled = list(found)
    random.shuffle(shuffled)
    shares: list[list] = [[] for _ in range(parts)]
    for row in shuffled:
        random.choice(shares).append(row)
    made = [partial_profile(MODEL, [_table(share)] if share else []) for share in shares]
    assert _text(made) == whole
    random.shuffle(made)
    assert _text([combine_partials(made[: parts // 2 + 1]), *made[parts // 2 + 1 :]]) == whole


def _large(count: int = 600_000, seed: int = 0) -> pa.Table:
    """More values than are kept as they are, more categories than are named, gaps, and ties at the lowest value."""
    rng = np.random.default_rng(seed)
    x = rng.normal(-122.4, 0.1, count)
    y = np.maximum(rng.lognormal(0, 2, count) - 1, 0)
    y[rng.random(count) < 0.02] = np.nan
    c = np.where(rng.random(count) < 0.3, "heavy", rng.integers(0, 70_000, count).astype(str))
    z = 0.5 * x + rng.normal(0, 0.1, count)
    return pa.table(
        {
            NAMES[0]: pa.array(x),
            NAMES[1]: pa.array(y, from_pandas=True),
            NAMES[2]: pa.array(c.astype(object), pa.string()),
            NAMES[3]: pa.array(z),
            "t": pa.array(rng.integers(0, 10**9, count)),
        }
    )


@pytest.fixture(scope="module")
def large() -> pa.Table:
    return _large()


PLAIN = specs.model(features=MODEL.features, baseline=t.Baseline(data="d", time="t"))


@pytest.fixture(scope="module")
def whole(large: pa.Table) -> str:
    return profile_to_json(merge_partials([partial_profile(PLAIN, [large])]))


@pytest.mark.parametrize("seed", range(4))
def test_random_parts_of_large_data_make_the_same_bytes(large: pa.Table, whole: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    cuts = np.sort(rng.integers(0, large.num_rows, rng.integers(1, 9)))
    order = rng.permutation(large.num_rows) if seed % 2 else np.arange(large.num_rows)
    shares = [large.take(pa.array(share)) for share in np.split(order, cuts)]
    parts = [
        partial_profile(PLAIN, share.to_batches(max_chunksize=int(rng.integers(5_000, 90_000)))) for share in shares
    ]
    rng.shuffle(parts)  # type: ignore[arg-type]
    profile = merge_partials(parts)
    assert profile_to_json(profile) == whole
    feature = profile.feature(NAMES[0])
    assert feature is not None and not feature.exact
    named = profile.feature(NAMES[2])
    assert named is not None and named.bins.labels[0] == "heavy" and not named.bins.complete  # type: ignore[union-attr]
    assert profile.seasons is not None and len(profile.seasons.hours) == 24
    assert sum(one.rows for one in profile.seasons.weekdays) == large.num_rows


def _share(arguments: tuple[t.Model, str, int, int]) -> bytes:
    model, path, number, of = arguments
    with pq.ParquetFile(path) as file:
        return partial_profile(model, (batch for i, batch in enumerate(file.iter_batches(10_000)) if i % of == number))


def test_many_processes_make_the_profile_that_one_makes(tmp_path: Path) -> None:
    data = tmp_path / "reference.parquet"
    pq.write_table(_large(120_000), data)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        parts = pool.map(_share, [(PLAIN, str(data), number, 5) for number in range(5)])
    assert profile_to_json(merge_partials(parts)) == profile_to_json(build_profile(PLAIN, data))


values = st.lists(
    st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 20).map(float)), max_size=200
)


@given(st.lists(values, min_size=1, max_size=5), st.integers(0, 30))
def test_a_histogram_depends_on_its_values_alone(parts: list[list[float]], exact: int) -> None:
    def histogram(found: list[float], step: int) -> Histogram:
        made = Histogram(exact, cells=20, pending=8)
        for start in range(0, len(found), step):
            made.add(np.array(found[start : start + step], dtype=np.float64))
        return made

    every = [value for part in parts for value in part]
    whole = histogram(every, 7)
    merged = Histogram(exact, cells=20, pending=8)
    for part in reversed(parts):
        merged.merge(histogram(part, 1000))
    looked = histogram(every[::-1], 50)
    assert looked.bits == whole.bits == merged.bits
    for other in (merged, looked):
        assert (other.cells == whole.cells).all() and (other.counts == whole.counts).all()
        assert (other.minimum, other.maximum, other.at_minimum) == (whole.minimum, whole.maximum, whole.at_minimum)
    if every:
        below = np.concatenate([[-np.inf], whole.borders])
        assert len(whole.cells) <= 20 or (whole.bits == 0 and len(every) <= exact)
        inside = [sum(low < x <= high for x in every) for low, high in pairwise(below)]
        assert inside == list(whole.counts)


@given(st.lists(st.lists(st.sampled_from([f"k{i}" for i in range(40)]), max_size=60), min_size=1, max_size=5))
@settings(max_examples=50)
def test_counts_of_texts_depend_on_the_texts_alone(parts: list[list[str]]) -> None:
    def made(found: Sequence[str]) -> Categories:
        one = Categories(exact=10)
        for text in found:
            one.add([(text, 1)])
        return one

    every = [text for part in parts for text in part]
    whole, merged = made(every), Categories(exact=10)
    for part in reversed(parts):
        merged.merge(made(part))
    assert merged.complete == whole.complete == (len(set(every)) <= 10)
    assert merged.total == whole.total
    if whole.complete:
        assert merged.top() == whole.top()
    else:
        assert merged.counters is not None and (merged.counters == whole.counters).all()


def test_a_frequent_text_among_very_many_is_never_lost_and_hardly_overcounted() -> None:
    rng = np.random.default_rng(0)
    found = Categories()
    true: dict[str, int] = {}
    for _ in range(30):
        drawn = (rng.zipf(1.15, 20_000) % 10**9).tolist()
        for value in drawn:
            true[str(value)] = true.get(str(value), 0) + 1
        names, counts = np.unique(drawn, return_counts=True)
        found.add(zip(map(str, names.tolist()), counts.tolist(), strict=True))
    assert not found.complete and len(true) > 50_000
    top = dict(found.top())
    assert {text for text, count in true.items() if count > found.total / 2000} <= set(top)
    assert max(top[text] - true[text] for text in top) < found.total / 10_000
    assert min(top[text] - true[text] for text in top) >= 0


def test_an_empty_part_adds_nothing_and_only_empty_ones_are_refused() -> None:
    empty, one = partial_profile(MODEL, []), partial_profile(MODEL, [_table([(1.0, 2.0, "a", 3.0, 0)])])
    assert _text([empty, one, empty]) == _text([one])
    with pytest.raises(ProfileError, match="has no rows"):
        merge_partials([empty])
    with pytest.raises(ProfileError, match="no partial profiles"):
        merge_partials([])


def test_parts_that_do_not_belong_together_are_refused_with_the_reason() -> None:
    def part(model: t.Model, **columns: list) -> bytes:
        return partial_profile(model, [pa.table(columns)])

    one = specs.model(features=(specs.feature("x"), specs.feature("c", "categorical")))
    other = specs.model(features=(specs.feature("x"), specs.feature("c")))
    good = part(one, x=[1.0], c=["a"])
    for bad, reason in (
        (part(one, x=[1.0], c=["a"], confidence=[0.5]), "part 1: has no 'confidence', part 2 has"),
        (part(other, x=[1.0], c=[2.0]), "part 2: 'c' has another type or max_categories than in part 1"),
        (part(specs.model("else", features=one.features), x=[1.0], c=["a"]), "is of model 'else', part 1 of"),
        (good[:-3], "part 2: its content does not match its sha256"),
        (b"PAR1", "part 2: is no partial profile"),
        (good.replace(b"partial/1", b"partial/9"), "part 2: has the format 'modelwatch.partial/9'"),
    ):
        with pytest.raises(ProfileError) as caught:
            merge_partials([good, bad])
        assert reason in str(caught.value)


def test_batches_of_different_columns_are_refused_with_their_number() -> None:
    model = specs.model(features=(specs.feature("x"), specs.feature("y")))
    with pytest.raises(ProfileError, match="batch 1: has no column 'y'"):
        partial_profile(model, [pa.table({"x": [1], "y": [1]}), pa.table({"x": [1]})])
    with pytest.raises(ProfileError, match="batch 0: has no column for 'y'"):
        partial_profile(model, [pa.table({"x": [1]})])


@given(rows)
@settings(max_examples=40)
def test_every_profile_that_is_made_survives_its_file(tmp_path_factory: pytest.TempPathFactory, found: list) -> None:
    profile: Profile = merge_partials([partial_profile(MODEL, [_table(found)])])
    path = tmp_path_factory.mktemp("p") / "profile.json"
    path.write_text(profile_to_json(profile), encoding="utf-8")
    assert load_profile(path) == profile
