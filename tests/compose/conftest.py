"""A stack of small fake programs in a folder of its own, driven through the same functions as the command line."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from modelwatch.compose import supervision
from modelwatch.compose.state import MARK, Folder
from modelwatch.model.addresses import DEFAULT_PORTS

# Answers 200 to everything; notes signals and reloads in a file; misbehaves on request.
SERVER = """
import http.server, json, os, signal, subprocess, sys, time
name, address, notes = sys.argv[1:4]
how = json.loads(sys.argv[4])
print(name, "starts", flush=True)
def note(what):
    with open(notes, "a") as file:
        file.write(f"{name} {what}\\n")
note(f"start {os.getpid()}")
if how.get("dies"):
    print("the disk is full", flush=True)
    sys.exit(3)
if how.get("stubborn"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if how.get("child"):
    code = "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    note(f"child {subprocess.Popen([sys.executable, '-c', code], start_new_session=True).pid}")
signal.signal(signal.SIGHUP, lambda *_: note("SIGHUP"))
posts = 0
ready_at = time.monotonic() + how.get("slow", 0)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        lacks = how.get("lacks") if self.path == "/readyz" else None
        good = time.monotonic() >= ready_at and not lacks
        body = f"{name}_config_last_reload_successful {int(not 0 < posts <= how.get('refuses', 0))}\\n".encode()
        if self.path == "/":
            body = how.get("page", "<script src=ui.js></script>").encode()
        if lacks:
            body = json.dumps({"ready": False, "loading": [], "missing": lacks}).encode()
        self.send_response(200 if good else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_POST(self):
        global posts
        posts += 1
        note(f"POST {self.path}")
        while os.path.exists(how.get("held_by", "")):
            time.sleep(0.05)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass
host, _, port = address.rpartition(":")
http.server.ThreadingHTTPServer((host, int(port)), Handler).serve_forever()
"""

# The commands, with the programs of the native stack replaced.
DRIVER = """
import importlib.util, json, os, sys
from pathlib import Path
said = json.loads(Path(sys.argv[1]).read_text())
spec = importlib.util.spec_from_file_location("shared_conftest", said["conftest"])
shared = importlib.util.module_from_spec(spec)
spec.loader.exec_module(shared)
from modelwatch.compose import stack
from modelwatch.compose.launch import Launch
from modelwatch.compose.programs import Plan, Program
from modelwatch.compose.table import part_named
from modelwatch.model.types import Fleet

real = Plan.programs

def programs(self):
    originals = {program.name: program for program in real(self)}
    found = []
    for name, how in said["parts"].items():
        if how.get("builds"):
            found.append(Program(name, Launch((sys.executable, "-c", "import time; time.sleep(600)"), str(self.folder.root))))
            continue
        if how.get("real"):
            found.append(originals[name])
            continue
        address = self.addresses[part_named(name).address]
        rest = (said["server"], name, address, said["notes"], json.dumps(how))
        path = self.find(how["waits"]) if "waits" in how else sys.executable
        argv = (str(path or ""), *rest)
        found.append(Program(name, Launch(argv, str(self.folder.root), needs=how.get("waits", ""))))
    if any(program.launch.waits for program in found):
        found.append(originals["joiner"])
    return tuple(found)

Plan.programs = programs
root, what = Path(said["root"]), sys.argv[2]
if what == "up":
    fleet = Fleet(models=(), stack=shared.sample_stack())
    render = lambda addresses, secrets: {path: text for path, text in said["files"].items()}
    code = stack.up(
        render,
        fleet=fleet,
        models_dir=root / "models",
        root=root,
        environ=os.environ,
        wait="all" if "all" in sys.argv else "core",
        out=sys.stdout,
        err=sys.stderr,
    )
elif what == "down":
    code = stack.down(root, sys.stdout, data="--data" in sys.argv)
elif what == "status":
    code = stack.status(root, sys.stdout, "text" if "text" in sys.argv else "json")
else:
    code = stack.logs(root, sys.argv[3:], False, sys.stdout)
sys.exit(code)
"""

FILES = {
    "prometheus/prometheus.yaml": "global: {}\n",
    "alertmanager/alertmanager.yaml": "receivers: []\n",
    "grafana/dashboards/a.json": "{}\n",
    "runbooks/m/A.md": "# A\n",
}
PARTS = ("prometheus", "alertmanager", "exporter", "pagerduty", "preview")


def free_ports(count: int) -> list[int]:
    """Ports that the system gives, all different."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@dataclass
class FakeStack:
    """``parts`` maps a part to how it misbehaves, or to ``{"real": True}`` for the real program."""

    root: Path
    work: Path
    environ: dict[str, str]
    ports: Mapping[str, int]
    parts: dict[str, dict[str, Any]] = field(default_factory=lambda: {name: {} for name in PARTS})
    files: dict[str, str] = field(default_factory=lambda: dict(FILES))

    @property
    def folder(self) -> Folder:
        return Folder.of(self.root)

    def command(self, *words: str) -> list[str]:
        said = {
            "root": str(self.root),
            "conftest": str(Path(__file__).parent.parent / "conftest.py"),
            "server": str(self.work / "server.py"),
            "notes": str(self.work / "notes"),
            "parts": self.parts,
            "files": self.files,
        }
        (self.work / "said.json").write_text(json.dumps(said))
        return [sys.executable, str(self.work / "driver.py"), str(self.work / "said.json"), *words]

    def run(self, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words), env=self.environ, capture_output=True, text=True, timeout=120, check=False, **more
        )

    def begin(self, *words: str, **more: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*words), env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
        )

    def up(self) -> str:
        done = self.run("up")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def notes(self) -> list[str]:
        path = self.work / "notes"
        return path.read_text().splitlines() if path.exists() else []

    def pids(self) -> dict[str, int]:
        """The last start of each part."""
        return {note.split()[0]: int(note.split()[2]) for note in self.notes if " start " in note}

    def alive(self) -> list[str]:
        """Commands of all that this stack has running."""
        return [" ".join(process.cmdline()) for process in supervision.leftovers(self.folder)]

    def supervisor(self) -> int:
        return int((self.folder.run / "supervisord.pid").read_text())


def until(true: Callable[[], object], patience: float = 30) -> None:
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


@pytest.fixture
def fake_stack(tmp_path: Path) -> Iterator[FakeStack]:
    work, root = tmp_path / "work", tmp_path / "root"
    work.mkdir()
    (root / "models").mkdir(parents=True)
    (root / "models" / "m.yaml").write_text("kind: Model\n")
    (work / "server.py").write_text(SERVER)
    (work / "driver.py").write_text(DRIVER)
    ports = dict(zip(DEFAULT_PORTS, free_ports(len(DEFAULT_PORTS)), strict=True))
    yes = "/bin/true"
    programs = ("PROMETHEUS", "ALERTMANAGER", "PROMTOOL", "AMTOOL", "OTELCOL", "JAEGER")
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("MODELWATCH_") and name != MARK},
        **{f"MODELWATCH_PORT_{name.upper()}": str(port) for name, port in ports.items()},
        **{f"MODELWATCH_{name}": yes for name in programs},
        "MODELWATCH_RUNTIME": "native",
        "MODELWATCH_BUILD": "no",
        "XDG_CACHE_HOME": str(work / "cache"),
    }
    stack = FakeStack(root, work, environ, ports)
    yield stack
    stack.run("down")
    supervision.end(supervision.leftovers(stack.folder), grace=0.1)


@pytest.fixture
def patiently() -> Callable[..., None]:
    return until
