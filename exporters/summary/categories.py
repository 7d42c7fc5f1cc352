"""The texts of one categorical column, counted: exactly up to EXACT distinct ones, the frequent ones beyond.

Beyond, each text is counted in one of 65,536 counters in each of eight rows, as its hash says; the least of its eight
counters is its count: never too low, and too high by about 1/65,536 of the rows. Source: Cormode and Muthukrishnan, An
improved data stream summary: the count-min sketch (2005). Counters add up, so a count depends on the rows alone and not
on how they were parted. The names of frequent texts are kept by Misra and Gries' rule (1982; merged as in Agarwal et
al., Mergeable summaries, 2012), which never loses one that has more than 1/50,001 of the rows. Told are those whose
count is above 1/2,000 of the values. That list could hang on the parting only if a text that has less than 1/50,001 of
the rows shared all eight of its counters with such as sum up to 1/2,084: for one text that has a chance of 10^-12.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

EXACT = 50_000
ROWS, WIDTH = 8, 65_536
# Told beyond EXACT are texts with more than this share of the values.
FREQUENT = 1 / 2000


def _places(texts: Iterable[str]) -> NDArray[np.uint16]:
    """The counter of each text in each row, shape (n, ROWS): two bytes of its hash a row."""
    digests = b"".join(
        hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=2 * ROWS).digest() for text in texts
    )
    return np.frombuffer(digests, dtype="<u2").reshape(-1, ROWS)


class Categories:
    """Counts by text. ``total`` values were seen."""

    def __init__(self, exact: int = EXACT) -> None:
        self._most = exact
        self.names: dict[str, int] = {}
        self.counters: NDArray[np.int64] | None = None
        self.total = 0

    @property
    def complete(self) -> bool:
        """Whether every text is known, with its exact count."""
        return self.counters is None

    def add(self, counts: Iterable[tuple[str, int]]) -> None:
        """Count each text as often as told."""
        found = list(counts)
        self._count(found)
        for text, count in found:
            self.names[text] = self.names.get(text, 0) + count
            self.total += count
        self._bound()

    def merge(self, other: Categories) -> None:
        """Add all that ``other`` has seen."""
        if other.counters is not None:
            self._count(list(self.names.items()) if self.counters is None else [], always=True)
            assert self.counters is not None
            self.counters += other.counters
        else:
            self._count(list(other.names.items()))
        for text, count in other.names.items():
            self.names[text] = self.names.get(text, 0) + count
        self.total += other.total
        self._bound()

    def _count(self, found: list[tuple[str, int]], always: bool = False) -> None:
        if self.counters is None and not always:
            return
        if self.counters is None:
            self.counters = np.zeros((ROWS, WIDTH), dtype=np.int64)
        if not found:
            return
        places = _places(text for text, _ in found)
        counts = np.array([count for _, count in found], dtype=np.int64)
        for row in range(ROWS):
            np.add.at(self.counters[row], places[:, row], counts)

    def _bound(self) -> None:
        if len(self.names) <= self._most:
            return
        if self.counters is None:
            self._count(list(self.names.items()), always=True)
        floor = sorted(self.names.values(), reverse=True)[self._most]
        self.names = {text: count - floor for text, count in self.names.items() if count > floor}

    def top(self) -> list[tuple[str, int]]:
        """Texts and counts, the most frequent first, and by spelling where they are equal.

        All of them where ``complete``, else those that are frequent enough to be counted well.
        """
        found = self.names
        if self.counters is not None:
            names = list(self.names)
            places = _places(names)
            least = np.min([self.counters[row][places[:, row]] for row in range(ROWS)], axis=0)
            found = {text: int(n) for text, n in zip(names, least, strict=True) if n > self.total * FREQUENT}
        return sorted(found.items(), key=lambda item: (-item[1], item[0]))
