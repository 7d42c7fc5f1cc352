"""The Collector's and Jaeger's files as a whole."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import yaml

from modelwatch.compose import containers
from modelwatch.model.addresses import Addresses
from modelwatch.model.types import Destination, Fleet
from modelwatch.otel.collector import generate
from modelwatch.telemetry.metrics import LATENCY_BUCKETS

Json = dict[str, Any]


def collector(fleet: Fleet, **stack: Any) -> Json:
    return dict(yaml.safe_load(generate(replace(fleet, stack=replace(fleet.stack, **stack)))["otel/collector.yaml"]))


def test_the_same_fleet_gives_the_same_bytes(fleet: Fleet) -> None:
    assert generate(fleet) == generate(fleet)


def test_nothing_listens_beyond_the_loopback_by_default(fleet: Fleet) -> None:
    """Every address in both files."""
    for text in generate(fleet).values():
        assert set(re.findall(r"\b(\S+):\d{4,5}\b", text)) == {"127.0.0.1"}
        assert "0.0.0.0" not in text


def test_parts_listen_where_they_were_moved(fleet: Fleet) -> None:
    moved = Addresses.native({"MODELWATCH_PORT_OTLP_HTTP": "5318", "MODELWATCH_PORT_JAEGER_OTLP": "5319"})
    files = generate(replace(fleet, addresses=moved))
    assert "127.0.0.1:5318" in files["otel/collector.yaml"]
    assert "127.0.0.1:4318" not in files["otel/collector.yaml"]
    assert "127.0.0.1:5318" in files["otel/agent.yaml"]
    # The spec's documented address follows its part, at both ends.
    for name in ("otel/collector.yaml", "otel/jaeger.yaml"):
        assert "127.0.0.1:5319" in files[name]
        assert "127.0.0.1:4319" not in files[name]


def test_secrets_come_from_the_environment_alone(fleet: Fleet) -> None:
    """A destination off this machine is given an Authorization header whose value the file does not know."""
    there = Destination("cold-store.eu", "otlp", "traces.example.com:4317")
    body = collector(fleet, traces=(there,))["exporters"]["otlp_grpc/traces-cold-store.eu"]
    assert body["headers"] == {"authorization": "${env:MODELWATCH_AUTHORIZATION_COLD_STORE_EU}"}
    assert body["tls"] == {"insecure": False}


@pytest.mark.parametrize(
    "here", [Destination("a", "otlp", "127.0.0.1:9999"), Destination("a", "jaeger", "jaeger:4317")]
)
def test_within_the_stack_nothing_is_encrypted_and_no_secret_is_sent(fleet: Fleet, here: Destination) -> None:
    body = collector(fleet, traces=(here,))["exporters"]["otlp_grpc/traces-a"]
    assert body["tls"] == {"insecure": True}
    assert "headers" not in body


def test_among_containers_the_stacks_loki_and_this_machine_are_called_by_their_names_there(fleet: Fleet) -> None:
    """In clear and without a secret, as on this machine itself."""
    among = containers.addresses({})
    logs = (
        Destination("loki", "loki", "http://127.0.0.1:3100/"),
        Destination("mine", "otlp", "http://localhost:5080"),
        Destination("other", "otlp", "127.0.0.1:5081"),
        Destination("away", "loki", "https://loki.example.com/base"),
    )
    made = collector(replace(fleet, addresses=among), logs=logs)["exporters"]
    assert made["otlp_http/logs-loki"]["endpoint"] == "http://loki:3100/otlp"
    assert made["otlp_http/logs-mine"]["endpoint"] == "http://host.docker.internal:5080"
    assert made["otlp_grpc/logs-other"]["endpoint"] == "host.docker.internal:5081"
    assert made["otlp_grpc/logs-other"]["tls"] == {"insecure": True}
    assert made["otlp_http/logs-away"]["endpoint"] == "https://loki.example.com/base/otlp"
    assert {name for name, body in made.items() if "headers" in body} == {"otlp_http/logs-away"}


def test_every_exporter_over_the_network_queues_on_disk_without_a_time_limit(fleet: Fleet) -> None:
    destinations = (Destination("a", "otlp", "x.example.com:4317"), Destination("b", "otlp", "http://127.0.0.1:1"))
    logs = (Destination("c", "loki", "http://127.0.0.1:3100/"),)
    made = collector(fleet, traces=destinations, logs=logs)
    sending = [body for name, body in made["exporters"].items() if name.startswith("otlp")]
    assert len(sending) == 3
    for body in sending:
        assert body["sending_queue"]["storage"] in made["service"]["extensions"]
        assert body["retry_on_failure"] == {"enabled": True, "max_elapsed_time": "0s"}
    assert made["extensions"]["file_storage/queue"]["directory"].startswith("${env:MODELWATCH_COLLECTOR_STATE}/")
    assert made["exporters"]["otlp_http/logs-c"]["endpoint"] == "http://127.0.0.1:3100/otlp"


def test_the_same_destination_for_traces_and_logs_is_two_exporters(fleet: Fleet) -> None:
    """Each with a queue of its own."""
    both = (Destination("there", "otlp", "127.0.0.1:9999"),)
    assert {"otlp_grpc/traces-there", "otlp_grpc/logs-there"} <= set(
        collector(fleet, traces=both, logs=both)["exporters"]
    )


def test_without_destinations_spans_are_still_counted(fleet: Fleet) -> None:
    made = collector(fleet, traces=(), logs=())
    assert set(made["service"]["pipelines"]) == {"traces/in", "metrics/spans", "metrics/in"}
    assert made["service"]["pipelines"]["traces/in"]["exporters"] == ["span_metrics"]


def test_span_metrics_have_the_buckets_of_the_contract(fleet: Fleet) -> None:
    """As durations, exact."""
    buckets = collector(fleet)["connectors"]["span_metrics"]["histogram"]["explicit"]["buckets"]
    assert [int(bucket.removesuffix("ms")) / 1000 for bucket in buckets] == list(LATENCY_BUCKETS)


def test_jaegers_config_is_made_where_jaeger_is_a_part_of_the_stack(fleet: Fleet) -> None:
    """Not where the traces go to someone else's."""
    assert "otel/jaeger.yaml" in generate(fleet)
    theirs = replace(fleet.stack, traces=(Destination("jaeger", "jaeger", "jaeger.example.com:4317"),))
    assert set(generate(replace(fleet, stack=theirs))) == {"otel/collector.yaml", "otel/agent.yaml"}


def test_jaeger_keeps_a_bounded_number_of_traces_in_memory(fleet: Fleet) -> None:
    made = yaml.safe_load(generate(fleet)["otel/jaeger.yaml"])
    (backend,) = made["extensions"]["jaeger_storage"]["backends"].values()
    assert backend["memory"]["max_traces"] > 0


def test_a_value_that_yaml_would_misread_is_quoted(fleet: Fleet) -> None:
    """What is parsed back is what was meant."""
    odd = Destination("yes", "file", "1e3.jsonl")
    assert "${env:MODELWATCH_COLLECTOR_STATE}/1e3.jsonl" in str(collector(fleet, logs=(odd,))["exporters"])
