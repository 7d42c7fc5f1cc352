"""JSON Lines: one row on a line, so a line that cannot be read costs that row alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import orjson
from numpy.typing import NDArray

from modelwatch.exporters.ingest.columns import Column, Values
from modelwatch.exporters.ingest.json_body import parsed
from modelwatch.exporters.ingest.json_rows import Rows
from modelwatch.exporters.ingest.table import TOLD_ROWS, MalformedError, Rejection, Table, add, checked_rows, untold
from modelwatch.exporters.subjects import Role

_HELP = 'a line is a row: {"features": {...}, "prediction": ...}'
# Lines parsed at once. Their objects are taken apart while they are in the processor's cache, and then forgotten:
# nearly twice as fast as all lines together, in a fraction of the memory.
_BLOCK = 128
_BESIDE = ("prediction", "confidence", "id")


class Lines:
    """A table over lines that are parsed once it is known which features are wanted."""

    def __init__(self, lines: list[bytes], places: Sequence[int] | None = None) -> None:
        """``places`` are where the rows stand in what was sent, where that is not one after the other.

        Raises TooManyRowsError.
        """
        self.rows = checked_rows(len(lines))
        self.places = places
        self._lines = lines
        self._features: dict[str, list[object]] = {}
        self._beside: dict[str, list[object]] = {}
        self._times: NDArray[np.float64] = np.full(self.rows, np.nan)

    def rejected(self, names: Collection[str]) -> dict[int, Rejection]:
        self._features = {name: [] for name in names}
        self._beside = {name: [] for name in _BESIDE}
        found: dict[int, Rejection] = {}
        for start in range(0, self.rows, _BLOCK):
            block = Rows(*parsed_lines(self._lines[start : start + _BLOCK]))
            for index, why in sorted(block.rejected(names).items()):
                found[start + index] = why if len(found) < TOLD_ROWS else untold(why.reason)
            for name, values in self._features.items():
                values.extend(block.values("feature", name))
            for name, values in self._beside.items():
                values.extend(block.values("beside", name))
            self._times[start : start + block.rows] = block.timestamps()
        return found

    def column(self, role: Role, name: str) -> Column | None:
        found = (self._features if role == "feature" else self._beside).get(name)
        return None if found is None else Values(found)

    def ids(self) -> Sequence[object] | None:
        return self._beside.get("id")

    def timestamps(self) -> NDArray[np.float64]:
        return self._times


def decode_ndjson(body: bytes) -> Table:
    """Raises TooManyRowsError. Empty lines are no rows, but count where a line is named."""
    checked_rows(body.count(b"\n", 0, len(body.rstrip())))
    lines = body.split(b"\n")
    numbers = [number for number, line in enumerate(lines) if line.strip()]
    if not numbers or len(numbers) == numbers[-1] + 1:
        return Lines(lines[: len(numbers)])
    return Lines([lines[number] for number in numbers], numbers)


def parsed_lines(lines: list[bytes]) -> tuple[list[object], dict[int, Rejection]]:
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
