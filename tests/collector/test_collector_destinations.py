"""Exporters by destination: in the real Collector where it has them, otherwise against what their authors document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from modelwatch.model.destinations import KINDS, stays_here
from modelwatch.model.types import Destination, DestinationType, Fleet, Versions
from modelwatch.otel.collector import generate

Json = dict[str, Any]
DOCUMENTED: Json = yaml.safe_load(Path(__file__).with_name("documented_exporters.yaml").read_text("utf-8"))

# One of each that is off this machine.
AWAY = {
    "jaeger": Destination("away", "jaeger", "jaeger.example.com:4317"),
    "otlp": Destination("away", "otlp", "otlp.example.com:4317"),
    "tempo": Destination("away", "tempo", "tempo.example.com:4317"),
    "loki": Destination("away", "loki", "https://loki.example.com"),
    "prometheus": Destination("away", "prometheus", "https://prometheus.example.com/base/"),
    "zipkin": Destination("away", "zipkin", "https://zipkin.example.com/api/v2/spans"),
    "elasticsearch": Destination("away", "elasticsearch", "https://elastic.example.com:9200"),
    "influxdb": Destination("away", "influxdb", "https://influx.example.com", org="a $b", bucket="traces"),
    "azuremonitor": Destination("away", "azuremonitor"),
    "awsxray": Destination("away", "awsxray", region="eu-central-1"),
    "awsemf": Destination("away", "awsemf", region="eu-central-1"),
    "datadog": Destination("away", "datadog", site="datadoghq.eu"),
    "file": Destination("away", "file", "/var/lib/a.jsonl"),
}
CASES = [(kind, signal) for kind in AWAY for signal in KINDS[kind].signals]
# These have no queue, and say so in the README.
NO_QUEUE = {"awsxray", "awsemf", "file"}


def exporter(fleet: Fleet, kind: str, signal: str, version: tuple[int, int] = (0, 158)) -> tuple[str, Json]:
    """Type and config of the exporter for that destination, which stands in a pipeline of its signal."""
    versions = Versions(fleet.stack.versions.prometheus, fleet.stack.versions.alertmanager, version)
    stack = replace(fleet.stack, traces=(), metrics=(), logs=(), versions=versions)
    stack = replace(stack, **{signal: (AWAY[kind],)})
    made = yaml.safe_load(generate(replace(fleet, stack=stack))["otel/collector.yaml"])
    ((name, body),) = [(name, body) for name, body in made["exporters"].items() if name != "prometheus"]
    pipelines = [key for key, pipeline in made["service"]["pipelines"].items() if name in pipeline["exporters"]]
    assert {pipeline.partition("/")[0] for pipeline in pipelines} == {signal}
    return name.partition("/")[0], body


def leaves(body: object) -> Iterator[str]:
    if isinstance(body, dict | list):
        for item in body.values() if isinstance(body, dict) else body:
            yield from leaves(item)
    else:
        yield str(body)


def test_every_type_of_the_spec_has_a_case() -> None:
    assert set(AWAY) == set(KINDS) == set(get_args(DestinationType))


@pytest.mark.parametrize(("kind", "signal"), CASES)
def test_a_destination_off_this_machine_is_encrypted_and_its_secret_is_in_no_file(
    fleet: Fleet, kind: str, signal: str
) -> None:
    _, body = exporter(fleet, kind, signal)
    texts = list(leaves(body))
    assert not [text for text in texts if text.startswith("http://")]
    assert body.get("tls", {}).get("insecure", False) is False
    secrets = [text for text in texts if "env:MODELWATCH_AUTHORIZATION" in text]
    # AWS finds its credentials by itself.
    assert secrets == ([] if kind in ("awsxray", "awsemf", "file") else ["${env:MODELWATCH_AUTHORIZATION_AWAY}"])


@pytest.mark.parametrize(("kind", "signal"), CASES)
def test_what_cannot_be_sent_waits_on_disk(fleet: Fleet, kind: str, signal: str) -> None:
    """Not of those whose exporters have no queue."""
    _, body = exporter(fleet, kind, signal)
    assert ("sending_queue" in body) == (kind not in NO_QUEUE)
    if kind not in NO_QUEUE:
        assert body["sending_queue"]["storage"] == "file_storage/queue"
    if kind not in NO_QUEUE | {"elasticsearch", "azuremonitor"}:
        assert body["retry_on_failure"] == {"enabled": True, "max_elapsed_time": "0s"}


def test_a_dollar_of_the_spec_is_not_expanded(fleet: Fleet) -> None:
    assert exporter(fleet, "influxdb", "logs")[1]["org"] == "a $$b"


def test_metrics_reach_the_otlp_endpoint_of_prometheus(fleet: Fleet) -> None:
    kind, body = exporter(fleet, "prometheus", "metrics")
    assert (kind, body["endpoint"]) == ("otlp_http", "https://prometheus.example.com/base/api/v1/otlp")


@pytest.mark.parametrize(
    ("kind", "endpoint", "here"),
    [
        ("otlp", "127.0.0.1:4317", True),
        ("otlp", "[::1]:4317", True),
        ("otlp", "http://localhost", True),
        ("otlp", "http://127.0.0.1:4318/x", True),
        ("otlp", "collector:4317", False),
        ("otlp", "http://127.0.0.1.example.com:80", False),
        ("jaeger", "jaeger:4317", True),
        ("jaeger", "jaeger.example.com:4317", False),
        ("jaeger", "[fe80::1]:4317", False),
        ("jaeger", "[::1]:4317", True),
    ],
)
def test_only_this_machine_and_the_stacks_own_jaeger_are_sent_to_in_clear(kind: str, endpoint: str, here: bool) -> None:
    assert stays_here(kind, endpoint) is here


def documented(kind: str) -> Json:
    """Fields of an exporter, those that it shares with others included."""
    entry = DOCUMENTED["exporters"][kind]
    found: Json = {}
    for shared in entry["includes"]:
        found |= DOCUMENTED["shared"][shared]["fields"]
    for field in entry.get("refuses", ()):
        found.pop(field)
    for field, below in entry["fields"].items():
        found[field] = DOCUMENTED["shared"][below]["fields"] if isinstance(below, str) else below
    return found


def undocumented(body: Json, fields: Json, path: str = "") -> list[str]:
    """Paths in a config that its author does not document."""
    found = []
    for key, value in body.items():
        if key not in fields:
            found.append(path + key)
        elif isinstance(fields[key], dict) and isinstance(value, dict):
            found += undocumented(value, fields[key], f"{path}{key}.")
    return found


NOT_RUN = [(kind, signal) for kind, signal in CASES if kind.replace("azurem", "azure_m") in DOCUMENTED["exporters"]]


@pytest.mark.parametrize(("kind", "signal"), NOT_RUN)
def test_an_exporter_that_is_not_run_here_uses_documented_fields_only(fleet: Fleet, kind: str, signal: str) -> None:
    """None that is deprecated, one at least of those it needs, and the secret where it belongs."""
    name, body = exporter(fleet, kind, signal)
    entry = DOCUMENTED["exporters"][name]
    assert undocumented(body, documented(name)) == []
    assert set(body) & set(entry["needs_one_of"])
    if "secret" in entry:
        value: Any = body
        for step in entry["secret"].split("."):
            value = value[step]
        assert "${env:MODELWATCH_AUTHORIZATION_AWAY}" in str(value)


def test_the_check_of_fields_sees_one_that_is_not_documented(fleet: Fleet) -> None:
    """At the top and below, and one that is documented for the HTTP client but refused by this exporter."""
    _, body = exporter(fleet, "datadog", "traces")
    body["headers"] = {}
    body["api"]["token"] = "x"
    body["sending_queue"]["batch"]["size"] = 1
    fields = documented("datadog")
    assert sorted(undocumented(body, fields)) == ["api.token", "headers", "sending_queue.batch.size"]


def test_every_documented_list_names_its_source() -> None:
    for entry in (*DOCUMENTED["shared"].values(), *DOCUMENTED["exporters"].values()):
        source = entry["source"]
        assert "core" in source or (re.fullmatch("[0-9a-f]{40}", source["commit"]) and source["path"].endswith(".yaml"))


def test_elasticsearch_is_asked_again_under_the_name_that_the_release_knows(fleet: Fleet) -> None:
    """And without what only later ones know."""
    _, old = exporter(fleet, "elasticsearch", "logs", (0, 119))
    assert old["retry"]["max_requests"] > 1000
    assert "max_retries" not in old["retry"]
    assert "batch" not in old["sending_queue"]
    assert exporter(fleet, "azuremonitor", "logs", (0, 119))[0] == "azuremonitor"
