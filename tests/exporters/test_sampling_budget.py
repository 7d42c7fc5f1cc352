"""Rows are kept as fast as the spec says, whatever the traffic does; what one stratum leaves, the others get."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.exporters.sampling.budget import HORIZON_SECONDS, Budget
from modelwatch.exporters.sampling.strata import MASKS, MEMBERS, STRATA

EQUAL = dict.fromkeys(STRATA, 0.2)
REST = 0  # the mask of rows without a reason
UNSURE = 1


def arrivals(**rows: float) -> np.ndarray:
    found = np.zeros(MASKS)
    for name, count in rows.items():
        found[REST if name == "rest" else 1 << STRATA.index(name)] = count  # type: ignore[arg-type]  # a stratum
    return found


def expected(budget: Budget, requests: Iterable[tuple[float, np.ndarray]]) -> np.ndarray:
    """Rows expected to be kept, by stratum, as (time, arrivals) come in."""
    kept = np.zeros(len(STRATA))
    for now, rows in requests:
        chances = budget.chances(rows, now)
        kept += np.bincount(chances.charged, rows * chances.by_mask, len(STRATA))
    return kept


def hours(count: float, every: float, rows: np.ndarray, start: float = 0.0) -> Iterable[tuple[float, np.ndarray]]:
    return ((start + every * n, rows) for n in range(round(count * 3600 / every)))


@pytest.mark.parametrize("rows", [1, 50, 5000])
def test_the_whole_budget_is_used_where_there_is_enough_traffic(rows: int) -> None:
    budget = Budget(200, EQUAL, 0.0)
    expected(budget, hours(1, 5, arrivals(rest=rows)))
    assert expected(budget, hours(10, 5, arrivals(rest=rows), 3600)).sum() == pytest.approx(2000, rel=0.03)


def test_shares_hold_where_every_stratum_has_more_than_its_own() -> None:
    shares = {"unsure": 0.4, "risky": 0.1, "edge": 0.1, "drifted": 0.1, "rest": 0.3}
    budget = Budget(1000, shares, 0.0)
    rows = arrivals(unsure=5, risky=50, edge=10, drifted=20, rest=900)
    expected(budget, hours(1, 2, rows))
    assert expected(budget, hours(10, 2, rows, 3600)) / 10_000 == pytest.approx(list(shares.values()), rel=0.05)


def test_a_rare_stratum_is_kept_whole_and_what_it_leaves_goes_to_the_others() -> None:
    budget = Budget(200, EQUAL, 0.0)
    rows = arrivals(rest=100, risky=100)
    expected(budget, hours(2, 5, rows))
    kept = expected(
        budget,
        ((now, rows + arrivals(unsure=1) * (n % 360 == 0)) for n, (now, _) in enumerate(hours(20, 5, rows, 7200))),
    )
    by_name = dict(zip(STRATA, kept.tolist(), strict=True))
    assert by_name["unsure"] == pytest.approx(40)  # all of them: two an hour
    assert by_name["edge"] == by_name["drifted"] == 0
    assert by_name["rest"] == pytest.approx(by_name["risky"], rel=0.02)
    assert kept.sum() == pytest.approx(4000, rel=0.03)


@given(
    st.lists(st.tuples(st.floats(0, 3000), st.sampled_from([0, 1, 3, 100, 100_000])), min_size=1, max_size=60),
    st.sampled_from([1, 200, 50_000]),
    st.lists(st.sampled_from([0.0, 0.1, 1.0]), min_size=5, max_size=5).filter(any),
)
def test_no_traffic_makes_more_be_kept_than_the_budget_and_ten_minutes_of_it(
    steps: list[tuple[float, int]], rows_per_hour: int, shares: list[float]
) -> None:
    budget = Budget(rows_per_hour, dict(zip(STRATA, shares, strict=True)), 0.0)
    rng = np.random.default_rng(0)
    now = kept = 0.0
    for pause, rows in steps:
        now += pause
        masks = rng.multinomial(rows, np.full(MASKS, 1 / MASKS)).astype(float)
        chances = budget.chances(masks, now)
        assert ((chances.by_mask >= 0) & (chances.by_mask <= 1)).all()
        # A row that may be kept at all is never without a chance: its weight would be infinite.
        possible = (MEMBERS & (np.array(shares) > 0)).any(axis=1)
        assert ((chances.by_mask > 0) == possible).all()
        kept += float((masks * chances.by_mask).sum())
    assert kept <= rows_per_hour / 3600 * (now + HORIZON_SECONDS) * (1 + 1e-9)


def test_a_burst_after_a_quiet_night_takes_ten_minutes_of_the_budget_at_most_and_is_followed_within_minutes() -> None:
    budget = Budget(360, EQUAL, 0.0)
    expected(budget, hours(8, 60, arrivals(rest=1)))
    first = expected(budget, hours(1 / 60, 0.1, arrivals(rest=1000), 8 * 3600))
    assert first.sum() <= 60 + 6 + 1
    later = expected(budget, hours(1, 1, arrivals(rest=10_000), 8 * 3600 + 60))
    assert later.sum() == pytest.approx(360, rel=0.2)


def test_probabilities_move_slowly_in_steady_traffic_so_weights_are_alike() -> None:
    budget = Budget(200, EQUAL, 0.0)
    rng = np.random.default_rng(0)
    moments = np.cumsum(rng.exponential(1.0, 20_000))
    seen = [budget.chances(arrivals(rest=1), now).by_mask[REST] for now in moments]
    settled = np.array(seen[5000:])
    assert settled.mean() == pytest.approx(200 / 3600, rel=0.05)
    assert settled.std() / settled.mean() < 0.1


def test_a_clock_that_goes_backwards_fills_nothing() -> None:
    budget = Budget(200, EQUAL, 1000.0)
    one = budget.chances(arrivals(rest=10_000), 1000.0).by_mask[REST]
    assert budget.chances(arrivals(rest=1), 500.0).by_mask[REST] < one
    assert budget.chances(arrivals(rest=1), 1000.0).by_mask[REST] < one


def test_a_row_of_several_strata_has_the_best_of_their_chances_and_charges_that_stratum() -> None:
    budget = Budget(200, {**EQUAL, "unsure": Decimal("0.6")}, 0.0)  # type: ignore[arg-type]  # any number
    both = 0b11
    rows = arrivals(unsure=50, risky=500)
    rows[both] = 10
    chances = budget.chances(rows, 0.0)
    assert chances.by_mask[both] == chances.alone[0] > chances.alone[1]
    assert STRATA[chances.charged[both]] == "unsure"
