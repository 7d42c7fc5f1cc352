"""Builds that are killed, and builds at the same time: in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from modelwatch.compose.parts.install import install
from modelwatch.compose.parts.locate import find
from modelwatch.compose.parts.machine import Machine
from modelwatch.compose.parts.status import Absent, Building, status
from modelwatch.compose.parts.table import part_named

# A busy machine is no failure.
PATIENCE = 180.0


def until(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not come"
        time.sleep(0.02)


def sleeper_of(fake: Path) -> int:
    """Process id of what a slow build waits for."""
    deadline = time.monotonic() + PATIENCE
    while not (fake / "sleeper").exists() or not (fake / "sleeper").read_text().strip():
        assert time.monotonic() < deadline, "the build did not come to its wait"
        time.sleep(0.02)
    return int((fake / "sleeper").read_text())


class Builds:
    """Starts installs of pint as processes, and ends what they leave."""

    def __init__(self, machine: Machine, stack: ExitStack) -> None:
        self._machine, self._stack = machine, stack

    def start(self) -> subprocess.Popen[str]:
        command = [
            sys.executable,
            "-m",
            "modelwatch.compose.parts",
            "--root",
            str(self._machine.root),
            "install",
            "pint",
        ]
        process = subprocess.Popen(
            command, env=dict(self._machine.env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process


@pytest.fixture
def builds(machine: Machine, fake: Path) -> Iterator[Builds]:
    with ExitStack() as stack:
        yield Builds(machine, stack)
    with suppress(ProcessLookupError):
        os.kill(sleeper_of(fake), signal.SIGKILL)


def state(machine: Machine) -> object:
    return status(machine=machine, parts=[part_named("pint")])[0].state


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_build_leaves_nothing_that_looks_ready_and_the_next_one_works(
    machine: Machine, fake: Path, builds: Builds, how: signal.Signals
) -> None:
    (fake / "slow").touch()
    process = builds.start()
    until(fake / "started")
    assert isinstance(state(machine), Building)
    process.send_signal(how)
    process.communicate(timeout=PATIENCE)
    assert isinstance(state(machine), Absent)
    assert find("pint", machine=machine) is None
    left = list((machine.cache / "tmp").iterdir())
    assert (left == []) == (how != signal.SIGKILL)

    (fake / "slow").unlink()
    (outcome,) = install(["pint"], root=machine.root, progress=lambda _line: None, machine=machine)
    assert outcome.state == "ready"
    assert list((machine.cache / "tmp").iterdir()) == []


def test_status_tells_the_step_of_a_build_in_another_process(machine: Machine, fake: Path, builds: Builds) -> None:
    (fake / "slow").touch()
    builds.start()
    until(fake / "started")
    told = state(machine)
    assert isinstance(told, Building)
    assert (told.step, told.steps, told.doing) == (2, 3, "build pint")


def test_two_installs_at_once_build_once(machine: Machine, fake: Path, builds: Builds) -> None:
    (fake / "slow").touch()
    first = builds.start()
    until(fake / "started")
    (fake / "slow").unlink()
    second = builds.start()
    assert second.stdout is not None
    assert second.stdout.readline() == "pint 0.87.0  another install is at it: waiting for that\n"
    os.kill(sleeper_of(fake), signal.SIGKILL)
    assert first.wait(PATIENCE) == 0 and second.wait(PATIENCE) == 0
    built = [call for call in (fake / "calls").read_text().splitlines() if call.startswith("build")]
    assert len(built) == 1
    assert find("pint", machine=machine) is not None
