"""The columns of a table as numbers or as categories, each read once however many ask for it."""

from __future__ import annotations

import numpy as np

from modelwatch.exporters.ingest.columns import Column, Numbers, Texts
from modelwatch.exporters.ingest.table import Table
from modelwatch.exporters.subjects import Subject


class Decoded:
    """``table``, read as its distributions are counted. A column that no row has is missing in every row."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._columns: dict[tuple[str, str], Column | None] = {}
        self._numbers: dict[tuple[str, str], Numbers] = {}
        self._texts: dict[tuple[str, str], Texts] = {}

    @classmethod
    def of(cls, table: Table | Decoded) -> Decoded:
        return table if isinstance(table, Decoded) else cls(table)

    def column(self, subject: Subject) -> Column | None:
        """As it came in."""
        key = (subject.role, subject.name)
        if key not in self._columns:
            self._columns[key] = self.table.column(subject.role, subject.name)
        return self._columns[key]

    def numbers(self, subject: Subject) -> Numbers:
        key = (subject.role, subject.name)
        if key not in self._numbers:
            column = self.column(subject)
            self._numbers[key] = Numbers(np.full(self.table.rows, np.nan)) if column is None else column.numbers()
        return self._numbers[key]

    def texts(self, subject: Subject) -> Texts:
        key = (subject.role, subject.name)
        if key not in self._texts:
            column = self.column(subject)
            self._texts[key] = Texts(np.full(self.table.rows, -1), ()) if column is None else column.texts()
        return self._texts[key]
