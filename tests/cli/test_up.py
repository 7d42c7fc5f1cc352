"""What `modelwatch up` says beside what the stack itself says."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest

from modelwatch import writer
from modelwatch.cli.command import Streams
from modelwatch.cli.main import main
from modelwatch.cli.up import behind
from modelwatch.generate import generate
from modelwatch.model.addresses import Addresses
from modelwatch.model.load import load_fleet

SAYS = ("generated/ is behind models/: run `modelwatch generate` before you commit",)
REPO = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder whose generated/ is up to date."""
    shutil.copytree(REPO / "models", tmp_path / "models")
    fleet = load_fleet(tmp_path / "models").fleet
    assert fleet is not None
    writer.write(tmp_path / "generated", generate(fleet))
    return tmp_path


def said(folder: Path, **ports: str) -> tuple[str, ...]:
    fleet = load_fleet(folder / "models", Addresses.native(ports)).fleet
    assert fleet is not None
    return behind(fleet, folder)


def test_a_generated_folder_that_the_specs_have_left_behind_is_told(folder: Path) -> None:
    assert said(folder) == ()
    spec = folder / "models" / "flight-delay.yaml"
    spec.write_text(spec.read_text().replace("objective: 99.9", "objective: 99.5"))
    assert said(folder) == SAYS
    assert said(folder) == SAYS, "asking writes nothing"


def test_moved_ports_are_no_difference(folder: Path) -> None:
    """They are of this machine and never in the committed files."""
    assert said(folder, MODELWATCH_PORT_PROMETHEUS="19090", MODELWATCH_PORT_PREVIEW="13000") == ()


def test_without_a_generated_folder_of_ours_nothing_is_said(folder: Path) -> None:
    shutil.rmtree(folder / "generated")
    assert said(folder) == ()
    (folder / "generated" / "schema").mkdir(parents=True)
    (folder / "generated" / "schema" / "model.schema.json").write_text("a person's")
    assert said(folder) == ()


def test_what_a_person_put_in_the_way_is_no_reason_to_fail(folder: Path) -> None:
    (folder / "generated" / writer.MANIFEST).write_text("# nothing of this is ours any more\n")
    (folder / "generated" / "prometheus" / "prometheus.yaml").write_text("a person's")
    assert said(folder) == ()


def test_what_up_makes_is_kept_out_of_git_even_where_it_cannot_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.chdir(folder)
    environ = {"MODELWATCH_RUNTIME": "podman"}
    assert main(["up"], Streams(out=out, err=err, environ=environ)) == 1
    assert "no way to run the stack" in err.getvalue()
    assert out.getvalue() == ".gitignore: keeps secrets/ and .modelwatch/ out of git\n"
    assert (folder / ".gitignore").read_text().endswith("secrets/\n.modelwatch/\n")
