"""The reference pages say what the code does."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from modelwatch.model.addresses import DEFAULT_PORTS, LISTENERS, ports, variable

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", DOCS / "reference.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_reference_page_is_up_to_date(reference: ModuleType) -> None:
    for name, text in reference.pages().items():
        assert (DOCS / name).read_text(encoding="utf-8") == text, f"{name} is old: make golden"


def test_every_command_is_documented_with_an_example(reference: ModuleType) -> None:
    text = reference.commands()
    for name in reference.COMMANDS:
        assert f"## modelwatch {name}\n" in text
        assert "examples:" in text.split(f"## modelwatch {name}\n")[1].split("\n## ")[0]


def test_every_port_is_on_the_page_and_in_the_help_of_up(reference: ModuleType) -> None:
    assert set(LISTENERS) == set(DEFAULT_PORTS)
    page, help = reference.ports(), reference.commands().split("## modelwatch up\n")[1].split("\n## ")[0]
    for part, port in DEFAULT_PORTS.items():
        assert ports({variable(part): "1234"})[part] == 1234
        assert f"| `{variable(part)}` | {port} | " in page
        assert f"{variable(part)} " in help
