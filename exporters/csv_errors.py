"""What Arrow says of a CSV file that it cannot read -> the column, the line and how to mend it.

Arrow counts columns from 0 and tells no line, so the file is looked through once more, up to the place.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

_VALUE = re.compile(r"In CSV column #(\d+): .*?conversion error to \w+: invalid value '(.*)'\Z", re.DOTALL)
_TEXT = re.compile(r"In CSV column #(\d+): .*invalid UTF8")
_CELLS = re.compile(r"Expected (\d+) columns, got (\d+)")
_LONGEST = 60


def csv_error(path: Path, reason: str) -> str | None:
    """Message and cure; None for what is not known here. ``reason`` is Arrow's, its first line."""
    if value := _VALUE.search(reason):
        at, wrong = int(value[1]), value[2]
        where = _line(path, lambda cells: len(cells) > at and cells[at].strip() == wrong.strip())
        return (
            f"the column {_column(path, at)} is to hold numbers, and {where} has {_short(wrong)}; write numbers such "
            "as 1234.5 there, leave it empty where there is none, or declare the feature categorical"
        )
    if text := _TEXT.search(reason):
        return f"the column {_column(path, int(text[1]))} is not UTF-8 text; save the file as UTF-8"
    if cells := _CELLS.search(reason):
        wanted = int(cells[1])
        where = _line(path, lambda found: bool(found) and len(found) != wanted)
        return (
            f"{where} has {cells[2]} cells, and the first line has {wanted}; write as many in every row, and put text "
            'that holds a comma or a line break in quotes: "a, b"'
        )
    return None


def _column(path: Path, at: int) -> str:
    try:
        with _open(path) as file:
            return repr(next(csv.reader(file))[at])
    except (OSError, EOFError, csv.Error, StopIteration, IndexError):
        return f"number {at + 1}"


def _line(path: Path, is_wrong: Callable[[Sequence[str]], bool]) -> str:
    """The first line after the names of which it is true, for people."""
    try:
        with _open(path) as file:
            rows = csv.reader(file)
            next(rows, None)
            for row in rows:
                if is_wrong(row):
                    return f"line {rows.line_num}"
    except (OSError, EOFError, csv.Error):
        pass
    return "a row"


def _open(path: Path) -> IO[str]:
    if path.name.lower().endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", errors="replace", newline="")
    return path.open(encoding="utf-8-sig", errors="replace", newline="")


def _short(value: str) -> str:
    return repr(value if len(value) <= _LONGEST else f"{value[: _LONGEST - 3]}...")
