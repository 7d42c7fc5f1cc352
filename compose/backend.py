"""What the two ways to run the stack have in common: this machine's processes, and containers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from modelwatch.compose.config import Check
from modelwatch.compose.state import Folder, RuntimeName
from modelwatch.model.addresses import Addresses
from modelwatch.model.types import Fleet

Say = Callable[[str], None]
UP = ("starting", "running")
"""States of a Condition in which a program is there."""


@dataclass(frozen=True)
class Condition:
    """How a part stands with whoever runs it.

    ``run`` tells one start from the next; ``since`` is in seconds since the epoch; ``ended`` is a program that was
    started and is not there any more.
    """

    state: Literal["starting", "running", "ended", "stopped"]
    run: str = ""
    since: float | None = None
    detail: str = ""


class Runtime(Protocol):
    """What runs the parts: the supervisor or containers."""

    @property
    def name(self) -> RuntimeName: ...

    def conditions(self) -> dict[str, Condition]:
        """Raises StackError when what runs the parts does not answer."""

    def tail(self, name: str, lines: int) -> list[str]:
        """The last lines of a part's log."""

    def log(self, name: str) -> str:
        """Where the whole log is, in words."""

    def hang_up(self, name: str) -> None:
        """Send a part SIGHUP: it reads its files again."""


@dataclass(frozen=True)
class Change:
    """What was done to one program of a running stack."""

    name: str
    what: str


@dataclass(frozen=True)
class Setup:
    """What a stack is made from. ``files`` is what was generated: path -> text; ``demo`` whether the demo is here;
    ``moved`` old address -> new one of parts that were elsewhere before.
    """

    folder: Folder
    models_dir: Path
    fleet: Fleet
    addresses: Addresses
    environ: Mapping[str, str]
    files: Mapping[str, str]
    demo: bool
    moved: Mapping[str, str] = field(default_factory=dict)


class Backend(Protocol):
    """One way to run a stack that is made from a Setup."""

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of this stack, those that are still to come included."""

    @property
    def pending(self) -> Mapping[str, str]:
        """Part -> the program that it waits for."""

    @property
    def builds(self) -> bool:
        """Whether what ``pending`` waits for is being built."""

    @property
    def control(self) -> str:
        """What finds the running stack again: see Record."""

    @property
    def versions(self) -> Mapping[str, str]: ...

    def checks(self) -> tuple[tuple[Check, Path], ...]:
        """The checks that can be run here, each with its program."""

    def start(self) -> Runtime:
        """Start everything that is here. Raises StackError."""

    def reconcile(self, runtime: Runtime, restart: Collection[str]) -> tuple[Change, ...]:
        """Start what ended or is new in a running stack, restart what is in ``restart`` or started differently."""

    def stop(self) -> tuple[str, ...]:
        """End everything; the names of what ran."""
