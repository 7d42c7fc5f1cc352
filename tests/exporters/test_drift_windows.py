"""Sliding windows: what is in them at any moment, in memory that does not grow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.exporters.windows import SLOTS, Window

SECONDS = 600.0
SLOT = SECONDS / SLOTS
events = st.lists(st.tuples(st.floats(0, 300), st.integers(0, 50)), max_size=60)


def _one(count: int) -> np.ndarray:
    return np.array([count, 1], dtype=np.int64)


@given(events, st.floats(0, 1e9))
def test_a_window_holds_what_is_younger_than_itself_give_or_take_one_slot(
    found: list[tuple[float, int]], start: float
) -> None:
    window, now, seen = Window(SECONDS, 2), start, []
    for passed, count in found:
        now += passed
        window.add(_one(count), now)
        seen.append((now, count))
        total = window.total(now)[0]
        # The edges of slots are not exact in floating point, nor need they be.
        least = sum(count for at, count in seen if now - at < SECONDS - SLOT * 1.001)
        most = sum(count for at, count in seen if now - at <= SECONDS * 1.001)
        assert least <= total <= most


@given(events)
def test_the_running_total_is_the_sum_of_the_ring(found: list[tuple[float, int]]) -> None:
    window, now = Window(SECONDS, 2), 0.0
    for passed, count in found:
        now += passed
        window.add(_one(count), now)
        assert (window._ring.sum(axis=0) == window.total(now)).all()
        assert window._ring.shape == (SLOTS, 2)


def test_an_idle_window_empties_by_itself() -> None:
    window = Window(SECONDS, 2)
    window.add(_one(5), 1000.0)
    assert window.total(1000.0 + SECONDS - 2 * SLOT)[0] == 5
    assert window.total(1000.0 + SECONDS)[0] == 0
    assert window.total(1000.0 + 1e7)[0] == 0


def test_a_clock_that_runs_backwards_counts_into_the_newest_slot() -> None:
    window = Window(SECONDS, 2)
    window.add(_one(5), 1000.0)
    window.add(_one(7), 400.0)
    assert window.total(100.0)[0] == 12
    assert window.total(1000.0 + SECONDS)[0] == 0


@given(events, st.floats(0, 900), st.floats(0, 1e6))
def test_a_restored_window_holds_what_the_old_one_would(found, gap: float, restart: float) -> None:  # type: ignore[no-untyped-def]
    old, now = Window(SECONDS, 2), 5000.0
    for passed, count in found:
        now += passed
        old.add(_one(count), now)
    blocks = old.blocks(now)
    new = Window(SECONDS, 2)
    new.restore([(age + gap, counts) for age, counts in blocks], restart)
    restored = new.total(restart)[0]
    # Slots of the two do not begin at the same moments, so a block may leave a slot sooner or later.
    assert restored <= sum(counts[0] for age, counts in blocks if age + gap <= SECONDS + SLOT)
    assert restored >= old.total(now + gap + 2 * SLOT)[0]


def test_blocks_of_the_future_count_as_now() -> None:
    window = Window(SECONDS, 2)
    window.restore([(-1e6, _one(3))], 1000.0)
    assert window.total(1000.0)[0] == 3


@pytest.mark.parametrize("seconds", [1.0, 900.0, 86_400.0, 604_800.0])
def test_memory_does_not_depend_on_the_length_of_the_window(seconds: float) -> None:
    window = Window(seconds, 100)
    for now in np.linspace(0, seconds * 3, 500):
        window.add(np.ones(100, dtype=np.int64), float(now))
    assert window._ring.nbytes == SLOTS * 100 * 8
    assert 500 / 3 * 0.95 <= window.total(seconds * 3)[0] <= 500 / 3 + 2
