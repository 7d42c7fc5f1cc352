"""The table of names and options against the real programs: the Collector of 0.158, and Jaeger's of 0.140."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelwatch.model.types import Fleet, Versions
from modelwatch.otel.collector import generate
from modelwatch.otel.collector.names import RENAMED, Version, named
from tests.collector.test_destinations_live import everywhere

pytestmark = pytest.mark.real("otelcol-modelwatch")
KINDS = ("receivers", "processors", "exporters", "connectors")
# Each release that renamed something or brought an option, and the one before it.
MINORS = (119, 129, 130, 139, 140, 143, 144, 149, 150, 151, 153, 154, 157, 158)


def aimed(fleet: Fleet, version: Version) -> Fleet:
    """Every destination that the Collector here has, written for that release."""
    versions = Versions(fleet.stack.versions.prometheus, fleet.stack.versions.alertmanager, version)
    return everywhere(replace(fleet, stack=replace(fleet.stack, versions=versions)))


def components(program: Path) -> dict[str, dict[str, str]]:
    """Kind -> name -> module, as the program lists what it is built of."""
    done = subprocess.run([program, "components"], check=True, capture_output=True, text=True)
    listed = yaml.safe_load(done.stdout)
    return {kind: {entry["name"]: entry["module"] for entry in listed[kind]} for kind in KINDS}


def test_the_collector_has_every_component_that_the_configs_name(part: Any, fleet: Fleet) -> None:
    """Under exactly these names, none by an alias."""
    has = components(part("otelcol-modelwatch"))
    files = generate(aimed(fleet, (0, 158)))
    for name in ("otel/collector.yaml", "otel/agent.yaml"):
        made = yaml.safe_load(files[name])
        for kind in KINDS:
            assert {component.partition("/")[0] for component in made.get(kind, {})} <= set(has[kind])


def test_the_table_knows_what_every_component_here_was_renamed_to(part: Any) -> None:
    """A module keeps its old spelling, so that it tells the name that its component once had."""
    has = components(part("otelcol-modelwatch"))
    always = {"memory_limiter", "tail_sampling", "probabilistic_sampler"}
    # No config of ours uses it, and nobody here knows since when it is called so.
    unused = {"service_graph"}
    told = {}
    for kind in KINDS:
        for name, module in has[kind].items():
            folder = module.partition(" ")[0].rpartition("/")[2]
            old = folder.removesuffix(kind[:-1])
            if "_" in name and name not in always | unused:
                told[old] = name
    known = {old: new for renames in RENAMED.values() for old, (new, _) in renames.items()}
    assert {"filelog", "hostmetrics", "otlp", "otlphttp", "loadbalancing", "spanmetrics"} <= set(told)
    assert {old: known.get(old) for old in told} == told


@pytest.mark.real("jaeger")
def test_a_collector_of_0_140_has_the_components_under_the_names_of_0_140(part: Any) -> None:
    """The Jaeger that is pinned in the table of parts is built of that release."""
    has = components(part("jaeger"))
    for kind, old in (("exporters", "otlp"), ("exporters", "otlphttp"), ("connectors", "spanmetrics")):
        assert named(kind, old, (0, 140)) in has[kind]  # type: ignore[arg-type]  # of the pairs above
        assert RENAMED[kind][old][0] not in has[kind]  # type: ignore[index]  # of the pairs above


@pytest.mark.parametrize("minor", MINORS)
def test_a_config_for_an_older_release_loads(part: Any, fleet: Fleet, tmp_path: Path, minor: int) -> None:
    """In the newest one, which still knows old names and options: nothing is misspelt."""
    first, *others = fleet.models
    capped = replace(first, tracing=replace(first.tracing, max_spans_per_second=500))
    files = generate(aimed(replace(fleet, models=(capped, *others)), (0, minor)))
    env = {**os.environ, "MODELWATCH_COLLECTOR_STATE": str(tmp_path / "state"), "MODELWATCH_GATEWAY": "127.0.0.1:1"}
    for name in ("otel/collector.yaml", "otel/agent.yaml"):
        config = tmp_path / "config.yaml"
        config.write_text(files[name], "utf-8")
        command = [part("otelcol-modelwatch"), "validate", "--config", config]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=env)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_collector_says_of_each_old_name_what_the_table_says(collector: Any, moved: Fleet) -> None:
    """A config for 0.119 in the newest release, which logs what every alias is called now."""
    log = collector(aimed(moved, (0, 119))).stop()
    said = dict(re.findall(r'"(\w+)" alias is deprecated; use "(\w+)" instead', log))
    known = {old: new for renames in RENAMED.values() for old, (new, _) in renames.items()}
    assert set(said) == {"otlp", "otlphttp", "resourcedetection", "spanmetrics"}
    assert said == {old: known[old] for old in said}
