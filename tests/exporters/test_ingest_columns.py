"""Columns of JSON that are read one after the other are those that the reader of whole bodies finds."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
import specs
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelwatch.exporters.counting import count
from modelwatch.exporters.ingest import MalformedError, Table, Texts, TooManyRowsError, decode
from modelwatch.exporters.ingest.column_texts import columns_of
from modelwatch.exporters.ingest.columns import Column
from modelwatch.exporters.ingest.json_body import decode_json, read_whole
from modelwatch.exporters.layout import Layout, layout
from modelwatch.exporters.profile import build_profile
from modelwatch.exporters.subjects import subjects

BESIDE = ("prediction", "confidence", "id", "timestamp", "model")
FEATURES = tuple(feature.name for feature in specs.FEATURES)

floats = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.5, -0.0, 1e15, 1e16])
whole = st.integers(0, 3) | st.integers(-(1 << 70), 1 << 70) | st.sampled_from([10**15 - 1, 10**15, 10**16])
words = st.sampled_from(["late", "on_time", "UA", "", "0", "2024-05-01T00:00:00Z", "\u2028"])
scalar = st.none() | st.booleans() | whole | floats | words
# A column is mostly of one kind.
kinds = st.sampled_from(
    [floats, floats | st.none(), whole, floats | whole, words, words | st.none(), scalar, st.none()]
)
# No column, or no JSON, or only Python's.
odd = st.sampled_from(
    ["null", "3", '"x"', "{}", "[[1]]", '[{"a": 1}]', "[01]", "[NaN]", "[1e999]", '["\\ud800"]', '["\x01"]', "[1,]"]
)


@st.composite
def texts(draw: st.DrawFn, rows: int) -> str:
    """A column as it is written."""
    if draw(st.integers(0, 20)) == 0:
        return draw(odd)
    size = rows if draw(st.integers(0, 20)) else draw(st.integers(0, 4))
    return json.dumps(draw(st.lists(draw(kinds), min_size=size, max_size=size)), ensure_ascii=draw(st.booleans()))


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Names may come twice, and spaces anywhere."""
    rows = draw(st.integers(0, 4))
    space = draw(st.sampled_from(["", " ", "\n\t"]))

    def written(pairs: list[tuple[str, str]]) -> str:
        inner = f"{space},".join(f"{space}{json.dumps(name)}{space}:{space}{text}" for name, text in pairs)
        return f"{{{inner}{space}}}"

    names = st.sampled_from([*FEATURES, "other", "\u00e9"])
    features = written(draw(st.lists(st.tuples(names, texts(rows)), max_size=5)))
    beside = draw(st.lists(st.tuples(st.sampled_from(BESIDE), texts(rows)), max_size=4))
    at = draw(st.integers(0, len(beside)))
    columns = written([*beside[:at], *([("features", features)] if draw(st.integers(0, 9)) else []), *beside[at:]])
    document = [("columns", columns)] + ([("rows", "[]")] if draw(st.integers(0, 20)) == 0 else [])
    return (space + written(document) + space).encode()


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    model = specs.model()
    reference = specs.write_reference(tmp_path_factory.mktemp("data") / "reference.csv", 5000)
    return layout(model, build_profile(model, reference))


def _told(planned: Layout, read: Callable[[bytes], Table], body: bytes) -> object:
    """All that becomes of a body."""
    try:
        table = read(body)
        counted = count(planned, table)
    except (MalformedError, TooManyRowsError) as problem:
        return type(problem), str(problem)
    return (
        (table.rows, counted.accepted, counted.errors, counted.newest),
        (counted.counts.tolist(), [repr(value) for value in counted.sums.tolist()]),
        (table.ids(), [repr(value) for value in table.timestamps().tolist()]),
    )


def _columns(planned: Layout, read: Callable[[bytes], Table], body: bytes) -> object:
    """What a body's columns are, whatever is wanted of them."""
    try:
        table = read(body)
    except (MalformedError, TooManyRowsError):
        return None
    with np.errstate(all="ignore"):
        return [_read(table.column(subject.role, subject.name)) for subject in subjects(planned.model)]


def _read(column: Column | None) -> object:
    if column is None:
        return None
    numbers, found = column.numbers(), column.texts()
    return (
        [repr(one) for one in numbers.wide.tolist()],
        _mask(numbers.mismatched),
        _words(found),
        _mask(found.mismatched),
    )


def _words(found: Texts) -> list[str]:
    """The empty text is missing too."""
    return ["" if code < 0 else found.distinct[code] for code in found.codes.tolist()]


def _mask(mask: np.ndarray | None) -> list[bool] | None:
    return None if mask is None else mask.tolist()


