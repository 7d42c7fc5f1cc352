"""The table of programs and the manifests beside it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from modelwatch.compose import parts
from modelwatch.compose.parts.cache import manifest_files
from modelwatch.compose.parts.table import (
    PARTS,
    SOURCES,
    DebianPackage,
    GoManifest,
    GoModule,
    PartError,
    part_named,
    sources_of,
)

MANIFESTS = [source for source in SOURCES if isinstance(source.recipe, GoManifest)]
ROOM = Path(parts.__file__).parent


def test_names_of_parts_and_sources_are_unique() -> None:
    assert len({part.name for part in PARTS}) == len(PARTS)
    assert len({source.name for source in SOURCES}) == len(SOURCES)


def test_every_source_gives_known_parts_and_every_part_has_a_source() -> None:
    known = {part.name for part in PARTS}
    assert {name for source in SOURCES for name in source.programs} == known


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_a_part_has_one_newest_pin_and_at_most_one_oldest(part: parts.table.Part) -> None:
    ages = [source.age for source in sources_of(part)]
    assert ages in (["newest"], ["newest", "oldest"])


@pytest.mark.parametrize("part", [part for part in PARTS if part.core], ids=lambda part: part.name)
def test_what_the_stack_needs_to_start_can_be_had_without_building_it(part: parts.table.Part) -> None:
    assert any(isinstance(source.recipe, DebianPackage) for source in sources_of(part))


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_every_source_says_what_is_lost_without_it_and_how_to_add_it(source: parts.table.Source) -> None:
    assert source.lost and source.add and source.origin
    for program in source.programs:
        assert f"MODELWATCH_{program.upper().replace('-', '_')}" in source.add


def test_the_oldest_programs_are_fetched_before_anything_is_built() -> None:
    built = [isinstance(source.recipe, DebianPackage) for source in SOURCES]
    assert built == sorted(built, reverse=True)


@pytest.mark.parametrize("source", MANIFESTS, ids=lambda source: source.name)
def test_a_manifest_requires_the_very_version_that_the_table_names(source: parts.table.Source) -> None:
    assert isinstance(source.recipe, GoManifest)
    files = manifest_files(source.recipe.folder)
    assert {"go.mod", "go.sum"} <= set(files)
    mod = files["go.mod"].decode()
    for package in source.recipe.packages.values():
        if package == ".":
            assert f'Version:     "{source.version}"' in files["main.go"].decode()
        else:
            required = re.findall(r"^\s+(\S+) v(\S+)", mod, re.M)
            assert source.version in [version for module, version in required if package.startswith(f"{module}/")]


@pytest.mark.parametrize(
    "source", [s for s in SOURCES if isinstance(s.recipe, GoModule)], ids=lambda source: source.name
)
def test_a_module_is_pinned_by_version_and_hash(source: parts.table.Source) -> None:
    recipe = source.recipe
    assert isinstance(recipe, GoModule)
    assert re.fullmatch(r"v\d+\.\d+\.\d+", recipe.version)
    assert re.fullmatch(r"h1:[A-Za-z0-9+/]{43}=", recipe.sum)
    # Prometheus 3.15.0 is published as v0.315.0.
    squeezed = recipe.version.lstrip("v").replace("0.3", "3.", 1) if source.name == "prometheus" else recipe.version[1:]
    assert squeezed == source.version


def _collector_modules() -> dict[str, list[str]]:
    manifest = yaml.safe_load(manifest_files("otelcol")["manifest.yaml"])
    return {kind: [item["gomod"] for item in items] for kind, items in manifest.items() if kind != "dist"}


def test_the_collectors_sources_are_generated_from_its_manifest() -> None:
    files = manifest_files("otelcol")
    mod, components, main = (files[name].decode() for name in ("go.mod", "components.go", "main.go"))
    for kind, modules in _collector_modules().items():
        for module in modules:
            assert f"\t{module}\n" in mod
            assert f'"{module.split()[0]}"' in (main if kind == "providers" else components)


def test_the_collector_has_every_component_that_the_generated_config_may_use() -> None:
    names = {
        kind: {module.split()[0].rsplit("/", 1)[1] for module in found} for kind, found in _collector_modules().items()
    }
    assert names == {
        "receivers": {"otlpreceiver", "filelogreceiver", "hostmetricsreceiver", "prometheusreceiver"},
        "processors": {
            "memorylimiterprocessor",
            "resourceprocessor",
            "resourcedetectionprocessor",
            "attributesprocessor",
            "redactionprocessor",
            "transformprocessor",
            "filterprocessor",
            "tailsamplingprocessor",
            "probabilisticsamplerprocessor",
        },
        "exporters": {
            "debugexporter",
            "otlpexporter",
            "otlphttpexporter",
            "prometheusexporter",
            "prometheusremotewriteexporter",
            "loadbalancingexporter",
            "fileexporter",
            "zipkinexporter",
        },
        "connectors": {"spanmetricsconnector", "servicegraphconnector", "countconnector", "forwardconnector"},
        "extensions": {"healthcheckextension", "filestorage", "basicauthextension", "bearertokenauthextension"},
        "providers": {"envprovider", "fileprovider", "yamlprovider"},
    }


def test_no_committed_file_names_a_machine_path_or_a_module_proxy() -> None:
    unwanted = re.compile(r"/root/|/home/\w|/tmp/|GOPROXY=|proxy\.golang", re.A)
    files = [path for path in ROOM.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert len(files) > len(MANIFESTS)
    assert [str(path) for path in files if unwanted.search(path.read_text(encoding="utf-8"))] == []


def test_a_program_goes_by_its_name_and_by_its_files_name() -> None:
    assert part_named("otelcol") is part_named("otelcol-modelwatch")


def test_an_unknown_name_is_answered_with_the_names_there_are() -> None:
    with pytest.raises(PartError, match=r"no part is called 'grafana': there are prometheus, promtool, .*sloth"):
        part_named("grafana")
