"""A JSON request: ``{"rows": [...]}`` or ``{"columns": {...}}``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import orjson

from modelwatch.exporters.ingest.column_texts import columns_of
from modelwatch.exporters.ingest.columns import shown
from modelwatch.exporters.ingest.json_columns import columns_table
from modelwatch.exporters.ingest.json_rows import Rows, rows_table
from modelwatch.exporters.ingest.looks import looks_like, not_utf8, occurrences
from modelwatch.exporters.ingest.row_texts import RowTexts
from modelwatch.exporters.ingest.table import MalformedError, Rejection, Table

_HELP = (
    'send {"rows": [{"features": {...}, "prediction": ...}]} or {"columns": {"features": {...}, "prediction": [...]}}'
)
_LINES = "JSON Lines, a row in each line, are sent with Content-Type: application/x-ndjson"
# What orjson says of more than one value.
AFTER = "unexpected content after document"
UNBROKEN = "curl -d takes the line breaks out of a file: use --data-binary @FILE"
# Beyond, the texts of rows that are a character each would take more memory than what is in them.
_MOST_TEXTS = 2_000_000


def decode_json(body: bytes) -> Table:
    """Raises MalformedError and TooManyRowsError."""
    columns = columns_of(body)
    if columns is not None:
        return columns
    texts = _row_texts(body)
    return read_whole(body) if texts is None else _Rows(body, texts)


def read_whole(body: bytes) -> Table:
    document = parsed(body, _LINES if _of_lines(body) else _HELP)
    if not isinstance(document, dict):
        raise MalformedError(f"the body must be an object, found {shown(document)}; {_HELP}")
    if ("rows" in document) == ("columns" in document):
        if "features" in document:
            raise MalformedError(f"the body is a row by itself; {_LINES}, or {_HELP}")
        both = "both 'rows' and 'columns'" if "rows" in document else "neither 'rows' nor 'columns'"
        raise MalformedError(f"the body has {both}; {_HELP}")
    return rows_table(document["rows"]) if "rows" in document else columns_table(document["columns"])


def _of_lines(body: bytes) -> bool:
    """Whether each line looks like an object of its own."""
    first, _, rest = body.strip().partition(b"\n")
    if not rest.lstrip().startswith(b"{"):
        return False
    try:
        return isinstance(orjson.loads(first), dict)
    except orjson.JSONDecodeError:
        return False


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    rows: list[msgspec.Raw]


_split = msgspec.json.Decoder(_Envelope).decode


def _row_texts(body: bytes) -> list[msgspec.Raw] | None:
    """The text of each row of a body that is an object of ``rows`` alone, as most are; they need not be JSON."""
    # Each text takes some 70 bytes of memory, whatever is in it.
    if occurrences(body, ",") > _MOST_TEXTS:
        return None
    try:
        return _split(body).rows
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None


class _Rows(RowTexts):
    """Rows of a JSON body. Where one of them is no JSON, none of the body is."""

    def __init__(self, body: bytes, texts: list[msgspec.Raw]) -> None:
        super().__init__(texts, _parsed)
        self._body = body

    def rejected(self, names: Mapping[str, bool]) -> dict[int, Rejection]:
        """Raises MalformedError."""
        try:
            return super().rejected(names)
        except orjson.JSONDecodeError:
            # Python's json may read it; else the message has to name the place in the body.
            rows = Rows(parsed(self._body, _HELP)["rows"])
        self._clear(names)
        found: dict[int, Rejection] = {}
        self._add_rows(rows, 0, names, found)
        return found


def _parsed(texts: Sequence[msgspec.Raw]) -> tuple[list[object], Mapping[int, Rejection]]:
    return [orjson.loads(memoryview(text)) for text in texts], {}


def parsed(body: bytes, help: str) -> Any:
    """The JSON value of ``body``. Raises MalformedError, whose message ends with ``help``.

    ``NaN`` and ``Infinity`` are no JSON, but Python's json writes them: they are read, and count as missing, as does a
    number that is too large for a float.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        first = error
    if "infinity" in first.msg or b"NaN" in body or b"Infinity" in body:
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            pass  # The first reader's message names the place.
    if kind := looks_like(body):
        raise MalformedError(f"the body is no JSON, it looks like {kind}")
    if "UTF-8" in first.msg and (wrong := not_utf8(body)):
        raise MalformedError(f"the body is no JSON: {wrong}; {help}")
    raise MalformedError(f"the body is no JSON: {first.msg} at line {first.lineno} column {first.colno}; {help}")
