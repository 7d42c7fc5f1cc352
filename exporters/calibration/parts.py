"""Rows beside the part of the reference that they are compared with: see ``exporters.slices``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from modelwatch.exporters.comparison import Comparison
from modelwatch.exporters.layout import layout
from modelwatch.exporters.reference import Profile
from modelwatch.exporters.slices import DAY, HOUR, Mixture, Slices
from modelwatch.exporters.statistics.method import Counts, Floats
from modelwatch.model import types as t

# A window begins at each of these hours of a day, or on each day of a week.
_STARTS = {"hour": range(0, DAY, 4 * HOUR), "weekday": range(0, 7 * DAY, DAY)}
_STEP = 600


@dataclass(frozen=True, eq=False)
class Parts:
    """``rows`` are the places of distributions in ``mixture``."""

    slices: Slices
    mixture: Mixture
    rows: Mapping[str, int]

    def codes(self, seconds: Floats, codes: Mapping[str, Counts], profile: Profile) -> Counts:
        """Each row's slice, (rows,): by its time, or by the bin of its segment, of which ``codes`` are."""
        segment = self.slices.segment
        found = profile.feature(segment.name) if segment is not None else None
        if segment is None or found is None:
            return self.slices.of_time(seconds)
        places = np.array(list(map(self.slices.place, found.bins.labels)), dtype=np.int64)
        return np.asarray(places[codes[segment.name]])

    def reference(self, name: str, sliced: Counts) -> Floats:
        """What windows with ``sliced`` rows by slice, (windows, slices), are compared with, (windows, bins)."""
        return self.mixture.of(self.rows[name], sliced)

    def windows(self, length: float, rows: int) -> list[Counts]:
        """Rows by slice, (slices,), of windows of ``length`` seconds that begin all over a day or a week.

        Where a window's time has no part in the reference there is no traffic, as far as is known: it is left out.
        """
        here = np.array([part is not None for part in self.slices.parts] + [False])
        if self.slices.segment is not None:
            seen = np.array([part.rows if part is not None else 0 for part in self.slices.parts] + [0])
            return [_shared(seen, rows)]
        moments = (np.arange(max(240, round(length / _STEP))) + 0.5) * length / max(240, round(length / _STEP))
        found = []
        for start in _STARTS[self.slices.same]:
            spent = np.bincount(self.slices.of_time(start + moments), minlength=len(here))
            found.append((float(spent[here].sum()), _shared(spent, rows)))
        known = [sliced for share, sliced in found if share * 2 >= len(moments)] or [sliced for _, sliced in found]
        return list({sliced.tobytes(): sliced for sliced in known}.values())


def _shared(weights: Counts, rows: int) -> Counts:
    """So many rows by weight; what rounding leaves, and all where there is no weight, is of no slice."""
    found = np.floor(weights * rows / max(int(weights.sum()), 1)).astype(np.int64)
    found[-1] += rows - int(found.sum())
    return found


def parts(model: t.Model, profile: Profile) -> Parts | None:
    """None where every row is compared with the whole reference."""
    planned = layout(model, profile)
    mixture = Comparison(planned).mixture
    if planned.slices is None or mixture is None:
        return None
    return Parts(planned.slices, mixture, {watched.name: row for row, watched in enumerate(planned.compared)})
