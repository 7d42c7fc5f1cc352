"""All models of a fleet at run time: loading, reloading, counting and taking snapshots."""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelwatch.exporters import slices
from modelwatch.exporters.baseline import NO_BASELINE, find_profile, remember, remembered
from modelwatch.exporters.changes import changes
from modelwatch.exporters.clock import Clock, SystemClock
from modelwatch.exporters.comparison import Comparison
from modelwatch.exporters.counting import Counted
from modelwatch.exporters.decoded import Decoded
from modelwatch.exporters.ingest import Table
from modelwatch.exporters.judging import Judging
from modelwatch.exporters.layout import Layout, layout
from modelwatch.exporters.ledger import Mark, Tally
from modelwatch.exporters.mended import Stamp, stamp
from modelwatch.exporters.monitor import Monitor, NotKeptError, RetiredError, Snapshot
from modelwatch.exporters.reference import Profile, ProfileError
from modelwatch.exporters.refusals import About, Refusals
from modelwatch.exporters.sampling.rows import TableRows
from modelwatch.exporters.sampling.samples import Samples
from modelwatch.exporters.state import Health, State
from modelwatch.exporters.tailing.skipped import Skipped
from modelwatch.exporters.verdicts import Judgement
from modelwatch.model import types as t

# A snapshot is saved so long after the last one, or when a start would have so much of the journal to read.
SNAPSHOT_SECONDS, SNAPSHOT_BYTES = 60.0, 8 << 20
# So long after one that could not be saved.
AGAIN_SECONDS = 10.0
_AGAIN = "it is loaded within seconds of a change of that file; after a change of the spec send the sidecar SIGHUP"

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


@dataclass(frozen=True, slots=True)
class Reload:
    """How the last loading of specs and profiles went; the first one of a process counts as well.

    ``at`` is when one last went well, in seconds since the epoch. ``problem`` says why the specs could not be read:
    what ails a single model's profile is told of that model.
    """

    successful: bool = True
    at: float | None = None
    problem: str | None = None


