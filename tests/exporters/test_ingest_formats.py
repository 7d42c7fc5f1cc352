"""Every format gives the same counts for the same rows, and names what is wrong with the others."""

from __future__ import annotations

import json
import math
import time

import numpy as np
import pyarrow as pa
import pytest
import specs
from formats import FILE, STREAM, arrow, as_json, count, in_every_format, sentences
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.exporters.ingest import FORMATS, NDJSON, UnknownFormatError, decode
from modelwatch.exporters.ingest.table import TOLD_ROWS, TooManyRowsError
from modelwatch.exporters.sidecar import Sidecar
from modelwatch.model import types as t

number = st.none() | st.floats(width=64) | st.integers(-(2**53), 2**53).map(float)


word = st.none() | st.sampled_from(["UA", "AA", "DL", "", "zz", "é\u2028", "late"])


a_row = st.fixed_dictionaries(
    {
        "hour": number,
        "distance": number,
        "carrier": word,
        "prediction": st.none() | st.sampled_from(["late", "on_time", ""]),
        "confidence": st.none() | st.floats(0, 1),
        "id": st.none() | st.text(max_size=5).filter(lambda text: text.isascii()),
        "timestamp": st.none() | st.floats(0, 4e9),
    }
)


@given(st.lists(a_row, min_size=1, max_size=12))
def test_the_same_rows_count_the_same_in_every_format(rows: list[dict[str, object]]) -> None:
    results = {name: (decode(body, kind), kind) for name, (body, kind) in in_every_format(rows).items()}
    counted = {name: count(table) for name, (table, _) in results.items()}
    assert {name: result.accepted for name, result in counted.items()} == dict.fromkeys(counted, len(rows))
    first = counted["rows"].counts
    for name, result in counted.items():
        assert (result.counts == first).all(), name
    for name, (table, _) in results.items():
        assert list(table.ids() or [None] * len(rows)) == [row["id"] for row in rows], name
        expected = [math.nan if row["timestamp"] is None else row["timestamp"] for row in rows]
        np.testing.assert_array_equal(table.timestamps(), np.array(expected, dtype=float), name)


ODD = [
    ("late", 0.5, None),
    ("Late", 0.5, "unknown_class"),
    ("late", 93.0, "bad_confidence"),
    (None, -0.5, "bad_confidence"),
    (None, None, None),
    ("", 1 + 1e-7, None),
    ("canceled", 2.0, "unknown_class"),
]


def test_answers_that_the_spec_rules_out_are_rejected_in_every_format() -> None:
    """A percentage taken for a share, or a class that the task does not have, would be judged as drift."""
    rows: list[dict[str, object]] = [
        {
            "hour": 1.0,
            "distance": 2.0,
            "carrier": "UA",
            "prediction": said,
            "confidence": sure,
            "id": "a",
            "timestamp": 1.0,
        }
        for said, sure, _ in ODD
    ]
    expected = {place: reason for place, (_, _, reason) in enumerate(ODD) if reason}
    for name, (body, kind) in in_every_format(rows).items():
        counted = count(decode(body, kind))
        assert {place: found.reason for place, found in counted.errors.items()} == expected, name
        assert counted.accepted == len(ODD) - len(expected)
        assert counted.errors[1].sentence == (
            "'prediction' must be one of the task's classes (on_time, late), found the text \"Late\""
        )
        assert counted.errors[2].sentence == "'confidence' must be from 0 to 1, found the number 93.0"
        assert counted.errors[6].sentence.endswith("found the number 2.0"), "every wrong value is told"


@pytest.mark.parametrize(
    ("classes", "said", "accepted"),
    [
        ((), ["anything", 7], 2),
        (("0", "1"), [0, 1.0, "1", True], 3),
        (("True", "False"), [True, "True", "true", "yes"], 3),
        (("3.0", "4.0"), [3, "4", 5], 2),
    ],
)
def test_classes_are_read_as_categories_are(classes: tuple[str, ...], said: list[object], accepted: int) -> None:
    model = specs.model(task=t.Task("classification", classes))
    sidecar = Sidecar(specs.fleet(model))
    sidecar.load()
    rows = [{"features": {"hour": 1}, "prediction": one} for one in said]
    counted = sidecar.ingest(specs.NAME, decode(json.dumps({"rows": rows}).encode()))
    assert counted.accepted == accepted
    assert {found.reason for found in counted.errors.values()} <= {"unknown_class"}


