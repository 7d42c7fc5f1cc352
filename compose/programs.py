"""What every program of the native stack is started with."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from modelwatch.compose import service_files
from modelwatch.compose.launch import Launch
from modelwatch.compose.moved import as_flag
from modelwatch.compose.state import Folder
from modelwatch.compose.supervision import Again, Job
from modelwatch.compose.table import part_named
from modelwatch.model.types import Stack

TOOLS, JOINER = "tools", "joiner"
"""Programs of ours that are no parts: the build of what is missing, and what adds it to the running stack."""

NEEDS: Mapping[str, str] = {
    "prometheus": "prometheus",
    "alertmanager": "alertmanager",
    "collector": "otelcol",
    "jaeger": "jaeger",
}
"""Part -> the real program that it runs."""

AGAIN: Mapping[str, Again] = {"replay": "failed", JOINER: "failed", TOOLS: "never"}
"""What may end by itself; everything else is started again however it ends."""

_OF_THE_DEMO = ("MODELWATCH_DEMO_", "OTEL_")
"""Variables that the demo reads: it is started again when they change."""


@dataclass(frozen=True)
class Program:
    """A program and how it is started."""

    name: str
    launch: Launch

    @property
    def job(self) -> Job:
        return Job(self.name, AGAIN.get(self.name, "always"))


@dataclass(frozen=True)
class Plan:
    """What is needed to say how every program is started. ``find`` gives a program's path or None."""

    folder: Folder
    models_dir: Path
    stack: Stack
    addresses: Mapping[str, str]
    demo: bool
    jaeger: bool
    find: Callable[[str], Path | None]
    environ: Mapping[str, str]
    build: bool
    """Whether what is missing is being built here."""
    rows: tuple[str, ...] = ()
    """Folders that services write prediction rows to."""
    lines: str = ""
    """Glob of the files with log lines of services."""
    moved: Mapping[str, str] = field(default_factory=dict)
    """Old address -> new one of parts that were elsewhere before."""

    def programs(self) -> tuple[Program, ...]:
        """Every program of the native stack; those that are still to come wait."""
        found = [
            self._prometheus(),
            self._alertmanager(),
            self._exporter(),
            self._pagerduty(),
            self._preview(),
            *self._demo(),
            self._collector(),
            *self._jaeger(),
        ]
        if any(program.launch.waits for program in found):
            found.append(self._module(JOINER, "modelwatch.compose.joiner"))
            if self.build:
                # All that may come late, so that this stays the same program while they come.
                late = [p.launch.needs for p in found if p.launch.needs and not part_named(p.name).core]
                found.append(self._module(TOOLS, "modelwatch.compose.builder", *late, nice=10))
        return tuple(found)

    def _data(self, name: str) -> Path:
        path = self.folder.data / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def _real(
        self, name: str, *arguments: str, memory: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> Program:
        """A program that is not ours. ``memory`` is where Go's collector starts to work harder, no hard limit."""
        path = self.find(NEEDS[name])
        argv = (str(path) if path else "", *arguments)
        return Program(
            name, Launch(argv, str(cwd or self._data(name)), {"GOMEMLIMIT": memory, **(env or {})}, NEEDS[name])
        )

    def _module(self, name: str, module: str, *arguments: str, nice: int = 0) -> Program:
        """A program of ours. Unbuffered, so that its log is whole when it dies; a new version is a new start."""
        argv = (sys.executable, "-m", module, *arguments)
        env = {"PYTHONUNBUFFERED": "1", "MODELWATCH_VERSION": version("modelwatch")}
        if module == "demo":
            env |= {key: value for key, value in self.environ.items() if key.startswith(_OF_THE_DEMO)}
        return Program(name, Launch(argv, str(self.folder.root), env, nice=nice))

    def _prometheus(self) -> Program:
        return self._real(
            "prometheus",
            f"--config.file={self.folder.config / 'prometheus' / 'prometheus.yaml'}",
            f"--storage.tsdb.path={self._data('prometheus')}",
            f"--storage.tsdb.retention.time={self.stack.retention}",
            f"--web.listen-address={self.addresses['prometheus']}",
            "--web.enable-lifecycle",
            # Else links in pages carry this machine's name, on which nothing listens.
            f"--web.external-url=http://{self.addresses['prometheus']}",
            "--enable-feature=exemplar-storage",
            # The default of a minute delays the first page after a start by as much.
            "--rules.alert.resend-delay=2s",
            memory="1GiB",
        )

    def _alertmanager(self) -> Program:
        return self._real(
            "alertmanager",
            f"--config.file={self.folder.config / 'alertmanager' / 'alertmanager.yaml'}",
            f"--storage.path={self._data('alertmanager')}",
            f"--web.listen-address={self.addresses['alertmanager']}",
            # One instance: without this it listens for others on every interface.
            "--cluster.listen-address=",
            f"--web.external-url=http://{self.addresses['alertmanager']}",
            memory="256MiB",
            # It opens the key files of receivers from where it runs, not from where its config is.
            cwd=self.folder.config / "alertmanager",
        )

    def _collector(self) -> Program:
        flags = [f"--config={self.folder.config / 'otel' / 'collector.yaml'}"]
        env = {"MODELWATCH_COLLECTOR_STATE": str(self._data("collector"))}
        if self.lines:
            flags.append(f"--config={self.folder.config / service_files.CONFIG}")
            env[service_files.GLOB] = self.lines
        # Four fifths of the memory limit in the config.
        return self._real("collector", *flags, memory="409MiB", env=env)

    def _jaeger(self) -> tuple[Program, ...]:
        if not self.jaeger:
            return ()
        return (self._real("jaeger", f"--config={self.folder.config / 'otel' / 'jaeger.yaml'}", memory="1GiB"),)

    def _exporter(self) -> Program:
        flags = ["--models", str(self.models_dir), "--state", str(self._data("exporter"))]
        for folder in self.rows:
            flags += ("--logs", folder)
        return self._module("exporter", "modelwatch.exporters", *flags, "--listen", self.addresses["exporter"])

    def _pagerduty(self) -> Program:
        state = str(self._data("pagerduty") / "events.jsonl")
        flags = ("--listen", self.addresses["pagerduty"], "--state", state)
        moved = ("--moved", as_flag(self.moved)) if self.moved else ()
        return self._module("pagerduty", "modelwatch.compose.pagerduty", *flags, *moved)

    def _preview(self) -> Program:
        return self._module(
            "preview",
            "modelwatch.compose.preview",
            "--dashboards",
            str(self.folder.config / "grafana" / "dashboards"),
            "--runbooks",
            str(self.folder.config / "runbooks"),
            "--prometheus",
            f"http://{self.addresses['prometheus']}",
            "--scrape-interval",
            self.stack.scrape_interval.text,
            "--listen",
            self.addresses["preview"],
            *(("--traces", f"http://{self.addresses['jaeger']}") if self.jaeger else ()),
            *(("--logs", str(self._data("collector") / kept)) if (kept := service_files.kept(self.stack)) else ()),
        )

    def _demo(self) -> tuple[Program, ...]:
        if not self.demo:
            return ()
        return self._module("demo", "demo", "serve"), self._module("replay", "demo", "replay")
