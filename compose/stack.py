"""One command starts the stack, others stop it, tell how it stands and show what it says."""

from __future__ import annotations

import errno
import hashlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Literal, TextIO

from modelwatch.compose import chosen_ports, config, keys, runtimes, sending, service_files
from modelwatch.compose.backend import Backend, Runtime, Setup
from modelwatch.compose.joining import wait_joined
from modelwatch.compose.keys import RuntimeSecrets
from modelwatch.compose.moved import moved, remember
from modelwatch.compose.occupied import check_ports
from modelwatch.compose.pages import note
from modelwatch.compose.parts import PartError
from modelwatch.compose.readiness import is_ready, is_up, wait_ready
from modelwatch.compose.report import Progress, table
from modelwatch.compose.runtime import choose
from modelwatch.compose.sidecar_ready import Readiness
from modelwatch.compose.state import Folder, Record, StackError, locked, read_record, remove_data, write_record
from modelwatch.compose.table import listens, part_named
from modelwatch.compose.training import train
from modelwatch.compose.watching import logs, sidecar_status, status
from modelwatch.model.addresses import Addresses, PortError
from modelwatch.model.types import Fleet

__all__ = ["Render", "Wait", "down", "logs", "sidecar_status", "status", "up"]

Render = Callable[[Addresses, RuntimeSecrets], Mapping[str, str]]
Wait = Literal["core", "all"]
_RELOADED = ("prometheus", "alertmanager")
_RESTARTED = ("collector", "jaeger", "grafana")
_MENDING = {
    errno.ENOSPC: "make room on that disk",
    errno.EDQUOT: "make room in your quota of that disk",
    errno.EROFS: "choose a folder that can be written to",
    errno.EACCES: "choose a folder that you own",
    errno.EPERM: "choose a folder that you own",
}


class StoppedWaiting(KeyboardInterrupt):
    """Interrupted when the core was up already."""


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _handling(handler: Callable[[int, FrameType | None], None] | signal.Handlers, *signals: int) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in signals}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _command(act: Callable[[], int], err: TextIO, name: str, folder: Folder) -> int:
    try:
        # The end of a terminal or of `make` is an interruption like Ctrl-C: nothing may stay half done.
        with _handling(_terminated, signal.SIGTERM, signal.SIGHUP):
            return act()
    except (StackError, PartError, PortError) as error:
        err.write(f"modelwatch {name}: {error}\n")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        err.write(f"modelwatch {name}: {error.filename2 or error.filename or folder.home}: {reason}\n")
        err.write(f"help: {_MENDING.get(error.errno or 0, 'mend that')}, then run it again\n")
    except KeyboardInterrupt as stopped:
        more = ": what runs goes on, and what is built joins it" if isinstance(stopped, StoppedWaiting) else ""
        err.write(f"modelwatch {name}: interrupted{more}\n")
        return 130
    return 1


def up(
    render: Render,
    *,
    fleet: Fleet,
    models_dir: Path,
    root: Path,
    environ: Mapping[str, str],
    wait: Wait = "core",
    out: TextIO = sys.stdout,
    err: TextIO = sys.stderr,
) -> int:
    """Start the stack of the folder ``root``, or bring a running one up to date; returns when it is ready.

    ``render`` gives what is generated for the addresses and receivers of this stack: path below generated/ -> text.
    Exit code 0 ready, 1 not (what was started is stopped again), 130 interrupted (likewise). A sidecar that lacks the
    reference profile of a model is warned of, and the rest runs.
    """
    folder = Folder.of(root)

    def act() -> int:
        with locked(folder, "up"):
            return _Up(
                render=render,
                fleet=fleet,
                models_dir=folder.root / models_dir,
                folder=folder,
                environ=environ,
                progress=Progress(out),
            ).run(wait)

    return _command(act, err, "up", folder)


