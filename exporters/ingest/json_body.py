"""A JSON request: ``{"rows": [...]}`` or ``{"columns": {...}}``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import orjson

from modelwatch.exporters.ingest.around import check_around
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
# Whole numbers with more are beyond any float, with and without a sign.
_MOST_DIGITS = 400


def decode_json(body: bytes) -> Table:
    """Raises MalformedError and TooManyRowsError."""
    # The first is the quickest to see that it is not for it.
    for read in (_rows, columns_of, _rows_among_others):
        table = read(body)
        if table is not None:
            return table
    return read_whole(body)


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


_NONE = msgspec.Raw(b"null")


class _Larger(msgspec.Struct):
    """An envelope with more in it."""

    rows: msgspec.Raw
    columns: msgspec.Raw = _NONE


_UNUSUAL = (msgspec.MsgspecError, orjson.JSONDecodeError, RecursionError, UnicodeDecodeError)
_split = msgspec.json.Decoder(_Envelope).decode
_found = msgspec.json.Decoder(_Larger).decode
_listed = msgspec.json.Decoder(list[msgspec.Raw]).decode


def _rows(body: bytes) -> Table | None:
    """A body that is an object of ``rows`` alone, as most are; they need not be JSON."""
    try:
        return _Rows(body, _split(body).rows) if _is_sparse(body) else None
    except _UNUSUAL:
        return None


def _rows_among_others(body: bytes) -> Table | None:
    try:
        found = _found(body) if _is_sparse(body) else None
        if found is None or found.columns is not _NONE:
            return None
        check_around(body, [found.rows])
        return _Rows(body, _listed(found.rows))
    except _UNUSUAL:
        return None


def _is_sparse(body: bytes) -> bool:
    """Whether the text of each row can be had: it takes some 70 bytes of memory, whatever is in it."""
    return occurrences(body, ",") <= _MOST_TEXTS


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


def _by_python(body: bytes) -> Any:
    """Raises ValueError and RecursionError."""
    try:
        return json.loads(body)
    except json.JSONDecodeError:
        raise
    except ValueError:
        # A whole number of more digits than Python reads, which would take it quadratic time.
        return json.loads(body, parse_int=_whole)


def _whole(text: str) -> float:
    return int(text) if len(text) <= _MOST_DIGITS else float(text)


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
            return _by_python(body)
        except (ValueError, RecursionError):
            pass  # The first reader's message names the place.
    if not body.strip():
        raise MalformedError(f"the body is empty; {help}")
    if kind := looks_like(body):
        raise MalformedError(f"the body is no JSON, it looks like {kind}")
    if "UTF-8" in first.msg and (wrong := not_utf8(body)):
        raise MalformedError(f"the body is no JSON: {wrong}; {help}")
    raise MalformedError(f"the body is no JSON: {first.msg} at line {first.lineno} column {first.colno}; {help}")
