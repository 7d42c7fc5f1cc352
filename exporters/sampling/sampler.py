"""Chooses rows: which strata each row is in, how likely it is kept, and the draw.

The probability of a row never hangs on a draw: neither its own nor that of another row. It is written beside each row
that is kept, so sums over kept rows with weights 1 / probability are unbiased for sums over all rows, of any subset.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.sampling.budget import Budget, Chances
from modelwatch.exporters.sampling.criteria import Criteria
from modelwatch.exporters.sampling.draws import Draws, draws
from modelwatch.exporters.sampling.keyed import key_of
from modelwatch.exporters.sampling.rows import Rows, Where
from modelwatch.exporters.sampling.strata import MASKS, REASONS, REST, STRATA, Floats
from modelwatch.model import types as t

# Rows of a request whose strata are looked at to learn how frequent each is. They stand at equal steps: were they those
# with low draws, probabilities would hang on draws.
LOOKED_AT = 8192


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """Rows that were chosen: ``where``, their strata as ``masks``, and ``probabilities``, all of shape (kept,).

    ``charged`` is the stratum that gave each its probability, as a place in ``STRATA``.
    """

    where: Where
    masks: NDArray[np.uint8]
    probabilities: Floats
    charged: NDArray[np.int64]


class Sampler:
    """For one model. Safe to use from several threads. ``now`` is a monotonic clock."""

    def __init__(self, model: str, sampling: t.Sampling, now: float, seed: int | None = None) -> None:
        self._key = key_of(model)
        self._random = np.random.default_rng(seed)
        self._lock = threading.Lock()
        self._requests = 0
        self._budget = Budget(sampling.rows_per_hour, {name: float(sampling.strata[name]) for name in STRATA}, now)

    def choose(self, criteria: Criteria, rows: Rows, accepted: Where, now: float) -> Kept:
        """Which of the rows ``accepted`` are kept."""
        count = len(accepted)
        step = -(-count // LOOKED_AT) or 1
        with self._lock:
            # Not the same places in each request: where all are sorted, they hold the same kind of row.
            first, self._requests = self._requests % step, self._requests + 1
        looked_at = accepted[first::step]
        masks = criteria.masks(rows, None if len(looked_at) == rows.count else looked_at)
        arrivals = np.bincount(masks, minlength=MASKS).astype(np.float64) * step
        with self._lock:
            chances = self._budget.chances(arrivals, now, step - 1)
        drawn = self._draws(rows.ids(), accepted)
        if step > 1:
            chosen = _chosen(criteria, rows, accepted, drawn, chances)
            where = accepted[chosen]
            masks = criteria.masks(rows, where)
        else:
            chosen = np.flatnonzero(drawn < chances.by_mask[masks])
            where, masks = accepted[chosen], masks[chosen]
        return Kept(where, masks, chances.by_mask[masks], chances.charged[masks])

    def _draws(self, ids: Sequence[object] | None, accepted: Where) -> Draws:
        if ids is not None and len(ids) != len(accepted):
            ids = [ids[place] for place in accepted.tolist()]
        return draws(ids, len(accepted), self._key, self._random)


def _chosen(criteria: Criteria, rows: Rows, accepted: Where, drawn: Draws, chances: Chances) -> NDArray[np.int64]:
    """Places in ``accepted`` of the rows that are kept, looking only at rows whose draw lets them hope."""
    count = len(accepted)
    seen = np.zeros(count, dtype=np.uint8)
    for reason in range(len(REASONS)):
        if not criteria.tests[reason]:
            continue
        # Whether a row is of the rest is known when it was looked at for every reason.
        hopeful = np.flatnonzero(drawn < max(chances.alone[reason], chances.alone[REST]))
        if len(hopeful) > count // 2:
            seen |= (
                criteria.flags(reason, rows, None if count == rows.count else accepted, count).view(np.uint8) << reason
            )
        elif len(hopeful):
            seen[hopeful] |= criteria.flags(reason, rows, accepted[hopeful], len(hopeful)).view(np.uint8) << reason
    # A reason that was not looked at could not have kept the row, and neither could the rest.
    return np.flatnonzero(drawn < chances.by_mask[seen])
