"""The native way to run a stack: programs found or fetched, checked, supervised."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import cast

from modelwatch.compose import native, parts, service_files
from modelwatch.compose.backend import Change, Runtime, Say, Setup
from modelwatch.compose.config import CHECKS, Check
from modelwatch.compose.parts.locate import ask_version
from modelwatch.compose.parts.machine import Machine
from modelwatch.compose.parts.table import part_named as real_part
from modelwatch.compose.programs import JOINER, TOOLS, Plan, Program
from modelwatch.compose.state import StackError
from modelwatch.compose.supervision import control_path

BUILD = "MODELWATCH_BUILD"
"""Set to ``no``, it keeps `up` from building what is missing."""
_ON_PATH: Mapping[str, tuple[str, ...]] = {
    "prometheus": ("prometheus",),
    "alertmanager": ("alertmanager", "prometheus-alertmanager"),
}
_WITH_UI: Mapping[str, parts.Version] = {"prometheus": "oldest", "alertmanager": "newest"}
"""Which of our own has a web UI: the package of Prometheus, the build of Alertmanager."""


def find_program(name: str, machine: Machine) -> Path | None:
    """The program to run: the user's own choice, the one on PATH, ours that has a web UI, any of ours."""
    chosen = machine.env.get(f"MODELWATCH_{name.upper()}")
    if name not in _ON_PATH or chosen:
        return parts.find(name, machine=machine)
    for file in _ON_PATH[name]:
        if path := shutil.which(file, path=machine.env.get("PATH", "")):
            return Path(path).absolute()
    return parts.find(name, _WITH_UI[name], machine=machine) or parts.find(name, machine=machine)


def have_core(machine: Machine, say: Say) -> None:
    """Fetch what the stack cannot start without. Raises StackError: its name, why, and how to add it oneself."""
    names = parts.core_names(machine)
    if not names:
        return
    say(f"fetching what is missing: {', '.join(names)}")
    for outcome in parts.install(names, root=machine.root, progress=say, machine=machine):
        if outcome.state != "ready":
            why = outcome.why or (outcome.failure.reason if outcome.failure else "it failed")
            raise StackError(
                f"{outcome.source.name} is missing and the stack needs it: {why}\nhelp: {outcome.source.add}"
            )


@dataclass(frozen=True)
class NativeBackend:
    """``setup`` on this machine. ``machine`` is where programs are looked for."""

    setup: Setup
    machine: Machine

    @cached_property
    def programs(self) -> tuple[Program, ...]:
        wanted = self.machine.env.get(BUILD, "").lower() not in ("no", "off", "0", "false")
        plan = Plan(
            folder=self.setup.folder,
            models_dir=self.setup.models_dir,
            stack=self.setup.fleet.stack,
            rows=service_files.rows(self.setup.fleet),
            lines=self._lines,
            addresses=self.setup.addresses.internal,
            demo=self.setup.demo,
            jaeger="otel/jaeger.yaml" in self.setup.files,
            find=lambda name: find_program(name, self.machine),
            environ=self.setup.environ,
            build=wanted and self.machine.which("go") is not None,
            moved=self.setup.moved,
        )
        return plan.programs()

    @property
    def _lines(self) -> str:
        """Without anything to read the Collector is not given the config that reads."""
        there = service_files.CONFIG in self.setup.files
        return service_files.pattern(service_files.lines(self.setup.fleet), self.setup.environ) if there else ""

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(program.name for program in self.programs if program.name not in (JOINER, TOOLS))

    @property
    def pending(self) -> Mapping[str, str]:
        return {program.name: program.launch.needs for program in self.programs if program.launch.waits}

    @property
    def builds(self) -> bool:
        return any(program.name == TOOLS for program in self.programs)

    @property
    def control(self) -> str:
        return control_path(self.setup.folder)

    @property
    def versions(self) -> Mapping[str, str]:
        own, found = version("modelwatch"), dict[str, str]()
        for program in self.programs:
            launch = program.launch
            if launch.needs and not launch.waits:
                found[program.name] = (
                    ask_version(real_part(launch.needs), Path(launch.argv[0]), self.machine) or "unknown"
                )
            elif not launch.needs:
                found[program.name] = own
        return found

    def checks(self) -> tuple[tuple[Check, Path], ...]:
        found = []
        by_name = {program.name: program.launch for program in self.programs}
        for check in CHECKS:
            launch = by_name.get(check.part)
            if launch and (path := parts.find(check.program, machine=self.machine)):
                beside = (service_files.CONFIG,) if check.part == "collector" and self._lines else ()
                found.append((replace(check, cwd=Path(launch.cwd), env=launch.env, beside=beside), path))
        return tuple(found)

    def start(self) -> Runtime:
        return native.start(self.setup.folder, self.programs, self.setup.environ)

    def reconcile(self, runtime: Runtime, restart: Collection[str]) -> tuple[Change, ...]:
        return native.reconcile(cast("native.Native", runtime), self.programs, restart)

    def stop(self) -> tuple[str, ...]:
        return native.stop(self.setup.folder, self.control)
