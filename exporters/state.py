"""What has been counted, on disk: for each model a snapshot, the one before it, and the journal of what came since.

    <model>.state      the newest snapshot, replaced as a whole: a crash leaves the old one or the new one
    <model>.previous   the one before, for the day that the newest is damaged
    <model>.journal/   segments with every request since the older of the two

A segment is deleted when both snapshots hold what is in it, so a damaged snapshot costs nothing. It is moved aside to
``<model>.corrupt`` and counted. What another version of modelwatch has written is none of this one's to delete: it is
moved aside by the ending ``.other``.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from modelwatch.exporters import snapshots
from modelwatch.exporters.formats import OtherFormatError
from modelwatch.exporters.journal import Journal, first_sequence, prune, segments, sync_folder
from modelwatch.exporters.ledger import Tally
from modelwatch.exporters.records import Header
from modelwatch.exporters.recovery import recover
from modelwatch.exporters.shape import Shape
from modelwatch.exporters.telling import Telling

_OTHER = ".other"
# What the first versions kept in a file by the name of the model and this ending, which nothing here reads any more.
_OLDEST, _OLDEST_FORMAT = "json", b'"modelwatch.state/1"'
_log = logging.getLogger(__name__)


class StateError(Exception):
    """The folder cannot be used. The message says why and how to mend it."""


@dataclass(frozen=True, slots=True)
class Health:
    """How well counts are kept. ``failures`` by operation (load or save); ``last_snapshot`` in seconds since the epoch.

    ``journal_bytes`` and ``journal_segments`` are what a start would read: they fall with each snapshot.
    """

    failures: Mapping[str, int]
    journal_bytes: int = 0
    journal_segments: int = 0
    last_snapshot: float | None = None


@dataclass(frozen=True, slots=True)
class _Saved:
    sequence: int
    shape: Shape
    # After another boot, a snapshot of the same counts has better clocks to go on from.
    boot: str

    @classmethod
    def of(cls, tally: Tally) -> _Saved:
        return cls(tally.sequence, tally.shape, tally.moment.boot)


class State:
    """The folder ``root``, held by one sidecar at a time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.failures = {"load": 0, "save": 0}
        self._lock, self._count_lock = threading.Lock(), threading.Lock()
        self._telling = Telling()
        self._saved: dict[str, _Saved] = {}
        self._last_snapshot: float | None = None
        self._held: int | None = None
        self.lost: str | None = None

    # --- the folder ---

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Makes the folder and locks it. Raises StateError when it cannot be written or another sidecar has it."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._held = self._locked()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StateError(f"{self.root}: cannot be written ({reason}); choose another folder with --state") from None
        try:
            yield
        finally:
            os.close(self._held)
            self._held = None

    def _locked(self) -> int:
        """Raises OSError, and StateError when another sidecar has it."""
        lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                owner = os.pread(lock, 32, 0).decode("ascii", "replace").strip()
                raise StateError(
                    f"{self.root}: another sidecar (process {owner or 'unknown'}) keeps its state here; "
                    "stop it, or choose another folder with --state"
                ) from None
            with contextlib.suppress(OSError):  # a full disk holds no number, and is no reason not to start
                os.truncate(lock, 0)
                os.pwrite(lock, str(os.getpid()).encode(), 0)
        except BaseException:
            os.close(lock)
            raise
        return lock

    def check(self) -> bool:
        """Whether the folder is still the one that is held. If it is not, everything has to be saved anew.

        Somebody may have deleted it, or mounted another one over it. It is then held again; while that cannot be done,
        ``lost`` says why, and nothing can be kept.
        """
        if self._held is None:
            return True
        try:
            if os.path.samestat(os.fstat(self._held), (self.root / "lock").stat()):
                return True
        except OSError:
            pass
        if self.lost is None:
            self.failed("save", self.root, "is not the folder any more that it was; saving everything anew")
        try:
            self.root.mkdir(exist_ok=True)
            held = self._locked()
        except (OSError, StateError) as error:
            self.lost = str(error)
            self.failed("save", self.root, f"{error}; rows are refused until it can be used again")
            return False
        os.close(self._held)
        self._held, self.lost = held, None
        self._saved.clear()
        return False

    def _path(self, model: str, suffix: str) -> Path:
        return self.root / f"{quote(model, safe='')}.{suffix}"

    def journal(self, header: Header) -> Journal:
        """The one to go on with; it knows how much there is that the newest snapshot does not hold."""
        folder = self._path(header.model, "journal")
        unsaved = 0
        with contextlib.suppress(OSError):
            saved = self.saved(header.model)
            unsaved = sum(path.stat().st_size for path in segments(folder) if first_sequence(path) > saved)
        return Journal(folder, header, unsaved)

    # --- what was counted before ---

    def load(self, model: str) -> Tally | None:
        """What was counted of a model; None when nothing was. What is damaged is counted, told, and left out."""
        self._oldest(model)
        snapshot = self._snapshot(model, "state") or self._snapshot(model, "previous")
        if snapshot is not None:
            self._saved[model] = _Saved.of(snapshot)
        folder = self._path(model, "journal")
        found = recover(snapshot, self._segments(folder))
        for problem in found.problems:
            self.failed("load", folder, problem)
        for name in found.others:
            self._aside(folder / name)
        if found.replayed:
            _log.info(
                "%s: %d requests since the last snapshot were counted again from its journal", model, found.replayed
            )
        return found.tally

    def _snapshot(self, model: str, suffix: str) -> Tally | None:
        path = self._path(model, suffix)
        try:
            return snapshots.decoded(path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            reason = f"cannot be read ({error})"
        except OtherFormatError as error:
            aside = self._aside(path)
            self.failed("load", path, f"{error}; moved to {aside.name}, counting goes on from what else is kept")
            return None
        except (ValueError, KeyError, TypeError) as error:
            reason = str(error)
        aside = self._path(model, "corrupt")
        with contextlib.suppress(OSError):
            path.replace(aside)
        self.failed("load", path, f"{reason}; moved to {aside.name}, counting goes on from what else is kept")
        return None

    def _aside(self, path: Path) -> Path:
        aside = path.with_name(path.name + _OTHER)
        with contextlib.suppress(OSError):
            path.replace(aside)
        return aside

    def _oldest(self, model: str) -> None:
        path = self._path(model, _OLDEST)
        try:
            with path.open("rb") as file:
                found = _OLDEST_FORMAT in file.read(1000)
        except OSError:
            return
        if found:
            aside = self._aside(path)
            self.failed("load", path, f"was written by the first version, and is not counted; moved to {aside.name}")

    def _segments(self, folder: Path) -> Iterator[tuple[str, int, bytes]]:
        try:
            found = segments(folder)
        except OSError as error:
            self.failed("load", folder, f"cannot be read ({error}); what is in it is not counted")
            return
        for path in found:
            try:
                content = path.read_bytes()
            except OSError as error:
                self.failed("load", path, f"cannot be read ({error}); what is in it is not counted")
                continue
            yield path.name, first_sequence(path), content

    # --- what is counted now ---

    def saved(self, model: str) -> int:
        """Number of the last request that the newest snapshot holds; -1 when there is none."""
        found = self._saved.get(model)
        return -1 if found is None else found.sequence

    def save(self, tally: Tally, model: str) -> bool:
        """Keep a snapshot, unless as much is kept, so that it outlives a power cut. False when it could not be."""
        with self._lock:
            before, new = self._saved.get(model), _Saved.of(tally)
            if before is not None and (before.sequence > new.sequence or before == new):
                return True
            path = self._path(model, "state")
            beside = self._path(model, "new")
            try:
                with beside.open("wb") as file:
                    file.write(snapshots.encoded(tally))
                    file.flush()
                    os.fsync(file.fileno())
                with contextlib.suppress(FileNotFoundError):
                    path.replace(self._path(model, "previous"))
                beside.replace(path)
                sync_folder(self.root)
            except OSError as error:
                with contextlib.suppress(OSError):  # on a full disk, half a snapshot is room for many records
                    beside.unlink(missing_ok=True)
                self.failed("save", path, f"cannot be saved ({error}); the journal keeps what came since")
                return False
            self._saved[model] = new
            self._last_snapshot = tally.moment.wall
            if before is not None:
                prune(self._path(model, "journal"), before.sequence)
            return True

    def failed_journal(self, model: str, reason: str) -> None:
        """Something is wrong with the journal of ``model``: count it, and tell."""
        self.failed("save", self._path(model, "journal"), reason)

    def health(self) -> Health:
        size = count = 0
        with contextlib.suppress(OSError):
            for folder in self.root.glob("*.journal"):
                for path in segments(folder):
                    size, count = size + path.stat().st_size, count + 1
        return Health(dict(self.failures), size, count, self._last_snapshot)

    def failed(self, operation: str, path: Path, reason: str) -> None:
        """Something could not be loaded or saved: count it, and tell."""
        with self._count_lock:
            self.failures[operation] += 1
            count, told = self.failures[operation], self._telling.times(f"{operation} {path}: {reason}")
        if told:
            _log.error("%s: %s (%s failures so far: %d)", path, reason, operation, count)
