"""Why a row is worth keeping: each reason on the rows at its limits."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
import sampling_rows as made
import specs
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.exporters.bins import CategoricalBins, NumericBins
from modelwatch.exporters.comparison import Comparison
from modelwatch.exporters.counting import count
from modelwatch.exporters.ingest.json_columns import columns_table
from modelwatch.exporters.ingest.json_rows import rows_table
from modelwatch.exporters.layout import Layout, layout
from modelwatch.exporters.reference import FeatureProfile, Profile
from modelwatch.exporters.sampling.criteria import ByIntervals, criteria, intervals, tails
from modelwatch.exporters.sampling.drifting import Drifting, drifting, ratios
from modelwatch.exporters.sampling.rows import TableRows
from modelwatch.exporters.sampling.strata import MASKS, MEMBERS, names
from modelwatch.exporters.vectors import Vectors
from modelwatch.exporters.verdicts import judge
from modelwatch.model import types as t

HOUR = FeatureProfile("hour", NumericBins((6.0, 12.0, 18.0)), (25, 25, 25, 25, 0), 0.0, 23.0)
DISTANCE = FeatureProfile("distance", NumericBins((100.0, 900.0), underflow=True), (0, 1, 4994, 5, 5000), 100.0, 3000.0)
CARRIER = FeatureProfile("carrier", CategoricalBins(("UA", "AA", "HA"), ("F9",)), (600_000, 399_000, 900, 100, 0, 0))
PROFILE = Profile("flight-delay", 100, (HOUR, DISTANCE, CARRIER))


def planned(task: t.Task | None = None, profile: Profile | None = PROFILE, **changes: object) -> Layout:
    model = specs.model(sampling=made.sampling(**changes), **({"task": task} if task else {}))
    return layout(model, profile, "none")


def strata(rows: list[dict[str, object]], plan: Layout, drifts: tuple[Drifting, ...] = ()) -> list[tuple[str, ...]]:
    assert plan.model.sampling is not None
    wanted = criteria(plan, plan.model.sampling, drifts)
    found = wanted.masks(TableRows(rows_table(rows)), np.arange(len(rows)))
    return [names(int(mask)) for mask in found]


def row(prediction: object = "on_time", confidence: object = 0.9, **features: object) -> dict[str, object]:
    plain = {"hour": 12, "distance": 500.0, "carrier": "UA"}
    return {"features": {**plain, **features}, "prediction": prediction, "confidence": confidence}


def test_unsure_is_a_confidence_below_the_limit_of_tracing_and_not_a_missing_one() -> None:
    rows = [row(confidence=one) for one in (0.6, 0.5999, 0.0, None, math.nan, "x")]
    found = strata(rows, planned())
    assert found == [("rest",), ("unsure",), ("unsure",), ("rest",), ("rest",), ("rest",)]


def test_risky_are_the_classes_of_the_spec_or_numbers_beyond_its_limits() -> None:
    assert strata([row("late"), row("on_time"), row(None)], planned()) == [("risky",), ("rest",), ("rest",)]
    number = t.Task("regression", unit="minutes")
    rows = [row(one) for one in (61, 60, 0, -1, None)]
    limits = t.Risky(above=Decimal(60), below=Decimal(0))
    assert strata(rows, planned(number, risky=limits)) == [("risky",), ("rest",), ("rest",), ("risky",), ("rest",)]
    assert strata(rows, planned(number, risky=t.Risky(below=Decimal(0))))[:4] == [("rest",)] * 3 + [("risky",)]


@pytest.mark.parametrize(
    ("features", "edge"),
    [
        ({"hour": 23}, False),
        ({"hour": 23.5}, True),  # beyond the range and the reference
        ({"hour": -1}, True),
        ({"hour": None}, True),  # never missing in the reference
        ({"distance": 101.0}, False),
        ({"distance": 100.0}, True),  # 1 of 10,000 values
        ({"distance": 99.0}, True),
        ({"distance": 901.0}, True),  # 5 of 10,000 lie above 900
        ({"distance": 900.0}, False),
        ({"distance": None}, False),  # half of them are missing in the reference
        ({"carrier": "AA"}, False),
        ({"carrier": "HA"}, True),  # 0.09 %
        ({"carrier": "F9"}, True),  # among the others, which are 0.01 % together
        ({"carrier": "ZZ"}, True),  # new
        ({"carrier": ""}, True),
    ],
)
def test_edges_are_values_that_the_reference_hardly_has(features: dict[str, object], edge: bool) -> None:
    assert strata([row(**features)], planned()) == [("edge",) if edge else ("rest",)]


def test_without_a_reference_edges_are_values_out_of_range() -> None:
    rows = [row(hour=24), row(hour=23), row(hour=None), row(carrier="ZZ"), row(distance=1e9)]
    assert strata(rows, planned(profile=None)) == [("edge",)] + [("rest",)] * 4


@given(st.lists(st.integers(0, 50), min_size=3, max_size=12), st.booleans())
def test_the_tails_hold_less_than_a_thousandth_of_the_reference(counts: list[int], underflow: bool) -> None:
    """Counted from the definition: bins whose values are all beyond a limit are together that rare."""
    counts = [one**4 for one in counts]
    edges = tuple(float(n) for n in range(len(counts) - 1 - underflow))
    if not edges or not sum(counts):
        return
    found = FeatureProfile("x", NumericBins(edges, underflow), (*counts, 0), -10.0, 100.0)
    low, high = tails(found)
    # A value inside each bin: halves between the edges, and the lowest edge itself where it has a bin.
    inside = [-9.0, *([edges[0]] if underflow else []), *(edge + 0.5 for edge in edges)]
    below = sum(count for count, value in zip(counts, inside, strict=True) if value < low)
    above = sum(count for count, value in zip(counts, inside, strict=True) if value > high)
    assert below < sum(counts) / 1000
    assert above < sum(counts) / 1000


def test_drifted_are_bins_twice_as_frequent_as_in_the_reference() -> None:
    hot = Drifting("hour", "1h", 0.4, np.array([0.5, 1.99, 2.0, 7.0, 9.0]))
    rows = [row(hour=one) for one in (3, 9, 15, 20)]
    assert strata(rows, planned(), (hot,)) == [("rest",), ("rest",), ("drifted",), ("drifted",)]
    other = Drifting("carrier", "1h", 0.4, np.array([0.1, 3.0, 0.1, 0.1, 0.1, 0.1]))
    assert strata([row(carrier="AA"), row()], planned(), (other,)) == [("drifted",), ("rest",)]
    gone = Drifting("gone", "1h", 0.4, np.array([3.0, 3.0]))
    assert strata([row()], planned(), (gone,)) == [("rest",)]


@given(
    st.lists(st.floats(-5, 5), min_size=1, max_size=8, unique=True),
    st.booleans(),
    st.lists(st.booleans(), min_size=12, max_size=12),
    st.lists(st.one_of(st.floats(-6, 6), st.just(math.nan)), max_size=20),
)
def test_intervals_flag_what_the_bins_would(
    edges: list[float], underflow: bool, flags: list[bool], values: list[float]
) -> None:
    bins = NumericBins(tuple(sorted(edges)), underflow)
    wanted = np.array(flags[: len(bins.labels)])
    numbers = np.array([*values, *edges])
    subject = planned().watched[0].subject
    test = ByIntervals(subject, intervals(bins, wanted), bool(wanted[-1]))
    found = test.of(made.ArrayRows({"hour": numbers}), None)
    assert found.tolist() == wanted[bins.codes(numbers)].tolist()


def test_what_is_in_drift_is_told_by_the_shortest_window_that_shows_it() -> None:
    plan = planned()
    rng = np.random.default_rng(0)
    comparison, judgements, nothing = Comparison(plan), [], []
    for window, shift in zip(plan.windows, (0, 12), strict=True):
        hours = rng.uniform(shift, 24, 4000)
        counted = count(plan, columns_table({"features": {"hour": hours.tolist()}}))
        judgements += judge(comparison, [window], [Vectors(counted.counts, counted.sums)])
        empty = Vectors(np.zeros(plan.width, dtype=np.int64), np.zeros(plan.float_width))
        nothing += judge(comparison, [window], [empty])
    (found,) = (one for one in drifting(judgements) if one.name == "hour")
    assert (found.name, found.window) == ("hour", "1h")
    assert found.score > 0.1
    assert found.ratios[2] == pytest.approx(2, rel=0.1)
    assert drifting(nothing) == ()


def test_ratios_are_shares_over_shares_and_finite_where_a_bin_is_empty() -> None:
    found = ratios(np.array([600, 400, 0]), np.array([300, 600, 100]))
    assert found[:2] == pytest.approx([2, 2 / 3], rel=0.01)
    assert (ratios(np.array([0, 5]), np.array([5, 0])) > 0).all()


def test_a_stratum_with_a_share_of_0_flags_nothing_so_its_rows_are_of_the_rest() -> None:
    plan = planned(strata={"unsure": Decimal(0)})
    assert strata([row("late", 0.1), row("on_time", 0.1)], plan) == [("risky",), ("rest",)]


def test_a_row_has_every_reason_that_holds_and_masks_say_them_all() -> None:
    assert strata([row("late", 0.1, hour=30)], planned()) == [("unsure", "risky", "edge")]
    assert [names(mask) for mask in range(MASKS)].count(("rest",)) == 1
    assert MEMBERS.sum(axis=1).min() == 1


def test_rows_and_columns_read_the_same_with_ids_and_times() -> None:
    rows = [
        {**row("late", 0.5, hour=1), "id": "a", "timestamp": "2026-01-01T00:00:00Z"},
        {**row("on_time", None, carrier=7, distance=10**400), "id": 5, "timestamp": 1e9},
        {**row(True, "x", carrier=["x"], hour="no"), "timestamp": None},
    ]
    names_ = rows[0]["features"]
    columns = {
        "features": {name: [one["features"][name] for one in rows] for name in names_},  # type: ignore[attr-defined,index]
        **{name: [one.get(name) for one in rows] for name in ("prediction", "confidence", "id", "timestamp")},
    }
    for table in (TableRows(rows_table(rows)), TableRows(columns_table(columns))):
        subject = {watched.name: watched.subject for watched in planned().watched}
        assert table.numbers(subject["hour"])[:2].tolist() == [1, 12]
        assert np.isnan(table.numbers(subject["distance"])).tolist() == [False, True, False]
        codes, distinct = table.texts(subject["carrier"])
        assert [distinct[code] if code >= 0 else None for code in codes] == ["UA", "7", None]
        assert table.ids() == ["a", 5, None]
        times = table.timestamps()
        assert times is not None
        assert times[:2].tolist() == [1767225600.0, 1e9]
        assert np.isnan(times[2])
    without = TableRows(rows_table([row()]))
    assert without.ids() is None
    assert without.timestamps() is None
