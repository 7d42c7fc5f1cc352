"""Quantiles and frequent texts in fixed memory: exact when small, within their stated bounds when large."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.exporters.sketch import Frequent, QuantileSketch

SHARES = [i / 10 for i in range(11)]
finite = st.floats(-1e9, 1e9)


@given(st.lists(st.lists(finite, max_size=20), max_size=8))
def test_a_small_stream_has_exact_quantiles_however_it_is_cut(parts: list[list[float]]) -> None:
    sketch, every = QuantileSketch(), [value for part in parts for value in part]
    for part in parts:
        sketch.add(np.array(part))
    assert sketch.count == len(every)
    assert sketch.rank_error == 0
    assert sketch.quantiles(SHARES) == ([] if not every else list(np.quantile(every, SHARES)))


def _rank_errors(sketch: QuantileSketch, values: np.ndarray) -> list[float]:
    """How far each quantile's rank is off, as a share; a value that is tied covers all ranks of its ties."""
    errors = []
    for share, value in zip(SHARES, sketch.quantiles(SHARES), strict=True):
        low, high = (values < value).mean(), (values <= value).mean()
        errors.append(max(low - share, share - high, 0.0))
    return errors


@given(st.integers(1, 40_000), st.integers(0, 3), st.sampled_from(["normal", "sorted", "reversed", "ties", "constant"]))
def test_a_large_stream_keeps_within_its_rank_error(count: int, seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=count)
    values = {
        "sorted": np.sort(values),
        "reversed": -np.sort(values),
        "ties": np.round(values),
        "constant": values * 0,
    }.get(kind, values)
    sketch = QuantileSketch(exact=500, size=100)
    for part in np.array_split(values, rng.integers(1, 50)):
        sketch.add(part)
    # A quantile can only be as fine as one row and one kept value.
    assert max(_rank_errors(sketch, values)) <= sketch.rank_error + 1 / count + 1 / 100
    assert (sketch.minimum, sketch.maximum) == (values.min(), values.max())
    assert sum(map(len, sketch._raw)) + sum(map(len, sketch._levels.values())) <= 600 + 100 * 20


def test_errors_of_merges_cancel_so_that_quantiles_are_not_all_off_to_one_side() -> None:
    values = np.random.default_rng(3).random(200_000)
    sketch = QuantileSketch(exact=500, size=100)
    sketch.add(values)
    inner = SHARES[1:-1]
    off = [(values <= value).mean() - share for share, value in zip(inner, sketch.quantiles(inner), strict=True)]
    assert abs(np.mean(off)) < sketch.rank_error / 4


@given(st.lists(st.integers(0, 8000), min_size=1, max_size=6), st.integers(0, 5))
def test_merged_sketches_keep_within_their_rank_error(sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = [rng.gamma(2, 2, size) for size in sizes]
    merged = QuantileSketch(exact=500, size=100)
    for part in parts:
        single = QuantileSketch(exact=500, size=100)
        single.add(part)
        merged.merge(single)
    values = np.concatenate(parts)
    assert merged.count == len(values)
    if len(values):
        assert max(_rank_errors(merged, values)) <= merged.rank_error + 1 / len(values) + 1 / 100


def test_sketches_of_different_sizes_do_not_merge() -> None:
    with pytest.raises(ValueError, match="one size"):
        QuantileSketch(size=100).merge(QuantileSketch(size=200))


texts = st.lists(st.lists(st.sampled_from("abcdefghijklmnop"), max_size=60), max_size=8)


@given(texts)
def test_few_texts_are_counted_exactly_and_listed_by_frequency(parts: list[list[str]]) -> None:
    found, true = Frequent(), Counter(text for part in parts for text in part)
    for part in parts:
        found.add(Counter(part).items())
    assert found.complete
    assert found.top() == sorted(true, key=lambda text: (-true[text], text))


@given(texts, st.booleans())
def test_of_too_many_texts_the_frequent_ones_are_never_lost(parts: list[list[str]], merge: bool) -> None:
    capacity = 4
    found, true = Frequent(capacity), Counter(text for part in parts for text in part)
    for part in parts:
        if merge:
            other = Frequent(capacity)
            other.add(Counter(part).items())
            found.merge(other)
        else:
            found.add(Counter(part).items())
    bound = true.total() / (capacity + 1)
    assert {text for text, count in true.items() if count > bound} <= set(found.top())
    assert len(found.top()) <= max(capacity, len(true) if found.complete else capacity)