def down(root: Path, out: TextIO = sys.stdout, *, data: bool = False, err: TextIO = sys.stderr) -> int:
    """Stop all of this folder's stack; with ``data`` also remove what it stored. Exit code 0, or 1 on trouble."""
    folder = Folder.of(root)

    def act() -> int:
        if not folder.home.exists():
            out.write("nothing runs here\n")
            return 0
        with locked(folder, "down"), _handling(signal.SIG_IGN, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            record = read_record(folder)
            names = runtimes.stop(folder, record, data=data)
            out.write(f"stopped {', '.join(names)}\n" if names else "nothing runs here\n")
            folder.record.unlink(missing_ok=True)
            if data:
                remove_data(folder)
                out.write(f"removed {folder.home}\n")
            elif names:
                volumes = ""
                if record and record.runtime == "containers":
                    volumes = f" and in the Docker volumes {record.control}_*"
                out.write(f"kept the data in {folder.home}{volumes} (`modelwatch down --data` removes it)\n")
        return 0

    return _command(act, err, "down", folder)


def models_digest(models_dir: Path, fleet: Fleet) -> str:
    """Changes when a spec or a baseline does: what the sidecar reads when it starts or is told to."""
    digest = hashlib.sha256(str(models_dir).encode())
    for path in sorted(models_dir.glob("*.y*ml")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    for model in fleet.models:
        for text in (model.baseline.data, model.baseline.profile) if model.baseline else ():
            if text and (path := Path(text)).exists():
                found = path.stat()
                digest.update(f"{text}\0{found.st_size}\0{found.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def _unwatched(found: Readiness) -> str:
    """What the sidecar goes on without, and how to mend it."""
    lines = ["warning: drift is not watched for every model; everything else runs:"]
    lines += [f"  {model}: its reference profile is still being built, which goes on" for model in found.loading]
    lines += [f"  {why}" for why in found.missing]
    if found.missing:
        lines.append("help: mend the baseline of these models, then run `modelwatch up` again")
    return "\n".join([*lines, "`modelwatch status` shows when it is there"])


class _Up:
    """One run of `up`."""

    def __init__(
        self,
        *,
        render: Render,
        fleet: Fleet,
        models_dir: Path,
        folder: Folder,
        environ: Mapping[str, str],
        progress: Progress,
    ) -> None:
        self._folder, self._progress, self._say = folder, progress, progress.say
        self._name = choose(environ)
        before = chosen_ports.recalled(folder, environ)
        environ = {**environ, **before}
        self._addresses = runtimes.addresses(self._name, environ)
        if before:
            self._say(
                f"ports as in the last `up`: {chosen_ports.as_text(before)} "
                f"(MODELWATCH_PORT_<NAME> changes one, removing {folder.home.name}/ports.json all)"
            )
        demo = (folder.root / "demo" / "__main__.py").is_file()
        folder.make()
        if demo:
            train(folder, fleet, environ, self._say)
        self._secrets = keys.settle(
            fleet.stack.receivers.values(), folder, environ=environ, addresses=self._addresses, runtime=self._name
        )
        self._files = config.for_the_stack(render(self._addresses, self._secrets))
        was = moved(folder, self._addresses.public)
        self._setup = Setup(folder, models_dir, fleet, self._addresses, environ, self._files, demo, was)
        self._digest = models_digest(models_dir, fleet)
        self._started = time.time()
        self._degraded: Mapping[str, Readiness] = {}

    def run(self, wait: Wait) -> int:
        record = read_record(self._folder)
        running = runtimes.attach(self._folder, record) if record else None
        if record:
            self._started = record.started
        backend = runtimes.backend(self._name, self._setup, self._say)
        if running and record and not self._still_fits(record):
            moved = [
                name for name in listens(backend.parts) if self._addresses.public[name] not in record.public.values()
            ]
            check_ports(self._addresses.public, moved)
            self._say("the ports or the way to run have changed: the stack is restarted")
            runtimes.stop(self._folder, record)
            running = None
        runtime = self._refresh(backend, running, record) if running and record else self._start(backend, record)
        default = runtimes.addresses(self._name, {}).public
        news = chosen_ports.remember(self._folder, self._addresses.public, default)
        if wait == "all" and backend.pending:
            # A new one: what has joined in the meantime is no longer pending.
            self._wait_joined(backend, runtime)
            backend = runtimes.backend(self._name, self._setup, self._say)
            write_record(self._folder, self._record(backend, complete=True))
        remember(self._folder, self._addresses.public)
        self._tell(backend)
        if news:
            self._say("the next `up` of this folder has these ports too; MODELWATCH_PORT_<NAME> moves them again")
        return 0

    def _wait_joined(self, backend: Backend, runtime: Runtime) -> None:
        try:
            if backend.pending:
                names = ", ".join(part_named(name).title for name in backend.pending)
                self._say(f"waiting for what is still to be built: {names}")
            wait_joined(backend.pending, runtime, self._addresses.public, self._progress)
        except KeyboardInterrupt:
            self._progress.clear()
            raise StoppedWaiting from None

    def _still_fits(self, record: Record) -> bool:
        addresses = (dict(self._addresses.internal), dict(self._addresses.public))
        return record.runtime == self._name and (dict(record.internal), dict(record.public)) == addresses

    def _check(self, backend: Backend) -> None:
        checks = backend.checks()
        with config.staged(self._folder, self._files) as path:
            for check, program in checks:
                if check.path in self._files:
                    config.run_check(check, program, path)
        unchecked = {"prometheus", "alertmanager"} - {check.part for check, _ in checks}
        if unchecked:
            self._say(
                f"not checked before use, since promtool and amtool are not all here: {', '.join(sorted(unchecked))}"
            )

    def _record(self, backend: Backend, *, complete: bool) -> Record:
        return Record(
            runtime=self._name,
            internal=dict(self._addresses.internal),
            public=dict(self._addresses.public),
            parts=backend.parts,
            models=self._digest,
            control=backend.control,
            versions=dict(backend.versions),
            started=self._started,
            complete=complete,
        )

    def _start(self, backend: Backend, record: Record | None) -> Runtime:
        # What is left of a stack whose supervisor was killed would hold its ports.
        if left := runtimes.stop(self._folder, record):
            self._say(f"stopped what was left of an earlier run: {', '.join(left)}")
        check_ports(self._addresses.public, listens(backend.parts))
        self._check(backend)
        config.apply(self._folder, self._files)
        self._say(f"starting {len(backend.parts) - len(backend.pending)} parts ({self._name})")
        record = self._record(backend, complete=False)
        write_record(self._folder, record)
        try:
            runtime = backend.start()
            self._degraded = wait_ready(self._here(backend), runtime, self._addresses.public, self._progress)
        except BaseException:
            self._progress.clear()
            with _handling(signal.SIG_IGN, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                backend.stop()
                self._folder.record.unlink(missing_ok=True)
            self._say("stopped everything again: nothing is left running")
            raise
        write_record(self._folder, replace(record, complete=True))
        return runtime

    def _here(self, backend: Backend) -> list[str]:
        return [name for name in backend.parts if name not in backend.pending]

    def _refresh(self, backend: Backend, runtime: Runtime, record: Record) -> Runtime:
        """Bring a running stack up to date, touching only what changed."""
        changed = config.differences(self._folder, self._files)
        done: list[str] = []
        restart: set[str] = set()
        if changed:
            self._check(backend)
        if changed or not record.complete:
            write_record(self._folder, replace(record, complete=False))
            applied = config.apply(self._folder, self._files)
            # Where the last `up` was cut short, nobody knows who has read what.
            concerned = applied.parts if record.complete else frozenset((*_RELOADED, *_RESTARTED))
            restart = {part for part in concerned if part in _RESTARTED and part in backend.parts}
            conditions = runtime.conditions()
            # One that has ended reads it when it is started again.
            reloaded = [part for part in _RELOADED if part in concerned and is_up(conditions.get(part))]
            self._wait_ready(reloaded, runtime)
            self._reload(reloaded, applied, record)
            done += [f"{part}: reloaded" for part in reloaded]
            if "preview" in applied.parts:
                done.append("preview: shows the new dashboards and runbooks")
        changes = backend.reconcile(runtime, restart)
        done += [f"{change.name}: {change.what}" for change in changes]
        waiting = self._wait_ready(self._here(backend), runtime)
        # One that has just started has read the new specs, and before it is ready the signal would end it.
        if record.models != self._digest and "exporter" not in {change.name for change in changes}:
            runtime.hang_up("exporter")
            # What it lacked before it was told to look again is no news; status says how it went.
            self._degraded = {}
            done.append("exporter: reads the specs again")
        write_record(self._folder, self._record(backend, complete=True))
        for line in done:
            self._say(f"  {line}")
        if not done and not waiting:
            self._say("already running, nothing to do")
        return runtime

    def _wait_ready(self, names: Sequence[str], runtime: Runtime) -> list[str]:
        """Wait for those of them that are not ready; which those are."""
        conditions = runtime.conditions()
        waiting = [name for name in names if not is_ready(name, conditions.get(name), self._addresses.public)]
        self._degraded = wait_ready(waiting, runtime, self._addresses.public, self._progress)
        return waiting

    def _reload(self, parts: Sequence[str], applied: config.Applied, before: Record) -> None:
        """Have these read the new config; when one refuses it, all that read it go back to the old."""
        for count, part in enumerate(parts, start=1):
            try:
                config.reload(part, self._addresses.public)
            except StackError:
                config.undo(self._folder, applied)
                for told in parts[:count]:
                    config.reload(told, self._addresses.public)
                write_record(self._folder, before)
                raise

    def _tell(self, backend: Backend) -> None:
        """The table of URLs, what is still to come, and where pages go."""
        rows = []
        versions = backend.versions
        for name in backend.parts:
            part = part_named(name)
            url = part.page_url(self._addresses.public)
            if name not in backend.pending and url:
                rows.append((part.title, url, versions.get(name, ""), note(part, self._addresses.public)))
        self._say(f"\n{table(('what', 'URL', 'version', ''), rows)}")
        for without in self._degraded.values():
            self._say(_unwatched(without))
        told = service_files.told(self._setup, self._name)
        coming = backend.parts if backend.builds else self._here(backend)
        sends = sending.receiver(coming, self._addresses.public)
        for line in (
            sends.said() if sends else "",
            told,
            *runtimes.outlook(backend, self._setup),
            *self._secrets.notes,
        ):
            if line:
                self._say(line)
