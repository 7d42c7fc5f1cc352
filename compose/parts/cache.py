"""The cache of programs: keys, entries that are whole or not there, one lock for each source, records of failures.

<source>-<version>-<hash>/     a finished entry: bin/<program> and entry.json (where it came from, what it reports)
lock/<source>.lock             held while it is being made
lock/<source>.json             how far that is
log/<source>-<version>.log     everything that the commands printed
failed/<source>-<version>.json what failed last, until it works
tmp/<source>.<random>/         being made
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from modelwatch.compose.parts.machine import Machine
from modelwatch.compose.parts.table import GoManifest, Source, part_named

_GENERATION = "1"
"""Part of every key: raise it when the way in which recipes are carried out changes what comes out."""


def manifest_files(folder: str) -> dict[str, bytes]:
    """Name -> content of the files that a manifest folder builds from."""
    found = {}
    for item in (resources.files("modelwatch.compose.parts") / "manifests" / folder).iterdir():
        if item.is_file():
            found[item.name] = item.read_bytes()
    return found


def recipe_key(source: Source, platform: str) -> str:
    """Hash of everything that we decide: the pin, its recipe, the manifest's files; and of the kind of machine."""
    recipe = source.recipe
    digest = hashlib.sha256()
    said = {"kind": type(recipe).__name__, **asdict(recipe)}
    parts = [_GENERATION, platform, source.name, source.version, json.dumps(said, sort_keys=True)]
    digest.update("\0".join(parts).encode())
    if isinstance(recipe, GoManifest):
        for name, content in sorted(manifest_files(recipe.folder).items()):
            digest.update(f"\0{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def entry_name(source: Source, platform: str, toolchain: str) -> str:
    """Folder of the finished entry."""
    key = hashlib.sha256(f"{recipe_key(source, platform)}\0{toolchain}".encode()).hexdigest()
    return f"{source.name}-{source.version}-{key[:12]}"


@dataclass(frozen=True)
class Entry:
    """A finished entry. ``reported`` is program -> the version that it gave."""

    path: Path
    reported: dict[str, str]
    toolchain: str
    seconds: float

    def program(self, name: str) -> Path:
        """File of a part's program."""
        return self.path / "bin" / part_named(name).binary


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _read_entry(path: Path, source: Source, recipe: str) -> tuple[float, Entry] | None:
    said = _read_json(path / "entry.json")
    if said is None or said.get("recipe") != recipe:
        return None
    entry = Entry(path, dict(said["reported"]), str(said["toolchain"]), float(said["seconds"]))
    if not all(os.access(entry.program(name), os.X_OK) for name in source.programs):
        return None
    return float(said["finished"]), entry


def find_entry(machine: Machine, source: Source) -> Entry | None:
    """The newest finished entry for this recipe, whichever Go or release made it: looking never runs Go."""
    recipe = recipe_key(source, machine.platform)
    folders = machine.cache.glob(f"{source.name}-{source.version}-*")
    found = [entry for folder in folders if (entry := _read_entry(folder, source, recipe))]
    return max(found, key=lambda pair: pair[0])[1] if found else None


@dataclass(frozen=True)
class Progress:
    """How far a build is: ``since`` in seconds since the epoch, step ``step`` of ``steps``."""

    since: float
    step: int
    steps: int
    doing: str


@dataclass(frozen=True)
class Failure:
    """What failed last: ``lines`` are the last of its log, ``mend`` what to do."""

    command: str
    reason: str
    lines: tuple[str, ...]
    log: Path
    mend: str
    when: float


class Slot:
    """The cache's files of one source."""

    def __init__(self, machine: Machine, source: Source) -> None:
        self._cache, self._source = machine.cache, source
        self.log = self._cache / "log" / f"{source.name}-{source.version}.log"
        self._lock = self._cache / "lock" / f"{source.name}.lock"
        self._told = self._lock.with_suffix(".json")
        self._clock = machine.clock
        self._failed = self._cache / "failed" / f"{source.name}-{source.version}.json"
        self._recipe = recipe_key(source, machine.platform)

    @contextmanager
    def hold(self, *, wait: bool) -> Iterator[bool]:
        """Hold the lock; gives False at once when another process has it and ``wait`` is False.

        The kernel drops the lock of a process that ends in any way, and commands that it started do not inherit it.
        """
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a+", encoding="utf-8") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
            try:
                yield True
            finally:
                self._told.unlink(missing_ok=True)

    def tell(self, progress: Progress) -> None:
        """Say how far the build is. Only the holder of the lock calls this."""
        new = self._told.with_suffix(".new")
        new.write_text(json.dumps(asdict(progress)), encoding="utf-8")
        new.replace(self._told)

    def progress(self) -> Progress | None:
        """How far another process is; None when nobody is at it."""
        try:
            handle = self._lock.open("r+", encoding="utf-8")
        except OSError:
            return None
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                said = _read_json(self._told)
                return Progress(**said) if said else Progress(self._clock(), 0, 0, "starting")
            return None

    @contextmanager
    def workshop(self) -> Iterator[Path]:
        """A fresh folder to make the entry in, gone afterwards; what a killed build left goes first. Holder only."""
        self._lock.parent.parent.joinpath("tmp").mkdir(parents=True, exist_ok=True)
        for left in self._cache.glob(f"tmp/{self._source.name}.*"):
            shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{self._source.name}.", dir=self._cache / "tmp"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def publish(self, made: Path, name: str, said: dict[str, Any]) -> Path:
        """Turn a made folder into the finished entry ``name`` in one rename."""
        (made / "entry.json").write_text(
            json.dumps({**said, "recipe": self._recipe}, indent=1) + "\n", encoding="utf-8"
        )
        made.chmod(0o755)
        target = self._cache / name
        if target.exists():
            # Not whole, or it would not have been made again.
            target.rename(made.parent / f"{self._source.name}.old-{made.name}")
        made.rename(target)
        self._failed.unlink(missing_ok=True)
        return target

    def fail(self, failure: Failure) -> None:
        self._failed.parent.mkdir(parents=True, exist_ok=True)
        said = {**asdict(failure), "log": str(failure.log), "recipe": self._recipe}
        self._failed.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")

    def failure(self) -> Failure | None:
        """The last failure of this very recipe."""
        said = _read_json(self._failed)
        if said is None or said.pop("recipe", None) != self._recipe:
            return None
        return Failure(**{**said, "lines": tuple(said["lines"]), "log": Path(said["log"])})
