"""pyarrow's and the system's words for a data file that cannot be read -> what it means and how to mend it."""

from __future__ import annotations

import re
from pathlib import Path

# Part of pyarrow's reason -> our message and help. The first that fits is taken.
_KNOWN: tuple[tuple[str, str, str], ...] = (
    ("Empty CSV file", "is empty", "write a line with the columns' names, then one line a row"),
    ("invalid UTF8", "is not UTF-8 text", "save it as UTF-8"),
    (
        "straddling object",
        "has a row longer than 8 MB",
        "a quote that is never closed makes one row of many: look for it",
    ),
    (
        "Parquet magic bytes not found",
        "is no Parquet file, or only part of one",
        "write it again; data in other formats needs a name that ends in .csv or .csv.gz",
    ),
    ("Parquet file size is 0 bytes", "is empty", "write it again"),
    ("Parquet file size is", "is too short to be Parquet", "write it again"),
    ("incorrect header check", "is not compressed with gzip", "if it is plain text, give it a name that ends in .csv"),
    ("truncated compressed stream", "is cut short", "copy or write it again"),
    ("zlib inflate failed", "is damaged", "copy or write it again"),
)
_CELLS = re.compile(r"Expected (\d+) columns, got (\d+)(?:: (.*))?", re.DOTALL)
_ROW = re.compile(r"Row #(\d+)")
_LONGEST_ROW = 60


# First bytes of what is no CSV, whatever its name.
_OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (b"\xff\xfe", "is UTF-16 text", "save it as UTF-8"),
    (b"\xfe\xff", "is UTF-16 text", "save it as UTF-8"),
    (b"PK\3\4", "is an archive or a workbook and no CSV", "export the sheet as CSV"),
    (b"PAR1", "is Parquet by its content", "give it a name that ends in .parquet"),
    (b"\x1f\x8b", "is compressed with gzip", "give it a name that ends in .csv.gz"),
)


def no_csv(path: Path, start: bytes) -> tuple[str, str] | None:
    """Message and help for a file with the name of a CSV that starts like something else."""
    return next(((f"{path} {message}", help) for mark, message, help in _OTHERS if start.startswith(mark)), None)


def data_error(path: Path, error: Exception) -> tuple[str, str]:
    """Message and help."""
    if isinstance(error, FileNotFoundError):
        return f"there is no file {path}", "paths start from the folder that you are in"
    reason = str(error)
    if isinstance(error, OSError) and error.strerror:
        reason = error.strerror
    for part, message, help in _KNOWN:
        if part.casefold() in reason.casefold():
            return f"{path} {message}", help
    cells = _CELLS.search(reason)
    if cells:
        row = _ROW.search(reason)
        where = f"row {row[1]}" if row else "a row"
        shown = "".join(c if c.isprintable() else " " for c in (cells[3] or "").strip())
        shown = shown if len(shown) <= _LONGEST_ROW else shown[: _LONGEST_ROW - 3] + "..."
        return (
            f"{path} has {where} with another number of cells ({cells[2]}) than its first line ({cells[1]})"
            + (f": {shown}" if shown else ""),
            'write as many cells in every row, and put text that holds a comma or a line break in quotes: "a, b"',
        )
    first = (reason.splitlines() or ["it is damaged"])[0].lower()
    if isinstance(error, OSError):
        return f"{path} cannot be read: {first}", "check its path and permissions"
    kind = "Parquet" if path.name.lower().endswith((".parquet", ".pq")) else "CSV"
    return f"{path} cannot be read as {kind}: {first}", f"write it again as {kind}, or look whether it is damaged"
