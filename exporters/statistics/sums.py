"""Scores that are sums over bins: what PSI, Jensen-Shannon and their kin have in common.

A method is its term for one bin. Its score is the sum, and its critical value the quantile of this sum over counts
without drift (``chance``), which the term decides too.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from functools import lru_cache

import numpy as np

from modelwatch.exporters.statistics import chance, draws
from modelwatch.exporters.statistics.method import Counts, Floats, Histograms, inverse_rows

FLOOR = 1e-4


class SumOverBins(ABC):
    """A method whose score is ``finish`` of a sum over bins."""

    name: str
    unit: str

    @staticmethod
    @abstractmethod
    def term(c: Floats, r: Floats, n: Floats, m: Floats) -> Floats:
        """What a bin with ``c`` of the window's ``n`` rows and ``r`` of the reference's ``m`` adds; 0 where both are
        0."""

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
        *sides, both = data.sides
        total = self.term(*sides).sum(axis=1)
        # Rounding can leave a sum of -1e-17 between equal shares.
        return np.where(both, self.finish(np.maximum(total, 0.0)), np.nan)

    def critical_value(self, data: Histograms, n: Counts, alpha: float) -> Floats:
        """The larger of the quantiles for the powers of 2 next to ``n``, worked out once and kept.

        In its natural unit the quantile changes little between them: towards a constant as the rows grow.
        """
        inverse = inverse_rows(n, data.m)
        power = np.where(np.isfinite(inverse), np.log2(np.maximum(n, 1)).astype(np.int64), -1)
        found = _recent(type(self), *data.law_key, power.tobytes(), alpha)
        return self.finish(found * self.natural(inverse))


# Quantiles by method, reference, power of 2 of the window's rows and rate. Those of a fleet are some thousands.
_quantiles: dict[tuple[type[SumOverBins], bytes, int, float], float] = {}
_MOST_KEPT = 100_000
# Who asks for what somebody else is working out waits for it: two at a time would both take twice as long.
_working_out = threading.Lock()


@lru_cache(maxsize=512)
def _recent(method: type[SumOverBins], shape: tuple[int, int], reference: bytes, power: bytes, alpha: float) -> Floats:
    """The quantile for windows of 2^power to 2^(power + 1) rows, (features,); NaN where the power is -1.

    From one scrape to the next it is asked for the same features and powers all at once.
    """
    every, powers = np.frombuffer(reference, dtype=np.int64).reshape(shape), np.frombuffer(power, dtype=np.int64)
    known = np.flatnonzero(powers >= 0)
    found = np.full(len(powers), np.nan)
    found[known] = np.maximum(*(_kept(method, every[known], powers[known] + more, alpha) for more in (0, 1)))
    found.flags.writeable = False
    return found


def _kept(method: type[SumOverBins], reference: Counts, power: Counts, alpha: float) -> Floats:
    """The quantile for windows of 2^power rows in the sum's natural unit, shape (features,)."""
    keys = [
        (method, row[row > 0].tobytes(), int(exponent), alpha) for row, exponent in zip(reference, power, strict=True)
    ]
    if all(key in _quantiles for key in keys):
        return np.array([_quantiles[key] for key in keys])
    with _working_out:
        if len(_quantiles) > _MOST_KEPT:
            _quantiles.clear()
        # Each once, however many windows ask for it.
        unknown = list({key: i for i, key in enumerate(keys) if key not in _quantiles}.values())
        if unknown:
            rows = reference[unknown]
            n = 2 ** np.clip(power[unknown], 0, 62)
            worked_out = _worked_out(method, rows, n, alpha)
            unit = method.natural(inverse_rows(n, rows.sum(axis=1)))
            _quantiles.update(zip([keys[i] for i in unknown], (worked_out / unit).tolist(), strict=True))
        return np.array([_quantiles[key] for key in keys])


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


def floored(counts: Floats, rows: Floats) -> Floats:
    """Shares of 1e-4 at the least, the customary floor, or half a row where there are fewer than 5,000 rows.

    A share of 0 would make a score infinite, and one absent row must not weigh more than the sample can tell.
    """
    return np.maximum(counts / rows, np.maximum(FLOOR, 0.5 / rows))


def times_log(x: Floats, ratio: Floats) -> Floats:
    """x ln(ratio); 0 where x is 0."""
    return x * np.log(np.where(x > 0, ratio, 1.0))
