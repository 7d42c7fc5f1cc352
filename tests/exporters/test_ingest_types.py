"""Times, numbers and categories of every type are read, and values of other types are named."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from formats import STREAM, arrow, as_json, count, sentences
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.exporters.ingest import decode
from modelwatch.exporters.ingest.columns import Numbers, Texts, Values
from modelwatch.exporters.ingest.gathered import Gathered

# --- timestamps ---


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [
        (1_700_000_000, 1.7e9),
        (1_700_000_000.25, 1_700_000_000.25),
        (0, 0.0),
        (1_700_000_000_250, 1_700_000_000.25),
        (1_700_000_000_250_000, 1_700_000_000.25),
        (1_700_000_000_250_000_000, 1_700_000_000.25),
        ("2023-11-14T22:13:20Z", 1.7e9),
        ("2023-11-14T22:13:20", 1.7e9),
        ("2023-11-15T00:13:20+02:00", 1.7e9),
        ("2023-11-14", datetime(2023, 11, 14, tzinfo=UTC).timestamp()),
        (None, math.nan),
        (math.nan, math.nan),
    ],
)
def test_a_time_is_read_in_the_usual_spellings(sent: object, seconds: float) -> None:
    for others in ([], ["2024-01-01"]):  # beside a text each is looked at; alone all are at once
        rows = [{"features": {"hour": 1}, "timestamp": when} for when in [sent, *others]]
        table = decode(json.dumps({"rows": rows}).encode())
        assert count(table).errors == {}
        assert table.timestamps()[0] == pytest.approx(seconds, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize(
    "sent",
    ["soon", "", True, [1], {}, -1, -1e300, 1e300, 10**400, "2023-13-01", "0001-01-01"],
    ids=lambda sent: repr(sent)[:20],
)
def test_a_row_whose_time_cannot_be_read_is_rejected(sent: object) -> None:
    rows = [{"features": {"hour": 1}, "timestamp": when} for when in (sent, 5)]
    for body in (
        {"rows": rows},
        {"columns": {"features": {"hour": [1, 1]}, "timestamp": [sent, 5]}},
    ):
        table = decode(json.dumps(body).encode())
        counted = count(table)
        assert (counted.accepted, counted.errors[0].reason) == (1, "bad_timestamp")
        assert counted.errors[0].sentence.startswith("'timestamp' must be seconds since the epoch or an ISO 8601 text")
        assert math.isnan(table.timestamps()[0])
        assert table.timestamps()[1] == 5


def test_arrow_times_are_read_whatever_their_unit() -> None:
    moment = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    for kind in (*(pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")), pa.timestamp("ms", "Europe/Paris")):
        times = pa.array([moment, None], kind)
        table = decode(arrow(pa.table({"hour": [1, 2], "timestamp": times})), STREAM)
        assert count(table).errors == {}
        np.testing.assert_array_equal(table.timestamps(), [1.7e9, math.nan])
    for odd in (pa.array(["soon", None]), pa.array([[1], None]), pa.array([-5, None])):
        counted = count(decode(arrow(pa.table({"hour": [1, 2], "timestamp": odd})), STREAM))
        assert {index: found.reason for index, found in counted.errors.items()} == {0: "bad_timestamp"}


# --- Arrow's types ---


@pytest.mark.parametrize(
    "hours",
    [
        pa.array([1, 12, None], kind)
        for kind in (
            pa.int8(),
            pa.uint8(),
            pa.int64(),
            pa.uint64(),
            pa.float16(),
            pa.float32(),
            pa.float64(),
            pa.decimal128(5),
        )
        if kind != pa.float16()
    ]
    + [pa.array([1, 12, None]).dictionary_encode(), pa.array(np.array([1, 12, np.nan], dtype=np.float16))],
    ids=str,
)
def test_numbers_of_every_type_are_numbers(hours: pa.Array) -> None:
    counted = count(decode(arrow(pa.table({"hour": hours})), STREAM))
    assert counted.accepted == 3
    assert (counted.counts == as_json(hour=[1, 12, None]).counts).all()
    assert (counted.counts != as_json(hour=[1, None, None]).counts).any()


SOME: list[object] = ["UA", None, "zz", ""]


@pytest.mark.parametrize(
    ("carriers", "same"),
    [
        (pa.array(SOME), SOME),
        (pa.array(SOME, pa.large_string()), SOME),
        (pa.array(SOME, pa.string_view()), SOME),
        (pa.array(SOME).dictionary_encode(), SOME),
        (pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 3], pa.uint8()), SOME), SOME),
        (pa.DictionaryArray.from_arrays(pa.array([0, None, 1, None]), ["UA", None]), ["UA", None, None, None]),
        (pa.DictionaryArray.from_arrays(pa.array([None] * 4, pa.int8()), pa.array([], pa.string())), [None] * 4),
        (pa.nulls(4), [None] * 4),
        (pa.array([True, None, False, True]), [True, None, False, True]),
        (pa.array([3, 3, None, 4]), [3, 3, None, 4]),
        (pa.array([3.0, 2.5, None, 4.0]), [3, 2.5, None, 4]),
        (pa.array([3, 3, None, 4]).dictionary_encode(), [3, 3, None, 4]),
    ],
    ids=str,
)
def test_categories_of_every_type_are_categories(carriers: pa.Array, same: list[object]) -> None:
    counted = count(decode(arrow(pa.table({"carrier": carriers})), STREAM))
    assert counted.accepted == 4
    assert (counted.counts == as_json(carrier=same).counts).all()


def test_values_of_other_types_are_named_by_row() -> None:
    table = pa.table(
        {
            "hour": pa.array(["7", None, None]),
            "distance": pa.array([None, True, None]),
            "carrier": pa.array([[1], None, None]),
        }
    )
    counted = count(decode(arrow(table), STREAM))
    assert sentences(counted) == {
        0: "'hour' must be a number, found the text \"7\"; "
        "'carrier' must be a text, a number or a boolean, found Arrow's list<item: int64>",
        1: "'distance' must be a number, found the boolean true",
    }


def test_a_dictionary_of_large_values_is_not_spread_over_the_rows() -> None:
    large = pa.array([["x" * 1_000_000]])
    odd = pa.DictionaryArray.from_arrays(pa.array(np.zeros(50_000, dtype=np.int8)), large)
    counted = count(decode(arrow(pa.table({"hour": odd, "carrier": odd})), STREAM))
    assert (counted.accepted, len(counted.errors)) == (0, 50_000)


def test_columns_without_a_known_feature_are_rejected_unless_they_answer() -> None:
    unknown = count(decode(arrow(pa.table({"Hour": [1, 2]})), STREAM))
    assert [found.reason for found in unknown.errors.values()] == ["unknown_features"] * 2
    answers = count(decode(arrow(pa.table({"prediction": ["late", None]})), STREAM))
    assert (answers.accepted, [found.reason for found in answers.errors.values()]) == (1, ["no_values"])


# --- columns ---

anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.just([1]) | st.just({})


@given(st.lists(anything, max_size=20))
def test_values_read_alike_all_at_once_and_one_by_one(values: list[object]) -> None:
    at_once = Values(values)
    alone = [Values([value]) for value in values]
    numbers, texts = at_once.numbers(), at_once.texts()
    for index, one in enumerate(alone):
        np.testing.assert_array_equal(numbers.values[index], one.numbers().values[0])
        assert _wrong(numbers, index) == _wrong(one.numbers(), 0) == (type(values[index]) in (bool, str, list, dict))
        assert _text(texts, index) == _text(one.texts(), 0)
        assert _wrong(texts, index) == _wrong(one.texts(), 0) == isinstance(values[index], list | dict)
    assert not np.isinf(numbers.values).any()


# Blocks of one kind, and of all.
blocks = st.lists(st.one_of(*(st.lists(kind, max_size=4) for kind in (st.floats(), st.text(max_size=1), anything))))


@given(blocks, st.sampled_from([True, False, None]))
def test_a_column_that_comes_in_blocks_reads_as_it_does_at_once(parts: list[list[object]], number: bool | None) -> None:
    values = [value for part in parts for value in part]
    gathered, at = Gathered(len(values), number), 0
    for part in parts:
        gathered.put(at, part)
        at += len(part)
    found, expected = gathered.column(), Values(values)
    for index, value in enumerate(values):
        wrong = []
        if number is not False:
            np.testing.assert_array_equal(found.numbers().wide[index], expected.numbers().values[index])
            wrong.append(_wrong(expected.numbers(), index))
            assert _wrong(found.numbers(), index) == wrong[-1]
        if number is not True:
            assert _text(found.texts(), index) == _text(expected.texts(), index)
            wrong.append(_wrong(expected.texts(), index))
            assert _wrong(found.texts(), index) == wrong[-1]
        # Messages name what is of another type, and any answer that is there.
        missing = value is None or (isinstance(value, float) and not math.isfinite(value))
        if (number is None and not missing) or any(wrong):
            assert found.shown(index) == expected.shown(index)


def _wrong(column: Numbers | Texts, index: int) -> bool:
    return column.mismatched is not None and bool(column.mismatched[index])


def _text(texts: Texts, index: int) -> str:
    code = int(texts.codes[index])
    return "" if code < 0 else texts.distinct[code]
