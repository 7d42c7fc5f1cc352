"""What chance alone makes of a sum over a handful of bins, by drawing windows.

Where few bins are filled and some of them rarely, a score takes few values and has no curve that ``chance`` could
follow. Windows are drawn from the same law, c ~ Dirichlet-multinomial (n; r_i + 1/2), but from versions of it that
spread wider, and weighed by the ratio of probabilities (importance sampling; Owen, Monte Carlo theory, 2013, chapter
9), so that some 10,000 draws tell rates of 1e-8. The draws are the same each time.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from modelwatch.exporters.statistics.chance import Terms
from modelwatch.exporters.statistics.distributions.chi_squared import quantile as chi_squared
from modelwatch.exporters.statistics.distributions.gamma import log_gamma
from modelwatch.exporters.statistics.method import Counts, Floats
from modelwatch.exporters.statistics.sides import Sides

DRAWS = 4_000
# The rate aimed at, as a share of the one asked for: what the draws' own error takes.
CAUTION = 0.8


def quantile(reference: Counts, n: int, terms: Terms, alpha: float, unseen: bool) -> float:
    """What the sum of ``terms`` exceeds with probability ``alpha`` in windows of ``n`` rows over ``reference``,
    (bins,)."""
    r = reference[reference > 0].astype(np.float64)
    if unseen:
        r = np.append(r, 0.0)
    c, log_weight = _drawn((r + 0.5).tobytes(), n, alpha)
    value = terms(Sides.of(c, r, np.array(n, dtype=np.float64), r.sum(keepdims=True))).sum(axis=1)
    order = np.argsort(-value)
    beyond = np.cumsum(np.exp(log_weight[order])) / len(value)
    place = min(int(np.searchsorted(beyond, alpha * CAUTION)), len(value) - 1)
    # Equal scores may differ in the last digit when they are summed in another order.
    return float(value[order[place]]) * (1 + 1e-9)


# One method after the other asks for the same windows.
@lru_cache(maxsize=2)
def _drawn(law: bytes, n: int, alpha: float) -> tuple[Floats, Floats]:
    """Windows, shape (draws, bins), and the logarithms of their weights."""
    shape = np.frombuffer(law)
    rng = np.random.default_rng(2026)
    total = float(shape.sum())
    inflation = (n + total) / (1 + total)
    wide = chi_squared(alpha, max(len(shape) - 1, 1)) / max(len(shape) - 1, 1)
    totals = [total] + [_total(n, inflation * more) for more in (wide / 2, wide, 2 * wide)]
    c = np.concatenate([_counts(rng, shape * (one / total), n) for one in totals])
    logs = np.array([_log_probability(c, shape * (one / total)) for one in totals])
    # Each draw is weighed against the mixture of all versions, so that no weight is beyond their number.
    top = logs.max(axis=0)
    mixture = top + np.log(np.exp(logs - top).mean(axis=0))
    return c.astype(np.float64), logs[0] - mixture


def _total(n: int, inflation: float) -> float:
    """Sum of the shape for which a count's variance is ``inflation`` times the multinomial one."""
    return max((n - inflation) / (inflation - 1), 0.5) if n > inflation > 1 else 0.5


def _counts(rng: np.random.Generator, shape: Floats, n: int) -> Counts:
    share = np.maximum(rng.standard_gamma(shape, (DRAWS, len(shape))), 1e-290)
    return rng.multinomial(n, share / share.sum(axis=1, keepdims=True))


def _log_probability(c: Counts, shape: Floats) -> Floats:
    """ln of the Dirichlet-multinomial probability but for what all shapes share."""
    total, rows = float(shape.sum()), int(c[0].sum())
    found = np.full(len(c), math.lgamma(total) - math.lgamma(rows + total))
    for counts, a in zip(c.T, shape, strict=True):
        # Few counts come often: their logarithms are worked out once.
        low, high = int(counts.min()), int(counts.max())
        known = np.arange(low, high + 1) if high - low < len(counts) else counts
        logs = log_gamma(known + a) - math.lgamma(a)
        found += logs[counts - low] if known is not counts else logs
    return found
