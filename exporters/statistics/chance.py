"""What chance alone makes of a score that is a sum over bins: its upper quantiles at rates down to 1e-8.

Textbook approximations (chi-squared) break where bins expect few rows: the PSI of 20 to 50 categories passes its
chi-squared quantile up to a hundred times as often as it should. So the distribution is worked out for the bins at
hand. Given a reference with r_i rows in bin i, the rows c of a window without drift follow a Dirichlet-multinomial law,
c ~ (n; r_i + 1/2): multinomial counts whose shares are known only as well as the reference tells (Jeffreys' prior).
These are independent negative binomial counts given their sum, so the moment generating function of any sum of
f_i(c_i) is a product over bins, and the double saddlepoint approximation gives its tail (Skovgaard 1987; Lugannani and
Rice 1980; Butler, Saddlepoint Approximations, 2007). Values that the reference never saw share one bin with r = 0.

What each method achieves, against simulation, stands in README.md beside this file.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from modelwatch.exporters.statistics.distributions import normal
from modelwatch.exporters.statistics.distributions.gamma import log_gamma
from modelwatch.exporters.statistics.method import Counts, Floats
from modelwatch.exporters.statistics.sides import Sides

# What bins contribute to the sum.
Terms = Callable[[Sides], Floats]

# Counts looked at in a bin.
NODES = 72
# A bin's count that is rarer than the rate sought by this factor (e^-9 = 1e-4) is left out: it cannot matter, and a
# score that grows faster than its probability falls would otherwise be all about it.
NEGLIGIBLE = -9.0
# The approximation is within a fifth of the tail for ten bins, but up to twice as much for a handful of rare ones.
CAUTION = 0.6
# The most doublings and halvings of the tilt, and steps of Newton's.
STEPS = 60
# How well the logarithm of the rate is met.
CLOSE = 0.02
# Counts are whole, so that the chance of their sum, 1 / sqrt(2 pi variance), is 1 at the most.
_LATTICE = 1 / (2 * math.pi)
_LEAST = 1e-9


@dataclass(frozen=True, eq=False)
class Null:
    """The law of counts without drift: for each feature and bin the counts looked at and their probabilities.

    Shapes are (features, bins + 1, nodes); the last bin is that of values never seen.
    """

    c: Floats
    r: Floats
    n: Floats
    m: Floats
    centred: Floats
    log_probability: Floats


def null(reference: Counts, n: Counts, alpha: float, unseen: bool = True) -> Null:
    """The law for windows of ``n`` rows, shape (features,), over ``reference``, shape (features, bins).

    It is cut off where it matters no more for quantiles at the rate ``alpha``. Without ``unseen`` there are no values
    but those that the reference holds.
    """
    features = len(reference)
    r = np.concatenate([reference, np.zeros((features, 1), dtype=np.int64)], axis=1).astype(np.float64)
    m = reference.sum(axis=1).astype(np.float64)[:, None]
    rows = n.astype(np.float64)[:, None]
    held = r > 0
    held[:, -1] = unseen
    shape = np.where(held, r + 0.5, 0.0)
    total = shape.sum(axis=1, keepdims=True)
    mean = rows * shape / total
    deviation = np.sqrt(mean * (1 + rows / total))
    least = math.log(alpha) + NEGLIGIBLE
    reach = math.sqrt(-2 * least)
    low = np.maximum(np.floor(mean - reach * deviation), 0.0)
    # A rare bin's upper tail is that of a Poisson or geometric count: longer than its standard deviation tells.
    high = np.minimum(np.ceil(mean + reach * deviation - least * (1 + rows / total)), rows)
    step = np.maximum((high - low) / (NODES - 1), 1.0)[..., None]
    c = low[..., None] + step * np.arange(NODES)
    beyond = (c > rows[..., None]) | ~held[..., None]
    c = np.minimum(c, rows[..., None])
    a = np.where(held, shape, 1.0)[..., None]
    odds = np.log(rows / (rows + total))[..., None]
    log_p = log_gamma(c + a) - log_gamma(c + 1) + c * odds
    log_p[beyond] = -np.inf
    # A bin that is not there holds nothing, with certainty.
    log_p[~held] = -np.inf
    log_p[~held, 0] = 0.0
    c[~held] = 0.0
    log_p -= _log_sum(log_p)[..., None]
    # Density over a standard deviation: what a region of this height holds.
    log_p[log_p - np.log(step) + np.log(np.maximum(deviation, 1.0))[..., None] < least] = -np.inf
    log_p -= _log_sum(log_p)[..., None]
    return Null(c, r[..., None], rows[..., None], m[..., None], c - mean[..., None], log_p)


def quantiles(law: Null, terms: Terms, alpha: float) -> Floats:
    """What the sum of ``terms`` exceeds with probability ``alpha``, shape (features,).

    Looks for the tilt whose mean has this probability: doublings, then the Illinois rule between bounds.
    """
    f = np.where(np.isfinite(law.log_probability), terms(Sides.of(law.c, law.r, law.n, law.m)), 0.0)
    nothing = np.zeros(len(f))
    untilted = at = _tilted(law, f, nothing, nothing)
    target = math.log(alpha * CAUTION)
    low, above = nothing, nothing - target
    high, below = np.full(len(f), np.inf), nothing - 1
    t_before, t = nothing, 1 / np.sqrt(untilted.curve)
    for _ in range(STEPS):
        at = _tilted(law, f, t, at.s + at.drift * (t - t_before))
        error = _log_tail(untilted, at, t) - target
        if np.all((np.abs(error) < CLOSE) | (high - low < 1e-4 * high)):
            break
        up = error > 0
        # The bound that stays counts for half, so that it is given up in time.
        below, above = np.where(up, below / 2, error), np.where(up, error, above / 2)
        low, high = np.where(up, t, low), np.where(up, high, t)
        bounded = np.isfinite(high)
        width = np.where(bounded, high, 0.0) - low
        share = np.clip(above / (above - below), 0.02, 0.98)
        t_before, t = t, np.where(bounded, low + share * width, 1.6 * low)
    return at.slope


def _log_tail(untilted: _Tilted, at: _Tilted, t: Floats) -> Floats:
    """ln P(sum > its mean under the tilt), after Lugannani and Rice, given that the counts sum to n."""
    k = at.k - untilted.k - 0.5 * np.log(at.kss / untilted.kss)
    w = np.sqrt(np.maximum(2 * (t * at.slope - k), 1e-12))
    u = t * np.sqrt(at.curve)
    tail = normal.survival(w) + normal.density(w) * (1 / u - 1 / w)
    # Chernoff's bound holds too, also where the counts of a rare bin come one by one and the density is no curve.
    bound = k - t * at.slope
    return np.minimum(np.where(tail > 0, np.log(np.maximum(tail, 1e-300)), bound), bound)


@dataclass(frozen=True, slots=True, eq=False)
class _Tilted:
    s: Floats
    k: Floats
    kss: Floats
    drift: Floats
    slope: Floats
    curve: Floats


def _tilted(law: Null, f: Floats, t: Floats, s: Floats) -> _Tilted:
    """Cumulants under exp(t f + s c), with ``s`` such that the counts still sum to n on average."""
    c = law.centred
    tilted = law.log_probability + t[:, None, None] * f
    for _ in range(STEPS):
        exponent = tilted + s[:, None, None] * c
        log_mass = _log_sum(exponent)
        weight = np.exp(exponent - log_mass[..., None])
        mean_c = (weight * c).sum(axis=-1)
        dc = c - mean_c[..., None]
        kss = np.maximum((weight * dc * dc).sum(axis=(1, 2)), _LATTICE)
        off = mean_c.sum(axis=1) / np.sqrt(kss)
        if np.all(np.abs(off) < 0.02):
            break
        # The sum is convex in s, so that short steps get there from anywhere.
        s = s - np.clip(off, -2, 2) / np.sqrt(kss)
    mean_f = (weight * f).sum(axis=-1)
    df = f - mean_f[..., None]
    wdc = weight * dc
    kts = (wdc * df).sum(axis=(1, 2))
    ktt = (weight * df * df).sum(axis=(1, 2))
    ktss = (wdc * dc * df).sum(axis=(1, 2))
    ksss = (wdc * dc * dc).sum(axis=(1, 2))
    drift = -kts / kss
    # The rest of the way in s, to first order.
    slope = mean_f.sum(axis=1) + drift * off * np.sqrt(kss) - 0.5 * (ktss + ksss * drift) / kss
    curve = np.maximum(ktt - kts * kts / kss, _LEAST * np.maximum(ktt, 1e-200))
    return _Tilted(s, log_mass.sum(axis=1) - off * off / 2, kss, drift, slope, curve)


def _log_sum(exponent: Floats) -> Floats:
    top = exponent.max(axis=-1)
    found: Floats = top + np.log(np.exp(exponent - top[..., None]).sum(axis=-1))
    return found
