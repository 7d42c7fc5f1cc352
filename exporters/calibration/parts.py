"""Past rows beside the part of the reference that they are compared with: see ``exporters.slices``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from modelwatch.exporters.comparison import Comparison
from modelwatch.exporters.layout import layout
from modelwatch.exporters.reference import Profile
from modelwatch.exporters.slices import Mixture, Slices
from modelwatch.exporters.statistics.method import Counts, Floats
from modelwatch.model import types as t


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


def parts(model: t.Model, profile: Profile) -> Parts | None:
    """None where every row is compared with the whole reference."""
    planned = layout(model, profile)
    mixture = Comparison(planned).mixture
    if planned.slices is None or mixture is None:
        return None
    return Parts(planned.slices, mixture, {watched.name: row for row, watched in enumerate(planned.compared)})
