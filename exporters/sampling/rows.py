"""Rows as the sampler reads them, and those of a request in that shape.

The sampler asks for a column only when it looks at it, and nobody looks at most of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.bins import CategoricalBins, NumericBins
from modelwatch.exporters.decoded import Decoded
from modelwatch.exporters.ingest.table import Table
from modelwatch.exporters.layout import Watched
from modelwatch.exporters.subjects import Subject

Floats = NDArray[np.float64]
Where = NDArray[np.int64]


class Texts(NamedTuple):
    """``codes``, shape (n,), are places in ``distinct``, or -1 for missing."""

    codes: NDArray[np.integer]
    distinct: tuple[str, ...]


class Rows(Protocol):
    """All rows of a request. What a rejected row holds does not matter."""

    @property
    def count(self) -> int:
        """Rows, rejected ones included."""

    def numbers(self, subject: Subject) -> Floats:
        """Values of a numeric feature or answer, shape (n,); NaN for missing."""

    def texts(self, subject: Subject) -> Texts:
        """Values of a categorical feature or answer."""

    def ids(self) -> Sequence[object] | None:
        """As they were sent; None when no row has one."""

    def timestamps(self) -> Floats | None:
        """Seconds since the epoch, shape (n,), NaN where a row does not say; None when none does."""


def bins(watched: Watched, rows: Rows, where: Where | None) -> NDArray[np.int64]:
    """The bin of each of the rows ``where``, or of all."""
    if watched.subject.numeric:
        values = rows.numbers(watched.subject)
        here = values if where is None else values[where]
        if isinstance(watched.bins, NumericBins):
            return watched.bins.codes(here)
        return np.isnan(here).astype(np.int64)
    codes, distinct = rows.texts(watched.subject)
    # The last is for missing, whose code is -1.
    texts = (*distinct, None)
    if isinstance(watched.bins, CategoricalBins):
        lookup, unknown = watched.bins.lookup, watched.bins.unknown
        places = np.array([lookup.get(text, unknown) for text in texts], dtype=np.int64)
    else:
        places = np.array([text is None for text in texts], dtype=np.int64)
    found: NDArray[np.int64] = places[codes if where is None else codes[where]]
    return found


class TableRows:
    """The rows of a request, whose columns have been read for counting them."""

    def __init__(self, rows: Table | Decoded) -> None:
        self._decoded = Decoded.of(rows)

    @property
    def count(self) -> int:
        return self._decoded.table.rows

    def numbers(self, subject: Subject) -> Floats:
        return self._decoded.numbers(subject).wide

    def texts(self, subject: Subject) -> Texts:
        found = self._decoded.texts(subject)
        return Texts(found.codes, found.distinct)

    def ids(self) -> Sequence[object] | None:
        found = self._decoded.table.ids()
        return None if found is None or all(one is None for one in found) else found

    def timestamps(self) -> Floats | None:
        found = self._decoded.table.timestamps()
        return None if np.isnan(found).all() else found
