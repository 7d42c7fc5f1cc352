"""Parts whose programs come later join the running stack."""

from __future__ import annotations

import json
import signal
import sys

import pytest


def state(fake_stack, name: str) -> dict[str, object]:
    parts = json.loads(fake_stack.run("status").stdout)["parts"]
    return next(part for part in parts if part["part"] == name)


def come(fake_stack) -> None:
    """The program is there, whole, from one moment to the next."""
    script = fake_stack.work / "new"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    script.chmod(0o755)
    script.rename(fake_stack.work / "bin" / "otelcol-modelwatch")


@pytest.fixture
def waiting(fake_stack):
    """A stack whose Collector is still to come."""
    programs = fake_stack.work / "bin"
    programs.mkdir()
    fake_stack.environ["PATH"] = f"{programs}:{fake_stack.environ['PATH']}"
    del fake_stack.environ["MODELWATCH_OTELCOL"]
    fake_stack.parts["collector"] = {"waits": "otelcol"}
    return fake_stack


def test_a_part_joins_when_its_program_is_there_and_what_runs_is_left_alone(waiting, patiently):
    fake_stack = waiting
    shown = fake_stack.up()
    assert "Collector is not here" in shown or "Collector is missing" in shown
    assert "without it: traces" in shown
    assert state(fake_stack, "collector")["state"] in ("waiting", "missing")
    before = fake_stack.pids()
    assert "already running, nothing to do" in fake_stack.up()

    come(fake_stack)
    patiently(lambda: state(fake_stack, "collector")["state"] == "ready", 60)
    after = fake_stack.pids()
    assert {name: after[name] for name in before} == before
    assert "already running, nothing to do" in fake_stack.up()
    assert fake_stack.pids() == after


def test_waiting_for_all_returns_when_what_is_built_has_joined(waiting, patiently):
    waiting.parts["tools"] = {"builds": True}
    starting = waiting.begin("up", "all")
    patiently(lambda: len(waiting.pids()) == len(waiting.parts) - 2)
    come(waiting)
    out, err = starting.communicate(timeout=60)
    assert starting.returncode == 0, err
    assert "ready  Collector" in out
    assert f"http://127.0.0.1:{waiting.ports['collector']}/metrics" in out


def test_waiting_for_all_does_not_wait_for_what_nobody_builds(waiting):
    done = waiting.run("up", "all")
    assert done.returncode == 0
    assert "without it: traces" in done.stdout


def test_an_interrupted_wait_for_all_leaves_the_core_running(waiting, patiently):
    waiting.parts["tools"] = {"builds": True}
    starting = waiting.begin("up", "all")
    # Ready is what status sees first; `up` then has still to come to the parts that are being built.
    assert any("still to be built" in line for line in starting.stdout)
    starting.send_signal(signal.SIGINT)
    _, err = starting.communicate(timeout=60)
    assert starting.returncode == 130
    assert "what runs goes on" in err
    assert json.loads(waiting.run("status").stdout)["ready"] is True
