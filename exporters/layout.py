"""Where each distribution's counts and sums stand in the two vectors that counters and windows are made of.

Every block of whole numbers ends with the same four places: ``missing``, then values out of range, then values of a
wrong type (in rows that were rejected). What comes before are the cells of a numeric feature or the categories.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple, dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.bins import CategoricalBins, Cells, NumericBins, Unbinned
from modelwatch.exporters.blocks import Block
from modelwatch.exporters.reference import FeatureProfile, Profile
from modelwatch.exporters.relations import Relations, relations
from modelwatch.exporters.slices import Slices, lacking, slices
from modelwatch.exporters.statistics.method import Counts, Floats
from modelwatch.exporters.subjects import Subject, subjects
from modelwatch.model import types as t
from modelwatch.model.units import Duration

if TYPE_CHECKING:
    from modelwatch.exporters.numeric import Numeric

# Sums of a numeric distribution: z, z squared, and what lies below and above the reference's range.
SUM_Z, SUM_Z2, BELOW, ABOVE = range(4)
SUMS = 4


@dataclass(frozen=True, eq=False)
class Watched:
    """One distribution: its bins and its block of the vectors.

    ``reference`` are the counts of the profile by bin, missing last. Where there is none, ``inactive`` says why and
    what to do, and ``reason`` the same in one word. ``cells`` are the fine bins that a numeric one is counted in.
    """

    subject: Subject
    bins: NumericBins | CategoricalBins | Unbinned
    cells: Cells | None
    profile: FeatureProfile | None
    block: Block
    reason: str
    inactive: str | None

    @property
    def name(self) -> str:
        return self.subject.name

    @cached_property
    def reference(self) -> Counts | None:
        return None if self.profile is None else np.array(self.profile.counts, dtype=np.int64)

    @property
    def size(self) -> int:
        """Places that hold values, missing ones included: cells or bins."""
        return self.block.width - 2

    @property
    def missing(self) -> int:
        return self.block.start + self.size - 1

    @property
    def outside(self) -> int:
        """Place of the values out of range."""
        return self.block.start + self.size

    @property
    def mismatched(self) -> int:
        """Place of the values of a wrong type."""
        return self.block.start + self.size + 1

    @cached_property
    def limits(self) -> Floats:
        """Upper ends of all places of a numeric distribution but the last, ascending."""
        if self.cells is not None:
            return self.cells.limits
        return self.bins.limits if isinstance(self.bins, NumericBins) else np.empty(0)

    @cached_property
    def bin_of_place(self) -> NDArray[np.int64]:
        """The bin that each of the ``size`` places counts for."""
        if self.cells is None:
            return np.arange(self.size)
        return np.append(self.cells.coarse, len(self.bins.labels) - 1)

    def counts(self, vector: Counts) -> Counts:
        """Counts by bin of a vector of the layout, missing last, shape (bins,)."""
        held = vector[self.block.start : self.block.start + self.size]
        if self.cells is None:
            return held
        # Weights are float64: exact below 2**53 rows.
        return np.bincount(self.bin_of_place, weights=held, minlength=len(self.bins.labels)).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Layout:
    """All that is counted of a model; ``width`` and ``float_width`` are the lengths of the vectors."""

    model: t.Model
    profile: Profile | None
    watched: tuple[Watched, ...]
    relations: Relations | None
    answers: Block
    slices: Slices | None
    # Why nothing is compared although there is a profile: compared with all of it, what the spec calls no drift would
    # be told as one.
    unlike: str | None = None

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Every block, in the order of the vectors."""
        every = [watched.block for watched in self.watched]
        optional = (part.block for part in (self.slices, self.relations) if part is not None)
        return (*every, self.answers, *optional)

    @cached_property
    def width(self) -> int:
        return sum(block.width for block in self.blocks)

    @cached_property
    def float_width(self) -> int:
        return sum(block.float_width for block in self.blocks)

    @cached_property
    def names(self) -> frozenset[str]:
        """Names that the object ``features`` of a row may hold."""
        return frozenset(watched.name for watched in self.watched if watched.subject.role == "feature")

    @cached_property
    def windows(self) -> tuple[Duration, ...]:
        """Each window once, however often the spec names it (60m and 1h are the same)."""
        return tuple(dict.fromkeys(self.model.drift.windows))

    @cached_property
    def compared(self) -> tuple[Watched, ...]:
        """Those that have a reference."""
        return tuple(watched for watched in self.watched if watched.profile is not None)

    @cached_property
    def numeric(self) -> Numeric:
        from modelwatch.exporters.numeric import Numeric  # noqa: PLC0415  # it counts what is watched here

        return Numeric(tuple(watched for watched in self.watched if watched.subject.numeric))

    @cached_property
    def categorical(self) -> tuple[Watched, ...]:
        return tuple(watched for watched in self.watched if not watched.subject.numeric)

    @cached_property
    def answered(self) -> tuple[Watched, ...]:
        """The distributions of answers and of their confidence."""
        return tuple(watched for watched in self.watched if watched.subject.role != "feature")

    @cached_property
    def related(self) -> tuple[int, ...]:
        """Where the features that are looked at together stand in ``numeric``."""
        chosen = self.relations.watched if self.relations else ()
        return tuple(self.numeric.watched.index(self.watched[place]) for place in chosen)

    @property
    def unsure(self) -> int:
        """Place of the answers with a confidence below the spec's limit."""
        return self.answers.start

    def role(self, role: str) -> Watched | None:
        """The distribution of the model's answers or of their confidence."""
        return self._by_role.get(role)

    @cached_property
    def _by_role(self) -> dict[str, Watched]:
        return {watched.subject.role: watched for watched in reversed(self.watched)}


