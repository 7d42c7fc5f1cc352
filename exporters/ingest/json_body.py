"""A JSON request: ``{"rows": [...]}`` or ``{"columns": {...}}``."""

from __future__ import annotations

import json
from typing import Any

import orjson

from modelwatch.exporters.ingest.json_columns import columns_table
from modelwatch.exporters.ingest.json_rows import rows_table
from modelwatch.exporters.ingest.table import MalformedError, Table, shown

_HELP = (
    'send {"rows": [{"features": {...}, "prediction": ...}]} or {"columns": {"features": {...}, "prediction": [...]}}'
)


def decode_json(body: bytes) -> Table:
    """Raises MalformedError and TooManyRowsError.

    ``NaN`` and ``Infinity`` are no JSON, but Python's json writes them: they are read, and count as missing.
    """
    document = _parsed(body)
    if not isinstance(document, dict):
        raise MalformedError(f"the body must be an object, found {shown(document)}; {_HELP}")
    if ("rows" in document) == ("columns" in document):
        both = "both 'rows' and 'columns'" if "rows" in document else "neither 'rows' nor 'columns'"
        raise MalformedError(f"the body has {both}; {_HELP}")
    return rows_table(document["rows"]) if "rows" in document else columns_table(document["columns"])


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        first = error
    if b"NaN" in body or b"Infinity" in body:
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            pass  # The first reader's message names the place.
    raise MalformedError(f"the body is no JSON: {first.msg} at line {first.lineno} column {first.colno}; {_HELP}")
