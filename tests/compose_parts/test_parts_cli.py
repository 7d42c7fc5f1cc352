"""The command line of this room."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from modelwatch.compose.parts import cli
from modelwatch.compose.parts.locate import find
from modelwatch.compose.parts.machine import Machine

Program = Callable[[Path, str], Path]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Gives exit code, stdout and stderr of a command on the machine with the fake Go."""

    def go(*argv: str, on: Machine = machine) -> tuple[int, str, str]:
        monkeypatch.setattr(Machine, "here", lambda _root=None: on)
        out, err = io.StringIO(), io.StringIO()
        return cli.main(argv, out, err), out.getvalue(), err.getvalue()

    return go


def test_path_prints_where_a_program_is(run: Run, program: Program, tmp_path: Path) -> None:
    pint = program(tmp_path / "fake" / "bin" / "pint", "0.87.0")
    assert run("path", "pint") == (0, f"{pint}\n", "")


def test_path_of_what_is_not_here_fails_with_what_to_do(run: Run) -> None:
    assert run("path", "pint", "--version", "newest") == (1, "", "pint (newest) is not here: install pint\n")


def test_an_unknown_name_is_an_error_before_anything_is_done(run: Run, machine: Machine) -> None:
    code, out, err = run("install", "pint", "grafana")
    assert code == 2 and out == ""
    assert err.startswith("error: no part is called 'grafana': there are ")
    assert not machine.cache.exists()


def test_names_and_all_exclude_each_other(run: Run) -> None:
    assert run("install", "pint", "--all")[::2] == (2, "error: give names, --core or --all: one of them\n")


def test_install_exits_with_1_when_something_failed(run: Run, fake: Path) -> None:
    (fake / "broken").touch()
    code, out, _ = run("install", "pint")
    assert code == 1 and "failed: exit code 1" in out


def test_install_exits_with_1_for_what_cannot_be_had_here(run: Run, bare: Machine) -> None:
    code, out, _ = run("install", "pint", on=bare)
    assert code == 1 and "unavailable: no Go on PATH" in out


def test_what_cannot_be_had_is_no_failure_while_the_program_is_found(
    run: Run, bare: Machine, program: Program, tmp_path: Path
) -> None:
    program(tmp_path / "tools" / "pint", "0.80.0")
    assert run("install", "pint", on=bare)[0] == 0


def test_install_core_says_so_when_nothing_is_missing(run: Run, program: Program, tmp_path: Path) -> None:
    for name in ("prometheus", "alertmanager"):
        program(tmp_path / "fake" / "bin" / name, "2.50.0")
    assert run("install", "--core") == (0, "everything that the stack needs to start is here\n", "")


def test_an_install_in_the_background_returns_at_once_and_logs(run: Run, machine: Machine) -> None:
    machine.root.mkdir()
    code, out, _ = run("install", "pint", "--background")
    log = machine.root / ".modelwatch" / "log" / "tools.log"
    assert code == 0 and str(log) in out
    deadline = time.monotonic() + 60
    while "ready" not in log.read_text(encoding="utf-8"):
        assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
        time.sleep(0.05)
    assert find("pint", machine=machine) is not None


def test_help_shows_examples(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help")[0] == 0
    assert "install --all --background" in capsys.readouterr().out
