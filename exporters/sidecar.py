"""All models of a fleet at run time: loading, reloading, counting and taking snapshots."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from modelwatch.exporters.baseline import NO_BASELINE, find_profile
from modelwatch.exporters.clock import Clock, SystemClock
from modelwatch.exporters.counting import Counted
from modelwatch.exporters.ingest import Table
from modelwatch.exporters.layout import layout
from modelwatch.exporters.monitor import Monitor, Snapshot
from modelwatch.exporters.reference import Profile, ProfileError
from modelwatch.exporters.sampling.rows import TableRows
from modelwatch.exporters.sampling.samples import Samples
from modelwatch.exporters.state import State
from modelwatch.model import types as t

_log = logging.getLogger(__name__)


class UnknownModelError(KeyError):
    """No spec of the fleet has this name."""


class NotLoadedError(Exception):
    """The model's profile is still being loaded."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """``loading`` are models whose profile is being loaded; ``missing`` says why a model has none though it should."""

    loading: tuple[str, ...]
    missing: Mapping[str, str]

    @property
    def ready(self) -> bool:
        return not self.loading and not self.missing


class Sidecar:
    """``state`` is where counts are kept; without one they end with the process. Safe to use from several threads."""

    def __init__(self, fleet: t.Fleet, state: State | None = None, clock: Clock | None = None) -> None:
        self._state = state
        self._clock = clock or SystemClock()
        self.samples = Samples(state.root if state else None, self._clock)
        self._monitors: dict[str, Monitor] = {}
        self._models = {model.name: model for model in fleet.models}
        self._loading = set(self._models)
        self._missing: dict[str, str] = {}
        # One load at a time; and no row may be counted between the last look at a monitor and its replacement.
        self._load_lock, self._swap_lock = threading.Lock(), threading.Lock()

    @property
    def names(self) -> list[str]:
        return sorted(self._models)

    def readiness(self) -> Readiness:
        return Readiness(tuple(sorted(self._loading)), dict(sorted(self._missing.items())))

    def failures(self) -> Mapping[str, int]:
        return self._state.failures if self._state else {"load": 0, "save": 0}

    def load(self, fleet: t.Fleet | None = None) -> None:
        """Load every model's profile and counts, or take up what changed in them or in ``fleet``.

        Takes as long as the profiles need. A model whose profile cannot be had keeps the one in use.
        """
        with self._load_lock:
            models = self._models if fleet is None else {model.name: model for model in fleet.models}
            self._loading |= models.keys() - self._monitors.keys()
            self._models = models
            for model in models.values():
                try:
                    self._load(model)
                except Exception as error:  # whatever one model's data brings, the others are still to be loaded
                    self._missing[model.name] = f"cannot be loaded: {error}"
                    _log.exception("%s cannot be loaded", model.name)
                self._loading.discard(model.name)
            with self._swap_lock:
                # A model that comes back goes on from here.
                self.save()
                for name in self._monitors.keys() - models.keys():
                    del self._monitors[name]
            self._missing = {name: why for name, why in self._missing.items() if name in models}
            self._loading &= models.keys()

    def _load(self, model: t.Model) -> None:
        before = self._monitors.get(model.name)
        profile: Profile | None = None
        without = NO_BASELINE
        self._missing.pop(model.name, None)
        try:
            profile = find_profile(model, self._state.root / "profiles" if self._state else None)
        except ProfileError as error:
            without = str(error)
            self._missing[model.name] = without
            profile = before.layout.profile if before else None
            _log.error(
                "%s has no reference profile: %s%s", model.name, error, "; keeping the old one" if profile else ""
            )
        if before is not None and before.layout.model == model and _same(before.layout.profile, profile):
            return
        planned = layout(model, profile, without)
        saved = self._state.load(model.name) if self._state and before is None else None
        with self._swap_lock:
            if before is not None:
                saved = before.snapshot().tally
            self._monitors[model.name] = Monitor(planned, self._clock, saved)
        self.samples.prepare(model)
        _log.info(
            "%s is watched: %d of %d distributions have a reference", model.name, planned.compared, len(planned.watched)
        )

    def ingest(self, model: str, table: Table) -> Counted:
        """Count the rows of ``table``. Raises UnknownModelError, and NotLoadedError before it is loaded."""
        if model not in self._models:
            raise UnknownModelError(model)
        with self._swap_lock:
            monitor = self._monitors.get(model)
            if monitor is None:
                raise NotLoadedError(model)
            counted = monitor.ingest(table)
        self.samples.offer(monitor.layout, TableRows(table), counted.errors, lambda: monitor.snapshot().totals)
        return counted

    def snapshots(self) -> list[Snapshot]:
        """Every loaded model, by name, kept on disk before it is shown.

        A counter that a scrape has seen is thus never lower after a crash: Prometheus would take that for a restart
        from 0 and count all of it again.
        """
        return self._kept(durable=False)

    def save(self) -> None:
        """Keep everything so that it outlives a power cut."""
        if self._state:
            self._kept(durable=True)

    def _kept(self, durable: bool) -> list[Snapshot]:
        found = [monitor.snapshot() for _, monitor in sorted(self._monitors.copy().items())]
        if self._state:
            for snapshot in found:
                self._state.save(snapshot, durable)
        return found


def _same(one: Profile | None, other: Profile | None) -> bool:
    return (one and one.sha256) == (other and other.sha256)
