"""What the durable parts see of a model and of a request: blocks of two vectors, and what is added to them."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.blocks import Block
from modelwatch.exporters.ledger import MOST_MARKS, Mark
from modelwatch.exporters.monitor import Monitor
from modelwatch.model.units import Duration

NAME = "m"


@dataclass(frozen=True)
class Counted:
    counts: NDArray[np.int64]
    sums: NDArray[np.float64]
    accepted: int
    errors: dict[int, SimpleNamespace]
    newest: float | None = None


def layout(*features: tuple[str, int, int], windows: tuple[str, ...] = ("15m", "1h")) -> SimpleNamespace:
    """Features as (name, places, sums); a place more or less is another signature."""
    blocks, start, float_start = [], 0, 0
    for name, width, float_width in features:
        blocks.append(Block(name, f"{name} of {width}", start, width, float_start, float_width))
        start, float_start = start + width, float_start + float_width
    found = tuple(Duration.parse(window) for window in windows)
    return SimpleNamespace(blocks=tuple(blocks), windows=found, model=SimpleNamespace(name=NAME))


def counted(layout: SimpleNamespace, seed: int) -> Counted:
    """What a request of a few rows adds: some wrong, with sums whose order shows in the last digit."""
    rng = np.random.default_rng(seed)
    width, float_width = sum(b.width for b in layout.blocks), sum(b.float_width for b in layout.blocks)
    rows, wrong = int(rng.integers(0, 5)), int(rng.integers(0, 3))
    counts = rng.integers(0, 3, width) * (rng.random(width) < 0.5) * int(rng.choice([1, 200, 70_000]))
    sums = rng.normal(size=float_width) * 10.0 ** rng.integers(-8, 8, float_width)
    errors = {i: SimpleNamespace(reason=str(rng.choice(["wrong_type", "not_json"]))) for i in range(wrong)}
    newest = float(rng.integers(1, 1000)) if rng.random() < 0.5 else None
    return Counted(counts.astype(np.int64) * bool(rows), sums * bool(rows), rows, errors, newest)


def mark(seed: int) -> Mark | None:
    """Where the rows of a request end in a file, of somewhat more files than are remembered; of every other request."""
    return Mark(seed % (MOST_MARKS + 100), seed, seed << 32) if seed % 2 else None


def everything(monitor: Monitor) -> dict[str, object]:
    """All that a monitor has counted, so that two can be compared to the last digit."""
    snapshot = monitor.snapshot()
    tally = snapshot.tally
    return {
        "sequence": tally.sequence,
        "accepted": tally.accepted,
        "reasons": dict(tally.reasons),
        "last_row": tally.last_row,
        "lag": tally.lag,
        "counters": tally.counters.tolist(),
        "sums": tally.sums.tolist(),
        "totals": {name: found.tolist() for name, found in snapshot.totals.items()},
        "marks": list(tally.marks.items()),
        "total_sums": {name: found.tolist() for name, found in snapshot.total_sums.items()},
    }
