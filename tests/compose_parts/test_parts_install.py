"""Building with a Go that is a script: what comes out, and what a failure leaves and says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from modelwatch.compose.parts.cache import find_entry
from modelwatch.compose.parts.install import Outcome, core_names, describe, install, plan, select
from modelwatch.compose.parts.locate import find, pin
from modelwatch.compose.parts.machine import Machine
from modelwatch.compose.parts.table import SOURCES, GoModule, PartError, part_named

Program = Callable[[Path, str], Path]


def run(machine: Machine, *names: str) -> tuple[tuple[Outcome, ...], list[str]]:
    lines: list[str] = []
    return install(names, root=machine.root, progress=lines.append, machine=machine), lines


def calls(fake: Path) -> list[str]:
    return (fake / "calls").read_text(encoding="utf-8").splitlines()


def entries(machine: Machine) -> list[str]:
    return [path.name for path in machine.cache.iterdir() if path.name not in ("lock", "log", "failed", "tmp")]


def test_a_built_program_is_found_linked_and_says_where_it_came_from(machine: Machine) -> None:
    (outcome,), _ = run(machine, "pint")
    assert outcome.state == "ready" and outcome.built
    path = find("pint", machine=machine)
    assert path is not None and path.is_relative_to(machine.cache)
    assert (machine.links / "pint").resolve() == path
    said = json.loads((path.parent.parent / "entry.json").read_text(encoding="utf-8"))
    assert said["origin"] == "built from the Go modules in manifests/pint/go.sum"
    assert said["reported"] == {"pint": "0.87.0"} and said["toolchain"] == "go1.26.8"


def test_what_is_ready_is_not_built_again(machine: Machine, fake: Path) -> None:
    run(machine, "pint")
    before = calls(fake)
    (outcome,), _ = run(machine, "pint")
    assert outcome.state == "ready" and not outcome.built
    assert calls(fake) == before


def test_progress_has_a_line_for_each_step_and_one_for_the_end(machine: Machine) -> None:
    _, lines = run(machine, "pint")
    assert [line.split("  ")[1] for line in lines] == [
        "1/3 lay out the manifest",
        "2/3 build pint",
        "3/3 check the versions",
        lines[-1].split("  ")[1],
    ]
    assert re.match(r"pint 0\.87\.0  ready in \d+ s: ", lines[-1])


def test_a_build_uses_the_pinned_manifest_only(machine: Machine, fake: Path) -> None:
    meddling = replace(machine, env={**machine.env, "GOFLAGS": "-mod=mod", "GOWORK": "/x/go.work"})
    write = (fake / "bin" / "go").read_text(encoding="utf-8")
    (fake / "bin" / "go").write_text(
        write.replace("#!/bin/sh\n", '#!/bin/sh\necho "$GOFLAGS $GOWORK" >> "$FAKE/env"\n', 1)
    )
    run(meddling, "pint")
    (build,) = [call for call in calls(fake) if call.startswith("build")]
    assert build.startswith("build -mod=readonly -trimpath -tags netgo -ldflags -s -w -X main.version=0.87.0 -o ")
    assert build.endswith(" github.com/cloudflare/pint/cmd/pint")
    assert set((fake / "env").read_text(encoding="utf-8").splitlines()[-2:]) == {"-buildvcs=false off"}


def test_a_failed_build_says_the_command_the_last_lines_and_how_to_mend_it(machine: Machine, fake: Path) -> None:
    (fake / "broken").write_text("compile: no space left on device\n", encoding="utf-8")
    (outcome,), lines = run(machine, "pint")
    assert outcome.state == "failed" and outcome.failure is not None
    assert outcome.failure.command.startswith("go build -mod=readonly")
    assert outcome.failure.reason == "exit code 1"
    assert outcome.failure.lines[-2:] == ("compile: no space left on device", "pkg: checking")
    assert "free some space" in outcome.failure.mend
    assert outcome.failure.log.read_text(encoding="utf-8").endswith("compile: no space left on device\npkg: checking\n")
    assert "help: free some space" in lines[-1] and str(outcome.failure.log) in lines[-1]


def test_a_failed_build_leaves_nothing_that_looks_ready(machine: Machine, fake: Path) -> None:
    (fake / "broken").touch()
    run(machine, "pint")
    assert find("pint", machine=machine) is None
    assert entries(machine) == [] and list((machine.cache / "tmp").iterdir()) == []
    assert not machine.links.exists()


def test_the_next_install_mends_a_failure_and_forgets_it(machine: Machine, fake: Path) -> None:
    (fake / "broken").touch()
    run(machine, "pint")
    (fake / "broken").unlink()
    (outcome,), _ = run(machine, "pint")
    assert outcome.state == "ready"
    assert list((machine.cache / "failed").iterdir()) == []


def test_a_program_that_reports_another_version_than_its_pin_is_refused(machine: Machine, fake: Path) -> None:
    (fake / "version").write_text("0.86.0", encoding="utf-8")
    (outcome,), lines = run(machine, "pint")
    assert outcome.state == "failed"
    assert "failed: reports 0.86.0 where 0.87.0 is pinned" in lines[-1]
    assert find("pint", machine=machine) is None


def test_a_module_with_another_hash_than_its_pin_is_not_built(machine: Machine, fake: Path) -> None:
    (outcome,), lines = run(machine, "amtool-newest")
    assert outcome.state == "failed"
    assert "the module's hash is h1:wrong, the pin says h1:" in lines[-1]
    assert "do not use what was served" in lines[-1]
    assert not [call for call in calls(fake) if call.startswith("build")]


def test_a_module_with_the_pinned_hash_is_built_in_its_own_folder(machine: Machine, fake: Path) -> None:
    source = pin(part_named("amtool"), "newest")
    assert isinstance(source.recipe, GoModule)
    (fake / "sum").write_text(source.recipe.sum, encoding="utf-8")
    (fake / "version").write_text(source.version, encoding="utf-8")
    (outcome,), _ = run(machine, "amtool-newest")
    assert outcome.state == "ready"
    assert calls(fake)[-1].endswith(" ./cmd/amtool")


def test_one_failure_does_not_stop_the_others(machine: Machine) -> None:
    outcomes, _ = run(machine, "amtool-newest", "pint")
    assert [(outcome.source.name, outcome.state) for outcome in outcomes] == [("amtool", "failed"), ("pint", "ready")]


def test_without_go_a_program_is_unavailable_and_it_is_said_what_that_costs(bare: Machine) -> None:
    (outcome,), lines = run(bare, "pint")
    assert outcome.state == "unavailable"
    assert "unavailable: no Go on PATH to build it with: install Go 1.26" in lines[-1]
    assert "lost: rules linted by pint" in lines[-1] and "help: put pint 0.87.0 on PATH" in lines[-1]


def test_without_apt_debians_packages_are_unavailable(bare: Machine) -> None:
    outcomes, lines = run(bare, "prometheus-oldest")
    assert [outcome.state for outcome in outcomes] == ["unavailable"]
    assert "no apt-get and dpkg here" in lines[-1] and "on PATH" in lines[-1]


def test_an_entry_that_lost_a_program_is_made_again(machine: Machine) -> None:
    run(machine, "pint")
    path = find("pint", machine=machine)
    assert path is not None
    path.unlink()
    (outcome,), _ = run(machine, "pint")
    assert outcome.state == "ready" and outcome.built
    assert find("pint", machine=machine) == path


def test_the_users_own_program_in_tools_is_never_replaced(machine: Machine, program: Program) -> None:
    own = program(machine.links / "pint", "9.9.9")
    run(machine, "pint")
    assert not own.is_symlink() and "9.9.9" in own.read_text(encoding="utf-8")


def test_a_dangling_link_is_replaced(machine: Machine) -> None:
    machine.links.mkdir(parents=True)
    (machine.links / "pint").symlink_to(machine.root / "gone")
    run(machine, "pint")
    assert (machine.links / "pint").resolve() == find("pint", machine=machine)


def test_a_cache_that_cannot_be_written_is_one_clear_error(machine: Machine) -> None:
    machine.cache.parent.parent.mkdir(parents=True)
    machine.cache.parent.write_text("a file in the way", encoding="utf-8")
    with pytest.raises(PartError, match=r"the programs are kept in .*XDG_CACHE_HOME moves the first"):
        run(machine, "pint")


def test_the_plan_names_what_would_be_done_and_does_nothing(machine: Machine) -> None:
    planned = {item.source.name: item for item in plan(machine=machine)}
    assert list(planned) == [source.name for source in SOURCES]
    assert planned["pint"].steps == ("lay out the manifest", "build pint")
    assert planned["debian-prometheus"].state == "unavailable"
    assert not machine.cache.exists()
    run(machine, "pint")
    assert plan(["pint"], machine=machine)[0].state == "ready"


def test_a_name_selects_all_its_pins_and_a_suffix_one() -> None:
    assert [source.name for source in select(["promtool"])] == ["debian-prometheus", "prometheus"]
    assert [source.name for source in select(["promtool-newest", "pint"])] == ["prometheus", "pint"]
    with pytest.raises(PartError, match="pint has no pin that is called oldest: use pint"):
        select(["pint-oldest"])


def test_the_core_is_what_is_missing_by_the_quickest_way(
    bare: Machine, machine: Machine, program: Program, tmp_path: Path
) -> None:
    assert core_names(machine) == ("prometheus-newest", "alertmanager-newest")
    assert core_names(bare) == ("prometheus-oldest", "alertmanager-oldest")
    for tool in ("apt-get", "dpkg", "dpkg-deb"):
        program(tmp_path / "fake" / "bin" / tool, "1.0.0")
    assert core_names(machine) == ("prometheus-oldest", "alertmanager-oldest")
    program(tmp_path / "fake" / "bin" / "prometheus", "2.50.0")
    assert core_names(machine) == ("alertmanager-oldest",)


def test_an_outcome_reads_as_one_line_when_it_is_ready(machine: Machine) -> None:
    (outcome,), _ = run(machine, "pint")
    assert outcome.entry is not None
    assert describe(replace(outcome, built=False)) == f"pint 0.87.0  ready: {outcome.entry.path}"
    assert find_entry(machine, outcome.source) == outcome.entry
