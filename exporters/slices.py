"""Rows that are compared with their own part of the reference: the same hour of the day, weekday or segment.

Of a window's rows, only their number in each slice is kept beside the counts. With a share w_s of them in slice s, of
which the reference has m_s rows with shares p_s, what a quiet window looks like is the mixture

    p = sum over slices of w_s p_s,  known as well as m = 1 / sum over slices of w_s^2 / m_s rows tell

(stratified sampling, Cochran, Sampling techniques, 1977, chapter 5). What is in a window by such a design varies less
than a sample of the mixture would, so that critical values of a plain sample are on the safe side. Everything adds up
as counts do, over time and over replicas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.blocks import Block
from modelwatch.exporters.decoded import Decoded
from modelwatch.exporters.ingest.columns import Mask
from modelwatch.exporters.reference import Profile, Slice
from modelwatch.exporters.statistics.method import Counts, Floats
from modelwatch.model import types as t

if TYPE_CHECKING:
    from modelwatch.exporters.layout import Watched

Codes = NDArray[np.int64]
HOUR, DAY = 3600, 86_400
HOURS, WEEKDAYS = 24, 7
# 1970 began on a Thursday; weeks begin on Monday.
_THURSDAY = 3


@dataclass(frozen=True, eq=False)
class Slices:
    """``names`` are the slices, and ``parts`` what the reference has of each; None where it has too few rows.

    There is one place more than names for rows of no slice, such as a rare segment. Rows of a slice without a part are
    compared with the whole reference.
    """

    same: t.Same
    names: tuple[str, ...]
    parts: tuple[Slice | None, ...]
    segment: Watched | None
    block: Block

    def count(self, rows: Decoded, keep: Mask | None, now: float) -> Counts:
        """Rows by slice, shape (names + 1,): those of the mask ``keep``, or all.

        A row's hour and weekday, in UTC, are those of its own time, or else of ``now``, in seconds since the epoch.
        """
        if self.segment is None:
            timestamps = rows.table.timestamps()
            codes = self.of_time(np.where(np.isnan(timestamps), now, timestamps))
        else:
            codes = self._of_segment(rows)
        return np.bincount(codes if keep is None else codes[keep], minlength=self.block.width)

    def of_time(self, timestamps: Floats) -> Codes:
        """The slice of each moment, in seconds since the epoch."""
        seconds = timestamps.astype(np.int64)
        return seconds // HOUR % HOURS if self.same == "hour" else (seconds // DAY + _THURSDAY) % WEEKDAYS

    def _of_segment(self, rows: Decoded) -> Codes:
        assert self.segment is not None
        texts = rows.texts(self.segment.subject)
        # The last place takes code -1, a missing value, too.
        places = [*map(self.place, texts.distinct), len(self.names)]
        return np.asarray(np.array(places, dtype=np.int64)[texts.codes])

    def place(self, name: str) -> int:
        """Where a segment stands; the last place for one that is none."""
        return self._place.get(name, len(self.names))

    @cached_property
    def _place(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}


@dataclass(frozen=True, eq=False)
class Mixture:
    """The reference by slice, for distributions of up to ``bins`` bins: ``shares`` of shape (slices, features, bins)
    and ``rows`` of shape (slices, features).

    The last slice is the whole reference, and so is each that has no part of its own (``own`` is false).
    """

    shares: Floats
    rows: Floats
    own: NDArray[np.bool_]

    @classmethod
    def made(cls, slices: Slices, compared: Sequence[Watched], whole: Counts) -> Mixture:
        """``whole`` are the reference's counts, shape (features, bins)."""
        counts = np.repeat(whole[None].astype(np.float64), len(slices.names) + 1, axis=0)
        own = np.zeros(counts.shape[:2], dtype=bool)
        for place, part in enumerate(slices.parts):
            for row, watched in enumerate(compared):
                found = part.counts.get(watched.name, ()) if part is not None else ()
                if any(found):
                    counts[place, row, : len(found)] = found
                    counts[place, row, len(found) :] = 0
                    own[place, row] = True
        rows = np.maximum(counts.sum(axis=2), 1)
        return cls(counts / rows[..., None], rows, own)

    def reference(self, counted: Counts) -> Floats:
        """What a window with so many rows in each slice is compared with: rows by bin, shape (features, bins)."""
        weights = _weights(counted)
        shares: Floats = np.tensordot(weights, self.shares, axes=1)
        return shares / _uncertainty(weights[:, None], self.rows, self.own)[:, None]

    def of(self, feature: int, counted: Counts) -> Floats:
        """The same for one feature and many windows, whose rows by slice are of shape (windows, slices)."""
        weights = _weights(counted)
        rows, own = self.rows[:, feature, None], self.own[:, feature, None]
        found: Floats = (weights @ self.shares[:, feature]) / _uncertainty(weights.T, rows, own)[:, None]
        return found

    def expected(self, counted: Counts) -> Floats:
        """Rows by bin, were they as in their slices of the reference, shape (features, bins)."""
        found: Floats = np.tensordot(counted.astype(np.float64), self.shares, axes=1)
        return found


def _uncertainty(weights: Floats, rows: Floats, own: NDArray[np.bool_]) -> Floats:
    """1 / m for the rows m that a mixture is worth; slices are the first axis of all.

    What has no part of its own is taken from the whole reference, of which every part is a part: a weight there is one
    of each part too, by its share of the rows, and of the rest.
    """
    whole = rows[-1]
    elsewhere = np.where(own, 0.0, weights).sum(axis=0)
    parts = np.where(own, (weights + elsewhere * rows / whole) ** 2 / rows, 0.0).sum(axis=0)
    rest = np.maximum(whole - np.where(own, rows, 0.0).sum(axis=0), 0.0)
    found: Floats = parts + elsewhere**2 * rest / whole**2
    return found


def _weights(counted: Counts) -> Floats:
    """Shares of the slices, in the last axis; without any row all is of the last one, the whole reference."""
    rows = counted.sum(axis=-1, keepdims=True)
    nothing = np.zeros(counted.shape[-1])
    nothing[-1] = 1.0
    return np.where(rows > 0, counted / np.maximum(rows, 1), nothing)


def lacking(model: t.Model, profile: Profile | None) -> str | None:
    """Why ``profile`` cannot be compared with in the way that the spec wants."""
    same = model.drift.same
    if same is None or profile is None or (profile.segments if same == "segment" else profile.seasons) is not None:
        return None
    flag = "segment" if same == "segment" else "time"
    return (
        f"drift.same is {same}, and the reference has no {same}s: make it again with baseline.{flag}, "
        f"or modelwatch profile --{flag} COLUMN"
    )


def slices(same: t.Same, profile: Profile, watched: Sequence[Watched], start: int, float_start: int) -> Slices | None:
    """None where the profile has no such slices."""
    segment: Watched | None = None
    if same == "segment":
        if profile.segments is None:
            return None
        feature = profile.segments.feature
        segment = next((one for one in watched if one.name == feature and not one.subject.numeric), None)
        if segment is None:
            return None
        names = tuple(part.value for part in profile.segments.values)
        known = {part.value: part for part in profile.segments.values}
    else:
        if profile.seasons is None:
            return None
        names = tuple(map(str, range(HOURS if same == "hour" else WEEKDAYS)))
        known = {part.value: part for part in (profile.seasons.hours if same == "hour" else profile.seasons.weekdays)}
    parts = tuple(known.get(name) for name in names)
    block = Block(f"same {same}", "\0".join(names), start, len(names) + 1, float_start, 0)
    return Slices(same, names, parts, segment, block)
