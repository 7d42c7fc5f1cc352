"""Carry out the recipes: every source at most once at a time on a machine, whole or not at all."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from modelwatch.compose.parts.cache import Entry, Failure, Progress, Slot, entry_name, find_entry
from modelwatch.compose.parts.locate import ask_version, find
from modelwatch.compose.parts.machine import Machine
from modelwatch.compose.parts.recipes import Step, StepError, Workshop, is_wanted, steps_of
from modelwatch.compose.parts.table import PARTS, SOURCES, Part, PartError, Source, part_named, sources_of

Report = Callable[[str], None]
_TAIL = 12
"""Lines of a log that a failure shows."""

# What the last lines say -> what to do about it. The first that fits is told.
_MENDS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("no space left",), "free some space: the builds take up to 15 GB in Go's caches and the temporary folder"),
    (("the pin says", "checksum mismatch", "security error"), "do not use what was served: look where GOPROXY points"),
    (("requires go >=", "requires go1", "toolchain not available"), "install a newer Go or set GOTOOLCHAIN=auto"),
    (
        (
            "no such host",
            "could not resolve",
            "connection refused",
            "i/o timeout",
            "dial tcp",
            "forbidden",
            "failed to fetch",
            "unable to fetch",
            "unable to locate",
        ),
        "see that the network, GOPROXY and apt's sources answer",
    ),
    (("permission denied",), "make the folder that it names writable"),
    (("signal: killed", "cannot allocate memory", "exit code -9"), "close what uses memory, or set GOMAXPROCS=1"),
)
_OTHERWISE = "read the log"


@dataclass(frozen=True)
class Outcome:
    """What became of one source. ``failed`` carries its failure, ``unavailable`` why it cannot be had."""

    source: Source
    state: Literal["ready", "failed", "unavailable"]
    entry: Entry | None = None
    failure: Failure | None = None
    why: str = ""
    built: bool = False


@dataclass(frozen=True)
class Planned:
    """What an install would do about one source. ``steps`` is empty for what is ready or cannot be had."""

    source: Source
    state: Literal["ready", "to do", "unavailable"]
    steps: tuple[str, ...] = ()
    why: str = ""


def _parts() -> Mapping[str, Part]:
    return {part.name: part for part in PARTS}


def select(names: Iterable[str]) -> tuple[Source, ...]:
    """The sources that give the named parts, in the table's order. ``name-oldest`` and ``name-newest`` mean one pin.

    Raises PartError for a name that is no part.
    """
    wanted: set[str] = set()
    for name in names:
        stem, _, age = name.rpartition("-")
        if age in ("oldest", "newest"):
            wanted |= {source.name for source in sources_of(part_named(stem)) if source.age == age}
            if not any(source.age == age for source in sources_of(part_named(stem))):
                raise PartError(f"{stem} has no pin that is called {age}: use {stem}")
        else:
            wanted |= {source.name for source in sources_of(part_named(name))}
    return tuple(source for source in SOURCES if source.name in wanted)


def all_names() -> tuple[str, ...]:
    """Every part."""
    return tuple(part.name for part in PARTS)


def core_names(machine: Machine | None = None) -> tuple[str, ...]:
    """What is missing of the core, as names for install: the quickest way to each (Debian's package, else a build)."""
    machine = machine or Machine.here()
    missing = []
    for part in PARTS:
        if part.core and find(part.name, machine=machine) is None:
            quickest_first = sorted(sources_of(part), key=lambda source: source.seconds)
            possible = [source for source in quickest_first if machine.why_not(source) is None]
            missing.append(f"{part.name}-{(possible or quickest_first)[0].age}")
    return tuple(missing)


def plan(names: Iterable[str] | None = None, *, machine: Machine | None = None) -> tuple[Planned, ...]:
    """What install would do, in order. Runs nothing."""
    machine = machine or Machine.here()
    planned = []
    for source in select(all_names() if names is None else names):
        why = machine.why_not(source)
        if find_entry(machine, source):
            planned.append(Planned(source, "ready"))
        elif why:
            planned.append(Planned(source, "unavailable", why=why))
        else:
            planned.append(Planned(source, "to do", steps=tuple(step.doing for step in steps_of(source, _parts()))))
    return tuple(planned)


def _mend(text: str) -> str:
    lowered = text.lower()
    return next((mend for signs, mend in _MENDS if any(sign in lowered for sign in signs)), _OTHERWISE)


def _check(source: Source, work: Workshop) -> dict[str, str]:
    """Run every program that was made; a version that is not the pin's is a failure."""
    reported = {}
    for name in source.programs:
        part = _parts()[name]
        version = ask_version(part, work.bin / part.binary, work.machine)
        if version is None or not is_wanted(source, version):
            command = " ".join([part.binary, *part.version_command])
            raise StepError(command, f"reports {version or 'no version'} where {source.version} is pinned")
        reported[name] = version
    return reported


def _make(source: Source, slot: Slot, machine: Machine, report: Report) -> Entry:
    """Make an entry, step by step. Raises StepError."""
    started, began = machine.clock(), time.monotonic()
    toolchain = machine.toolchain(source)
    reported: dict[str, str] = {}
    check = Step("check the versions", lambda work: reported.update(_check(source, work)))
    steps = (*steps_of(source, _parts()), check)
    slot.log.parent.mkdir(parents=True, exist_ok=True)
    slot.log.write_text("", encoding="utf-8")
    with slot.workshop() as folder:
        work = Workshop(machine, folder, slot.log)
        for number, step in enumerate(steps, 1):
            slot.tell(Progress(started, number, len(steps), step.doing))
            report(f"{source.name} {source.version}  {number}/{len(steps)} {step.doing}  ({_elapsed(began)})")
            step.do(work)
        seconds = round(time.monotonic() - began, 1)
        said = {
            "source": source.name,
            "version": source.version,
            "origin": source.origin,
            "toolchain": toolchain,
            "reported": reported,
            "seconds": seconds,
            "finished": machine.clock(),
        }
        path = slot.publish(folder, entry_name(source, machine.platform, toolchain), said)
    return Entry(path, reported, toolchain, seconds)


def _elapsed(began: float) -> str:
    seconds = int(time.monotonic() - began)
    return f"{seconds // 60}:{seconds % 60:02}"


def _failure(error: StepError, slot: Slot, machine: Machine) -> Failure:
    text = slot.log.read_text(encoding="utf-8", errors="replace") if slot.log.exists() else ""
    lines = tuple(line for line in text.splitlines() if line.strip())[-_TAIL:]
    mend = _mend("\n".join((*lines, error.reason)))
    return Failure(error.command, error.reason, lines, slot.log, mend, machine.clock())


def _install(source: Source, machine: Machine, report: Report) -> Outcome:
    slot = Slot(machine, source)
    if entry := find_entry(machine, source):
        return Outcome(source, "ready", entry)
    if why := machine.why_not(source):
        return Outcome(source, "unavailable", why=why)
    with slot.hold(wait=False) as mine:
        if mine:
            return _build(source, slot, machine, report)
    report(f"{source.name} {source.version}  another install is at it: waiting for that")
    with slot.hold(wait=True):
        # The other one has made it, failed or was killed: only the first leaves nothing to do.
        entry = find_entry(machine, source)
        return Outcome(source, "ready", entry) if entry else _build(source, slot, machine, report)


def _build(source: Source, slot: Slot, machine: Machine, report: Report) -> Outcome:
    if entry := find_entry(machine, source):
        return Outcome(source, "ready", entry)
    try:
        return Outcome(source, "ready", _make(source, slot, machine, report), built=True)
    except StepError as error:
        failure = _failure(error, slot, machine)
        slot.fail(failure)
        return Outcome(source, "failed", failure=failure)


def _link(source: Source, entry: Entry, machine: Machine) -> None:
    """Point .tools/bin at an entry: <program>-oldest at the oldest pin, <program> at the newest that is here."""
    machine.links.mkdir(parents=True, exist_ok=True)
    for name in source.programs:
        part = _parts()[name]
        if source.age == "oldest":
            _point(machine.links / f"{part.binary}-oldest", entry.program(name), machine)
        newest = find_entry(machine, sources_of(part)[0]) or entry
        _point(machine.links / part.binary, newest.program(name), machine)


def _point(link: Path, target: Path, machine: Machine) -> None:
    if link.exists() and not machine.holds(link):
        return  # the user's own
    # A name of its own: two installs may end at the same moment.
    new = link.with_name(f".{link.name}.{secrets.token_hex(4)}")
    new.symlink_to(target)
    new.replace(link)


def describe(outcome: Outcome) -> str:
    """One outcome for people: a line, or for a failure the command, the end of its log and how to mend it."""
    head = f"{outcome.source.name} {outcome.source.version}"
    match outcome:
        case Outcome(state="ready", entry=Entry() as entry):
            took = f" in {entry.seconds:.0f} s" if outcome.built else ""
            return f"{head}  ready{took}: {entry.path}"
        case Outcome(state="failed", failure=Failure() as failure):
            tail = "".join(f"\n    {line}" for line in failure.lines)
            return (
                f"{head}  failed: {failure.reason}\n  command: {failure.command}{tail}\n"
                f"  log: {failure.log}\n  help: {failure.mend}, then install again; or else {outcome.source.add}"
            )
        case _:
            return f"{head}  unavailable: {outcome.why}\n  lost: {outcome.source.lost}\n  help: {outcome.source.add}"


def install(
    names: Iterable[str], *, root: Path, progress: Report, machine: Machine | None = None
) -> tuple[Outcome, ...]:
    """Have the named parts (each its pins) in the cache and linked from ``root``/.tools/bin.

    What is ready is not made again, what fails does not stop the others. ``progress`` gets a line for each step.
    Raises PartError for a name that is no part, and where the cache or the links cannot be written.
    """
    machine = machine or Machine.here(root)
    outcomes = []
    for source in select(names):
        try:
            outcome = _install(source, machine, progress)
            if outcome.entry:
                _link(source, outcome.entry, machine)
        except OSError as error:
            raise PartError(
                f"{error.filename or machine.cache}: {error.strerror}: the programs are kept in {machine.cache} "
                f"and linked from {machine.links}; make both writable (XDG_CACHE_HOME moves the first)"
            ) from error
        progress(describe(outcome))
        outcomes.append(outcome)
    return tuple(outcomes)
