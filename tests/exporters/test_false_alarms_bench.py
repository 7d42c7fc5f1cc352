"""The benchmark of false alarms looks at what the sidecar would: the same windows, the same rows at every asking."""

from __future__ import annotations

import numpy as np
import pytest

from modelwatch.exporters.windows import Window
from tests.bench.false_alarms import month, peer_delays, scaled
from tests.bench.false_alarms_sidecar import LENGTHS, SLOT, Sidecar, begins
from tests.bench.false_alarms_stream import CATEGORIES, FEATURES, NUMERIC, SLOTS, Stream, Traffic, reference


@pytest.mark.parametrize("length", LENGTHS)
def test_the_benchmark_slides_as_the_sidecars_windows_do(length: str) -> None:
    seconds = LENGTHS[length]
    window = Window(seconds * 1000, np.zeros(1, dtype=np.int64), np.zeros(1))
    ends = np.arange(1, 2 * seconds // SLOT)
    counts = np.cumsum(ends % 7)
    before = np.concatenate([[0, 0], counts])[begins(seconds, ends) + 1]
    for end, expected in zip(ends.tolist(), (counts - before).tolist(), strict=True):
        # Rows of a slot of 5 seconds come in its middle, and the look is at its end.
        window.advance(int((end - 0.5) * SLOT * 1e6))
        window.counts += end % 7
        window.advance(int(end * SLOT * 1e6))
        assert window.total()[0] == expected, end


def test_a_window_has_the_same_rows_whenever_it_is_asked_for_and_a_shift_moves_only_numbers() -> None:
    quiet, moved = (Stream(Traffic(40), 3, sigma, 5) for sigma in (0.0, 0.5))
    for number in (-2, 4, 5):
        one, again, other = quiet.window(number), quiet.window(number), moved.window(number)
        assert (one.numeric == again.numeric).all() and (one.slot == other.slot).all()
        assert (one.categories == other.categories).all()
        assert other.numeric - one.numeric == pytest.approx(0.5 if number >= 5 else 0.0)
        assert one.numeric.shape == (NUMERIC, len(one)) and one.categories.max() < len(CATEGORIES)
    known = reference(quiet, 500, 1)
    assert sum(map(len, known)) >= 500 > sum(map(len, known[1:]))
    assert (known[-1].numeric == quiet.window(-1).numeric).all()
    assert (quiet.window(0).numeric[:, :9] != quiet.window(1).numeric[:, :9]).all()


def test_traffic_swings_between_its_bounds() -> None:
    rows = [Traffic(1, 1000).rows(window) for window in range(288)]
    assert (min(rows), max(rows)) == (pytest.approx(1), pytest.approx(1000))
    assert rows.index(max(rows)) == 144


def test_every_row_is_counted_once_in_each_feature() -> None:
    stream = Stream(Traffic(60), 1)
    sidecar = Sidecar.over(reference(stream, 3000, 1), (0.0,))
    rows = stream.window(7)
    counts = sidecar.counted(rows)
    assert counts.shape == (FEATURES, SLOTS, sidecar.bins)
    assert (counts.sum(axis=2) == np.bincount(rows.slot, minlength=SLOTS)).all()


def test_a_month_counts_what_begins_to_be_called_drifted_and_sees_a_shift() -> None:
    stream = Stream(Traffic(20), 1)
    sidecar = Sidecar.over(reference(stream, 5000, 1), (0.1, 0.0))
    found = month(sidecar, Stream(Traffic(20), 1, 1.0, 60), 1)
    # Each numeric feature once, and it stays so; five minutes have too few rows.
    assert found.alarms["1h"] == (NUMERIC, NUMERIC) and found.judged["1h"] > 0.9
    assert found.alarms["5m"] == (0, 0) and found.judged["5m"] == 0
    assert found.of_defaults(1) == 2 * NUMERIC


def test_what_peers_call_is_scaled_to_a_month_with_its_interval() -> None:
    called = np.zeros((4, FEATURES), dtype=bool)
    assert scaled(called) == (0, 0, 0.75 * 8640)
    called[:2, 0] = True
    mean, low, high = scaled(called)
    assert mean == 4320 and low == 0 and high == pytest.approx(8640 * (0.5 + 1.96 * np.sqrt(1 / 3) / 2))
    after = np.zeros((1, 3, FEATURES), dtype=bool)
    after[0, 1:, 0] = True
    assert peer_delays(after)[:2].tolist() == [600, np.inf]