def test_a_feature_called_like_an_answer_is_judged_as_a_feature() -> None:
    sidecar = Sidecar(
        specs.fleet(specs.model(features=(specs.feature("confidence"), specs.feature("prediction", "categorical"))))
    )
    sidecar.load()
    body = json.dumps({"rows": [{"features": {"confidence": 93, "prediction": "anything"}}]}).encode()
    assert sidecar.ingest(specs.NAME, decode(body)).accepted == 1


def test_every_format_of_the_list_is_read() -> None:
    row = {
        "hour": 1.0,
        "distance": 2.0,
        "carrier": "UA",
        "prediction": "late",
        "confidence": 0.5,
        "id": "a",
        "timestamp": 1.0,
    }
    body = dict(zip(FORMATS, [], strict=False))
    every = in_every_format([row])
    for media in FORMATS:
        kind = "ndjson" if media in NDJSON else "file" if media == FILE else "stream" if media == STREAM else "rows"
        body[media] = every[kind][0]
    assert all(count(decode(found, media.upper())).accepted == 1 for media, found in body.items())


def test_a_content_type_that_is_no_format_is_named_beside_those_that_are() -> None:
    with pytest.raises(UnknownFormatError, match=r"'text/csv' is not read here; send application/json, .*arrow.stream"):
        decode(b"a,b", "text/csv")
    assert decode(b'{"rows": []}', "application/vnd.mine+json").rows == 0


def test_every_wrong_value_of_a_row_is_named() -> None:
    wrong = {"hour": "7", "distance": [1], "carrier": {"a": 1}}
    told = (
        "'hour' must be a number, found the text \"7\"; 'distance' must be a number, found an array; "
        "'carrier' must be a text, a number or a boolean, found an object; 'confidence' must be a number, "
        "found the boolean true"
    )
    good = {"features": {"hour": 1}}
    body = json.dumps({"rows": [good, {"features": wrong, "confidence": True}]}).encode()
    counted = count(decode(body))
    assert (counted.accepted, sentences(counted)) == (1, {1: told})
    timed = {"features": {"hour": "x"}, "timestamp": "yesterday"}
    both = count(decode(json.dumps({"rows": [timed]}).encode()))
    assert both.errors[0].reason == "bad_timestamp"
    assert "'timestamp' must be" in both.errors[0].sentence
    assert "; 'hour' must be a number" in both.errors[0].sentence


def test_only_the_rows_that_an_answer_names_get_sentences_of_their_own() -> None:
    good, bad = {"features": {"hour": 1}}, {"features": {"hour": "x" * 30, "distance": "y"}}
    counted = count(decode(json.dumps({"rows": [bad, good] * 5000}).encode()))
    assert (counted.accepted, len(counted.errors)) == (5000, 5000)
    own = [index for index, found in counted.errors.items() if "xxx" in found.sentence]
    assert sorted(own) == list(range(0, 2 * TOLD_ROWS, 2))
    assert len({id(found) for found in counted.errors.values()}) == TOLD_ROWS + 1
    assert {found.reason for found in counted.errors.values()} == {"wrong_type"}


def test_a_line_that_is_no_json_costs_that_row_alone() -> None:
    lines = [
        '{"features": {"hour": 1}}',
        '{"features": {"hour": 2}',
        "",
        '{"features": {"hour": NaN}}',
        "5",
        '{"features": {"hour": 3}}{"features": {"hour": 4}}',
        "  ",
        '{"features": {"carrier": "UA"}}\r',
        '{"features": {"hou',
    ]
    counted = count(decode("\n".join(lines).encode(), NDJSON[0]))
    assert counted.accepted == 3
    reasons = {index: found.reason for index, found in counted.errors.items()}
    assert reasons == {1: "not_json", 3: "not_a_row", 4: "not_json", 6: "not_json"}
    assert counted.errors[1].sentence.startswith("the line is no JSON: ")


