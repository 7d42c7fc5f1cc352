"""Rows of a model with 40 features, minute by minute for a month: the same ones for every tool, whenever asked for.

A stream is cut into windows of five minutes that follow each other. Each is drawn from a seed of its own, so that any
of them can be had without those before. Numeric features are normal, categorical ones have eight categories after
Zipf's law, rows arrive as a Poisson process.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NUMERIC, CATEGORICAL = 30, 10
FEATURES = NUMERIC + CATEGORICAL
WINDOW = 300
# The shortest slot in which the sidecar keeps rows: a sixtieth of five minutes.
SLOT = 5
SLOTS = WINDOW // SLOT
DAY = 86_400 // WINDOW
CATEGORIES = tuple("abcdefgh")
_LIMITS = np.cumsum(1 / np.arange(1, len(CATEGORIES) + 1))[:-1] / (1 / np.arange(1, len(CATEGORIES) + 1)).sum()


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """``numeric`` is of shape (NUMERIC, n), ``categories``, places in CATEGORIES, of shape (CATEGORICAL, n); ``slot``
    is when in its window each came, shape (n,)."""

    numeric: NDArray[np.float64]
    categories: NDArray[np.int64]
    slot: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.slot)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Rows a minute: always ``low``, or, with ``high``, up to it by noon and down again to midnight."""

    low: float
    high: float | None = None

    @property
    def text(self) -> str:
        return f"{self.low:,.0f}" if self.high is None else f"{self.low:,.0f} to {self.high:,.0f} (daily)"

    def rows(self, window: int) -> float:
        """Rows a minute in the window with this number; the first one begins at midnight."""
        if self.high is None:
            return self.low
        share = (1 - math.cos(2 * math.pi * (window % DAY) / DAY)) / 2
        return float(self.low * (self.high / self.low) ** share)


@dataclass(frozen=True, slots=True)
class Stream:
    """From the window ``since`` on, every numeric feature lies ``sigma`` standard deviations higher."""

    traffic: Traffic
    seed: int
    sigma: float = 0.0
    since: int = 0

    def window(self, number: int) -> Rows:
        # Windows of the reference have numbers below 0, and seeds have not.
        low, high = int(self.traffic.low), int(self.traffic.high or 0)
        rng = np.random.default_rng([self.seed, low, high, number + 1_000_000])
        came = rng.poisson(self.traffic.rows(number) * SLOT / 60, SLOTS)
        n = int(came.sum())
        numeric = rng.standard_normal((NUMERIC, n))
        if self.sigma and number >= self.since:
            numeric += self.sigma
        categories = np.searchsorted(_LIMITS, rng.random((CATEGORICAL, n)))
        return Rows(numeric, categories, np.repeat(np.arange(SLOTS), came))


def reference(stream: Stream, rows: int, windows: int) -> list[Rows]:
    """What came before the stream's first window: ``rows`` rows or ``windows`` windows, whichever are more."""
    found: list[Rows] = []
    total = 0
    while total < rows or len(found) < windows:
        found.append(stream.window(-1 - len(found)))
        total += len(found[-1])
    return found[::-1]


def joined(windows: Iterable[Rows]) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Numeric values, shape (rows, NUMERIC), categories, shape (rows, CATEGORICAL), and rows by window."""
    found = list(windows)
    return (
        np.concatenate([one.numeric for one in found], axis=1).T,
        np.concatenate([one.categories for one in found], axis=1).T,
        np.array([len(one) for one in found], dtype=np.int64),
    )
