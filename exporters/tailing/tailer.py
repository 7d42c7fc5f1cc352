"""Follows the logs of a folder or a pattern: finds new ones, notices rotation, and remembers how far each was read."""

from __future__ import annotations

import glob
import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from modelwatch.exporters.ingest.table import Table
from modelwatch.exporters.tailing import positions
from modelwatch.exporters.tailing.follower import Follower, Identity
from modelwatch.exporters.tailing.known import Known, identity_of
from modelwatch.exporters.tailing.lines import read_lines
from modelwatch.exporters.tailing.positions import Position

_log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
# A writer may go on writing to a file that was renamed, until it notices.
GRACE_SECONDS = 5.0
MOST_FILES = 200
_PATTERNS = ("*.jsonl", "*.ndjson")
_MOST_TOLD = 1000
# The state of a file that could not be looked at.
_UNKNOWN = os.stat_result([0] * 10)


class LaterError(Exception):
    """Rows cannot be counted now: they are asked for again."""


class Tailer:
    """``count`` takes the rows of a model, and has them kept when it returns.

    It raises LaterError to be asked again, and KeyError for a model that it does not know. ``kept`` is the file that
    offsets are written to, after the rows have been counted: a process that is killed between the two counts one step
    of each file (1 MiB at most) again.
    """

    def __init__(
        self,
        patterns: Collection[str],
        count: Callable[[str, Table], object],
        kept: Path | None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._patterns, self._count, self._kept, self._now = patterns, count, kept, now
        self._followers: dict[Identity, Follower] = {}
        self._quiet_since: dict[Identity, float] = {}
        self._waiting: dict[Identity, _Waiting] = {}
        self._known = Known(_loaded(kept) if kept else ())
        self._looked_for_renamed = -GRACE_SECONDS
        self._saved: list[Position] = []
        self._told: dict[str, int] = {}
        self.lines = {"counted": 0, "nameless": 0, "too_long": 0, "unknown_model": 0}

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
        busy = False
        for identity, follower in list(self._followers.items()):
            try:
                if identity not in self._waiting and follower.replaced():
                    self._known.cut(follower.position())
                    follower.start_again()
                moved = self._step(identity, follower)
                if moved:
                    self._quiet_since[identity] = self._now()
                elif self._now() - self._quiet_since[identity] >= GRACE_SECONDS:
                    self._settle(identity, follower, identity in named)
            except LaterError as error:
                self._tell(f"rows of {follower.path} wait: {error}")
                continue
            except OSError as error:
                self._tell(f"{follower.path}: cannot be read ({error.strerror}): it is tried again")
                self._drop(identity, _UNKNOWN)
                continue
            busy |= moved
        self._save()
        return busy

    # --- finding ---

    def _find(self) -> set[Identity]:
        """Open what is new or has grown; the identities of files that have a name of the patterns."""
        named = set()
        for path, found in self._names():
            identity = identity_of(found)
            named.add(identity)
            follower = self._followers.get(identity)
            if follower is not None:
                follower.path = path
            elif self._known.has(identity):
                if not self._known.unchanged(found):
                    self._open(path, identity)
            elif not self._known.may_copy(path, (other.position() for other in self._followers.values())):
                self._open(path, identity)
        if self._now() - self._looked_for_renamed >= GRACE_SECONDS:
            self._looked_for_renamed = self._now()
            for path in list(self._known.renamed(named)):
                self._open(path, identity_of(path.stat()))
        return named

    def _names(self) -> Iterator[tuple[Path, os.stat_result]]:
        for pattern in self._patterns:
            folder = Path(pattern)
            every = [str(folder / name) for name in _PATTERNS] if folder.is_dir() else [pattern]
            for name in sorted({name for one in every for name in glob.glob(one)}):  # noqa: PTH207  # may be absolute
                path = Path(name)
                try:
                    if path.is_file():
                        yield path, path.stat()
                except OSError as error:
                    self._tell(f"{path}: cannot be looked at ({error.strerror}): it is tried again")

    def _open(self, path: Path, identity: Identity) -> None:
        if len(self._followers) >= MOST_FILES:
            self._tell(f"more than {MOST_FILES} logs grow at once; the others wait")
            return
        before = self._known.take(identity, path)
        try:
            follower = Follower(path, before)
        except OSError as error:
            self._tell(f"{path}: cannot be read ({error.strerror}): it is tried again")
            if before is not None:
                self._known.keep(before, _UNKNOWN)
            return
        if before is not None and before.offset and not follower.offset:
            self._known.cut(before)
        self._followers[follower.identity] = follower
        self._quiet_since[follower.identity] = self._now()

    # --- reading ---

    def _step(self, identity: Identity, follower: Follower, last: bool = False) -> bool:
        """Count one step; whether there was one. What raises LaterError is counted first the next time."""
        waiting = self._waiting.get(identity)
        if waiting is None:
            step = follower.read(last)
            if step.end == follower.offset:
                return False
            batch = read_lines(step.text)
            self.lines["too_long"] += step.too_long
            self._told_nameless(batch.nameless, follower.path)
            waiting = self._waiting[identity] = _Waiting(dict(batch.tables), step.end)
        while waiting.tables:
            model, table = next(iter(waiting.tables.items()))
            self._take(model, table, follower.path)
            del waiting.tables[model]
        del self._waiting[identity]
        follower.advance(waiting.end)
        return True

    def _take(self, model: str, table: Table, path: Path) -> None:
        try:
            self._count(model, table)
        except KeyError:
            self.lines["unknown_model"] += table.rows
            self._tell(f"{path}: rows of {model[:100]!a}, which no spec describes, are not counted")
        else:
            self.lines["counted"] += table.rows

    def _told_nameless(self, lines: int, path: Path) -> None:
        if lines:
            self.lines["nameless"] += lines
            self._tell(f"{path}: lines that are no JSON or name no model are not counted")

    def _settle(self, identity: Identity, follower: Follower, named: bool) -> None:
        """Close what has been quiet; to its very last line where its name has gone to another file."""
        if not named:
            while self._step(identity, follower, last=True):
                pass
        if not named or not follower.behind():
            self._drop(identity)

    def _drop(self, identity: Identity, state: os.stat_result | None = None) -> None:
        follower = self._followers.pop(identity)
        self._quiet_since.pop(identity, None)
        self._waiting.pop(identity, None)
        self._known.keep(follower.position(), state or follower.state())
        follower.close()

    # --- keeping and telling ---

    def _save(self) -> None:
        found = [*(follower.position() for follower in self._followers.values()), *self._known.positions()]
        if self._kept is None or found == self._saved:
            return
        try:
            positions.save(self._kept, found)
            self._saved = found
        except OSError as error:
            self._tell(f"{self._kept}: cannot be written ({error.strerror}): a restart would count rows again")

    def _tell(self, message: str) -> None:
        """Each power of two is often enough."""
        if len(self._told) > _MOST_TOLD:
            self._told.clear()
        count = self._told[message] = self._told.get(message, 0) + 1
        if count & (count - 1) == 0:
            _log.warning("%s (%d times so far)", message, count)


class _Waiting:
    """Tables of a step that are still to be counted, and where it ends."""

    def __init__(self, tables: dict[str, Table], end: int) -> None:
        self.tables, self.end = tables, end


def _loaded(kept: Path) -> list[Position]:
    try:
        return positions.load(kept)
    except (OSError, ValueError) as error:
        _log.error("%s: cannot be read (%s): logs that are there are read from their beginning", kept, error)
        return []
