"""Names of components and options by release."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelwatch.model.destinations import KINDS, SIGNALS
from modelwatch.model.types import Destination, Fleet, Versions
from modelwatch.otel.collector import generate
from modelwatch.otel.collector.names import RENAMED, SINCE, named
from tests.collector.test_collector_destinations import AWAY

Json = dict[str, Any]


def config(fleet: Fleet, version: tuple[int, int]) -> Json:
    """For a release, with destinations of every kind."""
    destinations = (
        Destination("a", "otlp", "traces.example.com:4317"),
        Destination("b", "otlp", "https://otlp.example.com"),
        Destination("c", "file", "x.jsonl"),
    )
    stack = replace(
        fleet.stack,
        traces=destinations,
        logs=destinations,
        versions=Versions(fleet.stack.versions.prometheus, fleet.stack.versions.alertmanager, version),
    )
    return dict(yaml.safe_load(generate(replace(fleet, stack=stack))["otel/collector.yaml"]))


def types(config: Json, kind: str) -> set[str]:
    return {component.partition("/")[0] for component in config[kind]}


@pytest.mark.parametrize(
    ("version", "exporters", "detection", "metrics"),
    [
        ((0, 119), {"otlp", "otlphttp"}, "resourcedetection", "spanmetrics"),
        ((0, 130), {"otlp", "otlphttp"}, "resourcedetection", "spanmetrics"),
        ((0, 150), {"otlp_grpc", "otlp_http"}, "resourcedetection", "spanmetrics"),
        ((0, 158), {"otlp_grpc", "otlp_http"}, "resource_detection", "span_metrics"),
        ((1, 0), {"otlp_grpc", "otlp_http"}, "resource_detection", "span_metrics"),
    ],
)
def test_components_are_called_as_the_release_calls_them(
    fleet: Fleet, version: tuple[int, int], exporters: set[str], detection: str, metrics: str
) -> None:
    made = config(fleet, version)
    assert types(made, "exporters") == {*exporters, "file", "prometheus"}
    assert detection in made["processors"]
    assert metrics in made["connectors"]
    # The receiver was never renamed.
    assert types(made, "receivers") == {"otlp"}


@pytest.mark.parametrize("version", [(0, 119), (0, 130), (0, 150), (0, 158)])
def test_every_pipeline_names_components_that_are_configured(fleet: Fleet, version: tuple[int, int]) -> None:
    """And every component that is configured is used."""
    made = config(fleet, version)
    used: dict[str, set[str]] = {"receivers": set(), "processors": set(), "exporters": set()}
    for pipeline in made["service"]["pipelines"].values():
        for kind, names in used.items():
            names.update(pipeline[kind])
    connectors = set(made["connectors"])
    assert used["receivers"] == set(made["receivers"]) | connectors
    assert used["exporters"] == set(made["exporters"]) | connectors
    assert used["processors"] == set(made["processors"])
    assert set(made["service"]["extensions"]) == set(made["extensions"])


@pytest.mark.parametrize("version", [(0, 119), (0, 130), (0, 150), (0, 158)])
def test_an_option_is_only_written_for_a_release_that_knows_it(fleet: Fleet, version: tuple[int, int]) -> None:
    """The Collector refuses to start on an unknown key."""
    made = config(fleet, version)
    metrics = made["connectors"][named("connectors", "spanmetrics", version)]
    assert ("aggregation_cardinality_limit" in metrics) == (version >= (0, 130))
    assert ("dimensions_cache_size" in metrics) == (version < (0, 130))
    assert ("series_expiration" in metrics) == (version >= (0, 158))
    assert ("without_scope_info" in made["exporters"]["prometheus"]) == (version >= (0, 150))
    queues = [body["sending_queue"] for body in made["exporters"].values() if "sending_queue" in body]
    assert len(queues) == 4
    assert all(("batch" in queue) == (version >= (0, 140)) for queue in queues)
    text = yaml.safe_dump(made)
    assert ("span.status.message" in text) == (version >= (0, 140))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(119, 200))
def test_no_release_is_given_a_name_or_an_option_of_a_later_one(fleet: Fleet, minor: int) -> None:
    """In both roles and for every destination; and once a name is new, the old one is gone."""
    version = (0, minor)
    stack = fleet.stack
    for signal in SIGNALS:
        chosen = tuple(replace(d, name=d.type) for d in AWAY.values() if signal in KINDS[d.type].signals)
        stack = replace(stack, **{signal: chosen})
    versions = replace(stack.versions, collector=version)
    files = generate(replace(fleet, stack=replace(stack, versions=versions)))
    for name in ("otel/collector.yaml", "otel/agent.yaml"):
        made = yaml.safe_load(files[name])
        for kind, renames in RENAMED.items():
            found = types(made, kind) if kind in made else set()
            for old, (new, since) in renames.items():
                # The receiver and the exporter were both called otlp; only the exporter was renamed.
                assert (old if version >= since else new) not in found
        for option, since in SINCE.items():
            # The one that is a way to write paths is told by its spelling.
            written = "span.name" if option == "paths_with_context" else option
            assert version >= since or not re.search(rf"\b{re.escape(written)}[:,)]", files[name]), option


def test_no_release_gets_the_batch_processor(fleet: Fleet) -> None:
    """It is on its way out; queues batch by themselves."""
    for version in ((0, 119), (0, 158)):
        assert "batch" not in types(config(fleet, version), "processors")


def test_new_names_differ_and_are_written_in_snake_case() -> None:
    """A row of the table that renames nothing, or runs backwards, is a mistake."""
    for kind, renames in RENAMED.items():
        for old, (new, since) in renames.items():
            assert old != new
            assert named(kind, old, since) == new
            assert named(kind, old, (since[0], since[1] - 1)) == old
            assert "_" in new
            assert "_" not in old


def test_a_component_that_was_never_renamed_keeps_its_name() -> None:
    assert named("processors", "tail_sampling", (0, 119)) == named("processors", "tail_sampling", (9, 0))