def layout(model: t.Model, profile: Profile | None, without: str = "") -> Layout:
    """The layout of ``model`` over ``profile``; ``without`` says why there is none."""
    watched: list[Watched] = []
    start = float_start = 0
    for subject in subjects(model):
        watched.append(_watched(subject, profile, without, start, float_start))
        start += watched[-1].block.width
        float_start += watched[-1].block.float_width
    answers = Block("answers", _signature(str(model.tracing.low_confidence)), start, 1, float_start, 0)
    start += answers.width
    same, parted = model.drift.same, None
    if same is not None and profile is not None:
        parted = slices(same, profile, watched, start, float_start)
        start += parted.block.width if parted else 0
    related = relations(profile, tuple(watched), start, float_start) if profile else None
    return Layout(model, profile, tuple(watched), related, answers, parted, lacking(model, profile))


def _watched(subject: Subject, profile: Profile | None, without: str, start: int, float_start: int) -> Watched:
    found, reason, inactive = _reference(subject, profile, without)
    bins: NumericBins | CategoricalBins | Unbinned = Unbinned() if found is None else found.bins
    cells = found.cells if found is not None and found.scale is not None else None
    places = len(bins.labels) if cells is None else len(cells) + 1
    signature = bins.signature
    if found is not None and cells is not None and found.scale is not None:
        # Counts in cells and sums mean something else where the reference has other cells, or another scale.
        signature = _signature(cells.signature, *astuple(found.scale))
    sums = SUMS if cells is not None else 0
    block = Block(subject.name, signature, start, places + 2, float_start, sums)
    return Watched(subject, bins, cells, found, block, reason, inactive)


def _signature(*definition: object) -> str:
    return hashlib.sha256(json.dumps(definition).encode()).hexdigest()


def _reference(
    subject: Subject, profile: Profile | None, without: str
) -> tuple[FeatureProfile | None, str, str | None]:
    if profile is None:
        return None, "no_baseline", without
    found = profile.feature(subject.name)
    if found is None:
        why = f"the reference has no {subject.name!r}: make it again from data that has this column"
        return None, "not_in_reference", why
    if found.type != subject.feature.type:
        why = f"it is {subject.feature.type} in the spec and {found.type} in the reference: make the reference again"
        return None, "type_differs", why
    return found, "", None
