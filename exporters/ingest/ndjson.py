"""JSON Lines: one row on a line, so a line that cannot be read costs that row alone."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from modelwatch.exporters.ingest.json_body import AFTER, UNBROKEN, parsed
from modelwatch.exporters.ingest.looks import BOM, looks_like
from modelwatch.exporters.ingest.row_texts import RowTexts
from modelwatch.exporters.ingest.table import MOST_ROWS, MalformedError, Rejection, Table, add, checked_rows

_HELP = 'a line is a row: {"features": {...}, "prediction": ...}'


def decode_ndjson(body: bytes) -> Table:
    """Raises MalformedError and TooManyRowsError. Empty lines are no rows, but count where a line is named."""
    # A mark costs the first line alone.
    if not body.startswith(BOM) and (kind := looks_like(body)):
        raise MalformedError(f"the body is no JSON Lines, it looks like {kind}")
    lines = body.split(b"\n", MOST_ROWS + 1)
    if len(lines) > MOST_ROWS + 1:
        # Counting takes as long as splitting, so that it is done for those alone that may be too many.
        checked_rows(body.count(b"\n", 0, len(body.rstrip())))
        lines = body.split(b"\n")
    numbers = [number for number, line in enumerate(lines) if line.strip()]
    if len(numbers) == 1:
        return RowTexts([lines[numbers[0]]], _parsed_line, numbers)
    if not numbers or len(numbers) == numbers[-1] + 1:
        return RowTexts(lines[: len(numbers)], parsed_lines)
    return RowTexts([lines[number] for number in numbers], parsed_lines, numbers)


def _parsed_line(lines: Sequence[bytes]) -> tuple[list[object], dict[int, Rejection]]:
    """Of a body that is one line, as one becomes whose line breaks were taken out."""
    rows, bad = parsed_lines(lines)
    hinted = {at: why._replace(sentence=f"{why.sentence}; {UNBROKEN}") for at, why in bad.items()}
    return rows, {at: hinted[at] if AFTER in why.sentence else why for at, why in bad.items()}


def parsed_lines(lines: Sequence[bytes]) -> tuple[list[object], dict[int, Rejection]]:
    """The rows of ``lines``, None where a line is no JSON; and why."""
    bad: dict[int, Rejection] = {}
    try:
        return list(map(orjson.loads, lines)), bad
    except orjson.JSONDecodeError:
        rows: list[object] = []
        for index, line in enumerate(lines):
            try:
                rows.append(parsed(line, _HELP))
            except MalformedError as error:
                sentence = (
                    str(error).replace("the body is", "the line is", 1).replace(" at line 1 column", " at column", 1)
                )
                add(bad, index, "not_json", sentence)
                rows.append(None)
        return rows, bad
