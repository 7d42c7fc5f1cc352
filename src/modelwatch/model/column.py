"""What the columns of a table hold, gathered batch by batch in fixed memory."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["numeric", "text", "boolean", "time", "span", "nested", "binary", "empty"]

# Distinct values that are kept of a column; with more it is an id or free text, unless it is numeric.
MOST_DISTINCT = 1000
_SAMPLE = 100
_NUMERAL = r"^\s*[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?\s*$"


@dataclass
class Column:
    """``values`` counts distinct values as text while they are at most MOST_DISTINCT; None beyond.

    ``typed``: the file says what its values are (Parquet), so texts that look like numbers are texts: a postcode.
    """

    name: str
    rows: int = 0
    missing: int = 0
    numerals: int = 0
    times: int = 0
    low: float = math.inf
    high: float = -math.inf
    whole: bool = True
    values: Counter[str] | None = field(default_factory=Counter)
    declared: Kind | None = None
    odd_text: str | None = None
    typed: bool = False

    @property
    def present(self) -> int:
        return self.rows - self.missing

    @property
    def kind(self) -> Kind:
        """What the column is. A CSV's column is what all of its values can be read as."""
        if self.present == 0:
            return "empty"
        if self.declared is not None:
            return self.declared
        if self.numerals == self.present and not self.typed:
            return "numeric"
        return "time" if self.times == self.present else "text"

    @property
    def missing_ratio(self) -> float:
        return self.missing / self.rows if self.rows else 1.0

    @property
    def distinct(self) -> int:
        return len(self.values) if self.values is not None else MOST_DISTINCT + 1

    def add(self, array: Any) -> None:
        """One batch of values, a pyarrow array."""
        import pyarrow as pa  # noqa: PLC0415 -- large; only init and profile read tables

        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        self.rows += len(array)
        kind = _declared(array.type)
        if kind == "text":
            self._add_text(array)
            return
        self.declared = kind
        if kind == "numeric":
            self._add_numbers(array)
            return
        self.missing += array.null_count
        if kind == "boolean":
            self._count(array)

    def _add_numbers(self, array: Any) -> None:
        import pyarrow as pa  # noqa: PLC0415 -- see above
        import pyarrow.compute as pc  # noqa: PLC0415 -- see above

        numbers = pc.cast(array, pa.float64(), safe=False)
        finite = numbers.filter(pc.fill_null(pc.is_finite(numbers), False))
        # NaN and the infinities are no values that a range could hold: the sidecar counts them as missing.
        self.missing += len(array) - len(finite)
        self._extremes(finite)
        self._count(finite)

    def _extremes(self, finite: Any) -> None:
        import pyarrow.compute as pc  # noqa: PLC0415 -- see above

        if not len(finite):
            return
        ends = pc.min_max(finite)
        self.low, self.high = min(self.low, ends["min"].as_py()), max(self.high, ends["max"].as_py())
        if self.whole:
            self.whole = bool(pc.all(pc.equal(finite, pc.floor(finite))).as_py())

    def _add_text(self, array: Any) -> None:
        import pyarrow as pa  # noqa: PLC0415 -- see above
        import pyarrow.compute as pc  # noqa: PLC0415 -- see above

        text = pc.cast(array, pa.string())
        blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(text), ""), True)
        text = text.filter(pc.invert(blank))
        before = self.present - len(array)
        self.missing += len(array) - len(text)
        self._count(text)
        try:
            numbers = pc.cast(pc.utf8_trim_whitespace(text), pa.float64())
        except pa.ArrowInvalid:
            numeral = pc.match_substring_regex(text, _NUMERAL)
            self.numerals += pc.sum(numeral).as_py() or 0
            if self.odd_text is None:
                self.odd_text = text.filter(pc.invert(numeral))[0].as_py() if not pc.all(numeral).as_py() else None
            # Reading times is slow, so a column that was none before is not tried again.
            if self.times == before and _are_times(text.slice(0, _SAMPLE)) and _are_times(text):
                self.times += len(text)
            return
        finite = numbers.filter(pc.is_finite(numbers))
        self.numerals += len(text)
        self._extremes(finite)

    def _count(self, array: Any) -> None:
        if self.values is None:
            return
        found = array.value_counts()
        if len(found) <= MOST_DISTINCT:
            counts = zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True)
            self.values.update({_spelt(value): count for value, count in counts})
        if max(len(found), len(self.values)) > MOST_DISTINCT:
            self.values = None


def _spelt(value: object) -> str:
    """A value as the sidecar spells a category."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _are_times(text: Any) -> bool:
    import pyarrow as pa  # noqa: PLC0415 -- see above
    import pyarrow.compute as pc  # noqa: PLC0415 -- see above

    for wanted in (pa.timestamp("us"), pa.timestamp("us", tz="UTC")):
        try:
            pc.cast(text, wanted)
        except pa.ArrowException:
            continue
        return True
    return False


def _declared(kind: Any) -> Kind:
    from pyarrow import types  # noqa: PLC0415 -- see above

    known: tuple[tuple[Kind, Any], ...] = (
        ("boolean", types.is_boolean),
        ("numeric", types.is_integer),
        ("numeric", types.is_floating),
        ("numeric", types.is_decimal),
        ("span", types.is_duration),
        ("span", types.is_time),
        ("time", types.is_temporal),
        ("text", types.is_string),
        ("text", types.is_large_string),
        ("nested", types.is_nested),
        ("empty", types.is_null),
    )
    return next((name for name, is_so in known if is_so(kind)), "binary")
