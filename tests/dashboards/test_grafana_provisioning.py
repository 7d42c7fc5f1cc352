"""What Grafana reads when it starts."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import yaml

from modelwatch.compose import containers
from modelwatch.dashboards import generate, provisioning
from modelwatch.model.addresses import Addresses
from modelwatch.model.types import Destination, Fleet
from modelwatch.telemetry.spans import EXEMPLAR_TRACE_ID

Json = dict[str, Any]
SOURCES = "grafana/provisioning/datasources/modelwatch.yaml"
PROVIDERS = "grafana/provisioning/dashboards/modelwatch.yaml"


def expand(value: Any, environ: dict[str, str]) -> Any:
    """As Grafana reads provisioning files: ``$NAME`` is a variable, ``$$`` a dollar."""
    if isinstance(value, str):
        return re.sub(r"\$(\$|\w+)", lambda m: "$" if m[1] == "$" else environ[m[1]], value)
    if isinstance(value, dict):
        return {key: expand(item, environ) for key, item in value.items()}
    return [expand(item, environ) for item in value] if isinstance(value, list) else value


def sources(fleet: Fleet) -> dict[str, Json]:
    body = expand(yaml.safe_load(provisioning(fleet)[SOURCES]), {})
    return {source["type"]: source for source in body["datasources"]}


@pytest.fixture
def with_loki(fleet: Fleet) -> Fleet:
    logs = (Destination("loki", "loki", "http://127.0.0.1:3100"),)
    return replace(fleet, stack=replace(fleet.stack, logs=logs))


def test_data_sources_are_where_the_parts_listen(fleet: Fleet) -> None:
    """As Grafana sees them, which in containers is not as a person's browser does."""
    moved = {**fleet.addresses.internal, "prometheus": "prometheus:9090", "jaeger": "jaeger:16686"}
    found = sources(replace(fleet, addresses=Addresses(internal=moved)))
    assert {kind: source["url"] for kind, source in found.items()} == {
        "prometheus": "http://prometheus:9090",
        "alertmanager": "http://127.0.0.1:9093",
        "jaeger": "http://jaeger:16686",
    }


def test_the_stacks_own_loki_is_asked_where_it_is_and_any_other_where_the_spec_says(with_loki: Fleet) -> None:
    among = containers.addresses({})
    assert sources(replace(with_loki, addresses=among))["loki"]["url"] == "http://loki:3100"
    moved = Addresses.native({"MODELWATCH_PORT_LOKI": "4100"})
    assert sources(replace(with_loki, addresses=moved))["loki"]["url"] == "http://127.0.0.1:4100"
    theirs = replace(with_loki.stack, logs=(Destination("loki", "loki", "https://loki.example.com"),))
    assert sources(replace(with_loki, stack=theirs, addresses=among))["loki"]["url"] == "https://loki.example.com"


def test_uids_are_fixed_and_every_reference_leads_to_one(with_loki: Fleet) -> None:
    text = provisioning(with_loki)[SOURCES]
    uids = [source["uid"] for source in sources(with_loki).values()]
    assert len(uids) == len(set(uids)) == 4
    assert set(re.findall(r"(?:datasourceUid|alertmanagerUid): (\S+)", text)) == set(uids)


def test_an_exemplar_leads_to_its_trace(fleet: Fleet) -> None:
    """By the label that the services put on exemplars."""
    settings = sources(fleet)["prometheus"]["jsonData"]
    (destination,) = settings["exemplarTraceIdDestinations"]
    assert (destination["name"], destination["datasourceUid"]) == (EXEMPLAR_TRACE_ID, "modelwatch-jaeger")


def test_prometheus_is_asked_by_post_and_told_its_scrape_interval(fleet: Fleet) -> None:
    """$__rate_interval is made of the scrape interval."""
    settings = sources(fleet)["prometheus"]["jsonData"]
    assert settings["httpMethod"] == "POST"
    assert settings["timeInterval"] == fleet.stack.scrape_interval.text == "15s"
    assert sources(fleet)["prometheus"]["isDefault"] is True


def test_grafanas_own_templates_survive_the_reading_of_the_file(with_loki: Fleet) -> None:
    """A single dollar would be taken for an environment variable."""
    found = sources(with_loki)
    assert found["loki"]["jsonData"]["derivedFields"][0]["url"] == "${__value.raw}"
    assert "{$__tags}" in found["jaeger"]["jsonData"]["tracesToMetrics"]["queries"][0]["query"]


def test_without_a_trace_backend_nothing_points_to_one(fleet: Fleet) -> None:
    bare = replace(fleet, stack=replace(fleet.stack, traces=()))
    assert "jaeger" not in provisioning(bare)[SOURCES]


def test_boards_come_from_files_and_are_not_edited_in_the_browser(fleet: Fleet) -> None:
    (provider,) = yaml.safe_load(provisioning(fleet)[PROVIDERS])["providers"]
    assert provider["allowUiUpdates"] is False
    assert provider["options"]["foldersFromFilesStructure"] is True
    assert "folder" not in provider
    assert expand(provider["options"]["path"], {"MODELWATCH_GRAFANA_DASHBOARDS": "/boards"}) == "/boards"


def test_no_secret_is_written(with_loki: Fleet) -> None:
    """Data sources of the stack need none; a key here would be one too many."""
    assert "secure" not in provisioning(with_loki)[SOURCES].lower()
    assert "password" not in provisioning(with_loki)[SOURCES].lower()


def test_files_do_not_collide_with_the_boards(fleet: Fleet) -> None:
    assert not set(provisioning(fleet)) & set(generate(fleet))
