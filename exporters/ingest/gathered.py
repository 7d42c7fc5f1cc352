"""A column that comes some rows at a time, so that the objects of a block of rows go before those of the next come.

Python's allocator gives back nothing of a megabyte in which a single object lives on, and the objects of all values of
a large request are ten such megabytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.ingest.columns import Column, Index, Numbers, Texts, Values

# A part of a column: numbers with NaN for missing, or plain values.
Part = NDArray[np.float64] | Sequence[object]
_TEXTUAL = frozenset((str, type(None)))
_FLOATS = frozenset((float, type(None)))


class Gathered:
    """What ``Values`` of all parts would be, of ``rows`` values, which are missing until they come.

    ``number`` says what is wanted, a number or a category; None where values alone decide. Plain values of anything
    else are kept, to be told of.
    """

    def __init__(self, rows: int, number: bool | None) -> None:
        self._rows, self._number, self._exact = rows, number, number is None
        self._numbers: NDArray[np.float64] = np.full(rows if number else 0, math.nan)
        self._codes: NDArray[np.int32] = np.full(0 if number else rows, -1, dtype=np.int32)
        self._index: Index[object] = Index()
        self._plain: dict[int, Sequence[object]] = {}

    def put(self, start: int, values: Part) -> None:
        """The rows from ``start`` on; each row is to be put once."""
        if isinstance(values, np.ndarray):
            self._numbers[start : start + len(values)] = values
            return
        if self._exact:
            kinds = set(map(type, values))
            if kinds == {type(None)}:
                return
            if self._number is None:
                self._settle(kinds)
            usual = kinds <= (_FLOATS if self._number else _TEXTUAL)
        else:
            usual = True
        if not (usual and self._read(start, values)):
            self._plain[start] = values

    def column(self) -> Column:
        if self._plain:
            return Values(self._values())
        if self._number:
            return Numbers.of(self._numbers)
        codes, missing = self._codes, self._index.get(None)
        if missing is not None:
            codes = np.where(codes == missing, np.int32(-1), codes)
        return Texts(codes, tuple(text if isinstance(text, str) else "" for text in self._index))

    def _settle(self, kinds: set[type]) -> None:
        """Decide by the first values. Whole numbers stay as they are: a message has them without a fraction."""
        self._number = float in kinds
        if self._number:
            self._numbers = np.full(self._rows, math.nan)

    def _read(self, start: int, values: Sequence[object]) -> bool:
        """Note ``values``, where all of them are what is wanted."""
        end = start + len(values)
        if self._number:
            numbers = Values(values).numbers()
            if numbers.mismatched is None:
                self._numbers[start:end] = numbers.values
            return numbers.mismatched is None
        index, known = self._index, len(self._index)
        try:
            codes = np.fromiter(map(index.__getitem__, values), np.int32, len(values))
            # Only texts equal texts, so what is anything else is new.
            if _TEXTUAL.issuperset(map(type, islice(reversed(index), len(index) - known))):
                self._codes[start:end] = codes
                return True
        except TypeError:
            pass  # an array or an object
        while len(index) > known:
            index.popitem()
        return False

    def _values(self) -> list[object]:
        """All values one by one."""
        if self._number:
            found: list[object] = self._numbers.tolist()
        else:
            texts = [*self._index, None]
            found = [texts[code] for code in self._codes.tolist()]
        for start, values in self._plain.items():
            found[start : start + len(values)] = values
        return found
