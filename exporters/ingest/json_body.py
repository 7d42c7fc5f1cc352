"""A JSON request: ``{"rows": [...]}`` or ``{"columns": {...}}``."""

from __future__ import annotations

import json
from typing import Any

import orjson

from modelwatch.exporters.ingest.columns import shown
from modelwatch.exporters.ingest.json_columns import columns_table
from modelwatch.exporters.ingest.json_rows import rows_table
from modelwatch.exporters.ingest.table import MalformedError, Table

_HELP = (
    'send {"rows": [{"features": {...}, "prediction": ...}]} or {"columns": {"features": {...}, "prediction": [...]}}'
)


def decode_json(body: bytes) -> Table:
    """Raises MalformedError and TooManyRowsError."""
    document = parsed(body, _HELP)
    if not isinstance(document, dict):
        raise MalformedError(f"the body must be an object, found {shown(document)}; {_HELP}")
    if ("rows" in document) == ("columns" in document):
        both = "both 'rows' and 'columns'" if "rows" in document else "neither 'rows' nor 'columns'"
        raise MalformedError(f"the body has {both}; {_HELP}")
    return rows_table(document["rows"]) if "rows" in document else columns_table(document["columns"])


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
    raise MalformedError(f"the body is no JSON: {first.msg} at line {first.lineno} column {first.colno}; {help}")
