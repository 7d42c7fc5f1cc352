"""Follows the logs of a folder or a pattern: finds new ones, notices rotation, and counts each row of them once."""

from __future__ import annotations

import contextlib
import glob
import itertools
import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from modelwatch.exporters.clock import SystemClock
from modelwatch.exporters.ingest.table import Rejection, Table
from modelwatch.exporters.ledger import Mark
from modelwatch.exporters.tailing import positions
from modelwatch.exporters.tailing.follower import Follower, Identity
from modelwatch.exporters.tailing.known import Known, identity_of
from modelwatch.exporters.tailing.lines import read_lines
from modelwatch.exporters.tailing.positions import Kept, Position
from modelwatch.exporters.tailing.skipped import Losses, Skipped
from modelwatch.exporters.telling import Telling

_log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
# A writer may go on writing to a file that was renamed, until it notices.
GRACE_SECONDS = 5.0
# Where reading goes on is kept so often; what has been counted since, the marks say.
SAVE_SECONDS = 1.0
# So long after rows could not be counted.
LATER_SECONDS = 2.0
MOST_FILES = 200
_PATTERNS = ("*.jsonl", "*.ndjson")
# What rotation leaves of a log that was read.
_PACKED = frozenset((".gz", ".zst", ".bz2", ".xz", ".lz4", ".zip"))
# The state of a file that could not be looked at.
_UNKNOWN = os.stat_result([0] * 10)


class LaterError(Exception):
    """Rows cannot be counted now: they are asked for again."""


class ReplacedError(Exception):
    """The file is another one than the one that was begun."""


class Book(Protocol):
    """Where rows are counted."""

    def mark(self, model: str, file: int) -> Mark | None:
        """Up to where the rows of ``model`` in ``file`` have been counted.

        Raises KeyError for a model that it does not know, and LaterError for one that is not ready.
        """

    def count(self, model: str, table: Table, mark: Mark) -> Mapping[int, Rejection]:
        """Count rows and have them kept, and ``mark`` with them: both or neither. Which were rejected.

        Raises LaterError.
        """

    def flush(self) -> bool:
        """Make all that was counted outlive the machine; False when it could not be done."""

    def failed(self, operation: str, path: Path, reason: str) -> None:
        """Something could not be loaded or saved: it is counted and told."""


