"""Every format gives the same counts for the same rows, and names what is wrong with the others."""

from __future__ import annotations

import gzip
import json
import math
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import specs
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.exporters.counting import Counted
from modelwatch.exporters.ingest import ARROW, FORMATS, NDJSON, Table, UnknownFormatError, decode
from modelwatch.exporters.ingest.columns import Numbers, Texts, Values
from modelwatch.exporters.ingest.table import REASONS, TOLD_ROWS, MalformedError, TooManyRowsError
from modelwatch.exporters.sidecar import Sidecar
from modelwatch.model import types as t

STREAM, FILE = ARROW


@cache
def _sidecar() -> Sidecar:
    with tempfile.TemporaryDirectory() as folder:
        reference = specs.write_reference(Path(folder) / "reference.csv", 2000)
        found = Sidecar(specs.fleet(specs.model(baseline=t.Baseline(data=str(reference)))))
        found.load()
    return found


def count(table: Table) -> Counted:
    return _sidecar().ingest(specs.NAME, table)


def as_json(**columns: list[object]) -> Counted:
    """What the same columns count as JSON."""
    beside = {name: columns.pop(name) for name in ("prediction", "confidence") if name in columns}
    return count(decode(json.dumps({"columns": {"features": columns, **beside}}).encode()))


def arrow(table: pa.Table, file: bool = False, rows_each: int | None = None, **options: object) -> bytes:
    sink = pa.BufferOutputStream()
    opened = (pa.ipc.new_file if file else pa.ipc.new_stream)(
        sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)
    )
    with opened as writer:
        writer.write_table(table, max_chunksize=rows_each)
    return bytes(sink.getvalue())


def in_every_format(rows: Sequence[dict[str, object]]) -> dict[str, tuple[bytes, str]]:
    """Bodies and content types; ``rows`` hold hour, distance, carrier, prediction, confidence, id and timestamp."""
    features = ("hour", "distance", "carrier")
    beside = ("prediction", "confidence", "id", "timestamp")
    documents = [
        {"features": {name: row[name] for name in features}, **{name: row[name] for name in beside}} for row in rows
    ]
    columns = {name: [row[name] for row in rows] for name in (*features, *beside)}
    as_columns = {
        "columns": {"features": {name: columns[name] for name in features}, **{name: columns[name] for name in beside}}
    }
    kinds = {
        name: pa.float64() if name in ("hour", "distance", "confidence", "timestamp") else pa.string()
        for name in columns
    }
    table = pa.table({name: pa.array(values, kinds[name]) for name, values in columns.items()})
    coded = table.set_column(2, "carrier", table["carrier"].dictionary_encode())
    return {
        "rows": (json.dumps({"rows": documents}).encode(), "application/json"),
        "columns": (json.dumps(as_columns).encode(), "application/json; charset=utf-8"),
        "ndjson": (b"\n".join(json.dumps(row).encode() for row in documents) + b"\r\n\n", NDJSON[0]),
        "stream": (arrow(table), STREAM),
        "file": (arrow(table, file=True), FILE),
        "dictionary": (arrow(coded), STREAM),
        "batches": (arrow(coded, rows_each=3), STREAM),
        "batches in a file": (arrow(table, file=True, rows_each=2), FILE),
        "nothing said": (json.dumps(as_columns).encode(), ""),
    }


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


