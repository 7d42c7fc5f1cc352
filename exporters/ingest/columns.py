"""What a column of a table can be. Each kind can be read as numbers and as categories, wherever it came from."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.bins import category_text

Mask = NDArray[np.bool_]
Reals = NDArray[np.float64] | NDArray[np.float32]
_NUMERIC_OR_NONE = frozenset((float, int, type(None)))
_TEXTUAL = frozenset((str, type(None)))


class Column(Protocol):
    def numbers(self) -> Numbers:
        """As the values of a numeric feature."""

    def texts(self) -> Texts:
        """As the values of a categorical feature."""

    def shown(self, index: int) -> str:
        """The value of one row for an error message, plain ASCII."""


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """``values``, shape (n,), finite or NaN; NaN is missing, or no number where ``mismatched`` says so.

    They are as wide as they came, and twice as wide would take twice the memory: whoever compares them with a number
    gives it as numpy's float64, since a plain one is rounded to their width.

    ``kind`` names for people what the mismatched ones are. ``span`` bounds the values where all are there.
    """

    values: Reals
    mismatched: Mask | None = None
    kind: str = "a value of another type"
    span: tuple[float, float] | None = None

    @classmethod
    def of(cls, values: Reals) -> Numbers:
        """``values``, with what is infinite missing; not copied where nothing is."""
        if not len(values):
            return cls(values)
        # A single NaN makes both of them NaN.
        low, high = float(values.min()), float(values.max())
        if math.isfinite(low) and math.isfinite(high):
            return cls(values, span=(low, high))
        infinite = np.isinf(values)
        return cls(np.where(infinite, math.nan, values) if infinite.any() else values)

    @property
    def wide(self) -> NDArray[np.float64]:
        """``values`` as float64; not copied where they are."""
        return self.values.astype(np.float64, copy=False)

    def kept(self, keep: Mask) -> Numbers:
        """Some of the values."""
        return Numbers(self.values[keep], span=self.span)

    def numbers(self) -> Numbers:
        return self

    def texts(self) -> Texts:
        distinct, codes = np.unique(self.values, return_inverse=True)
        names = tuple(category_text(value) or "" for value in distinct.tolist())
        found = codes.reshape(-1).astype(np.int64)
        return Texts(np.where(np.isnan(self.values), -1, found), names, self.mismatched, self.kind)

    def shown(self, index: int) -> str:
        if self.mismatched is not None and self.mismatched[index]:
            return self.kind
        return f"the number {float(self.values[index])!r}"


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """``codes`` are integers, shape (n,): places in ``distinct``, or -1 for missing. The empty text is missing too.

    ``distinct`` need not all occur, and may name the same text twice.
    """

    codes: NDArray[np.integer]
    distinct: tuple[str, ...]
    mismatched: Mask | None = None
    kind: str = "a value of another type"

    def numbers(self) -> Numbers:
        wrong = self.codes >= 0
        if self.mismatched is not None:
            wrong = wrong | self.mismatched
        return Numbers(np.full(len(self.codes), math.nan), wrong if wrong.any() else None)

    def texts(self) -> Texts:
        return self

    def shown(self, index: int) -> str:
        if self.mismatched is not None and self.mismatched[index]:
            return self.kind
        code = int(self.codes[index])
        return "null" if code < 0 else f"the text {json.dumps(self.distinct[code][:40])}"


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """Plain JSON values."""

    values: Sequence[object]

    def numbers(self) -> Numbers:
        """Null, NaN, infinity and what is too large for a float are missing; a boolean is no number."""
        kinds = set(map(type, self.values))
        if kinds <= _NUMERIC_OR_NONE:
            try:
                found = np.array(self.values, dtype=np.float64)
            except OverflowError:
                pass  # A whole number of hundreds of digits: each is looked at below.
            else:
                return Numbers.of(found)
        wrong = np.fromiter((not _is_number(value) for value in self.values), np.bool_, len(self.values))
        numbers = np.fromiter(map(_number, self.values), np.float64, len(self.values))
        return Numbers(numbers, wrong if wrong.any() else None)

    def texts(self) -> Texts:
        """Texts as they are, booleans as ``true`` and ``false``, whole numbers without a fraction."""
        index: Index[object] = Index()
        try:
            codes = np.fromiter(map(index.__getitem__, self.values), np.int64, len(self.values))
        except TypeError:
            return self._looked_at()
        # Only texts equal texts; but True equals 1 and 1.0, so what holds others is looked at one by one.
        if not _TEXTUAL.issuperset(map(type, index)):
            return self._looked_at()
        missing = index.get(None)
        if missing is not None:
            codes[codes == missing] = -1
        return Texts(codes, tuple(text if isinstance(text, str) else "" for text in index))

    def _looked_at(self) -> Texts:
        index: Index[str] = Index()
        wrong = np.zeros(len(self.values), dtype=np.bool_)
        codes = np.full(len(self.values), -1, dtype=np.int64)
        for row, value in enumerate(self.values):
            try:
                text = category_text(value)
            except (TypeError, ValueError):  # an array or an object; a number of too many digits
                wrong[row] = True
                continue
            if text is not None:
                codes[row] = index[text]
        return Texts(codes, tuple(index), wrong if wrong.any() else None)

    def shown(self, index: int) -> str:
        return shown(self.values[index])


_Key = TypeVar("_Key")


class Index(dict[_Key, int]):
    """Numbers its keys as they come."""

    def __missing__(self, key: _Key) -> int:
        number = self[key] = len(self)
        return number


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _number(value: object) -> float:
    if value is None or not _is_number(value):
        return math.nan
    try:
        number = float(value)  # type: ignore[arg-type]  # it is an int or a float by now
    except OverflowError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def shown(value: object) -> str:
    """A value for an error message: its kind and, where it is short, itself; plain ASCII whatever comes in."""
    match value:
        case str():
            return f"the text {json.dumps(value[:40])}"
        case bool():
            return f"the boolean {json.dumps(value)}"
        case int() | float():
            text = repr(value) if isinstance(value, float) or abs(value) < 1e18 else "of many digits"
            return f"the number {text}"
        case list():
            return "an array"
        case dict():
            return "an object"
    return "null"
