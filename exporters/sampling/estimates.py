"""From kept rows back to all rows: totals with their standard errors.

Horvitz and Thompson's estimator: each kept row stands for ``weight`` = 1 / probability rows. Its variance is estimated
without bias by the sum of (1 - p) / p^2, since draws are independent; of rows with the same id, which are decided by
one draw, each pair with p <= q adds 2 (1 - q) / (p q).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from modelwatch.exporters.sampling.strata import STRATA
from modelwatch.model import types as t

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Total:
    """``rows`` are the kept ones, ``total`` is how many they stand for, ``error`` its standard error."""

    rows: int
    total: float
    error: float


@dataclass(slots=True)
class _Sum:
    rows: int = 0
    total: float = 0.0
    variance: float = 0.0
    # Probabilities of the rows of each id whose draw was uncertain.
    by_id: dict[object, list[float]] = field(default_factory=dict)

    def add(self, identity: object, probability: float) -> None:
        self.rows += 1
        self.total += 1 / probability
        self.variance += (1 - probability) / probability**2
        if identity is None or probability == 1:
            return
        self.by_id.setdefault(identity, []).append(probability)

    def done(self) -> Total:
        variance = self.variance
        for probabilities in self.by_id.values():
            below = 0.0
            for probability in sorted(probabilities) if len(probabilities) > 1 else ():
                variance += 2 * (1 - probability) / probability * below
                below += 1 / probability
        return Total(self.rows, self.total, math.sqrt(variance))


@dataclass(frozen=True, slots=True)
class Estimates:
    """``strata`` are totals of the rows that are in a stratum, so they overlap.

    ``lost`` rows were chosen and are not there. ``first`` and ``last`` are arrivals, in seconds since the epoch.
    """

    all: Total
    strata: Mapping[t.Stratum, Total]
    lost: int
    first: float | None
    last: float | None


def estimate(records: Iterable[Record]) -> Estimates:
    every = _Sum()
    strata: dict[t.Stratum, _Sum] = {name: _Sum() for name in STRATA}
    lost, first, last = 0, math.inf, -math.inf
    for record in records:
        probability, identity = float(record["probability"]), record.get("id")
        every.add(identity, probability)
        for name in record["strata"]:
            strata[name].add(identity, probability)
        lost += record.get("lost") or 0
        first, last = min(first, record["arrival"]), max(last, record["arrival"])
    return Estimates(
        every.done(),
        {name: found.done() for name, found in strata.items()},
        lost,
        first if every.rows else None,
        last if every.rows else None,
    )
