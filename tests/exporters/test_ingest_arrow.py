"""Arrow IPC read with numpy alone is what Arrow's own library reads; where it is damaged, nobody is misled."""

from __future__ import annotations

import random
import struct
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelwatch.exporters.ingest import MalformedError, Table, TooManyRowsError, decode
from modelwatch.exporters.ingest.arrow import _by_library, decode_arrow
from modelwatch.exporters.ingest.arrow_messages import messages
from modelwatch.exporters.ingest.arrow_plain import plain_table
from modelwatch.exporters.ingest.arrow_texts import encoded

NAMES = {"a": True, "b": False, "c": False}
numbers = [pa.int8(), pa.uint8(), pa.int32(), pa.uint64(), pa.float16(), pa.float32(), pa.float64()]


def _column(kind: pa.DataType, rows: int, draw: random.Random) -> pa.Array:
    missing = draw.random() < 0.5

    def one() -> object:
        if missing and draw.random() < 0.3:
            return None
        if pa.types.is_boolean(kind):
            return draw.random() < 0.5
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return draw.choice(["", "a", "é", "x" * 8, "x" * 9, "y" * 16, "x" * draw.randint(0, 30), "\0", "a\0"])
        if pa.types.is_float16(kind):
            return np.float16(draw.choice([0.5, -2.0, float("inf"), float("nan")]))
        if pa.types.is_floating(kind):
            return draw.choice([0.1, -0.0, 1e30, float("inf"), float("nan"), draw.random()])
        return draw.randint(0, 100)

    array = pa.array([one() for _ in range(rows)], kind)
    if (pa.types.is_string(kind) or pa.types.is_large_string(kind)) and draw.random() < 0.6:
        array = array.dictionary_encode()
        if draw.random() < 0.5:
            array = array.cast(pa.dictionary(draw.choice([pa.int8(), pa.uint8(), pa.int64(), pa.uint32()]), kind))
    return array


def _stream(seed: int) -> bytes:
    draw = random.Random(seed)
    kinds = [*numbers, pa.bool_(), pa.string(), pa.large_string()]
    names = draw.sample(["a", "b", "c", "prediction", "confidence", "id", "timestamp", "z"], draw.randint(1, 8))
    rows = draw.choice([0, 1, 7, 8, 9, 64, 300])
    table = pa.table([_column(draw.choice(kinds), rows, draw) for _ in names], names)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for start in range(0, rows, draw.choice([1000, 50, 7])):
            # A slice has buffers that begin elsewhere, and may have a dictionary of its own.
            writer.write_table(table.slice(start, 50))
    return bytes(sink.getvalue())


def _told(table: Table) -> object:
    found: list[object] = [table.rows, table.rejected(NAMES), table.ids()]
    found.append(np.nan_to_num(table.timestamps(), nan=-1).tolist())
    for role, name in (("feature", "a"), ("feature", "b"), ("feature", "c"), ("prediction", "prediction")):
        column = table.column(role, name)  # type: ignore[arg-type]
        if column is None:
            found.append(None)
            continue
        read, texts = column.numbers(), column.texts()
        wrong = [mask if mask is None else mask.tolist() for mask in (read.mismatched, texts.mismatched)]
        found += [repr(read.values.tolist()), wrong]
        found.append([texts.distinct[code] if code >= 0 and texts.distinct[code] else None for code in texts.codes])
        found.append([column.shown(index) for index in range(min(table.rows, 5))])
    return repr(found)


def _or_error(read: object) -> object:
    try:
        return _told(read())  # type: ignore[operator]
    except (MalformedError, TooManyRowsError) as error:
        return type(error)


@pytest.mark.parametrize("seed", range(300))
def test_usual_columns_are_read_as_the_library_reads_them(seed: int) -> None:
    body = _stream(seed)
    plain = plain_table(messages(memoryview(body)), 10_000)
    assert plain is not None
    assert _told(plain) == _told(_by_library(memoryview(body)))


@given(st.integers(0, 300), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6))
@settings(max_examples=400, deadline=None)
def test_where_both_read_a_damaged_stream_they_read_the_same(seed: int, changes: list[tuple[float, int]]) -> None:
    body = bytearray(_stream(seed))
    for place, value in changes:
        body[int(place * (len(body) - 1))] = value
    view = memoryview(bytes(body))
    try:
        plain = plain_table(messages(view), 10_000)
    except (MalformedError, TooManyRowsError):
        return
    if plain is None:
        return
    found, other = _or_error(lambda: plain), _or_error(lambda: _by_library(view))
    # The library looks at all of a message, also at what nobody asks for.
    assert MalformedError in (found, other) or found == other


# --- streams that are damaged where it hurts ---


