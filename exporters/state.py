"""What has been counted, on disk: one file per model in the folder of ``--state``, replaced as a whole.

A file is its SHA-256 on the first line and JSON on the second. It is written beside and renamed, so a crash leaves the
old one or the new one. A damaged file, or one of another version, is moved aside to ``<name>.corrupt`` and counted.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import orjson

from modelwatch.exporters.layout import Layout
from modelwatch.exporters.monitor import Block, Snapshot, Tally

FORMAT = "modelwatch.state/1"
_log = logging.getLogger(__name__)


class StateError(Exception):
    """The folder cannot be used. The message says why and how to mend it."""


class State:
    """The folder ``root``, held by one sidecar at a time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.failures = {"load": 0, "save": 0}
        self._lock = threading.Lock()
        self._saved: dict[str, tuple[Layout, int, bool]] = {}

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Makes the folder and locks it. Raises StateError when it cannot be written or another sidecar has it."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StateError(f"{self.root}: cannot be written ({reason}); choose another folder with --state") from None
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                owner = os.pread(lock, 32, 0).decode("ascii", "replace").strip()
                raise StateError(
                    f"{self.root}: another sidecar (process {owner or 'unknown'}) keeps its state here; "
                    "stop it, or choose another folder with --state"
                ) from None
            os.truncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
            yield
        finally:
            os.close(lock)

    def _path(self, model: str) -> Path:
        return self.root / f"{quote(model, safe='')}.json"

    def load(self, model: str) -> Tally | None:
        """What was saved of a model; None when nothing was, or when it had to be moved aside."""
        path = self._path(model)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._failed("load", path, f"cannot be read ({error})")
            return None
        try:
            return _decoded(content)
        except (ValueError, KeyError, TypeError) as error:
            aside = path.with_suffix(".corrupt")
            with contextlib.suppress(OSError):
                path.replace(aside)
            self._failed("load", path, f"{error}; moved to {aside.name}, counting starts afresh")
            return None

    def save(self, snapshot: Snapshot, durable: bool = False) -> None:
        """Keep a snapshot, unless as much is kept. ``durable`` outlives a power cut too, and takes longer."""
        with self._lock:
            layout, revision, kept = self._saved.get(snapshot.layout.model.name, (None, 0, False))
            newer = layout is not snapshot.layout or revision < snapshot.revision
            if newer or (durable and not kept and revision == snapshot.revision):
                self._write(snapshot, durable)

    def _write(self, snapshot: Snapshot, durable: bool) -> None:
        model = snapshot.layout.model.name
        path = self._path(model)
        beside = path.with_suffix(".new")
        try:
            with beside.open("wb") as file:
                file.write(_encoded(snapshot.tally))
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            beside.replace(path)
            if durable:
                self._sync_folder()
        except OSError as error:
            self._failed("save", path, f"cannot be saved ({error}); a restart would lose what came since")
            return
        self._saved[model] = (snapshot.layout, snapshot.revision, durable)

    def _sync_folder(self) -> None:
        folder = os.open(self.root, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _failed(self, operation: str, path: Path, reason: str) -> None:
        self.failures[operation] += 1
        # A full disk fails at every scrape; each power of two is often enough to be told.
        count = self.failures[operation]
        if count & (count - 1) == 0:
            _log.error("%s: %s (%s failures so far: %d)", path, reason, operation, count)


def _encoded(tally: Tally) -> bytes:
    document = {
        "format": FORMAT,
        "accepted": tally.accepted,
        "rejected": tally.rejected,
        "last_row": tally.last_row,
        "wall": tally.wall,
        "blocks": [[block.name, block.signature, block.width] for block in tally.blocks],
        "counters": tally.counters,
        "windows": [[name, ages, counts] for name, (ages, counts) in tally.windows.items()],
    }
    text = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    return hashlib.sha256(text).hexdigest().encode() + b"\n" + text


def _decoded(content: bytes) -> Tally:
    """Raises ValueError, KeyError or TypeError."""
    digest, _, text = content.partition(b"\n")
    if hashlib.sha256(text).hexdigest().encode() != digest:
        raise ValueError("is damaged: its content does not match its checksum")
    document: Mapping[str, Any] = orjson.loads(text)
    if document["format"] != FORMAT:
        raise ValueError(f"has the format {document['format']!r}, this version reads {FORMAT!r}")
    blocks = tuple(Block(*block) for block in document["blocks"])
    width = sum(block.width for block in blocks)
    return Tally(
        accepted=document["accepted"],
        rejected=document["rejected"],
        last_row=document["last_row"],
        wall=document["wall"],
        blocks=blocks,
        counters=np.array(document["counters"], dtype=np.int64).reshape(width),
        windows={
            name: (np.array(ages, dtype=np.float64), np.array(counts, dtype=np.int64).reshape(len(ages), width))
            for name, ages, counts in document["windows"]
        },
    )
