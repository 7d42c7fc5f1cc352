"""Names of the files in a model's folder: ``20261125T153019Z-000017.jsonl``, by start and a running number.

The file that is being written ends in ``.jsonl.open``, one that is being made in ``.new``: who reads ``*.jsonl`` and
``*.parquet`` never sees half a file. The number orders them, whatever the clock does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

OPEN = ".jsonl.open"
CLOSED = (".jsonl", ".parquet")
UNFINISHED = ".new"
_NAME = re.compile(r"(?P<stem>\d{8}T\d{6}Z-(?P<number>\d{6,}))(?P<kind>\.jsonl\.open|\.jsonl|\.parquet)\Z")


@dataclass(frozen=True, slots=True)
class KeptFile:
    path: Path
    number: int
    kind: str

    @property
    def stem(self) -> str:
        return self.path.name.removesuffix(self.kind)

    @property
    def open(self) -> bool:
        return self.kind == OPEN


def kept_files(folder: Path) -> list[KeptFile]:
    """All files of rows, oldest first. Raises OSError."""
    matches = [(path, _NAME.match(path.name)) for path in folder.iterdir()]
    found = [KeptFile(path, int(match["number"]), match["kind"]) for path, match in matches if match]
    return sorted(found, key=lambda file: (file.number, file.path.name))


def new_name(wall: float, number: int) -> str:
    """Of the file number ``number``, begun at ``wall`` seconds since the epoch."""
    return f"{datetime.fromtimestamp(wall, UTC):%Y%m%dT%H%M%SZ}-{number:06d}{OPEN}"
