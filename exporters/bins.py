"""The bins of a feature: from a value to the number of its bin, and from a bin to its label.

Labels of numeric bins are intervals, open on the left and closed on the right: ``(-Inf,10]``, ``(10,12.5]``,
``(12.5,+Inf)``. Where much of the reference sits on its very lowest value, that value has a bin of its own:
``(-Inf,0)``, ``[0,0]``, ``(0,3]``. Labels of categorical bins are the categories, then ``other`` (rare in the
reference) and ``new`` (never in the reference). The last bin is always ``missing``.

``Cells`` are finer than bins and end where these end: distances that need more than ten bins (KS, Wasserstein) are
taken from them, and the counts of the bins are sums over their cells.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]

OTHER = "other"
NEW = "new"
MISSING = "missing"
LONGEST_LABEL = 80


class Bins(Protocol):
    @property
    def labels(self) -> tuple[str, ...]:
        """Distinct labels, ``missing`` last."""

    @property
    def signature(self) -> str:
        """The same for bins that count the same way, so that counts may be carried over."""


def _signature(*definition: object) -> str:
    return hashlib.sha256(json.dumps(definition).encode()).hexdigest()


@dataclass(frozen=True)
class NumericBins:
    """``edges`` are strictly increasing and finite; bin i holds edges[i-1] < x <= edges[i].

    With ``underflow`` the lowest edge is the lowest value of the reference, and what lies below has a bin of its own.
    """

    edges: tuple[float, ...]
    underflow: bool = False

    @cached_property
    def limits(self) -> NDArray[np.float64]:
        """The upper ends of all bins but the last: bin i holds limits[i-1] < x <= limits[i]."""
        edges = np.array(self.edges, dtype=np.float64)
        return np.concatenate([[math.nextafter(edges[0], -math.inf)], edges]) if self.underflow else edges

    @cached_property
    def labels(self) -> tuple[str, ...]:
        if not self.edges:
            return ("(-Inf,+Inf)", MISSING)
        texts = _texts(self.edges)
        low, high = texts[0], texts[-1]
        first = (f"(-Inf,{low})", f"[{low},{low}]") if self.underflow else (f"(-Inf,{low}]",)
        inner = (f"({left},{right}]" for left, right in pairwise(texts))
        return (*first, *inner, f"({high},+Inf)", MISSING)

    @cached_property
    def signature(self) -> str:
        return _signature("numeric", self.edges, self.underflow)

    def codes(self, values: NDArray[np.float64]) -> Codes:
        """Bins of ``values``, shape (n,). What is not finite (NaN, infinity) is missing."""
        codes = np.searchsorted(self.limits, values, side="left")
        return np.where(np.isfinite(values), codes, len(self.labels) - 1)


# From this many values on, sorting them and looking up the edges is cheaper than looking up each value. Measured with
# 256 edges and fresh values: as dear at 300, half as dear from 1,000 on.
SORTED_FROM = 300


@dataclass(frozen=True)
class Cells:
    """The fine bins of a numeric feature; ``edges`` hold every limit of ``bins``, strictly increasing and finite.

    Cell i holds edges[i-1] < x <= edges[i]. ``counts`` are those of the reference by cell, without missing values.
    """

    bins: NumericBins
    edges: tuple[float, ...]
    counts: tuple[int, ...] = field(default=(), repr=False)

    @cached_property
    def limits(self) -> NDArray[np.float64]:
        """The upper ends of all cells but the last, shape (cells - 1,)."""
        return np.array(self.edges, dtype=np.float64)

    def __len__(self) -> int:
        return len(self.edges) + 1

    @cached_property
    def signature(self) -> str:
        return _signature("cells", self.bins.signature, self.edges)

    @cached_property
    def coarse(self) -> Codes:
        """The bin of each cell, shape (cells,), never falling."""
        return np.searchsorted(self.bins.limits, np.append(self.limits, np.inf), side="left")

    @cached_property
    def widths(self) -> NDArray[np.float64]:
        """Width of each cell, shape (cells,); 0 for the two outermost, which have no end."""
        inner = np.diff(self.limits)
        return np.concatenate([[0.0], inner, [0.0]])[: len(self)]

    def count(self, values: NDArray[np.float64]) -> Codes:
        """How many of ``values``, shape (n,), fall into each cell, then how many are missing; shape (cells + 1,)."""
        if len(values) < SORTED_FROM:
            codes = np.searchsorted(self.limits, values, side="left")
            codes[~np.isfinite(values)] = len(self)
            return np.bincount(codes, minlength=len(self) + 1)
        ordered = np.sort(values)
        # Minus infinity sorts first, plus infinity and then NaN sort last.
        first, last = np.searchsorted(ordered, -np.inf, side="right"), np.searchsorted(ordered, np.inf)
        ends = np.searchsorted(ordered[first:last], self.limits, side="right")
        found = np.diff(np.concatenate([[0], ends, [last - first]]))
        return np.append(found, len(values) - (last - first))


# No value counts as further away than this many standard deviations, so that sums stay finite whatever comes in.
FARTHEST = 1e6


@dataclass(frozen=True, slots=True)
class Scale:
    """What a numeric feature's sums are taken against: mean, deviation and range of the reference."""

    mean: float
    std: float
    minimum: float
    maximum: float

    @property
    def unit(self) -> float:
        """The standard deviation; 1 where the reference is constant."""
        return self.std if self.std > 0 else 1.0


