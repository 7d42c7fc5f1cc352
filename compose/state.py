"""What a stack leaves in ``.modelwatch/`` of its working folder: where things are, what runs, who is at work on it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

RuntimeName = Literal["native", "containers"]

MARK = "MODELWATCH_STACK"
"""Environment variable of every process of a native stack; its value is the stack's ``.modelwatch`` folder."""


class StackError(Exception):
    """What keeps the stack from doing what was asked. The text says what, where and how to mend it."""


@dataclass(frozen=True)
class Folder:
    """The paths of one stack. ``root`` is the working folder, absolute."""

    root: Path

    @classmethod
    def of(cls, root: Path) -> Folder:
        return cls(Path(os.path.realpath(root)))

    @property
    def home(self) -> Path:
        return self.root / ".modelwatch"

    @property
    def config(self) -> Path:
        """What ``generate`` made for this stack's addresses."""
        return self.home / "config"

    @property
    def secrets(self) -> Path:
        """Where Alertmanager's config finds its key files."""
        return self.config / "alertmanager" / "secrets"

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def run(self) -> Path:
        """What the supervisor and its launcher read."""
        return self.home / "run"

    @property
    def record(self) -> Path:
        return self.home / "stack.json"

    def make(self) -> None:
        """Make the folders. Only the user enters them, so files within may be readable to containers."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.home.chmod(0o700)
        for folder in (self.config, self.data, self.log, self.run):
            folder.mkdir(exist_ok=True)


@dataclass(frozen=True)
class Record:
    """The stack that ``up`` started last. ``started`` is in seconds since the epoch."""

    runtime: RuntimeName
    internal: Mapping[str, str]
    public: Mapping[str, str]
    parts: tuple[str, ...]
    models: str
    """Digest of what the sidecar reads at its start."""
    control: str = ""
    """Native: the supervisor's socket. Containers: the project's name."""
    versions: Mapping[str, str] = field(default_factory=dict)
    started: float = 0.0
    complete: bool = False
    """Whether the last `up` came to its end: every part was ready and had read the config that is there."""


def read_record(folder: Folder) -> Record | None:
    """The record, or None where no stack was started or what is there cannot be read."""
    try:
        said = json.loads(folder.record.read_text(encoding="utf-8"))
        return Record(**{**said, "parts": tuple(said["parts"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_record(folder: Folder, record: Record) -> None:
    write_atomically(folder.record, json.dumps(asdict(record), indent=1, sort_keys=True) + "\n")


def write_atomically(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace a file in one step: a reader sees the old text or the new, nobody else a secret on its way."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def remove_data(folder: Folder) -> None:
    """Remove all that a stopped stack left. Raises StackError where containers' files are not the user's to remove."""
    try:
        shutil.rmtree(folder.home)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StackError(
            f"cannot remove {folder.home}: {error.strerror or error}: remove {error.filename} by hand"
        ) from error


@contextmanager
def locked(folder: Folder, command: str) -> Iterator[None]:
    """Only one command at a time changes a stack; any end of it frees the lock. Raises StackError, naming the other."""
    try:
        folder.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = (folder.home / "lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise StackError(
            f"cannot write to {folder.home}: {error.strerror or error}: choose a folder that you own"
        ) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            other = handle.read().strip() or "another command"
            raise StackError(f"{other} is at work on this stack: wait for it, then try again") from None
        handle.truncate(0)
        handle.write(f"`modelwatch {command}` (process {os.getpid()})")
        handle.flush()
        yield
