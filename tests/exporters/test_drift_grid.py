"""The grid finds the very cells that a search finds, whatever the limits and the values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from modelwatch.exporters.grid import Grid, Work

finite = st.floats(allow_nan=False, allow_infinity=False)


def _searched(limits: NDArray[np.float64], values: NDArray[np.float64]) -> list[int]:
    return np.searchsorted(limits, values, side="left").tolist()


@given(st.lists(finite, max_size=40, unique=True), st.lists(finite, max_size=40))
def test_the_grid_finds_what_a_search_finds(limits: list[float], values: list[float]) -> None:
    edges = np.unique(np.array(limits, dtype=np.float64))
    every = np.array([*values, *limits, *np.nextafter(edges, np.inf), *np.nextafter(edges, -np.inf)], dtype=np.float64)
    every = every[np.isfinite(every)]
    assert Grid.over(edges).codes(every).tolist() == _searched(edges, every)


@pytest.mark.parametrize("scale", [1e-300, 1e-12, 1.0, 1e12, 1e300])
@pytest.mark.parametrize("shift", [0.0, 1.0, 1e9])
def test_dense_limits_of_any_scale_are_exact(scale: float, shift: float) -> None:
    rng = np.random.default_rng(0)
    drawn = (rng.normal(size=5000) + shift) * scale
    limits = np.unique(np.concatenate([np.quantile(drawn, np.linspace(0, 1, 129)), np.linspace(*drawn[:2], 129)]))
    values = np.concatenate([drawn, limits, np.nextafter(limits, np.inf), np.nextafter(limits, -np.inf), drawn * 1e3])
    values = values[np.isfinite(values)]
    assert Grid.over(limits).codes(values).tolist() == _searched(limits, values)


def test_values_far_beyond_the_limits_need_no_search() -> None:
    limits = np.linspace(0, 1, 200)
    found = Grid.over(limits).codes(np.array([-1e300, -5.0, 5.0, 1e300]))
    assert found.tolist() == [0, 0, 200, 200]


@given(st.lists(finite, min_size=2, max_size=40, unique=True), st.floats(0, 1), st.lists(finite, min_size=1))
def test_squares_may_be_numbered_from_anywhere_within_the_limits(
    limits: list[float], share: float, values: list[float]
) -> None:
    edges = np.unique(np.array(limits, dtype=np.float64))
    origin = min(max(edges[0] * (1 - share) + edges[-1] * share, edges[0]), edges[-1])
    every = np.array([*values, *limits], dtype=np.float64)
    assert Grid(edges, float(origin)).codes(every).tolist() == _searched(edges, every)


def test_values_that_the_grid_reaches_need_not_be_moved_onto_it() -> None:
    limits = np.concatenate([np.linspace(0, 1, 100), [1.0001, 1.00011, 1.00012, 1.00013, 1.00014, 1.00015, 9.0]])
    grid, work = Grid(limits, 3.0), Work(2000)
    values = np.linspace(-1.5, 10.5, 2000)
    assert grid.reaches(-1.5, 10.5)
    assert not grid.reaches(-1.5, 12.0)
    assert grid.cells(values, values - 3.0, False, work).tolist() == _searched(limits, values)
