"""The native stack's process manager: supervisor's config, its start and end, and what it says of each program."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import socket
import stat
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

from modelwatch.compose.state import MARK, Folder, StackError, write_atomically

GRACE = 5
"""Seconds between SIGTERM and SIGKILL."""
_SOCKET_LIMIT = 80
"""Bytes of a socket's path: 104 where it is least, less what supervisor appends while it binds."""
_ANSWER = 20.0
"""Seconds that the supervisor may take to answer."""
_RETRIES = 10


Again = Literal["always", "failed", "never"]
_AUTORESTART: Mapping[Again, str] = {"always": "true", "failed": "unexpected", "never": "false"}


@dataclass(frozen=True)
class Job:
    """One program for the supervisor. ``again`` says after which ends it is started again."""

    name: str
    again: Again = "always"


def supervisord_conf(jobs: Iterable[Job], control: str) -> str:
    """supervisord.conf, read in ``.modelwatch``, so that only ``control`` is an absolute path. Nothing starts alone."""
    # Running as root is the user's choice; named, it is no warning.
    user = ["user=root"] if os.geteuid() == 0 else []
    lines = [
        "; Written by `modelwatch up`.",
        "[unix_http_server]",
        f"file={control.replace('%', '%%')}",
        "chmod=0700",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        "[supervisord]",
        "logfile=log/supervisord.log",
        "logfile_maxbytes=1MB",
        "logfile_backups=1",
        "pidfile=run/supervisord.pid",
        "childlogdir=log",
        "identifier=modelwatch",
        *user,
    ]
    for job in jobs:
        lines += [
            f"[program:{job.name}]",
            f'command="%(ENV_MODELWATCH_PYTHON)s" -m modelwatch.compose.launch {job.name}',
            "autostart=false",
            f"autorestart={_AUTORESTART[job.again]}",
            "startsecs=1",
            f"startretries={_RETRIES}",
            "stopsignal=TERM",
            f"stopwaitsecs={GRACE}",
            "stopasgroup=true",
            "killasgroup=true",
            "redirect_stderr=true",
            f"stdout_logfile=log/{job.name}.log",
            "stdout_logfile_maxbytes=5MB",
            "stdout_logfile_backups=2",
        ]
    return "\n".join(lines) + "\n"


def control_path(folder: Folder) -> str:
    """The socket: in the stack's folder, or in a private folder of the system's where that path is too long for one.

    Raises StackError where somebody else holds that private folder.
    """
    near = folder.home / "supervisor.sock"
    # In supervisor's config a semicolon or a hash after a space starts a comment.
    if len(os.fsencode(near)) <= _SOCKET_LIMIT and not any(sign in str(near) for sign in (" ;", " #")):
        return str(near)
    name = hashlib.sha256(os.fsencode(folder.home)).hexdigest()[:16]
    private = Path(tempfile.gettempdir()) / f"modelwatch-{os.getuid()}-{name}"
    private.mkdir(mode=0o700, exist_ok=True)
    found = private.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise StackError(f"{private} is not a private folder of yours: remove it, or set TMPDIR to a folder that is")
    return str(private / "supervisor.sock")


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_ANSWER)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_ANSWER)
        self.sock.connect(self._path)


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:  # noqa: ARG002 - the base's signature
        return _Connection(self._path)


class GoneError(StackError):
    """The supervisor does not answer."""


@dataclass(frozen=True)
class Process:
    """What the supervisor says of one program. ``since`` is in seconds since the epoch."""

    name: str
    state: str
    """STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL or UNKNOWN."""
    pid: int
    since: float
    detail: str
    status: int = 0
    """Of its last end."""

    @property
    def up(self) -> bool:
        return self.state in ("STARTING", "RUNNING")