@given(bodies())
@example(b'{"columns": {"features": {"hour": [01], "hour": [1]}}}')
@example(b'{"columns": {"features": {"hour": ["\xff"], "hour": [1]}}}')
@example(b'{"columns": {"features": {"hour": [1], "\\ud800": [1]}}}')
@example(b'{"columns": {"features": {"hour": [1]}, "model": ["\x01"]}}')
@example(b'{"columns": {"features": {"hour": [1]}, "features": {"distance": [2, 3]}}}')
@example(b'{"columns": {"prediction": ["late", null], "confidence": [null, null]}}')
@example(b'{"columns": {"features": {}, "prediction": null}}')
@example(b'{"columns": {"features": {"carrier": [1000000000000000, 1e15]}, "confidence": [2, 2.0]}}')
@example(b'{"columns": {"features": {"hour": [%s]}}}' % (b"[" * 1021 + b"]" * 1021))
@example(b'{"columns": {"id": [%s], "prediction": [1]}}' % (b"[" * 1021 + b"]" * 1021))
@settings(max_examples=400)
def test_a_body_tells_the_same_however_it_is_read(planned: Layout, body: bytes) -> None:
    assert _told(planned, decode_json, body) == _told(planned, read_whole, body)
    assert _columns(planned, decode_json, body) == _columns(planned, read_whole, body)


rows = st.lists(
    st.fixed_dictionaries(
        {},
        optional={"features": st.dictionaries(st.sampled_from(FEATURES), scalar | st.just([1]), max_size=3)}
        | dict.fromkeys(BESIDE, scalar),
    ).map(json.dumps)
    | st.sampled_from(
        ["null", "3", "[]", '{"features": 3}', '{"features": {"hour": NaN}}', '{"features": {"hour": 01}}']
    ),
    max_size=4,
)
others = st.tuples(st.sampled_from(["model", "rows", "columns", "é"]), odd | scalar.map(json.dumps))


@given(rows, st.lists(others, max_size=2), st.lists(others, max_size=2))
@example([], [("columns", "null")], [])
@example(['{"features": {"hour": 1}}'], [("model", '"\x01"')], [])
@example(['{"features": {"hour": 1}}'], [], [("rows", "[{]")])
@settings(max_examples=200)
def test_rows_beside_other_things_count_the_same_however_they_are_read(
    planned: Layout, rows: list[str], before: list[tuple[str, str]], after: list[tuple[str, str]]
) -> None:
    pairs = [*before, ("rows", f"[{', '.join(rows)}]"), *after]
    body = ("{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in pairs) + "}").encode()
    assert _told(planned, decode_json, body) == _told(planned, read_whole, body)


def test_usual_columns_are_read_one_by_one_and_unusual_ones_are_not() -> None:
    usual = b'{"columns": {"features": {"a": [1, 2.5], "b": ["x", null], "c": [true, 1]}, "id": ["p", 2], "more": 1}}'
    assert columns_of(usual) is not None
    assert columns_of(usual[:-1] + b', "model": "m"}') is not None
    for unusual in (
        usual.replace(b"2.5", b"NaN"),
        usual.replace(b"2.5", b"[2]"),
        usual.replace(b"2.5", b"2, 3"),
        usual.replace(b"[1, 2.5]", b"null"),
        usual.replace(b'"more": 1', b'"more": 01'),
        usual.replace(b'"b"', b'"\xff"'),
        usual[:-1] + b', "rows": []}',
        usual[:-1] + b', "model": 01}',
        usual[:-1],
        b'{"columns": {}}',
        b'{"columns": {"features": {"a": [%s]}}}' % b",".join([b"0"] * 100_001),
        b'{"columns": {"features": {%s}}}' % b",".join(b'"%d":[]' % number for number in range(500_001)),
    ):
        assert columns_of(unusual) is None, unusual[:100]


# --- memory ---

ROWS, TEXT_COLUMNS = 4000, 20


def _text(row: int, column: int) -> str:
    return f"a text of some forty characters, number {(row * 7 + column) % 12}"


def _documents() -> dict[str, tuple[str, bytes]]:
    columns = {f"c{column}": [_text(row, column) for row in range(ROWS)] for column in range(TEXT_COLUMNS)}
    rows = [{"features": {name: values[row] for name, values in columns.items()}} for row in range(ROWS)]
    return {
        "rows": ("application/json", json.dumps({"rows": rows}).encode()),
        "columns": ("application/json", json.dumps({"columns": {"features": columns}}).encode()),
        "lines": ("application/x-ndjson", "\n".join(map(json.dumps, rows)).encode()),
    }


@pytest.mark.parametrize(("form", "most"), [("rows", 1.0), ("columns", 2.0), ("lines", 2.0)])
def test_equal_texts_are_never_all_in_memory_at_once(form: str, most: float) -> None:
    """All of them take two to three times the body's bytes, and a parser asks for 12 times those of what it parses."""
    kind, body = _documents()[form]
    names = {f"c{column}": False for column in range(TEXT_COLUMNS)}
    tracemalloc.start()
    try:
        table = decode(body, kind)
        assert not table.rejected(names)
        found = [table.column("feature", name) for name in names]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [len(column.texts().distinct) for column in found if column] == [12] * TEXT_COLUMNS
    assert peak < most * len(body)
