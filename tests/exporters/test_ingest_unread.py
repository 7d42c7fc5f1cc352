"""Bodies that are of another format than they say, or damaged, are refused with what they are."""

from __future__ import annotations

import gzip

import numpy as np
import pyarrow as pa
import pytest
from formats import STREAM, arrow, as_json, count

from modelwatch.exporters.ingest import ARROW, NDJSON, decode
from modelwatch.exporters.ingest.table import MalformedError


def test_compressed_batches_are_refused_because_of_what_they_could_become() -> None:
    table = pa.table({"hour": np.zeros(100_000)})
    for codec in ("lz4", "zstd"):
        for file in (False, True):
            with pytest.raises(
                MalformedError, match=r"^the record batches are compressed: write them without compression$"
            ):
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


@pytest.mark.parametrize("file", [False, True])
def test_arrow_that_is_cut_off_says_so_and_nothing_of_its_content_type(file: bool) -> None:
    body = arrow(pa.table({"hour": np.zeros(1000)}), file=file)
    inside = body.index(np.zeros(1000).tobytes()) + 4000
    for length in (16, 100, inside - 4200, inside):
        with pytest.raises(MalformedError, match=r"^the body is an Arrow IPC stream that is cut off: "):
            decode(body[:length], STREAM)
    stream = arrow(pa.table({"hour": [1]}))
    with pytest.raises(MalformedError, match=r"^the body is an Arrow IPC stream that is cut off: .* only begun$"):
        decode(stream[:-2], STREAM)


@pytest.mark.parametrize("kind", [pa.float64(), pa.decimal128(5, 2)])
def test_a_column_that_comes_twice_is_refused_where_it_is_read(kind: pa.DataType) -> None:
    """Nobody can tell which of the two is meant; the second kind is for Arrow's own library."""
    seven, eight = pa.array([7], kind), pa.array([8], kind)
    for name in ("hour", "confidence"):
        twice = pa.table([seven, eight, seven], names=[name, name, "distance"])
        with pytest.raises(MalformedError, match=f'^the column "{name}" comes 2 times: send each name once$'):
            count(decode(arrow(twice), STREAM))
    counted = count(decode(arrow(pa.table([seven, seven, eight], names=["else", "else", "hour"])), STREAM))
    assert counted.accepted == 1, "what is not read may come as often as it likes"


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


@pytest.mark.parametrize("media", ["", "application/json; charset=latin-1"])
def test_a_text_that_is_no_utf_8_is_told_with_the_byte(media: str) -> None:
    with pytest.raises(MalformedError, match="it is no UTF-8: byte 0xe9 at byte 10; send it as UTF-8;"):
        count(decode('{"rows": "\u00e9"}'.encode("latin-1"), media))


@pytest.mark.parametrize(
    ("body", "name"),
    [(b'{"rows": [{"features": {"hour": 7}}]}', "rows"), (b'{"columns": {"prediction": []}}', "columns")],
)
def test_a_whole_body_that_came_as_json_lines_is_told_its_content_type(body: bytes, name: str) -> None:
    for sent in (body, body + b"\n" + body, body + b'\n{"features": {"hour": 7}}'):
        counted = count(decode(sent, NDJSON[0]))
        told = f"the line is a whole body of '{name}': send it as application/json"
        assert counted.errors[0] == ("not_a_row", told)
    (found,) = count(decode(b'{"rows": 7}', NDJSON[0])).errors.values()
    assert 'put the features into an object, {"features": {"rows": ...}}' in found.sentence


@pytest.mark.parametrize("names", [b'"hour": 7, "hour": 8', b'"hour": 7, "hour": 8, "else": 1'])
def test_of_a_name_that_comes_twice_in_json_the_last_is_taken(names: bytes) -> None:
    one = as_json(hour=[8])
    for body, media in (
        (b'{"rows": [{"features": {%s}}]}' % names, "application/json"),
        (b'{"features": {%s}}' % names, NDJSON[0]),
        (
            b'{"columns": {"features": {%s}}}'
            % names.replace(b"7", b"[7]").replace(b"8", b"[8]").replace(b"1", b"[1]"),
            "",
        ),
    ):
        assert (count(decode(body, media)).counts == one.counts).all()


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
