"""Rows that are read straight into columns are those that the careful reader finds, value by value."""

from __future__ import annotations

import json

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.exporters.ingest import MalformedError, Table, decode
from modelwatch.exporters.ingest.json_rows import Rows
from modelwatch.exporters.ingest.typed_rows import BESIDE, reader

NAMES = {"n": True, "m m": True, 'c"\\': False, "k": False}
whole = st.integers(-(1 << 64), 1 << 65)
scalar = st.one_of(
    st.none(), st.booleans(), whole, st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=5)
)
usual = st.fixed_dictionaries(
    {},
    optional={
        "n": st.floats(allow_nan=False, allow_infinity=False) | st.none() | st.integers(-(1 << 60), 1 << 60),
        "m m": st.floats(allow_nan=False, allow_infinity=False),
        'c"\\': scalar,
        "k": scalar,
    },
)
odd = st.dictionaries(st.sampled_from([*NAMES, "x"]), scalar | st.lists(scalar, max_size=2), max_size=5)
beside = st.fixed_dictionaries(
    {},
    optional={"prediction": scalar, "confidence": scalar, "id": scalar, "timestamp": scalar | st.just("2024-05-01")},
)
row = st.builds(lambda features, rest: {"features": features, **rest}, usual | odd, beside)


def _told(table: Table, names: dict[str, bool]) -> object:
    errors = table.rejected(names)
    columns = {}
    for name, numeric in names.items():
        column = table.column("feature", name)
        assert column is not None
        if numeric:
            read = column.numbers()
            columns[name] = (np.nan_to_num(read.values, nan=-12345.5).tolist(), _listed(read.mismatched))
        else:
            texts = column.texts()
            columns[name] = ([None if i < 0 else texts.distinct[i] for i in texts.codes], _listed(texts.mismatched))
        wrong = read.mismatched if numeric else texts.mismatched
        if wrong is not None:
            columns[name] += ([column.shown(index) for index in np.flatnonzero(wrong)],)
    ids = table.ids() or []
    return errors, columns, [repr(one) for one in ids], np.nan_to_num(table.timestamps(), nan=-1).tolist()


def _listed(mask: np.ndarray | None) -> list[bool] | None:
    return None if mask is None else mask.tolist()


@given(st.lists(row, max_size=8))
def test_every_value_is_what_the_careful_reader_makes_of_it(rows: list[dict[str, object]]) -> None:
    body = json.dumps({"rows": rows}).encode()
    careful = _told(Rows(orjson.loads(body)["rows"]), NAMES)
    names = {name: kind for name, kind in NAMES.items() if name != 'c"\\'}
    assert _told(decode(body, "application/json"), NAMES) == careful
    lines = "\n".join(json.dumps(one) for one in rows).encode()
    assert _told(decode(lines, "application/x-ndjson"), names) == _told(Rows(orjson.loads(body)["rows"]), names)


@given(
    st.lists(st.sampled_from([b"\n", b"\n", b"\r\n", b" ", b"\t", b"\x0b", b"\x0c", b"3", b"{}", b"\x1c"]), max_size=12)
)
def test_every_line_that_is_not_empty_is_a_row_of_its_number(pieces: list[bytes]) -> None:
    body = b"".join(pieces)
    numbers = [number for number, line in enumerate(body.split(b"\n")) if line.strip()]
    table = decode(body, "application/x-ndjson")
    places = range(table.rows) if table.places is None else table.places
    assert list(places) == numbers
    rejected = table.rejected({"n": True})
    assert sorted(rejected) == list(range(len(numbers)))
    for row, why in rejected.items():
        if body.split(b"\n")[numbers[row]].strip(b" \t\r") == b"3":
            assert why.sentence == "a row must be an object, found the number 3"


def test_usual_rows_are_read_straight_and_unusual_ones_are_not() -> None:
    known = reader(frozenset({"n": True, "k": False}.items()))
    assert known is not None
    usual = b'{"features": {"n": 3, "k": 3, "n": 4}, "prediction": true, "id": "a"}'
    block = known.read([usual, b'{"features": {"n": null, "k": ""}}'])
    assert block is not None
    numbers = np.asarray(block.features["n"], dtype=np.float64)
    assert (numbers[0], np.isnan(numbers[1]), block.features["k"]) == (4.0, True, (3, ""))
    assert {name: values[0] for name, values in block.beside.items()} == dict(
        zip(BESIDE, [True, None, "a", None], strict=True)
    )
    for text in (
        b'{"features": {"n": "3"}}',
        b'{"features": {"n": true}}',
        b'{"features": {"k": [1]}}',
        b'{"features": {"k": 18446744073709551616}}',
        b'{"features": {"other": 1}}',
        b'{"features": {}}',
        b'{"features": null}',
        b"{}",
        b"[]",
        b"{",
        b'{"features": {"n": NaN}}',
        b'{"features": {"k": "\\ud800"}}',
        b'{"features": {"k": "\xff"}}',
    ):
        assert known.read([usual, text]) is None, text


@pytest.mark.parametrize(
    "broken",
    ['{"features": {"n": 01}}', '{"features": {"k": "\\q"}}', '{"features": {"x": "\\ud800"}}', "{]", '"\x01"'],
)
def test_a_row_that_is_no_json_makes_the_whole_body_none(broken: str) -> None:
    body = f'{{"rows": [{{"features": {{"n": 1}}}}, {broken}]}}'.encode()
    with pytest.raises(MalformedError, match=r"the body is no JSON: .* at line 1 column"):
        decode(body, "application/json").rejected({"n": True, "k": False})


@pytest.mark.parametrize(
    "body", [b'{"features": {"n": 1}}\n{"features": {"n": 2}}\n', b'{"features": {"n": 1}}', b'{"n": 1}\r\n{"n": 2}']
)
def test_lines_sent_as_json_are_told_their_content_type(body: bytes) -> None:
    with pytest.raises(MalformedError, match=r"Content-Type: application/x-ndjson"):
        decode(body, "application/json")


def test_json_that_is_cut_short_is_not_taken_for_lines() -> None:
    with pytest.raises(MalformedError) as error:
        decode(b'{"rows": [\n{"features": {"n": 1}},\n{"featu', "application/json")
    assert "x-ndjson" not in str(error.value)


def test_what_python_writes_for_nan_is_missing_in_that_row_alone() -> None:
    body = json.dumps({"rows": [{"features": {"n": 1.5}}, {"features": {"n": float("nan"), "k": "a"}}]}).encode()
    table = decode(body, "application/json")
    assert table.rejected({"n": True, "k": False}) == {}
    column = table.column("feature", "n")
    assert column is not None
    assert np.nan_to_num(column.numbers().values, nan=-1).tolist() == [1.5, -1]
