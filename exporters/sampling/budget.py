"""How likely each row is kept, so that about the wanted number is.

Every stratum has a bucket of rows that it may still keep. It fills by the stratum's share of the budget; what a full
bucket cannot take goes to the others. A row of the stratum is kept with probability ``bucket / (1 + recent)``, at most
1, where ``recent`` are the rows of the stratum in the last ten minutes (older ones fading out) and in this request. The
bucket is then charged with the number of rows that are *expected* to be kept.

So probabilities hang on how many rows arrived, and when, and never on a draw: that makes estimates with weights 1 / p
exactly unbiased, for duplicated ids too. (Were buckets charged with the rows that were kept, the draw of one row would
move the probability of a second one with the same id.) What is expected to be kept in any time t is at most what fell
into the buckets: the budget for t and ten minutes more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.sampling.strata import MEMBERS, STRATA
from modelwatch.model import types as t

Floats = NDArray[np.float64]

HORIZON_SECONDS = 600.0
# Room for a row or two where the budget is so small that ten minutes of it hold none.
_LEAST_ROOM = 2.0


class Chances(NamedTuple):
    """Probability of each stratum, shape (strata,), and of each mask, shape (MASKS,): the largest of its strata's.

    ``charged``, shape (MASKS,), is the stratum whose it is, as a place in ``STRATA``.
    """

    alone: Floats
    by_mask: Floats
    charged: NDArray[np.int64]


class Budget:
    """``now`` is a monotonic clock. Not safe to use from several threads at once."""

    def __init__(self, rows_per_hour: float, shares: Mapping[t.Stratum, float], now: float) -> None:
        weights = np.array([shares[name] for name in STRATA], dtype=np.float64)
        self._shares: Floats = weights / weights.sum()
        self._rate = rows_per_hour / 3600
        self._bucket: Floats = self._shares * self._rate * HORIZON_SECONDS
        self._recent: Floats = np.zeros(len(STRATA))
        self._at = now

    def chances(self, arrivals: Floats, now: float, unseen: int = 0) -> Chances:
        """How likely the rows at hand are kept.

        ``arrivals`` are the rows at hand by mask, shape (MASKS,). ``unseen`` more of a stratum may have been
        overlooked, since only some rows were looked at.
        """
        self._fill(now)
        here = arrivals @ MEMBERS
        alone: Floats = np.minimum(1.0, self._bucket / (1.0 + self._recent + here + unseen))
        together: Floats = np.where(MEMBERS, alone, -1.0)
        by_mask: Floats = together.max(axis=1)
        charged = together.argmax(axis=1)
        spent = np.bincount(charged, weights=arrivals * by_mask, minlength=len(STRATA))
        self._bucket = np.maximum(self._bucket - spent, 0.0)
        self._recent += here
        return Chances(alone, by_mask, charged)

    def _fill(self, now: float) -> None:
        passed = max(now - self._at, 0.0)
        self._at = max(now, self._at)
        self._recent *= math.exp(-passed / HORIZON_SECONDS)
        income = self._rate * passed
        most = self._rate * HORIZON_SECONDS
        room = np.maximum(self._shares * most, np.minimum(self._recent + _LEAST_ROOM, max(most, _LEAST_ROOM)))
        room = np.where(self._shares > 0, room, 0.0)
        over = float(np.maximum(self._bucket - room, 0.0).sum()) + income
        self._bucket = np.minimum(self._bucket, room)
        # Each round fills at least one bucket or spends what is left.
        for _ in STRATA:
            wanting = np.where(self._bucket < room, self._shares, 0.0)
            if over <= 0 or not wanting.any():
                break
            taken = np.minimum(over * wanting / wanting.sum(), room - self._bucket)
            self._bucket += taken
            over -= float(taken.sum())
