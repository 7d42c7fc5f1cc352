"""What sampling costs a row: ``python -m tests.bench.sampling``. 40 features, columns of 100,000 rows."""

from __future__ import annotations

import dataclasses
import time
from decimal import Decimal

import numpy as np

from modelwatch.exporters.bins import CategoricalBins, NumericBins
from modelwatch.exporters.layout import layout
from modelwatch.exporters.reference import FeatureProfile, Profile
from modelwatch.exporters.sampling.criteria import criteria
from modelwatch.exporters.sampling.rows import Texts
from modelwatch.exporters.sampling.sampler import Sampler
from modelwatch.exporters.subjects import Subject
from modelwatch.model import defaults
from modelwatch.model import types as t

ROWS, REPEATS = 100_000, 10
_DRIFT = t.Drift("psi", Decimal("0.1"), Decimal("0.25"))
_NAMES = [f"n{n}" for n in range(30)] + [f"c{n}" for n in range(10)]


class _Rows:
    count = ROWS

    def __init__(self, ids: list[object] | None) -> None:
        rng = np.random.default_rng(0)
        self._ids = ids
        self._numbers = {name: rng.normal(size=ROWS) for name in _NAMES[:30]}
        self._numbers["confidence"] = rng.beta(8, 1, ROWS)
        self._texts = {name: Texts(rng.integers(0, 10, ROWS), tuple("ABCDEFGHIJ")) for name in _NAMES[30:]}
        self._texts["prediction"] = Texts(rng.integers(0, 2, ROWS), ("on_time", "late"))

    def numbers(self, subject: Subject) -> np.ndarray:
        return self._numbers[subject.name]

    def texts(self, subject: Subject) -> Texts:
        return self._texts[subject.name]

    def ids(self) -> list[object] | None:
        return self._ids

    def timestamps(self) -> None:
        return None


def _plan(sampling: t.Sampling):  # type: ignore[no-untyped-def]  # a layout
    features = tuple(
        t.Feature(name, "numeric" if name[0] == "n" else "categorical", _DRIFT, Decimal("0.05")) for name in _NAMES
    )
    edges = tuple(np.linspace(-1.2, 1.2, 9).tolist())
    reference = Profile(
        "bench",
        1000,
        tuple(
            FeatureProfile(name, NumericBins(edges), (100,) * 10 + (0,), -4.5, 4.5)
            if name[0] == "n"
            else FeatureProfile(name, CategoricalBins(tuple("ABCDEFGHIJ")), (100,) * 10 + (0, 0, 0))
            for name in _NAMES
        ),
    )
    model = t.Model(
        "bench", "ops", "standard", "", t.Links(), t.Serving("bench", "prod", "online", (), "/metrics", None),
        t.Task("classification", ("on_time", "late"), "late"), features, defaults.DRIFT, None, (), defaults.LIMITS,
        defaults.PERFORMANCE, defaults.TRACING, {}, sampling,
    )  # fmt: skip
    return layout(model, reference, "")


def measure(ids: list[object] | None, rows_per_hour: int, rest: str = "0.2") -> tuple[float, int]:
    """Nanoseconds a row, and rows kept, of requests that follow one another at a million rows a second."""
    sampling = dataclasses.replace(
        defaults.SAMPLING,
        rows_per_hour=rows_per_hour,
        risky=t.Risky(("late",)),
        strata={**defaults.SAMPLING.strata, "rest": Decimal(rest)},
    )
    rows, wanted = _Rows(ids), criteria(_plan(sampling), sampling, ())
    sampler, accepted, kept = Sampler("bench", sampling, 0.0, seed=1), np.arange(ROWS), 0
    best = float("inf")
    for number in range(REPEATS):
        began = time.thread_time()
        kept += len(sampler.choose(wanted, rows, accepted, 0.1 * number).where)
        best = min(best, time.thread_time() - began)
    return best / ROWS * 1e9, kept


def main() -> None:
    texts: list[object] = [f"7f1d3c9e-0000-4000-8000-{n:012d}" for n in range(ROWS)]
    numbers: list[object] = list(range(ROWS))
    print(f"{'ids':10}{'rows an hour':>14}{'ns a row':>10}{'kept of a million':>19}")
    for name, ids in (("none", None), ("numbers", numbers), ("UUIDs", texts)):
        for budget in (200, 100_000):
            cost, kept = measure(ids, budget)
            print(f"{name:10}{budget:>14,}{cost:>10.0f}{kept:>19}")


if __name__ == "__main__":
    main()
