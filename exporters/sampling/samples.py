"""What the sidecar calls: hands each request's rows to its model's sampler, and what that keeps to the writer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from modelwatch.exporters.clock import Clock
from modelwatch.exporters.layout import Layout
from modelwatch.exporters.sampling.criteria import Criteria, criteria
from modelwatch.exporters.sampling.drifting import Drifting, drifting
from modelwatch.exporters.sampling.files import Files, Rotation
from modelwatch.exporters.sampling.reading import folder_of
from modelwatch.exporters.sampling.records import lines
from modelwatch.exporters.sampling.rows import Rows
from modelwatch.exporters.sampling.sampler import Sampler
from modelwatch.exporters.sampling.writer import Keeper, Tally, Writer
from modelwatch.exporters.verdicts import Judgement
from modelwatch.model import types as t

_log = logging.getLogger(__name__)

# How long what is in drift is taken for granted: it takes milliseconds to find, and windows move slowly.
LOOK_SECONDS = 10.0
_MEGABYTE = 1_000_000

Judged = Callable[[], Sequence[Judgement]]


class Count(NamedTuple):
    """Rows of ``model``, by stratum or by why they were lost."""

    model: str
    reason: str
    rows: int


class _Watch:
    """One model's sampler, the keeper of its rows, and what it looks for, which follows the drift."""

    def __init__(self, sampler: Sampler, keeper: Keeper, sampling: t.Sampling) -> None:
        self.sampler, self.keeper, self.sampling = sampler, keeper, sampling
        self._lock = threading.Lock()
        self._layout: Layout | None = None
        self._due = 0.0
        self._found: tuple[Criteria, tuple[Drifting, ...]]

    def criteria(self, layout: Layout, judged: Judged, now: float) -> tuple[Criteria, tuple[Drifting, ...]]:
        with self._lock:
            if layout is not self._layout or now >= self._due:
                drifts = drifting(judged()) if self.sampling.strata["drifted"] > 0 else ()
                self._found = criteria(layout, self.sampling, drifts), drifts
                self._layout, self._due = layout, now + LOOK_SECONDS
            return self._found


class Samples:
    """For all models. ``state`` is the sidecar's own folder. Safe to use from several threads; never raises."""

    def __init__(self, state: Path | None, clock: Clock, writer: Writer | None = None, seed: int | None = None) -> None:
        self._state, self._clock, self._seed = state, clock, seed
        self._writer = writer or Writer()
        self._lock = threading.Lock()
        self._watches: dict[str, _Watch | None] = {}
        self._specs: dict[str, t.Model] = {}
        self._failures = 0

    def prepare(self, model: t.Model) -> None:
        """Begin, so that counters are there and a folder that cannot be used is told of before the first row."""
        if model.sampling is not None or model.name in self._watches:
            self._watch(model)

    def offer(self, layout: Layout, rows: Rows, rejected: Collection[int], judged: Judged) -> None:
        """Keep some of the rows that were not ``rejected``. ``judged`` are the model's windows, on demand.

        Does nothing for a model whose spec has no section ``sampling``.
        """
        if layout.model.sampling is None and layout.model.name not in self._watches:
            return
        try:
            self._offer(layout, rows, rejected, judged)
        except Exception:  # rows are counted by now, and keeping some of them is not worth an error
            self._failures += 1
            if self._failures & (self._failures - 1) == 0:
                _log.exception("%s: rows cannot be sampled (%d times so far)", layout.model.name, self._failures)

    def counts(self) -> tuple[list[Count], list[Count]]:
        """Rows written by stratum and rows lost by reason, of every model that is sampled."""
        keepers = [watch.keeper for _, watch in sorted(self._watches.copy().items()) if watch]
        return (
            [Count(keeper.model, name, rows) for keeper in keepers for name, rows in keeper.tally.written.items()],
            [Count(keeper.model, why, rows) for keeper in keepers for why, rows in keeper.tally.lost.items()],
        )

    def close(self) -> None:
        """Write what is kept and close all files."""
        self._writer.close()

    def _offer(self, layout: Layout, rows: Rows, rejected: Collection[int], judged: Judged) -> None:
        watch = self._watch(layout.model)
        if watch is None or len(rejected) >= rows.count:
            return
        accepted = np.arange(rows.count)
        if rejected:
            accepted = np.delete(accepted, list(rejected))
        now = self._clock.monotonic()
        wanted, drifts = watch.criteria(layout, judged, now)
        kept = watch.sampler.choose(wanted, rows, accepted, now)
        if len(kept.where):
            self._writer.put(watch.keeper, lines(layout, rows, kept, drifts, self._clock.wall()))

    def _watch(self, model: t.Model) -> _Watch | None:
        if self._specs.get(model.name) is model:
            return self._watches[model.name]
        with self._lock:
            before, old = self._watches.get(model.name), self._specs.get(model.name)
            if old is None or not _alike(old, model):
                if before is not None:
                    self._writer.retire(before.keeper)
                self._watches[model.name] = self._begun(model, before.keeper.tally if before else None)
            self._specs[model.name] = model
            return self._watches[model.name]

    def _begun(self, model: t.Model, tally: Tally | None) -> _Watch | None:
        if model.sampling is None:
            return None
        folder = folder_of(model, self._state)
        if folder is None:
            _log.error("%s is not sampled: start the sidecar with --state, or name a sampling.folder", model.name)
            return None
        sampling = model.sampling
        rotation = Rotation(
            sampling.file_megabytes * _MEGABYTE, sampling.file_age.seconds, sampling.total_megabytes * _MEGABYTE
        )
        convert = partial(_to_parquet, model) if sampling.format == "parquet" else None
        sampler = Sampler(model.name, sampling, self._clock.monotonic(), self._seed)
        files = Files(folder, rotation, self._clock, convert)
        _log.info("%s is sampled: about %d rows an hour go to %s", model.name, sampling.rows_per_hour, folder)
        keeper = Keeper(model.name, files, tally)
        self._writer.put(keeper, [])
        return _Watch(sampler, keeper, sampling)


def _alike(one: t.Model, other: t.Model) -> bool:
    """Whether both are sampled the same way into the same columns."""
    return (one.sampling, one.features, one.task) == (other.sampling, other.features, other.task)


def _to_parquet(model: t.Model, source: Path, target: Path) -> None:
    # pyarrow is 60 MiB resident, and a sidecar that writes JSON Lines never needs it.
    from modelwatch.exporters.sampling import parquet, reading  # noqa: PLC0415

    parquet.write(reading.lines(source), parquet.schema(model), target)
