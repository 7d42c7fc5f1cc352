"""Sliding windows: what is in them at any moment, exactly, in memory that is bounded."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.exporters.packed import from_bytes, pack, to_bytes, unpacked
from modelwatch.exporters.windows import SLOTS, Window

MILLISECONDS = 600_000
LENGTH = MILLISECONDS * 1000
SLOT = LENGTH // SLOTS
events = st.lists(st.tuples(st.integers(0, 300_000_000), st.integers(0, 50)), max_size=60)


def _window(milliseconds: int = MILLISECONDS, width: int = 2) -> Window:
    return Window(milliseconds, np.zeros(width, dtype=np.int64), np.zeros(1))


def _add(window: Window, count: int, time: int) -> None:
    window.advance(time)
    window.counts += np.array([count, 1])
    window.sums += count * 0.1


def _count(window: Window, time: int) -> int:
    window.advance(time)
    return int(window.total()[0])


@given(events, st.integers(0, 1 << 50))
def test_a_window_holds_what_is_younger_than_itself_give_or_take_one_slot(
    found: list[tuple[int, int]], start: int
) -> None:
    window, now, seen = _window(), start, []
    for passed, count in found:
        now += passed
        _add(window, count, now)
        seen.append((now, count))
        least = sum(count for at, count in seen if now - at <= LENGTH - SLOT)
        most = sum(count for at, count in seen if now - at < LENGTH)
        assert least <= _count(window, now) <= most


@given(events, st.integers(0, 900_000_000))
def test_a_window_is_the_sum_of_what_came_in_its_slots_to_the_last_digit(found, gap: int) -> None:  # type: ignore[no-untyped-def]
    window, now = _window(), 5_000_000_000
    by_slot: dict[int, list[int]] = {}
    for passed, count in found:
        now += passed
        _add(window, count, now)
        by_slot.setdefault(now // SLOT, []).append(count)
    now += gap
    window.advance(now)
    inside = {slot: counts for slot, counts in by_slot.items() if slot > now // SLOT - SLOTS}
    assert list(window.total()) == [sum(map(sum, inside.values())), sum(map(len, inside.values()))]
    sums = 0.0
    for counts in inside.values():
        slot = 0.0
        for count in counts:
            slot += count * 0.1
        sums += slot
    assert window.total_sums()[0] == sums


def test_an_idle_window_empties_by_itself() -> None:
    window = _window()
    _add(window, 5, LENGTH)
    assert _count(window, 2 * LENGTH - SLOT) == 5
    assert _count(window, 2 * LENGTH) == 0
    assert _count(window, 2000 * LENGTH) == 0


def test_a_time_that_has_passed_already_counts_into_the_newest_slot() -> None:
    window = _window()
    _add(window, 5, 10 * LENGTH)
    _add(window, 7, 4 * LENGTH)
    assert _count(window, LENGTH) == 12
    assert _count(window, 11 * LENGTH) == 0


@given(events, events)
def test_a_restored_window_goes_on_as_the_old_one_does(found, later) -> None:  # type: ignore[no-untyped-def]
    old, now = _window(), 5_000_000_000
    for passed, count in found:
        now += passed
        _add(old, count, now)
    new = _window()
    new.counts += old.counts
    new.sums += old.sums
    new.restore(old.newest, tuple(old.earlier))
    for passed, count in [(0, 0), *later]:
        now += passed
        for window in (old, new):
            _add(window, count, now)
        assert (new.total() == old.total()).all()
        assert new.total_sums()[0] == old.total_sums()[0]


@pytest.mark.parametrize("milliseconds", [1, 60_000, 900_000, 604_800_000, 604_800_001])
def test_a_slot_ends_at_the_first_time_of_the_next(milliseconds: int) -> None:
    window = _window(milliseconds)
    for time in (0, 1, 17, 1_700_000_000_000_000, 1_700_000_000_123_457):
        window.advance(time)
        assert window._number(window.ends) == window.newest + 1
        assert window._number(window.ends - 1) == window.newest


@pytest.mark.parametrize("rows", [1, 2000])
def test_a_full_window_of_many_places_is_a_few_bytes_a_place(rows: int) -> None:
    """40 features of 260 cells: 60 slots as whole vectors would be 5 MB for each window."""
    width, rng = 40 * 260, np.random.default_rng(0)
    tracemalloc.start()
    window = _window(900_000, width)
    for slot in range(200):
        window.advance(slot * 15_000_000)
        for start in range(0, width, 260):
            window.counts[start : start + 260] += rng.multinomial(rows, np.full(260, 1 / 260))
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert window.total().sum() == rows * 40 * SLOTS
    assert held < (300_000 if rows == 1 else 1_000_000)


vectors = st.one_of(
    st.lists(st.integers(0, 300), max_size=40).map(lambda found: np.array(found, dtype=np.int64)),
    st.lists(st.sampled_from([0, 0, 0, 0, 1, 255, 256, 65_535, 65_536, 1 << 32, (1 << 62)]), max_size=60).map(
        lambda found: np.array(found, dtype=np.int64)
    ),
    st.lists(st.one_of(st.just(0.0), st.floats(allow_nan=False)), max_size=40).map(np.array),
    st.integers(65_530, 65_545).map(lambda width: np.eye(1, width, width - 1, dtype=np.int64)[0]),
    st.integers(500, 5000).map(lambda width: (np.arange(width) % 5 == 0).astype(np.int64)),
)


@given(vectors, st.binary(max_size=3))
def test_a_packed_vector_is_the_vector(vector: np.ndarray, before: bytes) -> None:
    packed = pack(vector)
    content = before + to_bytes(packed) + b"rest"
    again, end = from_bytes(content, len(before), len(vector))
    assert content[end:] == b"rest"
    kind = np.float64 if vector.dtype == np.float64 else np.int64
    for found in (packed, again):
        assert (unpacked(found, kind) == vector).all()
        rows = np.ones((3, len(vector)), dtype=kind)
        with np.errstate(over="ignore"):
            found.add_to(rows)
            assert (rows == vector + np.ones(len(vector), dtype=kind)).all()
    assert len(to_bytes(packed)) <= 6 + vector.nbytes


@given(st.binary(max_size=60), st.integers(0, 40))
def test_bytes_that_are_no_packed_vector_are_refused(content: bytes, width: int) -> None:
    try:
        packed, end = from_bytes(content, 0, width)
    except ValueError:
        return
    assert end <= len(content)
    packed.add_to(np.zeros(width))
