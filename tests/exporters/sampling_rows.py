"""Rows made of arrays, and a model to sample them for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
import specs
from numpy.typing import NDArray

from modelwatch.exporters.layout import Layout, layout
from modelwatch.exporters.sampling.rows import Texts
from modelwatch.exporters.subjects import Subject
from modelwatch.model import defaults
from modelwatch.model import types as t


@dataclass
class ArrayRows:
    """Columns by name: of numbers as arrays, of texts as (codes, distinct)."""

    columns: Mapping[str, NDArray[np.float64] | tuple[NDArray[np.int64], tuple[str, ...]]]
    identities: Sequence[object] | None = None
    asked: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        first = next(iter(self.columns.values()))
        return len(first[0] if isinstance(first, tuple) else first)

    def numbers(self, subject: Subject) -> NDArray[np.float64]:
        self.asked.append(subject.name)
        found = self.columns.get(subject.name)
        return np.full(self.count, np.nan) if found is None else found  # type: ignore[return-value]  # tests know the type

    def texts(self, subject: Subject) -> Texts:
        self.asked.append(subject.name)
        found = self.columns.get(subject.name)
        return Texts(np.full(self.count, -1), ()) if found is None else Texts(*found)  # type: ignore[misc]

    def ids(self) -> Sequence[object] | None:
        return self.identities

    def timestamps(self) -> None:
        return None


def sampling(**changes: object) -> t.Sampling:
    import dataclasses

    shares = {**defaults.SAMPLING.strata, **changes.pop("strata", {})}  # type: ignore[dict-item]
    risky = t.Risky(("late",))
    return dataclasses.replace(defaults.SAMPLING, **{"strata": shares, "risky": risky, **changes})  # type: ignore[arg-type]


def planned(**changes: object) -> Layout:
    """A layout without a reference: edges are values out of range."""
    return layout(specs.model(sampling=sampling(**changes)), None, "none")


def population(seed: int, count: int) -> ArrayRows:
    """Rows of which about 5 % are unsure, 20 % risky and 2 % an edge, in all combinations."""
    rng = np.random.default_rng(seed)
    return ArrayRows(
        {
            "hour": np.where(rng.random(count) < 0.02, 30.0, 12.0),
            "distance": rng.gamma(2.0, 500.0, count),
            "carrier": (rng.integers(0, 2, count), ("UA", "AA")),
            "prediction": ((rng.random(count) < 0.2).astype(np.int64), ("on_time", "late")),
            "confidence": np.where(rng.random(count) < 0.05, 0.5, 0.9),
        }
    )


SHARES = {
    "unsure": Decimal("0.3"),
    "risky": Decimal("0.2"),
    "edge": Decimal("0.1"),
    "drifted": Decimal(0),
    "rest": Decimal("0.4"),
}
