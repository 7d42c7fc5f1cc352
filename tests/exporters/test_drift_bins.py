"""Bins and counting: every accepted row is counted once, whatever its values."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import specs
from hypothesis import assume, given
from hypothesis import strategies as st

from modelwatch.exporters.bins import (
    LONGEST_LABEL,
    SORTED_FROM,
    CategoricalBins,
    Cells,
    NumericBins,
    category_text,
)
from modelwatch.exporters.counting import count
from modelwatch.exporters.ingest import decode
from modelwatch.exporters.ingest.columns import Numbers
from modelwatch.exporters.ingest.json_columns import columns_table
from modelwatch.exporters.ingest.json_rows import rows_table
from modelwatch.exporters.layout import SUMS, Layout, layout
from modelwatch.exporters.numeric import MANY
from modelwatch.exporters.profile import build_profile
from modelwatch.exporters.reference import FeatureProfile, Profile

edges = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=20, unique=True).map(sorted)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**30, max_value=10**400),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["UA", "AA", "zzz", ""]),
)
anything = st.one_of(scalars, st.lists(scalars, max_size=2), st.dictionaries(st.text(max_size=3), scalars, max_size=2))


def small_layout(model: object = None) -> Layout:
    """Three bins for numbers, two named carriers."""
    numeric = NumericBins((0.0, 10.0))
    carriers = CategoricalBins(("UA", "AA"), ("B6",))
    answers = CategoricalBins(("on_time", "late"))
    features = (
        FeatureProfile("hour", numeric, (100, 200, 100, 0)),
        FeatureProfile("distance", numeric, (100, 200, 100, 0)),
        FeatureProfile("carrier", carriers, (200, 150, 50, 0, 0)),
        FeatureProfile("prediction", answers, (300, 100, 0, 0, 0)),
    )
    return layout(specs.model(), Profile(specs.NAME, 400, features))


def named(found: Layout, name: str, vector: np.ndarray) -> dict[str, int]:
    watched = next(watched for watched in found.watched if watched.name == name)
    return dict(zip(watched.bins.labels, map(int, watched.counts(vector)), strict=True))


@given(edges, st.booleans(), st.lists(st.floats(), max_size=50))
def test_a_number_falls_into_the_interval_that_its_label_says(
    limits: list[float], low: bool, values: list[float]
) -> None:
    bins = NumericBins(tuple(limits), underflow=low and bool(limits))
    assert len(set(bins.labels)) == len(bins.labels)
    for value, code in zip(values, bins.codes(np.array(values)), strict=True):
        if not math.isfinite(value):
            assert bins.labels[code] == "missing"
            continue
        below = [-math.inf, *([math.nextafter(limits[0], -math.inf)] if bins.underflow else []), *limits, math.inf]
        assert below[code] < value <= below[code + 1]


@given(edges, st.booleans(), st.lists(st.floats()), st.lists(st.floats(), max_size=50), st.booleans())
def test_cells_refine_bins_and_count_every_value_once(
    limits: list[float], low: bool, more: list[float], values: list[float], many: bool
) -> None:
    bins = NumericBins(tuple(limits), underflow=low and bool(limits))
    # No float lies below the lowest one, so a profile never gives it a bin below.
    assume(np.isfinite(bins.limits).all())
    fine = sorted({*filter(math.isfinite, more), *bins.limits.tolist()})
    cells = Cells(bins, tuple(fine))
    found = np.array(values * (SORTED_FROM if many else 1), dtype=np.float64)
    counts = cells.count(found)
    assert len(counts) == len(cells) + 1 == len(cells.coarse) + 1 == len(cells.widths) + 1
    coarse = np.bincount(bins.codes(found), minlength=len(bins.labels))
    assert (np.bincount(cells.coarse, counts[:-1], len(bins.labels) - 1) == coarse[:-1]).all()
    assert counts[-1] == coarse[-1]
    for cell, number in enumerate(counts[:-1]):
        left, right = ([-math.inf, *fine, math.inf][i] for i in (cell, cell + 1))
        assert number == sum(math.isfinite(x) and left < x <= right for x in found)


@pytest.mark.parametrize("times", [1, MANY])
def test_sums_are_standardised_and_tell_how_far_values_lie_outside(tmp_path: Path, times: int) -> None:
    """Of few rows and of many, which are counted by two ways."""
    (tmp_path / "r.csv").write_text("x,y\n" + "8,3\n12,3\n" * 200)
    model = specs.model(features=(specs.feature("x"), specs.feature("y")))
    planned = layout(model, build_profile(model, tmp_path / "r.csv"))

    def sums(x: list[float], y: list[float]) -> tuple[list[float], list[float]]:
        counts, found = np.zeros(planned.width, dtype=np.int64), np.zeros(planned.float_width)
        columns = {"x": Numbers.of(np.array(x * times)), "y": Numbers.of(np.array(y * times))}
        absent = Numbers(np.full(len(columns["x"].values), math.nan))
        planned.numeric.count([columns.get(w.name, absent) for w in planned.numeric.watched], counts, found)
        starts = [w.block.float_start for w in planned.numeric.watched if w.name in columns]
        return tuple((found[at : at + SUMS] / times).tolist() for at in starts)  # type: ignore[return-value]

    # The reference's mean is 10 and its deviation 2; y never varies, so that its unit is 1.
    nan = math.nan
    x, y = sums([10.0, 12.0, 4.0, 18.0, nan], [3.0, 5.0, 3.0, 3.0, nan])
    assert x == [0 + 1 - 3 + 4, 0 + 1 + 9 + 16, 4.0, 6.0]
    assert y == [2.0, 4.0, 0.0, 2.0]
    assert np.isfinite(sums([1.7e308, 1.7e308, -1.7e308], [nan] * 3)).all()


def test_labels_are_intervals_that_read_well_and_differ() -> None:
    assert NumericBins((10.0, 12.5)).labels == ("(-Inf,10]", "(10,12.5]", "(12.5,+Inf)", "missing")
    assert NumericBins((0.0, 3.0), underflow=True).labels == ("(-Inf,0)", "[0,0]", "(0,3]", "(3,+Inf)", "missing")
    assert NumericBins(()).labels == ("(-Inf,+Inf)", "missing")
    close = NumericBins((1.0, math.nextafter(1.0, 2.0)))
    assert close.labels[1] == "(1,1.0000000000000002]"


@given(st.lists(st.text(), max_size=30, unique=True))
def test_labels_of_categories_are_distinct_short_and_printable(categories: list[str]) -> None:
    labels = CategoricalBins(tuple(categories)).labels
    assert len(set(labels)) == len(labels) == len(categories) + 3
    assert labels[-3:] == ("other", "new", "missing")
    assert all(label.isprintable() and len(label) <= LONGEST_LABEL + 20 for label in labels)


def test_a_category_that_is_called_other_keeps_a_label_of_its_own() -> None:
    assert CategoricalBins(("other", "'other'", "UA")).labels == (
        "'other'",
        "''other''",
        "UA",
        "other",
        "new",
        "missing",
    )


def test_labels_differ_even_from_categories_that_look_like_quoted_ones() -> None:
    labels = CategoricalBins(("other", "''other''", "'other'")).labels
    assert labels[:3] == ("'other'", "''other''", "'''other'''")


def test_whole_numbers_that_the_reference_read_as_floats_are_the_same_category() -> None:
    bins = CategoricalBins(("1.0", "2"), ("3.0",))
    assert bins.lookup["1"] == 0
    assert bins.lookup["2"] == 1
    assert bins.lookup["3"] == bins.other


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (7, "7"),
        (7.0, "7"),
        (-0.0, "0"),
        (0.5, "0.5"),
        ("x", "x"),
        ("", None),
        (math.nan, None),
        (None, None),
    ],
)
def test_a_category_has_one_text_however_it_is_written(value: object, text: str | None) -> None:
    assert category_text(value) == text


def test_unknown_categories_are_new_only_where_all_are_known() -> None:
    assert CategoricalBins(("a",)).unknown == CategoricalBins(("a",)).new
    partial = CategoricalBins(("a",), ("b",), complete=False)
    assert partial.unknown == partial.other


@given(st.lists(st.dictionaries(st.sampled_from(["hour", "distance", "carrier", "else"]), anything), max_size=20))
def test_every_accepted_row_is_counted_once_per_feature_and_a_rejected_one_nowhere(rows: list[dict]) -> None:
    found = small_layout()
    counted = count(found, rows_table([{"features": row} for row in rows]))
    assert counted.accepted + len(counted.errors) == len(rows)
    for name in ("hour", "distance", "carrier"):
        assert sum(named(found, name, counted.counts).values()) == counted.accepted
    assert set(counted.errors) <= set(range(len(rows)))


@given(st.lists(st.tuples(scalars, scalars, scalars), min_size=1, max_size=20), st.randoms())
def test_counts_do_not_depend_on_the_order_or_the_form_of_rows(rows, random) -> None:  # type: ignore[no-untyped-def]
    found = small_layout()
    documents = [{"features": {"hour": a, "carrier": b}, "prediction": c, "confidence": 0.5} for a, b, c in rows]
    once = count(found, rows_table(documents))
    columns = {
        "features": {"hour": [row[0] for row in rows], "carrier": [row[1] for row in rows]},
        "prediction": [row[2] for row in rows],
        "confidence": [0.5 for _ in rows],
    }
    as_columns = count(found, columns_table(columns))
    assert as_columns.errors == once.errors
    assert (as_columns.counts == once.counts).all()
    random.shuffle(documents)
    shuffled = count(found, rows_table(documents))
    assert (shuffled.counts == once.counts).all()
    assert sorted(shuffled.errors.values()) == sorted(once.errors.values())


def test_values_land_in_their_bins() -> None:
    found = small_layout()
    body = b"""{"rows": [
        {"features": {"hour": 0, "distance": 1e999, "carrier": "UA"}, "prediction": "late"},
        {"features": {"hour": 0.1, "distance": NaN, "carrier": "B6"}, "prediction": null},
        {"features": {"hour": 30, "distance": null, "carrier": "XX"}},
        {"features": {"hour": -1, "distance": 5, "carrier": ""}, "prediction": "late"},
        {"features": {"hour": 1}, "prediction": "never"},
        {"features": {"hour": true}},
        {"features": {"carrier": ["UA"]}}]}"""
    counted = count(found, decode(body))
    assert counted.accepted == 4
    assert {index: found.sentence for index, found in counted.errors.items()} == {
        4: "'prediction' must be one of the task's classes (on_time, late), found the text \"never\"",
        5: "'hour' must be a number, found the boolean true",
        6: "'carrier' must be a text, a number or a boolean, found an array",
    }
    assert named(found, "hour", counted.counts) == {"(-Inf,0]": 2, "(0,10]": 1, "(10,+Inf)": 1, "missing": 0}
    assert named(found, "distance", counted.counts) == {"(-Inf,0]": 0, "(0,10]": 1, "(10,+Inf)": 0, "missing": 3}
    assert named(found, "carrier", counted.counts) == {"UA": 1, "AA": 0, "other": 1, "new": 1, "missing": 1}
    assert named(found, "prediction", counted.counts) == {"on_time": 0, "late": 2, "other": 0, "new": 0, "missing": 0}
    hour = found.watched[0]
    assert counted.counts[hour.outside] == 2


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (3, "a row must be an object, found the number 3"),
        (None, "a row must be an object, found null"),
        ({}, "it has no 'features': write {\"features\": {...}}, with a value of each feature"),
        (
            {"hour": 3, "carrier": "UA", "prediction": "late"},
            'it has no \'features\', found "hour", "carrier": '
            'put the features into an object, {"features": {"hour": ...}}',
        ),
        ({"feature": {"hour": 3}, "id": 1}, "it has no 'features', found \"feature\": call it 'features'"),
        ({"features": []}, "'features' must be an object, found an array"),
        ({"features": {}}, "it holds no feature, no prediction and no confidence"),
        (
            {"features": {"Hour": 3}, "prediction": "late"},
            'none of its features ("Hour") is in the spec, which has "carrier", "distance", "hour"',
        ),
        (
            {"features": {"hour": 1}, "timestamp": True},
            "'timestamp' must be seconds since the epoch or an ISO 8601 text, found the boolean true",
        ),
        ({"features": {"hour": 1}, "confidence": "high"}, "'confidence' must be a number, found the text \"high\""),
    ],
)
def test_a_row_that_is_none_is_rejected_with_its_reason(row: object, reason: str) -> None:
    assert count(small_layout(), rows_table([row])).errors[0].sentence == reason


def test_a_row_with_only_an_answer_is_accepted() -> None:
    assert count(small_layout(), rows_table([{"features": {}, "prediction": "late"}])).accepted == 1


def test_rows_of_columns_without_a_known_feature_are_rejected_one_and_all() -> None:
    counted = count(small_layout(), columns_table({"features": {"Hour": [1, 2]}}))
    assert sorted(counted.errors) == [0, 1]


def test_without_a_reference_values_are_only_present_missing_or_out_of_range() -> None:
    found = layout(specs.model(), None, "no baseline")
    rows = [
        {"features": {"hour": 3, "carrier": "UA"}},
        {"features": {"hour": 99, "carrier": None}},
        {"features": {"hour": None}},
    ]
    counted = count(found, rows_table(rows))
    assert named(found, "hour", counted.counts) == {"present": 2, "missing": 1}
    assert named(found, "carrier", counted.counts) == {"present": 1, "missing": 2}
    assert counted.counts[found.watched[0].outside] == 1
    assert all(watched.inactive == "no baseline" for watched in found.watched)


def test_a_range_of_one_value_holds_it() -> None:
    only = specs.feature("hour", range=(Decimal(3), Decimal(3)))
    found = layout(specs.model(features=(only,)), None, "no baseline")
    counted = count(found, rows_table([{"features": {"hour": value}} for value in (2, 3, 4, None)]))
    assert counted.counts[found.watched[0].outside] == 2


def test_a_feature_that_is_called_prediction_is_read_from_the_features() -> None:
    found = layout(specs.model(features=(specs.feature("prediction"),)), None, "no baseline")
    assert [watched.name for watched in found.watched] == ["prediction", "confidence"]
    counted = count(found, rows_table([{"features": {"prediction": 3}, "prediction": ["not", "read"]}]))
    assert named(found, "prediction", counted.counts) == {"present": 1, "missing": 0}


def test_booleans_of_a_csv_are_those_of_a_request() -> None:
    bins = CategoricalBins(("True", "False"))
    assert [bins.lookup[text] for text in ("true", "True", "false", "False")] == [0, 0, 1, 1]
    assert CategoricalBins(("True", "true")).lookup["true"] == 1