def _texts(edges: Sequence[float]) -> list[str]:
    """The shortest decimal texts, of at least 6 digits of precision, that keep the edges apart."""
    for digits in range(6, 18):
        texts = [f"{edge:.{digits}g}" for edge in edges]
        if len(set(texts)) == len(edges):
            break
    return texts


@dataclass(frozen=True)
class CategoricalBins:
    """``categories`` have a bin each; ``others`` are known too and share one.

    ``complete`` is False where the reference had too many categories to know them all: an unknown one then counts as
    ``other``, and new categories cannot be told.
    """

    categories: tuple[str, ...]
    others: tuple[str, ...] = field(default=(), repr=False)
    complete: bool = True

    @cached_property
    def labels(self) -> tuple[str, ...]:
        taken = {OTHER, NEW, MISSING}
        labels = []
        for category in self.categories:
            label = _label(category)
            while label in taken:
                label = f"'{label}'"
            taken.add(label)
            labels.append(label)
        return (*labels, OTHER, NEW, MISSING)

    @cached_property
    def signature(self) -> str:
        return _signature("categorical", self.categories, self.others, self.complete)

    @property
    def other(self) -> int:
        return len(self.categories)

    @property
    def new(self) -> int:
        return len(self.categories) + 1

    @property
    def missing(self) -> int:
        return len(self.categories) + 2

    @property
    def unknown(self) -> int:
        """The bin of a category that the reference does not name."""
        return self.new if self.complete else self.other

    @cached_property
    def lookup(self) -> dict[str | None, int]:
        """Bin by category; None and the empty text are missing."""
        known: dict[str | None, int] = dict.fromkeys(self.others, self.other)
        known.update({category: number for number, category in enumerate(self.categories)})
        # A whole number that went through a column with gaps reads "3.0" in the reference and 3 in a request.
        for category, number in list(known.items()):
            if category is not None and re.fullmatch(r"-?\d+\.0+", category):
                known.setdefault(category.partition(".")[0], number)
        # Booleans read "True" in a CSV that Python wrote, and true in a request.
        for category, number in list(known.items()):
            if category in ("True", "False", "TRUE", "FALSE"):
                known.setdefault(category.lower(), number)
        known[None] = known[""] = self.missing
        return known


def _label(category: str) -> str:
    """A category as a label: control characters spelt out; cut where it is long, with a hash to tell it apart."""
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in category)
    if len(text) <= LONGEST_LABEL:
        return text
    return f"{text[: LONGEST_LABEL - 9]}~{hashlib.sha256(category.encode('utf-8', 'replace')).hexdigest()[:8]}"


@dataclass(frozen=True)
class Unbinned:
    """A feature without a reference: only present or missing."""

    labels: tuple[str, ...] = ("present", MISSING)
    signature: str = "unbinned"
    missing: int = 1


def category_text(value: object) -> str | None:
    """A category's text: ``true`` and ``false``, whole numbers without a fraction; None for what is missing.

    Raises TypeError for what is no scalar.
    """
    match value:
        case None | "":
            return None
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            if not np.isfinite(value):
                return None
            return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    raise TypeError
