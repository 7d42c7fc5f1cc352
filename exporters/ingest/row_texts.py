"""Rows as texts of their own, parsed some at a time once it is known which features are wanted.

Their values are taken apart while they are in the processor's cache, and the rest is forgotten: nearly twice as fast
as all rows together, in a fraction of the memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.ingest.columns import Column
from modelwatch.exporters.ingest.gathered import Gathered
from modelwatch.exporters.ingest.json_rows import Rows
from modelwatch.exporters.ingest.table import TOLD_ROWS, Rejection, checked_rows, untold
from modelwatch.exporters.ingest.times import timestamps
from modelwatch.exporters.ingest.typed_rows import Block, reader
from modelwatch.exporters.subjects import Role

_BLOCK = 128
_ANSWERS = ("prediction", "confidence")

Parse = Callable[[Sequence[Any]], tuple[list[object], Mapping[int, Rejection]]]


class RowTexts:
    """A table over ``texts``, one of a row each.

    ``parse`` gives the rows of some of them, None where one is no JSON, and why.
    """

    def __init__(self, texts: Sequence[Any], parse: Parse, places: Sequence[int] | None = None) -> None:
        """``places`` are where the rows stand in what was sent, where that is not one after the other.

        Raises TooManyRowsError.
        """
        self.rows = checked_rows(len(texts))
        self.places = places
        self._texts, self._parse = texts, parse
        self._times: NDArray[np.float64] = np.full(self.rows, np.nan)
        self._clear({})

    def _clear(self, names: Mapping[str, bool]) -> None:
        self._features = {name: Gathered(self.rows, number) for name, number in names.items()}
        self._answers = {name: Gathered(self.rows, None) for name in _ANSWERS}
        self._ids: list[object] = []

    def rejected(self, names: Mapping[str, bool]) -> dict[int, Rejection]:
        """Raises what ``parse`` does."""
        self._clear(names)
        found: dict[int, Rejection] = {}
        known = reader(frozenset(names.items()))
        for start in range(0, self.rows, _BLOCK):
            texts = self._texts[start : start + _BLOCK]
            block = known.read(texts) if known else None
            if block is None:
                self._add_rows(Rows(*self._parse(texts)), start, names, found)
            else:
                wrong: dict[int, Rejection] = {}
                self._add(block, start, timestamps(block.beside["timestamp"], wrong), wrong, found)
        return found

    def _add_rows(self, rows: Rows, start: int, names: Mapping[str, bool], found: dict[int, Rejection]) -> None:
        wrong = rows.rejected(names)
        features = {name: rows.values("feature", name) for name in names}
        beside = {name: rows.values("beside", name) for name in (*_ANSWERS, "id")}
        self._add(Block(features, beside), start, rows.timestamps(), wrong, found)

    def _add(
        self,
        block: Block,
        start: int,
        times: NDArray[np.float64],
        wrong: Mapping[int, Rejection],
        found: dict[int, Rejection],
    ) -> None:
        for index, why in sorted(wrong.items()):
            found[start + index] = why if len(found) < TOLD_ROWS else untold(why.reason)
        self._times[start : start + len(times)] = times
        for name, feature in self._features.items():
            feature.put(start, block.features[name])
        for name, answer in self._answers.items():
            answer.put(start, block.beside[name])
        self._ids.extend(block.beside["id"])

    def column(self, role: Role, name: str) -> Column | None:
        found = (self._features if role == "feature" else self._answers).get(name)
        return None if found is None else found.column()

    def ids(self) -> Sequence[object] | None:
        return self._ids

    def timestamps(self) -> NDArray[np.float64]:
        return self._times
