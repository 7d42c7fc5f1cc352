"""A numeric and a categorical pair, seeded; the category "i" is new in the current data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).parent / "data"


def expected(library: str) -> dict[str, float]:
    found: dict[str, float] = json.loads((FOLDER / f"expected_{library}.json").read_text())
    return found


def numeric() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.random.default_rng(0).normal(0, 1, 5000), np.random.default_rng(1).normal(0.25, 1.1, 3000)


def categorical() -> tuple[list[str], list[str]]:
    p, q = 1 / np.arange(1, 9), 1 / np.arange(1, 10) ** 0.8
    p, q = p / p.sum(), q / q.sum()
    names = np.array(list("abcdefghi"), dtype=object)
    reference = np.random.default_rng(2).choice(8, 5000, p=p)
    current = np.random.default_rng(3).choice(9, 3000, p=q)
    return list(names[reference]), list(names[current])