class Supervisor:
    """A running supervisor, spoken to over its socket."""

    def __init__(self, control: str) -> None:
        self.control = control

    def _call(self, method: str, *arguments: object) -> Any:
        proxy = xmlrpc.client.ServerProxy("http://localhost", transport=_Transport(self.control))
        try:
            return getattr(proxy.supervisor, method)(*arguments)
        except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
            raise GoneError(str(error)) from error

    def processes(self) -> dict[str, Process]:
        """Raises GoneError."""
        found = {}
        for said in self._call("getAllProcessInfo"):
            detail = said["spawnerr"] or (f"exit status {said['exitstatus']}" if said["statename"] == "EXITED" else "")
            found[said["name"]] = Process(
                said["name"], said["statename"], said["pid"], float(said["start"]), detail, said["exitstatus"]
            )
        return found

    def start(self, name: str) -> None:
        """Start a program, unless it runs. Raises GoneError, and StackError when it cannot be spawned."""
        try:
            self._call("startProcess", name, False)
        except xmlrpc.client.Fault as fault:
            if not fault.faultString.startswith("ALREADY_STARTED"):
                raise StackError(f"{name} cannot be started: {fault.faultString}") from fault

    def stop(self, name: str) -> None:
        """Stop a program and wait for its end."""
        try:
            self._call("stopProcess", name, True)
        except xmlrpc.client.Fault as fault:
            if not fault.faultString.startswith("NOT_RUNNING"):
                raise StackError(f"{name} cannot be stopped: {fault.faultString}") from fault

    def signal(self, name: str, signal: str) -> None:
        try:
            self._call("signalProcess", name, signal)
        except xmlrpc.client.Fault as fault:
            raise StackError(f"{name} cannot be signalled: {fault.faultString}") from fault

    def reread(self) -> None:
        """Take a changed supervisord.conf: stop what went, add what came."""
        try:
            added, changed, removed = self._call("reloadConfig")[0]
        except xmlrpc.client.Fault as fault:
            raise StackError(f"the supervisor refuses its new config: {fault.faultString}") from fault
        for name in (*changed, *removed):
            self.stop(name)
            self._call("removeProcessGroup", name)
        for name in (*added, *changed):
            self._call("addProcessGroup", name)

    def shut_down(self) -> None:
        """Stop every program, all at once, then the supervisor. Raises GoneError."""
        # A supervisor that is on its way out refuses with a fault.
        with contextlib.suppress(xmlrpc.client.Fault):
            self._call("stopAllProcesses", True)
            self._call("shutdown")


def write_conf(folder: Folder, jobs: Iterable[Job], control: str) -> None:
    write_atomically(folder.run / "supervisord.conf", supervisord_conf(jobs, control))


def start_supervisor(folder: Folder, jobs: Iterable[Job], control: str, environ: Mapping[str, str]) -> Supervisor:
    """Start a supervisor that outlives this terminal. Raises StackError with its own words."""
    write_conf(folder, jobs, control)
    env = {**environ, MARK: str(folder.home), "MODELWATCH_PYTHON": sys.executable}
    try:
        answer = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", "run/supervisord.conf"],
            cwd=folder.home,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StackError(f"the supervisor did not start: {error}") from error
    if answer.returncode:
        words = (answer.stderr or answer.stdout).strip().splitlines()[-1:] or ["it says nothing"]
        raise StackError(f"the supervisor did not start: {words[0]}; its log is {folder.log / 'supervisord.log'}")
    return Supervisor(control)


def leftovers(folder: Folder) -> list[psutil.Process]:
    """Every process that this stack started and that is still there: those, and only those, carry its mark."""
    home, found = str(folder.home), []
    # Whoever runs this is no leftover, even inside a process of the stack.
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    for process in psutil.process_iter():
        try:
            if (
                process.pid not in own
                and process.environ().get(MARK) == home
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(process)
        except (psutil.Error, OSError):
            # Somebody else's, or gone in the meantime.
            continue
    return found


def end(processes: list[psutil.Process], *, grace: float = GRACE) -> None:
    """SIGTERM, then SIGKILL. A number that now belongs to another process is not touched."""
    for process in processes:
        _quietly(process.terminate)
    _, stubborn = psutil.wait_procs(processes, timeout=grace)
    for process in stubborn:
        _quietly(process.kill)
    psutil.wait_procs(stubborn, timeout=grace)


def _quietly(act: Callable[[], None]) -> None:
    try:
        act()
    except psutil.Error:
        return


def wait_until_gone(folder: Folder, patience: float) -> list[psutil.Process]:
    """Wait for every process of the stack to end; those that did not."""
    deadline = time.monotonic() + patience
    while (left := leftovers(folder)) and time.monotonic() < deadline:
        psutil.wait_procs(left, timeout=0.2)
    return left
