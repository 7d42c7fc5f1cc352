"""Whatever is in a spec, the loader answers with a fleet or with diagnostics that can be shown."""

from __future__ import annotations

import copy
import json
import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelwatch.model.codes import TITLES
from modelwatch.model.load import Loaded, load_fleet
from modelwatch.model.render import as_github, as_json, as_text

MODELS = Path(__file__).parents[2] / "models"
SPECS = {path.name: path.read_bytes() for path in sorted(MODELS.glob("*.yaml"))}
TREES = {name: yaml.safe_load(raw) for name, raw in SPECS.items()}

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["", "on", "30 days", "0s", "5m\n", "99.9", "x" * 200, "h:1", "http://h", "!", "*a", "\u2028", "prod"]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=8), below, max_size=3),
    max_leaves=6,
)
SLOW_MACHINE = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def loads(name: str, raw: bytes) -> Loaded:
    """Loads the repository's models with one of them replaced."""
    with tempfile.TemporaryDirectory() as folder:
        for other, content in {**SPECS, name: raw}.items():
            (Path(folder) / other).write_bytes(content)
        return load_fleet(Path(folder))


def holds(loaded: Loaded) -> None:
    """A fleet or errors, each with a known code and a place inside its file, and all formats can show them."""
    errors = [found for found in loaded.diagnostics if found.severity == "error"]
    assert (loaded.fleet is None) == bool(errors)
    for found in loaded.diagnostics:
        assert found.code in TITLES
        assert found.message
        assert "\n" not in found.message + found.help
        assert found.line >= 1
        assert 1 <= found.column <= len(found.source_line) + 1
    assert len({(d.file, d.line, d.column, d.code, d.message) for d in loaded.diagnostics}) == len(loaded.diagnostics)
    json.loads(as_json(loaded.diagnostics))
    as_text(loaded.diagnostics)
    as_github(loaded.diagnostics)


def _places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path, *(place for key, item in below for place in _places(item, (*path, key)))]


@st.composite
def mutated_trees(draw: st.DrawFn) -> tuple[str, bytes]:
    """A spec with one to four values removed, replaced, renamed, doubled or swapped."""
    name = draw(st.sampled_from(sorted(TREES)))
    tree = copy.deepcopy(TREES[name])
    for _ in range(draw(st.integers(1, 4))):
        places = [place for place in _places(tree) if place]
        if not places:
            break
        *above, key = draw(st.sampled_from(places))
        parent = tree
        for step in above:
            parent = parent[step]
        match draw(st.sampled_from(["remove", "replace", "rename", "double", "wrap"])):
            case "remove":
                del parent[key]
            case "replace":
                parent[key] = draw(VALUES)
            case "rename" if isinstance(parent, dict):
                parent[draw(st.text(max_size=10) | st.just(str(key) + "s") | st.just(str(key)[:-1]))] = parent.pop(key)
            case "double" if isinstance(parent, list):
                parent.append(parent[key])
            case _:
                parent[key] = [parent[key]]
    return name, yaml.dump(tree, allow_unicode=draw(st.booleans())).encode("utf-8", "replace")


@st.composite
def mutated_texts(draw: st.DrawFn) -> tuple[str, bytes]:
    """A spec with pieces of its bytes removed, doubled, moved or replaced by garbage."""
    name = draw(st.sampled_from(sorted(SPECS)))
    raw = bytearray(SPECS[name])
    noise = random.Random(draw(st.integers(0, 2**32)))
    garbage = [
        b"\t",
        b"\x00",
        b"\xff\xfe",
        b": ",
        b"- ",
        b"{",
        b"}",
        b"[",
        b"]",
        b"'",
        b'"',
        b"&a ",
        b"*a",
        b"!x ",
        b"\n",
        b"#",
        b"|",
        b"<<: ",
        b"---\n",
        b"\xc3",
    ]
    for _ in range(draw(st.integers(1, 5))):
        start = noise.randrange(len(raw) + 1)
        end = min(len(raw), start + noise.randrange(20))
        match draw(st.integers(0, 3)):
            case 0:
                del raw[start:end]
            case 1:
                raw[start:start] = raw[start:end]
            case 2:
                raw[start:start] = noise.choice(garbage)
            case _:
                raw[start:end] = noise.randbytes(noise.randrange(6))
    return name, bytes(raw)


@given(mutated_trees())
@SLOW_MACHINE
def test_mutated_trees_give_diagnostics_or_a_fleet(mutation: tuple[str, bytes]) -> None:
    holds(loads(*mutation))


@given(mutated_texts())
@SLOW_MACHINE
def test_mutated_texts_give_diagnostics_or_a_fleet(mutation: tuple[str, bytes]) -> None:
    holds(loads(*mutation))


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
@settings(SLOW_MACHINE, max_examples=300)
def test_any_bytes_give_diagnostics(raw: bytes) -> None:
    holds(loads("flight-delay.yaml", raw))


@pytest.mark.parametrize("name", sorted(SPECS))
def test_a_file_that_ends_anywhere_gives_diagnostics_or_a_fleet(name: str) -> None:
    raw = SPECS[name]
    for end in range(0, len(raw), 37):
        holds(loads(name, raw[:end]))
