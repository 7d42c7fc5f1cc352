"""Where a program is looked for, and what wins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from modelwatch.compose import parts
from modelwatch.compose.parts.cache import Slot, entry_name
from modelwatch.compose.parts.locate import find, pin
from modelwatch.compose.parts.machine import Machine
from modelwatch.compose.parts.table import Age, Part, PartError, part_named

Program = Callable[[Path, str], Path]


def cached(machine: Machine, program: Program, name: str, age: Age, toolchain: str = "go1") -> Path:
    """A finished entry in the cache; gives the program's path."""
    source = pin(part_named(name), age)
    slot = Slot(machine, source)
    with slot.workshop() as folder:
        for each in source.programs:
            program(folder / "bin" / part_named(each).binary, source.version)
        said = {
            "reported": dict.fromkeys(source.programs, source.version),
            "toolchain": toolchain,
            "seconds": 1.0,
            "finished": machine.clock(),
        }
        entry = slot.publish(folder, entry_name(source, machine.platform, toolchain), said)
    return entry / "bin" / part_named(name).binary


def test_nothing_is_found_on_a_bare_machine(bare: Machine) -> None:
    for version in ("any", "oldest", "newest"):
        assert [find(name, version, machine=bare) for name in parts.all_names() if name != "docker-compose"] == [
            None
        ] * 8


def test_any_prefers_the_override_then_the_users_own_then_newest_then_path_then_oldest(
    machine: Machine, program: Program, tmp_path: Path
) -> None:
    ways: list[tuple[Path, Machine]] = []
    oldest = cached(machine, program, "promtool", "oldest")
    ways.append((oldest, machine))
    on_path = program(tmp_path / "fake" / "bin" / "promtool", "2.50.0")
    ways.append((on_path, machine))
    assert find("promtool", machine=machine) == on_path
    newest = cached(machine, program, "promtool", "newest")
    assert find("promtool", machine=machine) == newest
    own = program(machine.links / "promtool", "3.0.0")
    assert find("promtool", machine=machine) == own
    chosen = program(tmp_path / "elsewhere" / "promtool", "3.1.0")
    overridden = replace(machine, env={**machine.env, "MODELWATCH_PROMTOOL": str(chosen)})
    assert find("promtool", machine=overridden) == chosen
    assert find("promtool", "newest", machine=overridden) == chosen
    assert find("promtool", "oldest", machine=overridden) == oldest


def test_oldest_is_used_when_nothing_else_is_here(machine: Machine, program: Program) -> None:
    oldest = cached(machine, program, "promtool", "oldest")
    assert find("promtool", machine=machine) == oldest
    assert find("promtool", "newest", machine=machine) is None


def test_a_program_on_path_stands_for_a_pin_only_when_it_reports_that_version(
    machine: Machine, program: Program, tmp_path: Path
) -> None:
    on_path = tmp_path / "fake" / "bin" / "amtool"
    newest = pin(part_named("amtool"), "newest").version
    program(on_path, newest)
    assert find("amtool", "newest", machine=machine) == on_path
    program(on_path, "0.33.9")
    assert find("amtool", "newest", machine=machine) is None


def test_a_distributions_program_stands_for_the_oldest_pin_from_that_version_on(
    machine: Machine, program: Program, tmp_path: Path
) -> None:
    on_path = tmp_path / "fake" / "bin" / "prometheus-alertmanager"
    program(on_path, "0.26.0")
    assert find("alertmanager", "oldest", machine=machine) == on_path
    program(on_path, "0.24.0")
    assert find("alertmanager", "oldest", machine=machine) is None


def test_oldest_of_a_part_with_one_pin_is_that_pin(machine: Machine, program: Program) -> None:
    only = cached(machine, program, "pint", "newest")
    assert find("pint", "oldest", machine=machine) == find("pint", "newest", machine=machine) == only


def test_the_oldest_has_an_override_of_its_own(machine: Machine, program: Program, tmp_path: Path) -> None:
    chosen = program(tmp_path / "old" / "promtool", "2.42.0")
    overridden = replace(machine, env={**machine.env, "MODELWATCH_PROMTOOL_OLDEST": str(chosen)})
    assert find("promtool", "oldest", machine=overridden) == chosen
    assert find("promtool", machine=overridden) is None


def test_an_override_that_is_no_program_is_an_error_that_names_it(machine: Machine, tmp_path: Path) -> None:
    wrong = replace(machine, env={**machine.env, "MODELWATCH_DOCKER_COMPOSE": str(tmp_path / "nothing")})
    with pytest.raises(PartError, match=r"MODELWATCH_DOCKER_COMPOSE=.*nothing is no program: set it to an executable"):
        find("docker-compose", machine=wrong)


def test_an_entry_made_by_another_go_is_still_found_and_the_latest_wins(machine: Machine, program: Program) -> None:
    cached(machine, program, "pint", "newest", "go1.25")
    later = replace(machine, clock=lambda: machine.clock() + 5)
    newer = cached(later, program, "pint", "newest", "go1.26")
    assert find("pint", machine=machine) == newer


def test_an_entry_of_another_recipe_is_not_found(machine: Machine, program: Program) -> None:
    path = cached(machine, program, "pint", "newest")
    said = path.parent.parent / "entry.json"
    said.write_text(said.read_text(encoding="utf-8").replace('"recipe": "', '"recipe": "0'), encoding="utf-8")
    assert find("pint", machine=machine) is None


def test_an_entry_that_lost_a_program_is_not_found(machine: Machine, program: Program) -> None:
    cached(machine, program, "promtool", "newest").with_name("prometheus").unlink()
    assert find("promtool", machine=machine) is None


def test_the_plugin_folders_of_docker_are_searched(machine: Machine, program: Program) -> None:
    plugin = program(Path(machine.env["HOME"]) / ".docker" / "cli-plugins" / "docker-compose", "2.40.3")
    assert find("docker-compose", "newest", machine=machine) == plugin


def test_our_own_links_on_path_do_not_pose_as_the_users_programs(machine: Machine, program: Program) -> None:
    oldest = cached(machine, program, "promtool", "oldest")
    machine.links.mkdir(parents=True)
    (machine.links / "promtool").symlink_to(oldest)
    linked = replace(machine, env={**machine.env, "PATH": f"{machine.links}:{machine.env['PATH']}"})
    assert find("promtool", "newest", machine=linked) is None
    assert find("promtool", machine=linked) == oldest


def test_every_part_can_be_overridden(bare: Machine, program: Program, tmp_path: Path) -> None:
    chosen = program(tmp_path / "any", "1.0.0")
    for part in parts.table.PARTS:
        assert isinstance(part, Part)
        name = "MODELWATCH_" + part.name.upper().replace("-", "_")
        assert find(part.name, machine=replace(bare, env={**bare.env, name: str(chosen)})) == chosen