def test_a_number_that_is_too_large_for_a_float_is_missing_and_the_other_rows_count() -> None:
    large = b'{"rows": [{"features": {"hour": 1e999}}, {"features": {"hour": 1%s}}, {"features": {"hour": 5}}]}' % (
        b"0" * 400
    )
    assert (count(decode(large)).counts == as_json(hour=[None, None, 5]).counts).all()


@pytest.mark.parametrize("digits", [308, 309, 4299, 4300, 4301, 5000, 1_000_000])
@pytest.mark.parametrize("sign", [b"", b"-"])
def test_a_whole_number_of_however_many_digits_is_missing_beyond_a_float_in_every_form(
    digits: int, sign: bytes
) -> None:
    """Python reads none of more than 4,300 digits, which is no affair of whoever sends one."""
    large = sign + b"9" * digits
    read = float(large)
    same = as_json(hour=[None if math.isinf(read) else read, 5], carrier=["UA", "AA"])
    rows = [b'{"features": {"hour": %s, "carrier": "UA"}}' % large, b'{"features": {"hour": 5, "carrier": "AA"}}']
    for body, kind in (
        (b'{"rows": [%s]}' % b",".join(rows), "application/json"),
        (b'{"from": "me", "rows": [%s]}' % b",".join(rows), "application/json"),
        (b'{"columns": {"features": {"hour": [%s, 5], "carrier": ["UA", "AA"]}}}' % large, "application/json"),
        (b"\n".join(rows), NDJSON[0]),
    ):
        counted = count(decode(body, kind))
        assert (counted.accepted, counted.errors) == (2, {})
        assert (counted.counts == same.counts).all()


@pytest.mark.parametrize("digits", [400, 5000])
def test_a_number_of_too_many_digits_beside_the_features_costs_no_other_row(digits: int) -> None:
    for name in (b"confidence", b"id", b"timestamp", b"else"):
        body = b'{"rows": [{"features": {"hour": 7}, "%s": 1%s}, {"features": {"hour": 7}}]}'
        counted = count(decode(body % (name, b"0" * digits)))
        assert counted.accepted + len(counted.errors) == 2
        assert set(counted.errors) <= {0}
        assert name == b"timestamp" or counted.accepted == 2


def test_the_time_for_digits_grows_with_their_number_alone() -> None:
    body = b'{"rows": [{"features": {"hour": %s}}, {"features": {"hour": NaN}}]}' % (b"9" * (8 << 20))
    begun = time.process_time()
    assert count(decode(body)).accepted == 2
    assert time.process_time() - begun < 5, "quadratic, it would take hours"


def test_lines_that_are_only_json_together_are_no_rows() -> None:
    counted = count(decode(b'{"features": {"hour": [{}\n{}]}}\n{},{}', NDJSON[0]))
    assert (counted.accepted, len(counted.errors)) == (0, 3)


def test_too_many_lines_or_records_are_refused_before_they_are_read() -> None:
    with pytest.raises(TooManyRowsError):
        decode(b"0\n" * 100_002, NDJSON[0])
    with pytest.raises(TooManyRowsError):
        decode(arrow(pa.table({"hour": np.zeros(100_001)})), STREAM)
    with pytest.raises(TooManyRowsError):
        decode(arrow(pa.table({"hour": np.zeros(100_002)}), rows_each=50_001), STREAM)
    # Nulls have no bytes: a short body can say that it has any number of them.
    many = pa.record_batch([pa.Array.from_buffers(pa.null(), 2**31 - 1, [None])], names=["hour"])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, many.schema) as writer:
        writer.write_batch(many)
    with pytest.raises(TooManyRowsError):
        decode(bytes(sink.getvalue()), STREAM)
