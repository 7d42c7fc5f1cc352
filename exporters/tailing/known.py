"""Files that are not open: how far each was read, so that none is read twice, whatever happens to its name."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from os import stat_result
from pathlib import Path

from modelwatch.exporters.tailing.copies import Heads, Kinship, kinship
from modelwatch.exporters.tailing.follower import Identity
from modelwatch.exporters.tailing.positions import Kept, Position, begins_alike, stopped_since

# Of files that are gone: a volume may come back.
_MOST_GONE = 5000
_MOST_CUT = 100


def identity_of(found: stat_result) -> Identity:
    return found.st_dev, found.st_ino


class Known:
    def __init__(self, kept: Kept, boot: str) -> None:
        self._boot = boot
        self._positions = {(found.device, found.inode): found for found in kept.files}
        # Size and time of change when it was closed: as long as these stay there is nothing to read.
        self._closed: dict[Identity, tuple[int, int]] = {}
        # Of files that were cut to nothing after they had been copied: their copies go on from here.
        self._cut: deque[Position] = deque(kept.cut, maxlen=_MOST_CUT)
        self._heads = Heads()

    def positions(self) -> Iterator[Position]:
        return iter(self._positions.values())

    def cuts(self) -> Iterator[Position]:
        return iter(self._cut)

    def keep(self, position: Position, state: stat_result) -> None:
        identity = position.device, position.inode
        self._positions[identity] = position
        self._closed[identity] = state.st_size, state.st_mtime_ns

    def forget(self, named: Collection[Identity]) -> None:
        """Of the files that have no name of the patterns any more, all but so many of the last ones."""
        gone = [identity for identity in self._positions if identity not in named]
        for identity in gone[:-_MOST_GONE]:
            self._forget(identity)
        self._heads.keep([*self._positions.values(), *self._cut])

    def unchanged(self, found: stat_result) -> bool:
        return self._closed.get(identity_of(found)) == (found.st_size, found.st_mtime_ns)

    def has(self, identity: Identity, path: Path) -> bool:
        """Whether the file at ``path`` is known. Raises OSError.

        One whose inode alone is known was cut to nothing, or has that of a file that is gone: which is at an end now.
        """
        position = self._positions.get(identity)
        if position is None:
            return self._mounted_again(identity, path)
        if begins_alike(path, position, wholly=not stopped_since(position, self._boot)):
            return True
        self._forget(identity)
        self.cut(position)
        return False

    def _mounted_again(self, identity: Identity, path: Path) -> bool:
        """Whether it is a file that is known by another device: a volume has another number after it was mounted again.

        Raises OSError.
        """
        device, inode = identity
        for before, position in self._positions.items():
            if before[1] != inode or not position.offset or _is_there(position):
                continue
            if begins_alike(path, position, wholly=not stopped_since(position, self._boot)):
                self._forget(before)
                self._positions[identity] = replace(position, device=device)
                return True
        return False

    def before(self, identity: Identity) -> Position | None:
        """How far a file had been read."""
        return self._positions.get(identity)

    def kinship(self, path: Path, held: Iterable[tuple[Position, int]]) -> Kinship:
        """What the file at ``path``, which is not known, is to those that are; ``held`` are open. Raises OSError."""
        found = kinship(path, held, self._positions.values(), self._cut, self._heads)
        if found.waits_for is not None and found.waits_for in self._cut:
            # Remembered as long as somebody waits: what is shorter than that was read would be new without it.
            self._cut.remove(found.waits_for)
            self._cut.append(found.waits_for)
        return found

    def take(self, position: Position) -> None:
        """Its file is open now."""
        if position in self._cut:
            self._cut.remove(position)
        else:
            self._forget((position.device, position.inode))

    def _forget(self, identity: Identity) -> None:
        del self._positions[identity]
        self._closed.pop(identity, None)

    def cut(self, position: Position) -> None:
        """The file of ``position`` is no more: it begins anew, or another has its inode."""
        if position.file:
            self._cut.append(position)

    def renamed(self, named: Collection[Identity]) -> Iterator[Path]:
        """Files that no pattern matches any more, below their old folder, with something that was not read yet."""
        lost = {identity: found for identity, found in self._positions.items() if identity not in named}
        for folder in {Path(found.path).parent for found in lost.values()}:
            with contextlib.suppress(OSError), os.scandir(folder) as entries:
                for entry in entries:
                    state = entry.stat()
                    found = lost.get(identity_of(state))
                    if found is not None and entry.is_file() and state.st_size > found.offset:
                        path = Path(entry.path)
                        # An inode may belong to another file by now, which nobody has asked for.
                        if begins_alike(path, found, wholly=True):
                            yield path


def _is_there(position: Position) -> bool:
    try:
        return identity_of(Path(position.path).stat()) == (position.device, position.inode)
    except OSError:
        return False