class Tailer:
    """Each row counts once, whenever this process is killed.

    ``kept`` is where it is written which files there are and where reading goes on: what a file is called by before any
    row of it counts, and an offset once all models' rows before it have been counted. What counted since then, the
    book's marks say, and those rows are passed over.
    """

    def __init__(
        self,
        patterns: Collection[str],
        book: Book,
        kept: Path | None,
        now: Callable[[], float] = time.monotonic,
        boot: str | None = None,
        *,
        skipped: Skipped | None = None,
    ) -> None:
        self._boot = SystemClock().boot() if boot is None else boot
        self._patterns, self._book, self._kept, self._now = patterns, book, kept, now
        self._followers: dict[Identity, Follower] = {}
        self._quiet_since: dict[Identity, float] = {}
        self._again: dict[Identity, float] = {}
        self._known = Known(self._loaded(), self._boot)
        self._missing: dict[str, bool] = {}
        # Since when copies wait.
        self._waiting: dict[Identity, float] = {}
        self._looked_for_renamed = -GRACE_SECONDS
        self._saved = Kept([], [])
        self._save_again = 0.0
        self._keeps, self._new = True, False
        self._telling = Telling(now)
        self.skipped = Skipped() if skipped is None else skipped
        self._losses = Losses(self.skipped, self._tell)

    def _loaded(self) -> Kept:
        if self._kept is None:
            return Kept([], [])
        try:
            return positions.load(self._kept)
        except (OSError, ValueError) as error:
            reason = f"cannot be read ({error}): logs that are there are read from their beginning, and count again"
            self._book.failed("load", self._kept, reason)
            return Kept([], [])

    def run(self, stop: threading.Event) -> None:
        """Until ``stop`` is set."""
        while not stop.is_set():
            try:
                busy = self.poll()
            except Exception:  # a volume may do anything; what it is this time is told, and tried again
                _log.exception("logs could not be read")
                busy = False
            if not busy:
                stop.wait(POLL_SECONDS)
        self.close()

    def close(self) -> None:
        for identity in list(self._followers):
            self._drop(identity)
        self._save()

    def poll(self) -> bool:
        """Look at every log once, and read one step of each; whether there was anything to read."""
        named = self._find()
        # Which files there are is written down before any of their rows count, and what marks call them by. While that
        # cannot be done nothing is read: after a kill, nobody would know what the marks are of.
        if (self._new or not self._keeps) and not self._save():
            return False
        busy = False
        for identity, follower in list(self._followers.items()):
            try:
                if self._again.get(identity, 0.0) > self._now():
                    continue
                moved = self._step(follower)
                if moved:
                    self._quiet_since[identity] = self._now()
                elif self._now() - self._quiet_since[identity] >= GRACE_SECONDS:
                    self._settle(identity, follower, identity in named)
            except LaterError as error:
                self._again[identity] = self._now() + LATER_SECONDS
                self._tell(f"rows of {follower.path} wait: {error}")
                continue
            except ReplacedError:
                self._cut(identity)
                moved = True
            except OSError as error:
                self._tell(f"{follower.path}: cannot be read ({error.strerror}): it is tried again")
                self._drop(identity, _UNKNOWN)
                continue
            busy |= moved
        if self._now() >= self._save_again:
            self._save()
        return busy

    # --- finding ---

    def _find(self) -> set[Identity]:
        """Open what is new or has grown; the identities of files that have a name of the patterns."""
        for identity in list(self._followers):
            self._begin(identity)
        named = set()
        for path, found in self._names():
            named.add(identity_of(found))
            try:
                self._look_at(path, found)
            except OSError as error:
                self._tell(f"{path}: cannot be read ({error.strerror}): it is tried again")
        if self._now() - self._looked_for_renamed >= GRACE_SECONDS:
            self._looked_for_renamed = self._now()
            for path in list(self._known.renamed(named)):
                with contextlib.suppress(OSError):  # it is looked for again
                    identity = identity_of(path.stat())
                    self._open(path, identity, self._known.before(identity))
            self._known.forget(named)
            self._waiting = {one: since for one, since in self._waiting.items() if one in named}
        return named

    def _look_at(self, path: Path, found: os.stat_result) -> None:
        """Raises OSError."""
        identity = identity_of(found)
        if identity in self._followers:
            self._followers[identity].path = path
            return
        if self._known.unchanged(found):
            return
        if self._known.has(identity, path):
            self._open(path, identity, self._known.before(identity))
        elif found.st_size:
            for held in list(self._followers):
                self._begin(held)  # else a copy of its first line would not be known as one
            kin = self._known.kinship(path, [(one.position(), one.fd) for one in self._followers.values()])
            if kin.waits_for is None:
                self._open(path, identity, kin.before)
            elif self._now() - self._waiting.setdefault(identity, self._now()) >= GRACE_SECONDS:
                self._tell(
                    f"{path}: has the same rows as {kin.waits_for.path} and no more, and waits as its copy"
                    " (an id or a timestamp in each row tells files apart)"
                )

    def _open_positions(self) -> Iterator[Position]:
        return (follower.position() for follower in self._followers.values())

    def _names(self) -> Iterator[tuple[Path, os.stat_result]]:
        for pattern in self._patterns:
            folder = Path(pattern)
            self._tell_missing(pattern)
            every = [str(folder / name) for name in _PATTERNS] if folder.is_dir() else [pattern]
            for name in sorted({name for one in every for name in glob.glob(one)}):  # noqa: PTH207  # may be absolute
                path = Path(name)
                try:
                    if path.suffix not in _PACKED and path.is_file():
                        yield path, path.stat()
                except OSError as error:
                    self._tell(f"{path}: cannot be looked at ({error.strerror}): it is tried again")

    def _tell_missing(self, pattern: str) -> None:
        """Say once, of what does not exist at the first look, that it is waited for; and when it is there."""
        folder = Path(*itertools.takewhile(lambda part: not glob.has_magic(part), Path(pattern).parts))
        there = folder.exists()
        if there and self._missing.get(pattern):
            _log.info("--logs %s: %s is there now", pattern, folder)
        elif not there and pattern not in self._missing:
            _log.warning(
                "--logs %s: %s does not exist: create it, or mend the path; it is waited for",
                pattern,
                folder.absolute(),
            )
        self._missing[pattern] = not there and self._missing.get(pattern, True)

    def _open(self, path: Path, identity: Identity, before: Position | None) -> None:
        """Read on from ``before``, where another file may have been read so far. Raises OSError."""
        if len(self._followers) >= MOST_FILES:
            self._tell(f"more than {MOST_FILES} logs grow at once; the others wait")
            return
        follower = Follower(path, before, self._boot)
        if follower.identity != identity:  # rotated just now
            follower.close()
            return
        if before is not None:
            other = before.device, before.inode
            if follower.file:
                if other in self._followers and self._followers[other].file == before.file:
                    self._drop(other)
                self._known.take(before)
            elif other == identity:
                self._known.take(before)
                self._known.cut(before)
        self._new = True
        self._waiting.pop(identity, None)
        self._followers[identity] = follower
        self._quiet_since[identity] = self._now()
        self._begin(identity)

    def _begin(self, identity: Identity, last: bool = False) -> None:
        """Give a file that has a line what marks call it by, at once: from then on its copies are known as such."""
        follower = self._followers[identity]
        try:
            self._new |= follower.begin(positions.new_file(), last)
        except OSError as error:
            self._tell(f"{follower.path}: cannot be read ({error.strerror}): it is tried again")
            self._drop(identity, _UNKNOWN)

    # --- reading ---

    def _step(self, follower: Follower, last: bool = False) -> bool:
        """Count one step; whether there was one. What is counted before LaterError is raised is passed over next time.

        Raises ReplacedError, LaterError and OSError.
        """
        if self._new or not follower.file:
            return False  # it is to be written down first
        step = follower.read(last)
        if follower.replaced():
            raise ReplacedError
        if step.end == follower.offset:
            # All that was there when the machine had stopped has been read: from now on it is another file for marks.
            renewed = follower.renew(positions.new_file())
            self._new |= renewed
            return renewed
        start = follower.offset
        batch = read_lines(step.text, start)
        # Every model is asked before any of its rows counts.
        known = {model: self._counted_to(model, follower) for model in batch.models}
        unknown = [model for model, counted in known.items() if counted is None]
        path = follower.path
        for model, counted in known.items():
            read = batch.models[model]
            if counted is not None and (table := read.after(counted)).rows:
                rejected = self._book.count(model, table, follower.mark(step))
                self._losses.rejected(path, model, read, counted, rejected)
        follower.advance(step)
        self._losses.too_long(path, step.too_long, start)
        self._losses.nameless(path, batch)
        for model in unknown:
            self._losses.unknown_model(path, model, batch.models[model])
        return True

    def _counted_to(self, model: str, follower: Follower) -> int | None:
        """The offset up to which the rows of ``model`` have been counted; None when nobody knows it.

        Raises ReplacedError, LaterError and OSError.
        """
        try:
            mark = self._book.mark(model, follower.file)
        except KeyError:
            return None
        found = follower.counted_to(mark)
        if found is None:
            raise ReplacedError
        return found

    def _cut(self, identity: Identity) -> None:
        """The file begins anew, as another one, which is looked for; a copy of what it was goes on where it was cut."""
        follower = self._close(identity)
        self._known.cut(follower.position())

    def _settle(self, identity: Identity, follower: Follower, named: bool) -> None:
        """Close what has been quiet; to its very last line where its name has gone to another file."""
        if not named:
            self._begin(identity, last=True)
            if self._new and not self._save():
                return
            while self._step(follower, last=True):
                pass
        if not named or not follower.behind():
            self._drop(identity)

    def _drop(self, identity: Identity, state: os.stat_result | None = None) -> None:
        follower = self._followers[identity]
        self._known.keep(follower.position(), state or follower.state())
        self._close(identity)

    def _close(self, identity: Identity) -> Follower:
        follower = self._followers.pop(identity)
        self._quiet_since.pop(identity, None)
        self._again.pop(identity, None)
        follower.close()
        return follower

    # --- keeping and telling ---

    def _save(self) -> bool:
        """Keep where reading goes on, when all that was counted up to there is on disk; False when it could not be."""
        if self._kept is None:
            self._new = False
            return True
        found = Kept([*self._open_positions(), *self._known.positions()], [*self._known.cuts()])
        if found == self._saved and self._keeps and self._kept.exists():
            self._new = False
            return True
        if not self._keeps and self._now() < self._save_again:
            return False
        self._save_again = self._now() + SAVE_SECONDS
        self._keeps = False
        if not self._book.flush():
            self._tell(f"{self._kept}: is not written while counts cannot be kept on disk; logs wait")
            return False
        try:
            positions.save(self._kept, found.files, found.cut)
        except OSError as error:
            self._book.failed("save", self._kept, f"cannot be written ({error.strerror}); logs wait")
            return False
        self._saved, self._keeps, self._new = found, True, False
        return True

    def _tell(self, message: str, detail: str = "") -> None:
        """``detail`` may be another one each time."""
        times = self._telling.times(message)
        if times:
            _log.warning("%s%s%s", message, detail, f" ({times:,} times by now)" if times > 1 else "")
