"""What the sidecar says of a stream: its profile, its sliding windows of 60 slots, its verdict at every look.

Rows are counted in the bins of a real profile. Thousands of looks are judged at once by ``detection.detected``, which a
test holds to what the sidecar's own ``verdicts.judge`` says (tests/exporters/test_calibrate.py).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from modelwatch.exporters.bins import CategoricalBins, NumericBins
from modelwatch.exporters.guards import alpha
from modelwatch.exporters.layout import Layout, layout
from modelwatch.exporters.profile import build_profile
from modelwatch.exporters.statistics import OF_HISTOGRAMS
from modelwatch.exporters.statistics.detection import detected
from modelwatch.model.load import load_model
from tests.bench.false_alarms_stream import CATEGORICAL, CATEGORIES, DAY, NUMERIC, SLOT, SLOTS, Rows, Stream, joined

# Seconds between looks: Prometheus scrapes, and the sidecar judges when it is scraped.
LOOK = 15
# Five minutes are what the peers are given; the rest are the spec's defaults.
LENGTHS = {"5m": 300, "15m": 900, "1h": 3600, "1d": 86_400}
DEFAULT = ("15m", "1h", "1d")
_DAY = DAY * SLOTS
SPEC = """\
apiVersion: modelwatch/v1
kind: Model
metadata: {name: wide, owner: ml}
serving: {job: wide}
task: {type: regression}
features:
"""


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """One day of one window length: ``enough`` says at which looks there were rows enough, shape (looks,); ``found``
    has for each threshold what is called drifted, shape (features, looks)."""

    length: str
    enough: NDArray[np.bool_]
    found: tuple[NDArray[np.bool_], ...]


@dataclass(frozen=True, eq=False)
class Sidecar:
    """A model of 40 features over a reference; ``thresholds`` are those of PSI that are tried."""

    layout: Layout
    thresholds: tuple[float, ...]

    @classmethod
    def over(cls, reference: Sequence[Rows], thresholds: tuple[float, ...]) -> Sidecar:
        numeric, categories, _ = joined(reference)
        columns = {f"n{i}": pa.array(numeric[:, i]) for i in range(NUMERIC)}
        names = np.array(CATEGORIES)
        columns |= {f"c{i}": pa.array(names[categories[:, i]]) for i in range(CATEGORICAL)}
        kinds = {name: "numeric" if name[0] == "n" else "categorical" for name in columns}
        with tempfile.TemporaryDirectory() as folder:
            spec, data = Path(folder) / "wide.yaml", Path(folder) / "reference.parquet"
            spec.write_text(SPEC + "".join(f"  - {{name: {name}, type: {kind}}}\n" for name, kind in kinds.items()))
            pq.write_table(pa.table(columns), data)
            model = load_model(spec)
            return cls(layout(model, build_profile(model, data)), thresholds)

    @cached_property
    def alpha(self) -> float:
        return alpha(self.layout)

    @property
    def least(self) -> int:
        return self.layout.model.drift.min_samples

    @cached_property
    def bins(self) -> int:
        return max(len(one.bins.labels) for one in self.layout.compared)

    def counted(self, rows: Rows) -> NDArray[np.int32]:
        """Rows of five minutes by feature, slot and bin, shape (features, SLOTS, bins)."""
        codes = []
        for place, watched in enumerate(self.layout.compared):
            bins = watched.bins
            if isinstance(bins, NumericBins):
                codes.append(bins.codes(rows.numeric[place]))
            else:
                assert isinstance(bins, CategoricalBins)
                by_place = np.array([bins.lookup.get(name, bins.unknown) for name in CATEGORIES])
                codes.append(by_place[rows.categories[place - NUMERIC]])
        features = len(codes)
        flat = (np.arange(features)[:, None] * SLOTS + rows.slot) * self.bins + np.array(codes)
        found = np.bincount(flat.ravel(), minlength=features * SLOTS * self.bins)
        return found.reshape(features, SLOTS, self.bins).astype(np.int32)

    def watch(
        self, stream: Stream, days: int, skip: int = 0, features: int | None = None
    ) -> Iterator[tuple[int, Looks]]:
        """Every day but the first ``skip`` ones and every window length, in this order, of the first ``features``."""
        counts = np.zeros((len(self.layout.compared), 2 * _DAY, self.bins), dtype=np.int32)
        for day in range(days):
            counts[:, :_DAY] = counts[:, _DAY:]
            for window in range(DAY):
                at = _DAY + window * SLOTS
                counts[:, at : at + SLOTS] = self.counted(stream.window(day * DAY + window))
            if day < skip:
                continue
            total = np.concatenate([np.zeros_like(counts[:, :1]), counts.cumsum(axis=1, dtype=np.int32)], axis=1)
            for length in LENGTHS:
                yield day, self._looks(length, total[:features])

    def _looks(self, length: str, total: NDArray[np.int32]) -> Looks:
        """``total`` are counts since the beginning of the day before."""
        end = _DAY + np.arange(LOOK // SLOT, _DAY + 1, LOOK // SLOT)
        start = begins(LENGTHS[length], end)
        rows = total[0, end].sum(axis=1) - total[0, start].sum(axis=1)
        enough = rows >= self.least
        found = tuple(np.zeros((len(total), len(end)), dtype=bool) for _ in self.thresholds)
        looks = np.flatnonzero(enough)
        if len(looks):
            for place, one in enumerate(total):
                watched = self.layout.compared[place]
                assert watched.reference is not None
                counts = (one[end[looks]] - one[start[looks]])[:, : len(watched.reference)].astype(np.int64)
                method = OF_HISTOGRAMS[watched.subject.feature.drift.method]
                left = np.arange(len(looks))
                # What does not pass a threshold does not pass a higher one.
                for which in np.argsort(self.thresholds):
                    threshold = self.thresholds[which]
                    left = left[detected(method, counts[left], watched.reference, threshold, self.alpha)]
                    found[which][place, looks[left]] = True
        return Looks(length, enough, found)


def begins(seconds: int, end: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where a window of so many seconds begins that is looked at by ``end``; both count slots of 5 seconds."""
    slot = seconds // 60 // SLOT
    # The newest of its slots is under way, and 59 before it are whole.
    return np.maximum((end // slot - 59) * slot, 0)
