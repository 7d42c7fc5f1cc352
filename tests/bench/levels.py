"""How often chance passes a critical value, as a multiple of the rate asked for: `python -m tests.bench levels`.

Windows are drawn from laws that spread wider than the true one and weighed by the ratio of probabilities (importance
sampling), so that rates of a billionth can be told from a few ten thousand draws. References are drawn too. Where bins
and rows are few, every possible window is looked at instead, which is exact and tells whether the draws are right.
"""

from __future__ import annotations

import numpy as np
import scipy.stats
from scipy.special import gammaln

from modelwatch.exporters.statistics import OF_HISTOGRAMS, Histograms
from modelwatch.exporters.statistics.likelihood_ratio import LikelihoodRatio

SUMS = {**OF_HISTOGRAMS, "g": LikelihoodRatio()}
LAWS = {
    "deciles": np.full(10, 0.1),
    "deciles and a missing share of 0.001": np.append(np.full(10, 0.0999), 0.001),
    "20 categories": 1 / np.arange(1, 21),
    "50 categories": 1 / np.arange(1, 51),
    "two categories": np.array([0.7, 0.3]),
    "four, one rare": np.array([0.9, 0.09, 0.009, 0.001]),
    "twelve, most rare": 3.0 ** -np.arange(12),
}

# The last is what 40 features get by default at each look.
RATES = (1e-3, 1e-6, 7e-9)
# Bins and rows of which all windows can be looked at.
SMALL = {
    "0.7, 0.3": (np.array([0.7, 0.3]), (100, 500, 5000)),
    "0.99, 0.01": (np.array([0.99, 0.01]), (500, 5000)),
    "0.6, 0.3, 0.1": (np.array([0.6, 0.3, 0.1]), (100, 500)),
    "0.8, 0.199, 0.001": (np.array([0.8, 0.199, 0.001]), (500,)),
    "four, one rare": (LAWS["four, one rare"], (100,)),
    "five from 0.3 to 0.1": (np.array([0.3, 0.25, 0.2, 0.15, 0.1]), (40,)),
}


def reference_rows(n: int) -> int:
    """Many times those of the window: only the window is drawn wider, so that the reference must not decide."""
    return max(50_000, 10 * n)


def rates(
    share: np.ndarray, n: int, m: int, alpha: float, names: list[str], draws: int = 12_000, references: int = 2
) -> dict[str, float]:
    """How often windows without drift pass each method's critical value, as a multiple of ``alpha``."""
    rng, p = np.random.default_rng(n + m), share / share.sum()
    passed = dict.fromkeys(names, 0.0)
    for _ in range(references):
        reference = rng.multinomial(m, p)
        counts, weight = spread(rng, p, n, alpha, draws)
        one = Histograms(counts[:1], reference[None])
        many = Histograms(counts, np.broadcast_to(reference, counts.shape))
        for name in names:
            critical = SUMS[name].critical_value(one, np.array([n]), alpha)
            passed[name] += float((weight * (SUMS[name].score(many) > critical)).mean()) / alpha / references
    return passed


def spread(rng: np.random.Generator, p: np.ndarray, n: int, alpha: float, draws: int) -> tuple[np.ndarray, np.ndarray]:
    """Multinomial windows from Dirichlet-multinomial ones of one, two and four times the variance that is needed."""
    degrees = max(len(p) - 1, 1)
    wide = max(scipy.stats.chi2.isf(alpha, degrees) / degrees, 1.5)
    totals = [max((n - 1) / (wide * more - 1) - 1, 0.5) for more in (0.5 + 0.5 / wide, 1, 2)]
    each = draws // len(totals)
    counts = np.concatenate([rng.multinomial(n, _shares(rng, total * p, each)) for total in totals])
    logs = np.array([_log_dirichlet(counts, total * p, n) for total in totals])
    top = logs.max(axis=0)
    return counts, np.exp(counts @ np.log(p) - top - np.log(np.exp(logs - top).mean(axis=0)))


def _shares(rng: np.random.Generator, shape: np.ndarray, size: int) -> np.ndarray:
    drawn = np.maximum(rng.standard_gamma(shape, (size, len(shape))), 1e-290)
    return drawn / drawn.sum(axis=1, keepdims=True)


def _log_dirichlet(counts: np.ndarray, shape: np.ndarray, n: int) -> np.ndarray:
    total = shape.sum()
    return gammaln(total) - gammaln(n + total) + (gammaln(counts + shape) - gammaln(shape)).sum(axis=1)


def every_window(n: int, bins: int) -> np.ndarray:
    """All counts of ``n`` rows in ``bins`` bins, shape (windows, bins)."""
    found = np.indices((n + 1,) * (bins - 1)).reshape(bins - 1, -1).T
    rest = n - found.sum(axis=1)
    return np.column_stack([found, rest])[rest >= 0]


def exact_rates(
    share: np.ndarray, n: int, m: int, alpha: float, names: list[str], references: int = 3
) -> dict[str, float]:
    """As ``rates``, from every window there is."""
    rng, p, counts = np.random.default_rng(n + m), share / share.sum(), every_window(n, len(share))
    weight = np.exp(gammaln(n + 1) - gammaln(counts + 1).sum(axis=1) + counts @ np.log(p))
    passed = dict.fromkeys(names, 0.0)
    for _ in range(references):
        reference = rng.multinomial(m, p)
        one = Histograms(counts[:1], reference[None])
        many = Histograms(counts, np.broadcast_to(reference, counts.shape))
        for name in names:
            critical = SUMS[name].critical_value(one, np.array([n]), alpha)
            passed[name] += float(weight[SUMS[name].score(many) > critical].sum()) / alpha / references
    return passed


def main() -> None:
    names = list(SUMS)
    header = f"| bins | rows | rate | {' | '.join(names)} |\n|{'---|' * (len(names) + 3)}"
    print("\nHow often chance passes a critical value, as a multiple of the rate; every window looked at")
    print(f"(50,000 reference rows)\n\n{header}")
    for law, (share, rows) in SMALL.items():
        for n in rows:
            for alpha in RATES:
                _row(law, n, alpha, exact_rates(share, n, 50_000, alpha, names))
    print("\nThe same for more bins, from draws (50,000 reference rows; 1,000,000 for 100,000)")
    print(f"\n{header}")
    for law, share in LAWS.items():
        for n in (100, 500, 5000, 100_000):
            for alpha in RATES:
                # The rarer, the fewer of the draws decide.
                draws = 60_000 if alpha < 1e-7 else 12_000
                _row(law, n, alpha, rates(share, n, reference_rows(n), alpha, names, draws))


def _row(law: str, n: int, alpha: float, found: dict[str, float]) -> None:
    print(f"| {law} | {n:,} | {alpha:.0e} | {' | '.join(f'{ratio:.2f}' for ratio in found.values())} |", flush=True)


if __name__ == "__main__":
    main()
