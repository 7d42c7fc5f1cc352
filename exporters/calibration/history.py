"""Past rows by bin and slot of time: what a sliding window would have counted."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modelwatch.exporters.bins import CategoricalBins, NumericBins, category_text
from modelwatch.exporters.calibration.parts import Parts
from modelwatch.exporters.calibration.setting import Setting, Watch
from modelwatch.exporters.calibration.times import seconds_of, time_column
from modelwatch.exporters.reading import DataFile
from modelwatch.exporters.reference import Profile, ProfileError
from modelwatch.exporters.statistics.method import Counts, Floats
from modelwatch.model.guess import EVENT_TIMES


@dataclass(frozen=True, eq=False)
class History:
    """``codes`` are each row's bins by feature; ``seconds`` their time, in order, or None without a time column.

    ``time`` is the column that told it. ``slices`` are the slices of the reference that rows are compared with, of
    ``width`` slices; None where they are compared with all of it.
    """

    codes: dict[str, Counts]
    seconds: Floats | None
    rows: int
    time: str | None = None
    slices: Counts | None = None
    width: int = 0

    @property
    def days(self) -> float | None:
        if self.seconds is None or len(self.seconds) < 2:
            return None
        return float(self.seconds[-1] - self.seconds[0]) / 86_400

    def beside(self, parts: Parts | None, profile: Profile) -> History:
        """The same, compared with the parts of the reference; with all of it where there are none, or no times."""
        if parts is None or self.seconds is None:
            return dataclasses.replace(self, slices=None, width=0)
        return dataclasses.replace(
            self, slices=parts.codes(self.seconds, self.codes, profile), width=parts.slices.block.width
        )

    def slots(self, watch: Watch, length: float) -> Counts:
        """Rows by slot of ``length`` seconds and bin, shape (slots, bins); needs a time column."""
        return self._by_slot(self.codes[watch.name], len(watch.reference), length)

    def sliced(self, length: float) -> Counts | None:
        """Rows by slot of ``length`` seconds and slice, shape (slots, slices); None where there are no slices."""
        return None if self.slices is None else self._by_slot(self.slices, self.width, length)

    def _by_slot(self, codes: Counts, width: int, length: float) -> Counts:
        assert self.seconds is not None
        place = ((self.seconds - self.seconds[0]) / length).astype(np.int64)
        flat = np.bincount(place * width + codes, minlength=(int(place[-1]) + 1) * width)
        return flat.reshape(-1, width)


def read(path: Path, setting: Setting, profile: Profile, time: str | None = None, usual: str | None = None) -> History:
    """Raises ProfileError where the file cannot be read or lacks a watched column or the column ``time``.

    Without ``time``, the times are in the column ``usual`` where the file has it, else in the one that init would take.
    """
    file = DataFile(path)
    known = [watch for watch in setting.watched if watch.subject.role == "feature" or watch.name in file.columns]
    lacking = [watch.name for watch in known if watch.name not in file.columns]
    if lacking:
        raise ProfileError(f"{path}: has no column for {', '.join(map(repr, lacking))}; rename it in the data")
    if time is not None and time not in file.columns:
        raise ProfileError(f"{path}: has no column {time!r} for --time; its columns are {', '.join(file.columns[:20])}")
    taken = {watch.name for watch in known}
    column = time or time_column(file, (usual, *EVENT_TIMES), taken)
    wanted = {watch.name: watch.numeric for watch in known} | ({column: False} if column else {})
    codes: dict[str, list[Counts]] = {watch.name: [] for watch in known}
    times: list[Floats] = []
    for batch in file.batches(wanted, _quiet):
        for watch in known:
            found = profile.feature(watch.name)
            assert found is not None
            codes[watch.name].append(_codes(batch.column(watch.name), found.bins))
        if column:
            times.append(seconds_of(batch.column(column), column, path))
    joined = {name: np.concatenate(parts) for name, parts in codes.items() if parts}
    rows = len(next(iter(joined.values()), []))
    if not rows:
        raise ProfileError(f"{path}: has no rows, so there is nothing to judge by")
    if not column:
        return History(joined, None, rows)
    seconds = np.concatenate(times)
    order = np.argsort(seconds, kind="stable")
    ordered = {name: one[order] for name, one in joined.items()}
    return History(ordered, seconds[order], rows, column).beside(setting.parts, profile)


def _quiet(share: float) -> None:
    """Progress of a reading that takes a second."""


def _codes(column: Any, bins: NumericBins | CategoricalBins) -> Counts:
    if isinstance(bins, NumericBins):
        return bins.codes(pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False))
    packed = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    texts = [category_text(value) for value in packed.dictionary.to_pylist()]
    places = np.array([*(bins.lookup.get(text, bins.unknown) for text in texts), bins.missing], dtype=np.int64)
    indices = pc.fill_null(packed.indices, len(texts)).to_numpy(zero_copy_only=False)
    return np.asarray(places[indices])