def _written(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


SOUND = _written(
    pa.table({"a": [1.5, 2.5, 3.5], "b": ["xx", "yy", "zz"], "c": pa.array(["p", "q", "p"]).dictionary_encode()})
)
SCHEMA_ENDS = 8 + int.from_bytes(SOUND[4:8], "little")
# Where its record batch says that each of its buffers lies: the offset of each, followed by its size.
PLACES = struct.pack("<14q", 0, 0, 0, 24, 24, 0, 24, 16, 40, 6, 48, 0, 48, 12)
ENDS = struct.pack("<4i", 0, 2, 4, 6)
CODES = struct.pack("<4i", 0, 1, 0, 0)


def _replaced(old: bytes, new: bytes) -> bytes:
    assert SOUND.count(old) == 1
    return SOUND.replace(old, new)


@pytest.mark.parametrize("number", range(14))
@pytest.mark.parametrize("value", [2**63 - 1, 2**63 - 8, 2**62, 2**32, 4096, -8, -1, -(2**63)])
def test_a_buffer_that_lies_elsewhere_is_damage_and_nothing_is_loaded_for_it(number: int, value: int) -> None:
    places = list(struct.unpack("<14q", PLACES))
    places[number] = value
    view = memoryview(_replaced(PLACES, struct.pack("<14q", *places)))
    with pytest.raises(MalformedError, match="a column lies outside of its record batch"):
        plain_table(messages(view), 10)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (_replaced(ENDS, struct.pack("<4i", 0, 4, 2, 6)), "its texts do not lie one after another"),
        (_replaced(ENDS, struct.pack("<4i", 0, 2, 4, 600)), "its texts do not lie one after another"),
        (_replaced(ENDS, struct.pack("<4i", -8, 2, 4, 6)), "its texts do not lie one after another"),
        (_replaced(CODES, struct.pack("<4i", 0, 7, 0, 0)), "codes that are not in its dictionary"),
        (_replaced(CODES, struct.pack("<4i", 0, -1, 0, 0)), "codes that are not in its dictionary"),
        (_replaced(b"xxyyzz", b"xx\xffyzz"), "codec can't decode"),
        (SOUND[:-40], "longer than the body"),
        (b"\x02\0\0\0" + SOUND[4:], "ends early or is damaged"),
    ],
)
def test_damage_is_told_by_what_is_wrong(body: bytes, said: str) -> None:
    with pytest.raises(MalformedError, match=said):
        table = plain_table(messages(memoryview(body)), 10)
        assert table is not None
        for name in "abc":
            table.column("feature", name)


def test_what_is_damaged_behind_its_schema_does_not_load_the_library() -> None:
    script = (
        "import random, sys\nfrom modelwatch.exporters.ingest import MalformedError, TooManyRowsError, decode\n"
        f"sound, dice, refused = {SOUND!r}, random.Random(1), 0\n"
        "for _ in range(3000):\n"
        "    body = bytearray(sound)\n"
        f"    at = dice.randrange({SCHEMA_ENDS}, len(body) - 8)\n"
        "    body[at : at + 8] = dice.choice([0, 1, 255, 2**31, 2**62, 2**63 - 1, 2**64 - 1]).to_bytes(8, 'little')\n"
        "    try:\n"
        "        table = decode(bytes(body), 'application/vnd.apache.arrow.stream')\n"
        "        [table.column('feature', name) for name in 'abc']\n"
        "    except (MalformedError, TooManyRowsError):\n"
        "        refused += 1\n"
        "print(refused, 'pyarrow' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    refused, loaded = ran.stdout.split()
    assert int(refused) > 1000
    assert loaded == "False"


@pytest.mark.parametrize("longest", [3, 8, 15, 16, 40])
@pytest.mark.parametrize("kinds", [1, 5, 3000])
def test_codes_and_distinct_texts_give_the_texts_back(longest: int, kinds: int) -> None:
    rng = np.random.default_rng(longest)
    words = ["".join(rng.choice(list("abé\0"), rng.integers(0, longest // 2 + 1))) for _ in range(kinds)]
    values = [words[i] for i in rng.integers(0, kinds, 5000)]
    array = pa.array(values)
    _, offsets, data = array.buffers()
    codes, distinct = encoded(np.frombuffer(offsets, dtype=np.int32)[:5001], memoryview(data))
    assert [distinct[code] for code in codes] == values
    assert len(set(distinct)) == len(distinct) == len(set(values))


def test_usual_columns_do_not_load_the_library() -> None:
    table = pa.table({"a": [1.5, None], "b": pa.array(["x", None]).dictionary_encode(), "c": ["u", "v"]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    script = (
        "import sys\nfrom modelwatch.exporters.ingest import decode\n"
        f"table = decode({bytes(sink.getvalue())!r}, 'application/vnd.apache.arrow.stream')\n"
        "table.rejected({'a': True})\ntable.column('feature', 'b').texts()\nprint(table.rows, 'pyarrow' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["2", "False"]


def test_what_is_not_read_here_is_left_to_the_library() -> None:
    table = pa.table({"a": pa.array([1, 2], pa.decimal128(5)), "b": pa.array(["x", "y"], pa.string_view())})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    body = bytes(sink.getvalue())
    assert plain_table(messages(memoryview(body)), 10) is None
    found = decode_arrow(memoryview(body)).column("feature", "a")
    assert found is not None
    assert found.numbers().values.tolist() == [1.0, 2.0]
    assert decode(body, "application/vnd.apache.arrow.stream").rows == 2
