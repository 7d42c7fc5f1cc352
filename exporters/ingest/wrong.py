"""Names every wrong value of the rows that are told; the others are only counted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from modelwatch.exporters.ingest.columns import Column, Mask
from modelwatch.exporters.ingest.table import TOLD_ROWS, Rejection, untold


class Mismatch(NamedTuple):
    """Values of the feature ``name`` that are not what its type says. ``column`` is as it came."""

    name: str
    numeric: bool
    column: Column
    wrong: Mask


def add_mismatches(errors: dict[int, Rejection], mismatches: Iterable[Mismatch]) -> None:
    """Add to ``errors`` the rows that hold a wrong value."""
    found = list(mismatches)
    if not found:
        return
    rows = np.flatnonzero(np.logical_or.reduce([mismatch.wrong for mismatch in found])).tolist()
    # The answer names the rows with the lowest numbers.
    told = set(sorted({*errors, *rows})[:TOLD_ROWS])
    for mismatch in found:
        must = "a number" if mismatch.numeric else "a text, a number or a boolean"
        for index in told:
            if mismatch.wrong[index]:
                sentence = f"{mismatch.name!r} must be {must}, found {mismatch.column.shown(index)}"
                before = errors.get(index)
                errors[index] = Rejection(
                    before.reason if before else "wrong_type", f"{before.sentence}; {sentence}" if before else sentence
                )
    for index in rows:
        errors.setdefault(index, untold("wrong_type"))
