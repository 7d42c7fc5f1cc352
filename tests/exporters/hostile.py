"""Malformed payloads: good bodies of every format, broken in every way that a sender, a proxy or a disk breaks them."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import specs

PREDICTIONS, EVENTS = f"/v1/models/{specs.NAME}/predictions", "/v1/cloudevents"
STREAM, FILE = "application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.file"
KINDS = [
    "application/json",
    "application/x-ndjson",
    STREAM,
    FILE,
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
    "text/plain",
    "application/json; charset=utf-16",
    "multipart/form-data; boundary=x",
    "image/png",
    "",
    ";;;",
    "\x80\xff",
    "application/json, application/x-ndjson",
]
SCALARS: list[object] = [
    None,
    True,
    0,
    -1,
    10**30,
    10**400,
    1e308,
    -1e308,
    5e-324,
    float("nan"),
    float("inf"),
    "",
    "x" * 5000,
    "\x00",
    "\ud800",
    "é\u2028\u202e",
    [],
    {},
    [[]],
    {"": {}},
    "1700000000",
    "2023-11-14T22:13:20Z",
    [None] * 300,
]


@dataclass(frozen=True)
class Sent:
    """One request. ``chunks`` are sent with chunked encoding where there is more than one."""

    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    chunked: bool = False


def _rows(dice: random.Random, count: int) -> list[dict[str, object]]:
    return [
        {"id": str(number), "timestamp": 1_700_000_000 + number, **row}
        for number, row in enumerate(specs.rows(dice.randrange(1000), count))
    ]


def _columns(rows: list[dict[str, object]]) -> dict[str, object]:
    features = {name: [row["features"][name] for row in rows] for name in ("hour", "distance", "carrier")}  # type: ignore[index]
    return {
        "features": features,
        **{name: [row[name] for row in rows] for name in ("id", "timestamp", "prediction", "confidence")},
    }


def _arrow(dice: random.Random, rows: list[dict[str, object]], file: bool) -> bytes:
    columns = _columns(rows)
    features = columns.pop("features")
    table = pa.table({**features, **columns})  # type: ignore[dict-item]
    if dice.random() < 0.6:
        table = table.set_column(2, "carrier", table["carrier"].dictionary_encode())
    if dice.random() < 0.3:
        options = pa.ipc.IpcWriteOptions(compression=dice.choice(["lz4", "zstd"]))
    else:
        options = pa.ipc.IpcWriteOptions()
    sink = pa.BufferOutputStream()
    with (pa.ipc.new_file if file else pa.ipc.new_stream)(sink, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=dice.choice([1, 3, 1000]))
    return bytes(sink.getvalue())


def _event(dice: random.Random, rows: list[dict[str, object]]) -> tuple[object, str]:
    request = dice.random() < 0.5
    instances = [list(row["features"].values()) for row in rows]  # type: ignore[attr-defined]
    answers = [row["prediction"] for row in rows]
    if dice.random() < 0.5:
        data: object = {"instances": instances} if request else {"predictions": answers}
    else:
        flat = [value for instance in instances for value in instance] if request else answers
        tensor = {"name": "x", "shape": [len(rows), 3] if request else [len(rows)], "datatype": "BYTES", "data": flat}
        data = {"inputs" if request else "outputs": [tensor]}
    return data, f"org.kubeflow.serving.inference.{'request' if request else 'response'}"


def good(dice: random.Random) -> tuple[Sent, object]:
    """A request that is right, and its JSON where it is JSON."""
    rows = _rows(dice, dice.choice([1, 2, 7]))
    match dice.randrange(7):
        case 0:
            document: object = {"rows": rows}
        case 1:
            document = {"columns": _columns(rows)}
        case 2:
            body = "\n".join(map(json.dumps, rows)).encode()
            return Sent(PREDICTIONS, body, {"Content-Type": "application/x-ndjson"}), None
        case 3:
            return Sent(PREDICTIONS, _arrow(dice, rows, False), {"Content-Type": STREAM}), None
        case 4:
            return Sent(PREDICTIONS, _arrow(dice, rows, True), {"Content-Type": FILE}), None
        case 5:
            document, kind = _event(dice, rows)
            head = {"ce-specversion": "1.0", "ce-id": str(dice.randrange(50)), "ce-type": kind}
            head |= {"ce-inferenceservicename": specs.NAME, "Content-Type": "application/json"}
            return Sent(EVENTS, json.dumps(document).encode(), head), document
        case _:
            data, kind = _event(dice, rows)
            document = {"id": str(dice.randrange(50)), "type": kind, "inferenceservicename": specs.NAME, "data": data}
            kind = "application/cloudevents+json"
            if dice.random() < 0.5:
                document, kind = (
                    [copy.deepcopy(document) for _ in range(dice.randrange(4))],
                    "application/cloudevents-batch+json",
                )
            return Sent(EVENTS, json.dumps(document).encode(), {"Content-Type": kind}), document
    return Sent(PREDICTIONS, json.dumps(document).encode(), {"Content-Type": "application/json"}), document


# --- ways to break a body ---

Break = Callable[[random.Random, bytes], bytes]


def _cut(dice: random.Random, body: bytes) -> bytes:
    return body[: dice.randrange(len(body) + 1)]


def _flip(dice: random.Random, body: bytes) -> bytes:
    found = bytearray(body)
    for _ in range(dice.choice([1, 1, 2, 8, 64])):
        if found:
            found[dice.randrange(len(found))] ^= 1 << dice.randrange(8)
    return bytes(found)


def _overwrite(dice: random.Random, body: bytes) -> bytes:
    """Aligned words of numbers that lengths and offsets must not have."""
    found = bytearray(body)
    for _ in range(dice.choice([1, 1, 3])):
        size = dice.choice([1, 2, 4, 8])
        at = dice.randrange(max(len(found) - 8, 1)) // size * size
        value = dice.choice([0, 1, 255, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 2**64 - 1, len(body)])
        found[at : at + size] = (value % 2 ** (8 * size)).to_bytes(size, "little")
    return bytes(found)


def _splice(dice: random.Random, body: bytes) -> bytes:
    start, end = sorted(dice.randrange(len(body) + 1) for _ in range(2))
    part = body[start:end] * dice.choice([0, 2, 3])
    return body[:start] + part + body[end:]


def _insert(dice: random.Random, body: bytes) -> bytes:
    at = dice.randrange(len(body) + 1)
    junk = dice.choice(
        [
            b"\x00",
            b"\xff\xfe",
            b"\xed\xa0\x80",
            b"\n",
            b"{",
            b"[" * 2000,
            b'"',
            b"NaN",
            b"-",
            b"1e999",
            b"\\u",
            b"\xc0\xaf",
        ]
    )
    return body[:at] + junk + body[at:]


BREAKS: list[Break] = [_cut, _flip, _flip, _overwrite, _overwrite, _splice, _insert]


def _scalar(dice: random.Random) -> object:
    return copy.copy(dice.choice(SCALARS))


def _swapped(dice: random.Random, document: object) -> object:
    """The JSON with one value, name or nesting replaced."""
    places = list(_places(document))
    holder, key = dice.choice(places) if places else (None, None)
    if holder is None:
        return _scalar(dice)
    match dice.randrange(5):
        case 0 if isinstance(holder, dict):
            holder[str(dice.choice(["", "features", "rows", "x" * 300, "\ud800"]))] = holder.pop(key)
        case 1:
            del holder[key]
        case 2 if isinstance(holder, list):
            holder.extend([_scalar(dice)] * dice.choice([1, 50]))
        case 3:
            deep: object = holder[key]
            for _ in range(dice.choice([1, 5, 150])):
                deep = [deep]
            holder[key] = deep
        case _:
            holder[key] = _scalar(dice)
    return document


def _places(document: object, depth: int = 0) -> Iterator[tuple[object, object]]:
    if isinstance(document, dict | list) and depth < 20:
        for key, value in list(document.items() if isinstance(document, dict) else enumerate(document)):
            yield document, key
            yield from _places(value, depth + 1)


def broken(dice: random.Random) -> Sent:
    """A request that is wrong in one or two ways; some are harmless, and stay right."""
    sent, document = good(dice)
    body, headers = sent.body, dict(sent.headers)
    if document is not None and dice.random() < 0.6:
        document = json.loads(json.dumps(document))
        for _ in range(dice.choice([1, 1, 2, 5])):
            document = _swapped(dice, document)
        # Half of a surrogate pair has no UTF-8: such bytes are sent as they are.
        body = json.dumps(document, ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass")
    else:
        body = dice.choice(BREAKS)(dice, body)
    if dice.random() < 0.1:
        headers["Content-Type"] = dice.choice(KINDS)
    if dice.random() < 0.05:
        headers[dice.choice(["ce-type", "ce-id", "ce-time", "Content-Encoding", "ce-source"])] = dice.choice(
            ["", "%ff%zz", "\xff", "x" * 3000, "gzip"]
        )
    return Sent(sent.path, body, headers, chunked=dice.random() < 0.15)
