"""Whether the file that a reference comes from has changed since it was last loaded in vain."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from modelwatch.model import types as t


class Stamp(NamedTuple):
    """What changes where a file is written or replaced."""

    inode: int
    size: int
    modified: int


def stamp(model: t.Model) -> Stamp | None:
    """Of the file that the reference of ``model`` comes from; None where there is none."""
    baseline = model.baseline
    named = baseline and (baseline.profile or baseline.data)
    if not named:
        return None
    try:
        found: os.stat_result = Path(str(named)).stat()
    except OSError:
        return None
    return Stamp(found.st_ino, found.st_size, found.st_mtime_ns)
