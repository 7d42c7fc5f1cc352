"""Runs the stack's programs on this machine, under the supervisor."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from modelwatch.compose import supervision
from modelwatch.compose.backend import Change, Condition
from modelwatch.compose.launch import read_launch, write_launch
from modelwatch.compose.programs import AGAIN, JOINER, TOOLS, Program
from modelwatch.compose.state import Folder, RuntimeName, StackError
from modelwatch.compose.supervision import GRACE, GoneError, Job, Process, Supervisor


@dataclass(frozen=True)
class Native:
    """The running supervisor of a stack, as a Runtime."""

    folder: Folder
    supervisor: Supervisor

    @property
    def name(self) -> RuntimeName:
        return "native"

    def processes(self) -> dict[str, Process]:
        """Raises StackError when the supervisor does not answer."""
        try:
            return self.supervisor.processes()
        except GoneError as error:
            raise StackError(f"the supervisor is gone ({error}): see {self.folder.log / 'supervisord.log'}") from error

    def conditions(self) -> dict[str, Condition]:
        return {name: _condition(process) for name, process in self.processes().items()}

    def tail(self, name: str, lines: int) -> list[str]:
        try:
            text = (self.folder.log / f"{name}.log").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return []
        return [line for line in text.splitlines() if line.strip()][-lines:]

    def log(self, name: str) -> str:
        return str(self.folder.log / f"{name}.log")

    def hang_up(self, name: str) -> None:
        self.supervisor.signal(name, "HUP")


def _condition(process: Process) -> Condition:
    run, since = str(process.pid), process.since or None
    match process.state:
        case "RUNNING":
            return Condition("running", run, since)
        case "STARTING":
            return Condition("starting", run, since)
        case "STOPPED" | "STOPPING":
            return Condition("stopped")
        case _:
            return Condition("ended", detail=process.detail or "it ends as soon as it starts")


def attach(folder: Folder, control: str) -> Native | None:
    """The supervisor of this stack, when one answers."""
    native = Native(folder, Supervisor(control))
    try:
        native.supervisor.processes()
    except GoneError:
        return None
    return native


def start(folder: Folder, programs: Iterable[Program], environ: Mapping[str, str]) -> Native:
    """A fresh supervisor with these programs, all but the waiting ones started."""
    programs = tuple(programs)
    supervision.end(supervision.leftovers(folder))
    for old in folder.run.glob("*.json"):
        old.unlink()
    for program in programs:
        # The log of an earlier run is kept in its rotated copy, so that what is shown is this run's.
        log = folder.log / f"{program.name}.log"
        if log.exists():
            log.replace(log.with_name(f"{log.name}.1"))
        write_launch(folder.run, program.name, program.launch)
    control = supervision.control_path(folder)
    native = Native(folder, supervision.start_supervisor(folder, (p.job for p in programs), control, environ))
    for program in programs:
        if not program.launch.waits:
            native.supervisor.start(program.name)
    return native


def _settled(folder: Folder, program: Program, process: Process | None) -> Program:
    """A running program keeps the binary that it runs with: a newer build waits for the next start."""
    if not program.launch.needs or process is None or not process.up:
        return program
    try:
        running = read_launch(folder.run, program.name)
    except (OSError, ValueError):
        return program
    return replace(program, launch=replace(program.launch, argv=(running.argv[0], *program.launch.argv[1:])))


def _is_current(folder: Folder, program: Program) -> bool:
    try:
        return read_launch(folder.run, program.name) == program.launch
    except (OSError, ValueError):
        return False


def reconcile(native: Native, programs: Iterable[Program], restart: Collection[str]) -> tuple[Change, ...]:
    """Make a running supervisor run these programs: start what ended, restart what changed or is in ``restart``."""
    folder, done = native.folder, list[Change]()
    processes = native.processes()
    programs = tuple(_settled(folder, program, processes.get(program.name)) for program in programs)
    # What waits for parts, and what builds them, ends when it is done: it stays known until the next start.
    jobs = {program.name: program.job for program in programs} | {
        name: Job(name, AGAIN.get(name, "always")) for name in processes if name in (TOOLS, JOINER)
    }
    current = {program.name for program in programs if _is_current(folder, program)}
    if set(jobs) != set(processes):
        supervision.write_conf(folder, jobs.values(), native.supervisor.control)
        native.supervisor.reread()
        done += [Change(name, "stopped: not part of the stack any more") for name in sorted(set(processes) - set(jobs))]
    for program in programs:
        process, stale = processes.get(program.name), program.name not in current
        up = process is not None and process.up
        again = up and not program.launch.waits and (stale or program.name in restart)
        if again:
            native.supervisor.stop(program.name)
        if stale:
            # Only now: whoever is cut short here must not leave a program that looks as if it ran with this already.
            write_launch(folder.run, program.name, program.launch)
        if program.launch.waits or (up and not again):
            continue
        if process and process.state == "EXITED" and process.status == 0 and program.name in AGAIN:
            continue
        native.supervisor.start(program.name)
        done.append(Change(program.name, "restarted" if again else "started"))
    return tuple(done)


def _part(process: psutil.Process) -> str:
    """The name that the supervisor gave to the program which a process belongs to, empty for its own."""
    try:
        return process.environ().get("SUPERVISOR_PROCESS_NAME", "")
    except psutil.Error:
        return ""


def stop(folder: Folder, control: str) -> tuple[str, ...]:
    """End all that belongs to this stack, whether its supervisor is there or not; the names of what ran."""
    names: tuple[str, ...] = ()
    supervisor = Supervisor(control)
    try:
        names = tuple(name for name, process in supervisor.processes().items() if process.up)
        supervisor.shut_down()
        left = supervision.wait_until_gone(folder, GRACE + 2)
    except GoneError:
        left = supervision.leftovers(folder)
    names = names or tuple(sorted({name for process in left if (name := _part(process))}))
    supervision.end(left)
    if control:
        Path(control).unlink(missing_ok=True)
    return names
