"""Formats that rows arrive in: one file each, found by the content type of the request."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from modelwatch.exporters.ingest.json_body import decode_json
from modelwatch.exporters.ingest.table import MalformedError, Table, TooManyRowsError

FORMATS: Mapping[str, Callable[[bytes], Table]] = {"application/json": decode_json}

__all__ = ["FORMATS", "MalformedError", "Table", "TooManyRowsError", "decode"]


def decode(body: bytes, content_type: str = "") -> Table:
    """The rows of a request. Raises MalformedError and TooManyRowsError.

    A content type that is no format of ours, such as curl's own, reads as JSON.
    """
    media = content_type.partition(";")[0].strip().lower()
    return FORMATS.get(media, decode_json)(body)
