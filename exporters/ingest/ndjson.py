"""JSON Lines: one row on a line, so a line that cannot be read costs that row alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import overload

import numpy as np
import orjson
from numpy.typing import NDArray

from modelwatch.exporters.ingest.json_body import AFTER, UNBROKEN, parsed
from modelwatch.exporters.ingest.looks import BOM, looks_like, occurrences, places
from modelwatch.exporters.ingest.row_texts import RowTexts
from modelwatch.exporters.ingest.table import MOST_ROWS, MalformedError, Rejection, Table, add, checked_rows

_SPACES = np.frombuffer(b" \t\r\v\f", dtype=np.uint8)
# What makes a body of application/json.
_WHOLE: Mapping[str, type] = {"rows": list, "columns": dict}
_HELP = 'a line is a row: {"features": {...}, "prediction": ...}'


def decode_ndjson(body: bytes) -> Table:
    """Raises MalformedError and TooManyRowsError. Empty lines are no rows, but count where a line is named."""
    # A mark costs the first line alone.
    if not body.startswith(BOM) and (kind := looks_like(body)):
        raise MalformedError(f"the body is no JSON Lines, it looks like {kind}")
    lines, numbers = _lines(body)
    if len(lines) == 1:
        return RowTexts(lines, _parsed_line, numbers.tolist())
    without_gaps = not len(numbers) or len(numbers) == numbers[-1] + 1
    return RowTexts(lines, _parsed_lines, None if without_gaps else numbers.tolist())


class _Lines(Sequence[bytes]):
    """Lines of ``body``, cut out as they are asked for: all at once they are thousands of objects at the same time."""

    def __init__(self, body: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> None:
        self._body, self._starts, self._ends = body, starts, ends

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, which: int) -> bytes: ...
    @overload
    def __getitem__(self, which: slice) -> list[bytes]: ...
    def __getitem__(self, which: int | slice) -> bytes | list[bytes]:
        if isinstance(which, int):
            return self._body[self._starts[which] : self._ends[which]]
        body, ends = self._body, self._ends[which].tolist()
        return [body[start:end] for start, end in zip(self._starts[which].tolist(), ends, strict=True)]


def _lines(body: bytes) -> tuple[_Lines, NDArray[np.int64]]:
    """Those that hold something, and their numbers. Raises TooManyRowsError."""
    stop = len(body)
    if occurrences(body, "\n") > MOST_ROWS:
        # Empty ones at the end are not too many.
        last = len(body.rstrip())
        checked_rows(body.count(b"\n", 0, last))
        stop = body.index(b"\n", last)
    breaks = places(memoryview(body)[:stop], "\n")
    starts, ends = np.append(0, breaks + 1), np.append(breaks, stop)
    numbers = np.flatnonzero(starts < ends)
    # Only what begins with a space may hold nothing else.
    doubtful = numbers[np.isin(np.frombuffer(body, dtype=np.uint8)[starts[numbers]], _SPACES)]
    empty = [number for number in doubtful.tolist() if not body[starts[number] : ends[number]].strip()]
    if empty:
        numbers = np.setdiff1d(numbers, empty)
    return _Lines(body, starts[numbers], ends[numbers]), numbers


def _parsed_line(lines: Sequence[bytes]) -> tuple[list[object], dict[int, Rejection]]:
    """Of a body that is one line, as one becomes whose line breaks were taken out."""
    rows, bad = _parsed_lines(lines)
    hinted = {at: why._replace(sentence=f"{why.sentence}; {UNBROKEN}") for at, why in bad.items()}
    return rows, {at: hinted[at] if AFTER in why.sentence else why for at, why in bad.items()}


def _parsed_lines(lines: Sequence[bytes]) -> tuple[list[object], dict[int, Rejection]]:
    """Of a request, in which a line may be what another content type would have made rows."""
    rows, bad = parsed_lines(lines)
    for index, row in enumerate(rows):
        if isinstance(row, dict) and "features" not in row:
            whole = [name for name, kind in _WHOLE.items() if isinstance(row.get(name), kind)]
            if whole:
                add(bad, index, "not_a_row", f"the line is a whole body of {whole[0]!r}: send it as application/json")
    return rows, bad


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
