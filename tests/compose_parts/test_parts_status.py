"""How each program stands, as data and as text."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from modelwatch.compose.parts import cli
from modelwatch.compose.parts.cache import Progress, Slot
from modelwatch.compose.parts.cli import state_text, status_text
from modelwatch.compose.parts.install import install
from modelwatch.compose.parts.locate import pin
from modelwatch.compose.parts.machine import Machine
from modelwatch.compose.parts.status import Absent, Building, Failed, PartStatus, Ready, Unavailable, status
from modelwatch.compose.parts.table import part_named

Program = Callable[[Path, str], Path]


def seconds(name: str) -> int:
    return pin(part_named(name), "newest").seconds


def of(machine: Machine, name: str) -> PartStatus:
    return status(machine=machine, parts=[part_named(name)])[0]


def test_what_can_be_built_here_is_absent_and_what_cannot_is_unavailable(machine: Machine, bare: Machine) -> None:
    assert of(machine, "pint").state == Absent(seconds("pint"))
    state = of(bare, "pint").state
    assert isinstance(state, Unavailable)
    assert "no Go" in state.why and "linted" in state.lost and "MODELWATCH_PINT" in state.add


def test_a_built_program_is_ready_with_its_version_and_path(machine: Machine) -> None:
    install(["pint"], root=machine.root, progress=lambda _line: None, machine=machine)
    state = of(machine, "pint").state
    assert isinstance(state, Ready)
    assert state.version == "0.87.0" and state.path.is_file() and not state.note


def test_a_program_on_path_is_ready_while_its_pins_stand_for_themselves(
    machine: Machine, program: Program, tmp_path: Path
) -> None:
    path = program(tmp_path / "fake" / "bin" / "prometheus", "2.50.1")
    told = of(machine, "prometheus")
    assert told.state == Ready("2.50.1", path)
    # From the oldest supported on, any version of the user's stands for the oldest; the newest is one version.
    assert [type(each.state) for each in told.pins] == [Absent, Ready]


def test_a_program_that_is_older_than_supported_is_named_so(machine: Machine, program: Program, tmp_path: Path) -> None:
    program(tmp_path / "fake" / "bin" / "prometheus", "2.30.0")
    state = of(machine, "prometheus").state
    assert isinstance(state, Ready)
    assert state.note == "older than the oldest supported 2.42.0"


def test_a_program_that_does_not_run_is_doubted(machine: Machine, script: Program, tmp_path: Path) -> None:
    script(tmp_path / "fake" / "bin" / "sloth", "#!/bin/sh\nexit 3\n")
    state = of(machine, "sloth").state
    # It stands for no pin, and what the stack would run is shown with the doubt.
    assert isinstance(state, Ready)
    assert state.version == "unknown" and "right program?" in state.note


def test_a_failure_is_told_with_its_command_log_and_mend(machine: Machine, fake: Path) -> None:
    (fake / "broken").write_text("dial tcp: connection refused\n", encoding="utf-8")
    install(["pint"], root=machine.root, progress=lambda _line: None, machine=machine)
    state = of(machine, "pint").state
    assert isinstance(state, Failed)
    assert state.command.startswith("go build") and "dial tcp: connection refused" in state.lines
    assert state.log.is_file() and "network" in state.mend


def test_a_failure_of_an_earlier_recipe_is_forgotten(
    machine: Machine, fake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (fake / "broken").touch()
    install(["pint"], root=machine.root, progress=lambda _line: None, machine=machine)
    monkeypatch.setattr("modelwatch.compose.parts.cache._GENERATION", "next")
    assert of(machine, "pint").state == Absent(seconds("pint"))


def test_a_lock_without_a_word_yet_is_a_build_that_starts(machine: Machine) -> None:
    with Slot(machine, pin(part_named("pint"), "newest")).hold(wait=False) as mine:
        assert mine
        assert of(machine, "pint").state == Building(1000.0, 0, 0, "starting")


def test_a_build_tells_its_step(machine: Machine) -> None:
    slot = Slot(machine, pin(part_named("pint"), "newest"))
    with slot.hold(wait=False):
        slot.tell(Progress(940.0, 2, 3, "build pint"))
        state = of(machine, "pint").state
    assert state_text(state, 1000.0) == "building     step 2 of 3 (build pint), for 1:00"


def test_the_table_has_a_line_for_each_program_and_one_for_each_pin_that_differs(
    machine: Machine, program: Program, tmp_path: Path
) -> None:
    path = program(tmp_path / "fake" / "bin" / "promtool", "2.42.0")
    lines = status_text([of(machine, "promtool"), of(machine, "sloth")], 0.0).splitlines()
    assert lines == [
        f"promtool        ready        2.42.0  {path}",
        f"  newest        not here yet an install takes about {seconds('promtool')} s",
        f"sloth           not here yet an install takes about {seconds('sloth')} s",
    ]


def test_json_status_is_a_list_with_state_and_pins(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Machine, "here", lambda _root=None: machine)
    out = io.StringIO()
    assert cli.main(["status", "--format", "json"], out, io.StringIO()) == 0
    told = {item["name"]: item for item in json.loads(out.getvalue())}
    assert told["pint"]["state"] == "absent" and told["pint"]["seconds"] == seconds("pint")
    assert [(each["age"], each["state"]) for each in told["promtool"]["pins"]] == [
        ("newest", "absent"),
        ("oldest", "unavailable"),
    ]
    assert [name for name, item in told.items() if item["core"]] == ["prometheus", "alertmanager"]