class Sidecar:
    """``state`` is where counts are kept; without one they end with the process. Safe to use from several threads.

    Who asks for scores waits until critical values are worked out, but not where it is ``hurried``: then somebody calls
    ``warm`` whenever something is ``wanted``, and what is missing has no score until then.
    """

    def __init__(
        self, fleet: t.Fleet, state: State | None = None, clock: Clock | None = None, *, hurried: bool = False
    ) -> None:
        self._state = state
        self._clock = clock or SystemClock()
        self.samples = Samples(state.root if state else None, self._clock)
        self.refusals = Refusals()
        self.skipped = Skipped()
        self.reload = Reload()
        self._monitors: dict[str, Monitor] = {}
        self._models = {model.name: model for model in fleet.models}
        self._loading = set(self._models)
        self._missing: dict[str, str] = {}
        # The file that each model's profile was last looked for in.
        self._stamps: dict[str, Stamp | None] = {}
        # Why each model has no profile, as its scores say it.
        self._without: dict[str, str | None] = {}
        self._load_lock, self._keep_lock = threading.Lock(), threading.Lock()
        self._judging = Judging(hurried, state.root if state else None)
        # When, by the monotonic clock, each model's next snapshot is to be saved.
        self._next: dict[str, float] = {}

    @property
    def names(self) -> list[str]:
        return sorted(self._models)

    def spec(self, model: str) -> t.Model:
        """Raises UnknownModelError."""
        try:
            return self._models[model]
        except KeyError:
            raise UnknownModelError(model) from None

    def readiness(self) -> Readiness:
        return Readiness(tuple(sorted(self._loading)), dict(sorted(self._missing.items())))

    def failures(self) -> Mapping[str, int]:
        return self._state.failures if self._state else {"load": 0, "save": 0}

    def health(self) -> Health:
        """How well counts are kept."""
        return self._state.health() if self._state else Health(self.failures())

    # --- loading ---

    def load(self, fleet: t.Fleet | None = None) -> None:
        """Load every model's profile and counts, or take up what changed in them or in ``fleet``.

        Takes as long as the profiles need. A model whose profile cannot be had keeps the one in use.
        """
        with self._load_lock:
            models = self._models if fleet is None else {model.name: model for model in fleet.models}
            self._loading |= models.keys() - self._monitors.keys()
            self._models = models
            before = {name: monitor.layout for name, monitor in self._every()}
            for model in models.values():
                self._try(model)
                self._loading.discard(model.name)
            for name in self._monitors.keys() - models.keys():
                self._remove(name)
            self.save()
            self._missing = {name: why for name, why in self._missing.items() if name in models}
            self._loading &= models.keys()
            good = not self._missing
            self.reload = Reload(good, self._clock.wall() if good else self.reload.at)
            now = {name: monitor.layout for name, monitor in self._every()}
            _log.info("loaded: %s", changes(before, now, self._missing))

    def retry(self) -> bool:
        """Load models without their profile whose file has changed since; whether there were any."""
        with self._load_lock:
            models = [self._models[name] for name in self._missing if name in self._models]
            mended = [model for model in models if stamp(model) != self._stamps.get(model.name)]
            for model in mended:
                _log.info("the reference file of %s has changed: it is loaded again", model.name)
                self._try(model)
            if mended and not self._missing and self.reload.problem is None:
                self.reload = Reload(True, self._clock.wall())
        return bool(mended)

    def _try(self, model: t.Model) -> None:
        self._stamps[model.name] = stamp(model)
        try:
            self._load(model)
        except Exception as error:  # whatever one model's data brings, the others are still to be loaded
            self._missing[model.name] = f"cannot be loaded: {error}"
            _log.exception("%s cannot be loaded", model.name)

    def not_reloaded(self, problem: str) -> None:
        """There are new specs that cannot be read, so those in use stay."""
        with self._load_lock:
            self.reload = Reload(False, self.reload.at, problem)

    def _load(self, model: t.Model) -> None:
        before = self._monitors.get(model.name)
        profile, without = self._profile(model, before.layout.profile if before else None)
        told = None if profile else without
        same = before is not None and before.layout.model == model and _same(before.layout.profile, profile)
        if same and self._without.get(model.name) == told:
            return
        self._without[model.name] = told
        planned = layout(model, profile, without)
        journal = self._state.journal if self._state else None

        def watch(tally: Tally | None) -> None:
            self._monitors[model.name] = Monitor(planned, self._clock, tally, journal)

        if before is None:
            watch(self._state.load(model.name) if self._state else None)
        else:
            # There is no moment without scores.
            self._judging.prepare(planned, before.snapshot())
            before.retire(watch)
        self.wanted.set()
        self.samples.prepare(model)
        _log.info(
            "%s is watched: %d of %d distributions have a reference",
            model.name,
            len(planned.compared),
            len(planned.watched),
        )

    def _profile(self, model: t.Model, before: Profile | None) -> tuple[Profile | None, str]:
        """The profile to compare with, and why there is none.

        Where it cannot be had or compared with, the one before stays, of an earlier process too: counts by its bins
        would be lost with it.
        """
        self._missing.pop(model.name, None)
        folder = self._state.root / "profiles" if self._state else None
        found: Profile | None = None
        without = NO_BASELINE
        try:
            found = find_profile(model, folder)
            wrong = slices.lacking(model, found)
        except ProfileError as error:
            wrong = without = str(error)
            if model.baseline and model.baseline.profile and not Path(str(model.baseline.profile)).exists():
                wrong += f"; `modelwatch profile {model.name}` makes it"
        if wrong is None:
            if found is not None and folder is not None:
                remember(found, folder, model.name)
            return found, without
        wrong = f"{wrong} ({_AGAIN})"
        self._missing[model.name] = wrong
        earlier = before or (remembered(folder, model.name) if folder else None)
        kept = earlier is not None and (found is None or slices.lacking(model, earlier) is None)
        if kept:
            _log.error("%s goes on with the reference profile of before: %s", model.name, wrong)
        else:
            _log.error("%s has no reference profile that it could be compared with: %s", model.name, wrong)
        return (earlier if kept else found), without

    def _remove(self, name: str) -> None:
        """Forget a model; what it has counted stays in the state, and a model that comes back goes on from there."""

        def forget(tally: Tally) -> None:
            del self._monitors[name]
            if self._state:
                self._state.save(tally, name)

        self._monitors[name].retire(forget)
        self._judging.forget(name)

    # --- counting ---

    def mark(self, model: str, file: int) -> Mark | None:
        """Up to where the rows of ``model`` in ``file`` have been counted.

        Raises UnknownModelError, and NotLoadedError before the model is loaded.
        """
        return self._monitor(model).mark(file)

    def _monitor(self, model: str) -> Monitor:
        if model not in self._models:
            raise UnknownModelError(model)
        monitor = self._monitors.get(model)
        if monitor is None:
            raise NotLoadedError(model)
        return monitor

    def ingest(self, model: str, table: Table, mark: Mark | None = None) -> Counted:
        """Count the rows of ``table``, so that no end of this process loses them, and with them their ``mark``.

        Raises UnknownModelError, NotLoadedError before the model is loaded, and NotKeptError while they cannot be kept.
        """
        decoded = Decoded(table)
        while True:
            monitor = self._monitor(model)
            if self._state and self._state.lost:
                raise NotKeptError(f"the rows cannot be kept on disk ({self._state.lost}): send them again later")
            try:
                counted = monitor.ingest(decoded, mark)
            except RetiredError:
                continue
            except NotKeptError as error:
                if self._state:
                    self._state.failed_journal(model, f"{error.__cause__}; rows are refused until it can be kept")
                raise
            judged = functools.partial(self._judged, monitor)
            self.samples.offer(monitor.layout, TableRows(decoded), counted.errors, judged)
            return counted

    def _judged(self, monitor: Monitor) -> list[Judgement]:
        return self._judging.judge(monitor.snapshot())

    def one_too_many(self, peer: str) -> None:
        """Count a connection that was refused before it could say anything."""
        self.refusals.add("full", About(429, peer=peer), ())

    def snapshots(self) -> list[Snapshot]:
        """Every loaded model, by name."""
        return [monitor.snapshot() for _, monitor in self._every()]

    def judged(self) -> list[tuple[Snapshot, list[Judgement]]]:
        """Every loaded model, by name, with what its windows say."""
        return [(snapshot, self._judging.judge(snapshot)) for snapshot in self.snapshots()]

    def comparison(self, layout: Layout) -> Comparison:
        """How the vectors over ``layout`` are compared."""
        return self._judging.comparison(layout)

    @property
    def wanted(self) -> threading.Event:
        """Set while there is something for ``warm``."""
        return self._judging.wanted

    def warm(self) -> None:
        """Work out ahead what judging needs. Takes seconds for a model of many features."""
        self._judging.warm(self._layouts())

    @property
    def warming(self) -> bool:
        """Whether ``warm`` is still to be done: some scores may not be there yet."""
        return self._judging.warming(self._layouts())

    def _layouts(self) -> list[Layout]:
        return [monitor.layout for _, monitor in self._every()]

    # --- keeping ---

    def keep(self) -> bool:
        """To be called once a second: what was counted before the call outlives a power cut. False when it may not."""
        if self._state is None:
            return False
        with self._keep_lock:
            if not self._state.check():
                self._next.clear()
            failed = [name for name, monitor in self._every() if not self._keep(self._state, name, monitor)]
            return not failed

    def _keep(self, state: State, name: str, monitor: Monitor) -> bool:
        journal = monitor.journal
        if journal is None or state.lost:
            return False
        at_once = False
        if journal.gone():
            state.failed_journal(name, "has been deleted by somebody; a snapshot is taken")
            at_once = True
        try:
            journal.sync()
        except OSError as error:
            state.failed_journal(name, f"cannot be flushed ({error}); a snapshot is taken instead")
            at_once = True
        due = self._next.get(name, 0.0) <= self._clock.monotonic() or journal.written >= SNAPSHOT_BYTES
        if at_once or (due and monitor.sequence > state.saved(name)):
            saved = self._save(state, name, monitor)
            return saved or not at_once
        return True

    def save(self) -> None:
        """Take snapshots of everything."""
        if self._state:
            with self._keep_lock:
                for name, monitor in self._every():
                    self._save(self._state, name, monitor)

    def _save(self, state: State, name: str, monitor: Monitor) -> bool:
        saved = state.save(monitor.rest(), name)
        self._next[name] = self._clock.monotonic() + (SNAPSHOT_SECONDS if saved else AGAIN_SECONDS)
        if monitor.journal is not None:
            if saved:
                monitor.journal.saved()
            else:
                # Then the journal is all there is.
                with contextlib.suppress(OSError):
                    monitor.journal.sync()
        return saved

    def _every(self) -> list[tuple[str, Monitor]]:
        return sorted(self._monitors.copy().items())


def _same(one: Profile | None, other: Profile | None) -> bool:
    return (one and one.sha256) == (other and other.sha256)