def _sentences(counted: Counted) -> dict[int, str]:
    assert {found.reason for found in counted.errors.values()} <= set(REASONS)
    return {index: found.sentence for index, found in sorted(counted.errors.items())}


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
    assert (counted.accepted, _sentences(counted)) == (1, {1: told})
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
    assert _sentences(counted) == {
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


def test_compressed_batches_are_refused_because_of_what_they_could_become() -> None:
    table = pa.table({"hour": np.zeros(100_000)})
    for codec in ("lz4", "zstd"):
        for file in (False, True):
            with pytest.raises(MalformedError, match="compressed: write them without compression"):
                decode(arrow(table, file=file, compression=codec), STREAM)
    coded = pa.table({"carrier": pa.array(["UA" * 1000] * 3).dictionary_encode()})
    with pytest.raises(MalformedError, match="compressed"):
        decode(arrow(coded, compression="zstd"), STREAM)


def test_codes_outside_their_dictionary_are_damage_and_not_read() -> None:
    body = arrow(pa.table({"carrier": pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), ["UA", "AA"])}))
    codes = np.array([0, 1], dtype=np.int32).tobytes()
    assert body.count(codes) >= 1
    at = body.rindex(codes)
    broken = body[:at] + np.array([0, 77_777_777], dtype=np.int32).tobytes() + body[at + 8 :]
    with pytest.raises(MalformedError, match='the column "carrier" is damaged'):
        count(decode(broken, STREAM))


@pytest.mark.parametrize(
    "body", [b"", b"x", b"ARROW1\0\0", b"\xff\xff\xff\xff", b"\xff" * 64, b"\0" * 64, b'{"rows": []}']
)
def test_what_is_no_arrow_says_so(body: bytes) -> None:
    with pytest.raises(MalformedError, match="no Arrow IPC stream"):
        decode(body, STREAM)


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


def _wrong(column: Numbers | Texts, index: int) -> bool:
    return column.mismatched is not None and bool(column.mismatched[index])


def _text(texts: Texts, index: int) -> str:
    code = int(texts.codes[index])
    return "" if code < 0 else texts.distinct[code]


@pytest.mark.parametrize("media", ["application/json", NDJSON[0]])
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (gzip.compress(b'{"rows": []}', mtime=0), "it looks like gzip: send it without compression"),
        (b"\x28\xb5\x2f\xfd" + b"x" * 20, "it looks like zstd: send it without compression"),
        (b"PAR1" + b"x" * 20, "it looks like Parquet: send Arrow IPC or JSON"),
        ('{"rows": []}'.encode("utf-16"), "it looks like UTF-16: send it as UTF-8"),
        ('{"rows": []}'.encode("utf-16-le"), "it looks like UTF-16: send it as UTF-8"),
        (arrow(pa.table({"hour": [1]})), "it looks like Arrow IPC: send it with Content-Type"),
        (arrow(pa.table({"hour": [1]}), file=True), "it looks like Arrow IPC: send it with Content-Type"),
    ],
)
def test_a_body_of_another_format_is_named(body: bytes, said: str, media: str) -> None:
    with pytest.raises(MalformedError, match=said):
        count(decode(body, media))


def test_a_text_that_is_no_utf_8_is_told_with_the_byte() -> None:
    with pytest.raises(MalformedError, match="it is no UTF-8: byte 0xe9 at byte 10;"):
        count(decode('{"rows": "\u00e9"}'.encode("latin-1")))


@pytest.mark.parametrize("media", ARROW)
def test_json_that_came_as_arrow_is_told_so(media: str) -> None:
    with pytest.raises(MalformedError, match="it looks like JSON: send it with Content-Type: application/json"):
        decode(b' {"rows": [{"features": {"hour": 7}}]}', media)
    with pytest.raises(MalformedError, match="it looks like gzip: send it without compression"):
        decode(gzip.compress(b"x" * 100), media)


def test_lines_whose_breaks_curl_took_out_are_told_with_the_flag_that_keeps_them() -> None:
    lines = b'{"features": {"hour": 7}}{"features": {"hour": 8}}'
    (found,) = count(decode(lines, NDJSON[0])).errors.values()
    assert "-d takes the line breaks out of a file: use --data-binary" in found.sentence
    with pytest.raises(MalformedError, match=r"application/x-ndjson, and curl -d takes .* --data-binary"):
        decode(lines, "application/json")
    (found,) = count(decode(lines + b"\n" + b'{"features": {"hour": 7}}', NDJSON[0])).errors.values()
    assert "--data-binary" not in found.sentence, "there are line breaks"
