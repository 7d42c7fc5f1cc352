"""Parts whose programs come later join the running stack."""

from __future__ import annotations

import json
import sys


def state(fake_stack, name: str) -> dict[str, object]:
    parts = json.loads(fake_stack.run("status").stdout)["parts"]
    return next(part for part in parts if part["part"] == name)


def test_a_part_joins_when_its_program_is_there_and_what_runs_is_left_alone(fake_stack, patiently):
    programs = fake_stack.work / "bin"
    programs.mkdir()
    fake_stack.environ["PATH"] = f"{programs}:{fake_stack.environ['PATH']}"
    del fake_stack.environ["MODELWATCH_OTELCOL"]
    fake_stack.parts["collector"] = {"waits": "otelcol"}
    shown = fake_stack.up()
    assert "Collector is not here" in shown or "Collector is missing" in shown
    assert "without it: traces" in shown
    assert state(fake_stack, "collector")["state"] in ("waiting", "missing")
    before = fake_stack.pids()
    assert "already running, nothing to do" in fake_stack.up()

    script = programs / "new"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    script.chmod(0o755)
    script.rename(programs / "otelcol-modelwatch")

    patiently(lambda: state(fake_stack, "collector")["state"] == "ready", 60)
    after = fake_stack.pids()
    assert {name: after[name] for name in before} == before
    assert "already running, nothing to do" in fake_stack.up()
    assert fake_stack.pids() == after
