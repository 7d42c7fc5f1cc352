"""Scores that are sums over bins: what PSI, Jensen-Shannon and their kin have in common.

A method is its term for one bin. Its score is the sum, and its critical value the quantile of this sum over counts
without drift (``chance``), which the term decides too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from modelwatch.exporters.statistics import chance, draws
from modelwatch.exporters.statistics.method import Counts, Floats, Histograms, inverse_of, inverse_rows, once
from modelwatch.exporters.statistics.quantiles import QUANTILES, Asked, Key, Reference
from modelwatch.exporters.statistics.sides import Sides


class SumOverBins(ABC):
    """A method whose score is ``finish`` of a sum over bins."""

    name: str
    unit: str

    @staticmethod
    @abstractmethod
    def term(sides: Sides) -> Floats:
        """What a bin adds; 0 where it has no rows on either side."""

    # Whether the critical value foresees values that the reference does not hold.
    unseen = True

    @staticmethod
    def natural(inverse: Floats) -> Floats:
        """What the sum without drift is proportional to, from 1/n + 1/m, shape (features,)."""
        return inverse

    @staticmethod
    def finish(total: Floats) -> Floats:
        """From the sum to the score; increasing."""
        return total

    def score(self, data: Histograms) -> Floats:
        total = self.term(data.sides).sum(axis=1)
        # Rounding can leave a sum of -1e-17 between equal shares.
        found = self.finish(np.maximum(total, 0.0))
        return found if data.both.all() else np.where(data.both, found, np.nan)

    def critical_value(self, data: Histograms, n: Counts, alpha: float) -> Floats:
        """The larger of the quantiles for the powers of 2 next to ``n``, worked out once and kept.

        In its natural unit the quantile changes little between them: towards a constant as the rows grow.
        """
        found = _recent(type(self), *data.law_key, _powers_of(data, n).tobytes(), alpha)
        return self.finish(found * self.natural(inverse_of(data, n)))

    def known(self, data: Histograms, n: Counts, alpha: float) -> bool:
        """Whether ``critical_value`` has nothing to work out."""
        (shape, reference), powers = data.law_key, _powers_of(data, n)
        every, known = np.frombuffer(reference, dtype=np.int64).reshape(shape), np.flatnonzero(powers >= 0)
        return all(
            QUANTILES.known(_keys(type(self), every[known], powers[known] + more, alpha)) for more in _NEIGHBOURS
        )


# A window's rows are between these powers of 2.
_NEIGHBOURS = (0, 1)


def work_out(methods: Sequence[type[SumOverBins]], data: Histograms, n: Counts, alpha: float) -> None:
    """Have the critical values of several methods at hand, quicker than one method after the other."""
    powers = _powers_of(data, n)
    (shape, law), few = data.law_key, np.count_nonzero(data.reference, axis=1) <= FEW_BINS
    reference = np.frombuffer(law, dtype=np.int64).reshape(shape)
    for row in np.flatnonzero(few & (powers >= 0)):
        # What one method draws suits the next one too.
        for more in _NEIGHBOURS:
            for method in methods:
                _kept(method, reference[row : row + 1], powers[row : row + 1] + more, alpha)


@once
def _powers_of(data: Histograms, n: Counts) -> Counts:
    """The power of 2 at or below ``n``; -1 where there are no rows."""
    return np.where(np.isfinite(inverse_of(data, n)), np.log2(np.maximum(n, 1)).astype(np.int64), -1)


@lru_cache(maxsize=512)
def _recent(method: type[SumOverBins], shape: tuple[int, int], reference: bytes, power: bytes, alpha: float) -> Floats:
    """The quantile for windows of 2^power to 2^(power + 1) rows, (features,); NaN where the power is -1.

    From one scrape to the next it is asked for the same features and powers all at once.
    """
    every, powers = np.frombuffer(reference, dtype=np.int64).reshape(shape), np.frombuffer(power, dtype=np.int64)
    known = np.flatnonzero(powers >= 0)
    found = np.full(len(powers), np.nan)
    found[known] = np.maximum(*(_kept(method, every[known], powers[known] + more, alpha) for more in _NEIGHBOURS))
    found.flags.writeable = False
    return found


def _kept(method: type[SumOverBins], reference: Counts, power: Counts, alpha: float) -> Floats:
    """The quantile for windows of 2^power rows in the sum's natural unit, shape (features,)."""

    def work_out(unknown: list[int]) -> list[float]:
        rows = reference[unknown]
        n = 2 ** np.clip(power[unknown], 0, 62)
        unit = method.natural(inverse_rows(n, rows.sum(axis=1)))
        found: list[float] = (_worked_out(method, rows, n, alpha) / unit).tolist()
        return found

    return np.array(QUANTILES.of(_keys(method, reference, power, alpha), work_out))


def _keys(method: type[SumOverBins], reference: Counts, power: Counts, alpha: float) -> list[Key]:
    return [
        (key, Asked(method.name, exponent))
        for key, exponent in zip(references(reference, alpha), power.tolist(), strict=True)
    ]


def references(counts: Counts, alpha: float) -> tuple[Reference, ...]:
    """What quantiles are kept by, for each row of ``counts``."""
    return _references(counts.shape[1], counts.tobytes(), alpha) if counts.size else ()


# A model's are asked for by each method whenever one of its windows passes a power of 2.
@lru_cache(maxsize=16)
def _references(bins: int, counts: bytes, alpha: float) -> tuple[Reference, ...]:
    every = np.frombuffer(counts, dtype=np.int64).reshape(-1, bins)
    return tuple(Reference(row[row > 0].tobytes(), alpha) for row in every)


# Up to this many filled bins a score takes too few values for a saddlepoint.
FEW_BINS = 6


def _worked_out(method: type[SumOverBins], reference: Counts, n: Counts, alpha: float) -> Floats:
    found = np.empty(len(n))
    few = np.count_nonzero(reference, axis=1) <= FEW_BINS
    for i in np.flatnonzero(few):
        found[i] = draws.quantile(reference[i], int(n[i]), method.term, alpha, method.unseen)
    if not few.all():
        law = chance.null(reference[~few], n[~few], alpha, method.unseen)
        found[~few] = chance.quantiles(law, method.term, alpha)
    return found
