"""How a stack stands, and what its parts say: `status` and `logs`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TextIO

from modelwatch.compose import drift_state, lone_sidecar, runtimes, sending, supervision
from modelwatch.compose.backend import UP, Condition
from modelwatch.compose.pages import API_ONLY, note
from modelwatch.compose.parts import Building, Failed, PartError, PartStatus, Ready, Unavailable
from modelwatch.compose.programs import NEEDS, TOOLS
from modelwatch.compose.readiness import is_ready, lacking
from modelwatch.compose.report import ago, table
from modelwatch.compose.state import Folder, Record, StackError, read_record
from modelwatch.compose.table import Part, part_named
from modelwatch.model.addresses import Addresses, PortError

_LINES = 100

STOPPED = "`modelwatch up` starts it"
State = Literal["ready", "starting", "degraded", "failed", "stopped", "building", "waiting", "missing"]


@dataclass(frozen=True)
class Line:
    """One part in `status`. ``since`` is in seconds since the epoch; ``api_only``: no person can look at ``url``."""

    part: str
    title: str
    core: bool
    state: State
    since: float | None
    url: str | None
    version: str
    detail: str
    api_only: bool = False


def _absent(part: Part, item: PartStatus | None, now: float, *, builds: bool) -> tuple[State, str]:
    """How a part stands whose program is not here yet; ``builds`` is whether a build goes on."""
    match item.state if item else None:
        case Building(since=since, step=step, steps=steps, doing=doing):
            return "building", f"step {step} of {steps} ({doing}), for {ago(now - since)}"
        case Failed(reason=reason, log=log):
            return "failed", f"could not be built: {reason}; log: {log}"
        case Unavailable(why=why, add=add):
            return "missing", f"{why}; to add it: {add}"
        case Ready():
            return "waiting", "its program is here: it joins in a moment"
        case _ if builds:
            return "waiting", "its program is built next"
        case _:
            return "waiting", f"its program is not here yet: `modelwatch tools install {NEEDS[part.name]}`"


@dataclass(frozen=True)
class _Seen:
    """A running stack at one moment."""

    record: Record
    conditions: Mapping[str, Condition]
    tools: Mapping[str, PartStatus]
    now: float

    @property
    def builds(self) -> bool:
        return TOOLS in self.conditions and self.conditions[TOOLS].state in UP


def _line(part: Part, seen: _Seen) -> Line:
    condition, record = seen.conditions.get(part.name), seen.record
    state: State
    since, detail = (condition.since, condition.detail) if condition else (None, "")
    if condition is None or condition.state == "stopped":
        waits = record.runtime == "native" and part.name in NEEDS and part.name not in record.versions
        item = seen.tools.get(NEEDS[part.name]) if waits else None
        state, detail = _absent(part, item, seen.now, builds=seen.builds) if waits else ("stopped", detail or STOPPED)
    elif condition.state not in UP:
        state = "failed"
    elif is_ready(part.name, condition, record.public):
        state = "ready"
    elif without := lacking(part.name, record.public):
        state, detail = ("starting" if without.loading else "degraded"), without.said
    else:
        state, detail = "starting", detail or f"does not answer yet at {part.ready_url(record.public) or 'all'}"
    url = part.page_url(record.public) if state in ("ready", "starting", "degraded") else None
    about = note(part, record.public) if state == "ready" else ""
    version = record.versions.get(part.name, "")
    return Line(
        part.name, part.title, part.core, state, since, url, version, about or detail, about.startswith(API_ONLY)
    )


def _sends(lines: Sequence[Line], seen: _Seen) -> sending.Receiver | None:
    """Where services send to, if that listens or is being built."""
    here = [line.part for line in lines if line.state in ("ready", "starting") or (line.part in NEEDS and seen.builds)]
    return sending.receiver(here, seen.record.public)


def _builds(tools: Mapping[str, PartStatus], now: float) -> list[str]:
    """A line on each program that is being built or whose build failed, whether a part waits for it or not."""
    lines = []
    for item in tools.values():
        for pin in item.pins:
            match pin.state:
                case Building(since=since, step=step, steps=steps, doing=doing):
                    name = f"{item.part.name} {pin.source.version}"
                    lines.append(f"building {name}: step {step} of {steps} ({doing}), for {ago(now - since)}")
                case Failed(reason=reason, log=log):
                    lines.append(f"{item.part.name} {pin.source.version} could not be built: {reason}; log: {log}")
    return lines


def status(
    root: Path,
    out: TextIO = sys.stdout,
    format: Literal["text", "json"] = "text",
    *,
    environ: Mapping[str, str] | None = None,
    err: TextIO = sys.stderr,
    clock: Callable[[], float] = time.time,
) -> int:
    """Print how each part stands. Exit code 0 when every part of the core is ready, 1 otherwise.

    Where nothing of a stack runs here, a sidecar at the address that it would have is told too, and whose it is.
    """
    folder, now = Folder.of(root), clock()
    environ = os.environ if environ is None else environ
    record = read_record(folder)
    try:
        running = runtimes.attach(folder, record) if record else None
        conditions = running.conditions() if running else {}
        tools = runtimes.tools(folder, environ)
        alone = None if running else _alone(environ)
    except (StackError, PartError, PortError) as error:
        err.write(f"modelwatch status: {error}\n")
        return 1
    seen = _Seen(record, conditions, tools, now) if record and running else None
    lines = [_line(part_named(name), seen) for name in seen.record.parts] if seen else []
    builds = _builds(tools, now) if record is None or record.runtime == "native" else []
    ready = running is not None and all(line.state == "ready" for line in lines if line.core)
    sends = _sends(lines, seen) if seen else None
    sidecar = next((line.url for line in lines if line.part == "exporter" and line.url), None)
    said = drift_state.look(sidecar) if sidecar else alone.said if alone else drift_state.Said()
    if format == "json":
        told = {
            "running": running is not None,
            "ready": ready,
            "runtime": record.runtime if record else None,
            "parts": [{**asdict(line), "since": _iso(line.since)} for line in lines],
            "builds": builds,
            "otlp": asdict(sends) if sends else None,
            "alone": _lone(alone) if alone else None,
            **_told(said),
        }
        out.write(json.dumps(told, indent=2) + "\n")
        return 0 if ready else 1
    _print(folder, lines, builds, out, now)
    if sends:
        out.write(f"{sends.said()}\n")
    if alone:
        whose = (
            f"that of another stack, of {alone.stack}," if alone.stack else "which no stack of this folder has started,"
        )
        out.write(f"\na drift sidecar, {whose} answers at the address that this folder's would have:\n")
        _print_lone(alone, out)
    _print_said(said, out)
    return 0 if ready else 1


def sidecar_status(
    url: str, out: TextIO = sys.stdout, format: Literal["text", "json"] = "text", *, err: TextIO = sys.stderr
) -> int:
    """Print how the sidecar at ``url`` stands. Exit code 0 when it is ready, 1 otherwise, 2 for what is no address."""
    try:
        found = lone_sidecar.look(lone_sidecar.parse(url))
    except lone_sidecar.UrlError as error:
        err.write(f"modelwatch status: {error}\n")
        return 2
    if format == "json":
        out.write(json.dumps({"alone": _lone(found), **_told(found.said)}, indent=2) + "\n")
    else:
        _print_lone(found, out)
        _print_said(found.said, out)
    return 0 if found.state == "ready" and found.said.whole else 1


def _alone(environ: Mapping[str, str]) -> lone_sidecar.Lone | None:
    """A sidecar at the documented address, or where MODELWATCH_PORT_EXPORTER moves it. Raises PortError."""
    found = lone_sidecar.look(f"http://{Addresses.native(environ).public['exporter']}")
    return None if found.state == "stopped" else found


def _lone(found: lone_sidecar.Lone) -> dict[str, str | None]:
    return {"url": found.url, "state": found.state, "detail": found.detail, "stack": found.stack or None}


def _told(said: drift_state.Said) -> dict[str, object]:
    return {"models": [asdict(model) for model in said.models], "notes": said.notes}


def _print_lone(found: lone_sidecar.Lone, out: TextIO) -> None:
    out.write(table(("part", "state", "url", "detail"), [("exporter", found.state, found.url, found.detail)]))


def _print(folder: Folder, lines: Sequence[Line], builds: Sequence[str], out: TextIO, now: float) -> None:
    if not lines:
        left = supervision.leftovers(folder)
        if left:
            out.write(f"the supervisor is gone, {len(left)} of its processes are left: `modelwatch down` ends them\n")
        else:
            out.write("nothing runs here: `modelwatch up` starts the stack\n")
    else:
        rows = [
            (line.part, line.state, f"{ago(now - line.since)}" if line.since else "-", line.url or "-", line.detail)
            for line in lines
        ]
        out.write(table(("part", "state", "for", "url", "detail"), rows))
    for build in builds:
        out.write(f"{build}\n")


def _print_said(said: drift_state.Said, out: TextIO) -> None:
    if said.models:
        rows = []
        for model in said.models:
            first, *more = model.lines or ("",)
            rows += [(model.model, model.status, first), *(("", "", line) for line in more)]
        out.write("\n" + table(("model", "drift", "detail"), rows))
    for line in said.notes:
        out.write(f"{line}\n")


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


def logs(
    root: Path,
    names: Sequence[str] = (),
    follow: bool = False,
    out: TextIO = sys.stdout,
    *,
    err: TextIO = sys.stderr,
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """Print what the parts said last, all or the named; with ``follow`` go on until interrupted. Exit code 0 to 2."""
    folder = Folder.of(root)
    record = read_record(folder)
    if record and record.runtime == "containers":
        return _container_logs(record, names, follow, out, err)
    known = sorted(path.stem for path in folder.log.glob("*.log"))
    unknown = [name for name in names if name not in known]
    if unknown or not known:
        there = f"there are {', '.join(known)}" if known else "`modelwatch up` starts the stack"
        err.write(f"modelwatch logs: no log of {', '.join(unknown) or 'anything'} here: {there}\n")
        return 2
    tails = [Tail(folder.log / f"{name}.log", f"{name} | " if len(names) != 1 else "") for name in names or known]
    for tail in tails:
        tail.last(_LINES, out)
    try:
        while follow:
            for tail in tails:
                tail.more(out)
            out.flush()
            pause(0.3)
    except KeyboardInterrupt:
        return 0
    return 0


def _container_logs(record: Record, names: Sequence[str], follow: bool, out: TextIO, err: TextIO) -> int:
    known = record.parts
    if unknown := [name for name in names if name not in known]:
        err.write(f"modelwatch logs: there is no part {', '.join(unknown)}: there are {', '.join(known)}\n")
        return 2
    command = ["docker", "compose", "--project-name", record.control, "logs", "--tail", str(_LINES)]
    more = ["--follow"] if follow else []
    process = subprocess.Popen([*command, *more, *names], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        for line in process.stdout or ():
            out.write(line)
        return 1 if process.wait() else 0
    except KeyboardInterrupt:
        return 0
    finally:
        process.terminate()
        process.wait()


class Tail:
    """The end of a log file that is rotated by renaming it. Each line is written with ``prefix``."""

    def __init__(self, path: Path, prefix: str) -> None:
        self._path, self._prefix = path, prefix
        self._inode = self._offset = 0
        self._rest = ""

    def last(self, count: int, out: TextIO) -> None:
        self._write(self._read()[-count:], out)

    def more(self, out: TextIO) -> None:
        """What came since."""
        self._write(self._read(), out)

    def _read(self) -> list[str]:
        try:
            with self._path.open("rb") as file:
                found = os.fstat(file.fileno())
                if found.st_ino != self._inode or found.st_size < self._offset:
                    self._inode, self._offset, self._rest = found.st_ino, 0, ""
                file.seek(self._offset)
                data = file.read()
                self._offset += len(data)
        except OSError:
            return []
        *lines, self._rest = (self._rest + data.decode("utf-8", "replace")).split("\n")
        return lines

    def _write(self, lines: Sequence[str], out: TextIO) -> None:
        for line in lines:
            out.write(f"{self._prefix}{line}\n")
