"""How each program stands: ready, being built, failed, to be had, or not to be had here and what that costs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from modelwatch.compose.parts.cache import Failure, Progress, Slot, find_entry
from modelwatch.compose.parts.locate import ask_version, find, pin
from modelwatch.compose.parts.machine import Machine
from modelwatch.compose.parts.recipes import is_wanted
from modelwatch.compose.parts.table import PARTS, Part, Source, sources_of


@dataclass(frozen=True)
class Ready:
    """``version`` is what the program reports, "unknown" when it says none. ``note`` warns of one that is too old."""

    version: str
    path: Path
    note: str = ""


@dataclass(frozen=True)
class Building:
    """Step ``step`` of ``steps``, since ``since`` (seconds since the epoch)."""

    since: float
    step: int
    steps: int
    doing: str


@dataclass(frozen=True)
class Failed:
    """The last install failed: ``lines`` end its log, ``mend`` says what to do."""

    reason: str
    command: str
    log: Path
    lines: tuple[str, ...]
    mend: str


@dataclass(frozen=True)
class Absent:
    """Not here yet; an install takes roughly ``seconds`` from cold caches on two cores."""

    seconds: int


@dataclass(frozen=True)
class Unavailable:
    """This machine cannot have it: ``why``, what is ``lost`` without it, and how to ``add`` it oneself."""

    why: str
    lost: str
    add: str


State = Ready | Building | Failed | Absent | Unavailable


@dataclass(frozen=True)
class PinStatus:
    """One pinned version of a part."""

    source: Source
    state: State


@dataclass(frozen=True)
class PartStatus:
    """One part: ``state`` is Ready with what find(name) gives, else its newest pin's. ``pins`` newest first."""

    part: Part
    state: State
    pins: tuple[PinStatus, ...]


def _pin_state(part: Part, source: Source, machine: Machine) -> State:
    slot = Slot(machine, source)
    found = find(part.name, source.age, machine=machine)
    if found:
        entry = find_entry(machine, source)
        if entry and found == entry.program(part.name):
            return Ready(entry.reported[part.name], found)
        return _ready(part, found, machine)
    progress, failure = slot.progress(), slot.failure()
    match progress, failure:
        case Progress(), _:
            return Building(progress.since, progress.step, progress.steps, progress.doing)
        case None, Failure():
            return Failed(failure.reason, failure.command, failure.log, failure.lines, failure.mend)
    why = machine.why_not(source)
    return Unavailable(why, source.lost, source.add) if why else Absent(source.seconds)


def _ready(part: Part, path: Path, machine: Machine) -> Ready:
    version = ask_version(part, path, machine)
    if version is None:
        return Ready("unknown", path, "it does not say its version: is it the right program?")
    oldest = pin(part, "oldest")
    if oldest.age == "oldest" and not is_wanted(oldest, version):
        return Ready(version, path, f"older than the oldest supported {oldest.version}")
    return Ready(version, path)


def _part_status(part: Part, machine: Machine) -> PartStatus:
    pins = tuple(PinStatus(source, _pin_state(part, source, machine)) for source in sources_of(part))
    found = find(part.name, machine=machine)
    if found is None:
        return PartStatus(part, pins[0].state, pins)
    known = [item.state for item in pins if isinstance(item.state, Ready) and item.state.path == found]
    return PartStatus(part, known[0] if known else _ready(part, found, machine), pins)


def status(*, machine: Machine | None = None, parts: Iterable[Part] = PARTS) -> tuple[PartStatus, ...]:
    """How every part stands. Raises PartError for an override in the environment that is no program."""
    machine = machine or Machine.here()
    return tuple(_part_status(part, machine) for part in parts)
