"""The agent: what it hands to a gateway, and how."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelwatch.model.addresses import Addresses
from modelwatch.model.types import Fleet
from modelwatch.otel.collector import generate
from modelwatch.telemetry import spans as s
from tests.collector.conftest import fetch, free_addresses, until
from tests.collector.telemetry import Service, kept, spans

README = Path(__file__).parents[2] / "otel" / "collector" / "README.md"
real = pytest.mark.real("otelcol-modelwatch")
INSECURE = {"MODELWATCH_GATEWAY_INSECURE": "true"}


def agent(fleet: Fleet) -> dict[str, Any]:
    return dict(yaml.safe_load(generate(fleet)["otel/agent.yaml"]))


def test_the_agent_redacts_before_it_sends_and_samples_nothing(fleet: Fleet) -> None:
    """Sampling and span metrics need all spans of a trace in one place."""
    made = agent(fleet)
    assert set(made["service"]["pipelines"]) == {"traces", "logs", "metrics/in"}
    for name, pipeline in made["service"]["pipelines"].items():
        first, *rest = ["memory_limiter", "resource_detection", "transform/scrub", "redaction"]
        assert pipeline["processors"] == ([first, "filter/metrics", *rest] if name == "metrics/in" else [first, *rest])
        assert pipeline["exporters"] == ["otlp_grpc/gateway"]
    assert made["processors"]["redaction"]["allow_all_keys"] is False
    assert "connectors" not in made


def test_the_agent_encrypts_unless_it_is_told_otherwise_and_queues_on_disk(fleet: Fleet) -> None:
    body = agent(fleet)["exporters"]["otlp_grpc/gateway"]
    assert body["tls"] == {"insecure": "${env:MODELWATCH_GATEWAY_INSECURE:-false}"}
    assert body["sending_queue"]["storage"] == "file_storage/queue"
    assert body["retry_on_failure"]["max_elapsed_time"] == "0s"


@pytest.fixture
def beside(moved: Fleet) -> Fleet:
    """The agent's fleet: other ports than the gateway's."""
    return replace(moved, addresses=free_addresses())


@pytest.fixture
def start_agent(part: Any, run: Any, moved: Fleet, beside: Fleet, tmp_path: Path) -> Callable[..., Any]:
    """Starts the agent, which sends to the gateway of ``moved``, and returns when it is ready."""

    def start(*arguments: str, env: Mapping[str, str] = INSECURE) -> Any:
        config = tmp_path / "agent.yaml"
        config.write_text(generate(beside)["otel/agent.yaml"], "utf-8")
        found = {
            "MODELWATCH_COLLECTOR_STATE": str(tmp_path / "agent"),
            "MODELWATCH_GATEWAY": moved.addresses.internal["otlp_grpc"],
            **env,
        }
        running = run(part("otelcol-modelwatch"), "--config", str(config), *arguments, env=found)
        until(lambda: running.process.poll() is not None or fetch(health(beside.addresses)), "the agent")
        assert running.process.poll() is None, running.stop()
        return running

    return start


def of_readme(first: str) -> str:
    """The example config in the README that begins with this section."""
    found = re.search(rf"```yaml\n({first}:\n.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert found
    return found[1]


def health(addresses: Addresses) -> str:
    return f"http://{addresses.internal['collector_health']}"


@pytest.fixture
def near(beside: Fleet) -> Iterator[Service]:
    """A service that sends to the agent."""
    made = Service(beside, **{"passenger.name": "Ada"})
    yield made
    made.provider.shutdown()


@real
def test_the_agent_starts_without_a_warning(start_agent: Any, collector: Any, moved: Fleet) -> None:
    collector(moved)
    log = start_agent().stop()
    assert not [line for line in log.splitlines() if re.search(r"\t(warn|error)\t|deprecat", line)]


@real
def test_through_agent_and_gateway_a_request_is_kept_by_policy(
    start_agent: Any, collector: Any, moved: Fleet, near: Service, tmp_path: Path
) -> None:
    models = tuple(replace(model, tracing=replace(model.tracing, sample=Decimal(0))) for model in moved.models)
    gateway = collector(replace(moved, models=models))
    running = start_agent()
    wanted = {near.request(error=True), near.request(**{s.DRIFTED.key: True}), near.request(milliseconds=300)}
    near.request()
    near.flush()
    running.stop()
    gateway.stop()
    assert kept(tmp_path / "state") == wanted


@real
def test_what_leaves_the_agent_is_redacted_already_and_survives_an_outage(
    start_agent: Any, part: Any, run: Any, moved: Fleet, beside: Fleet, near: Service, tmp_path: Path
) -> None:
    """The gateway here writes down whatever it gets, and is there only after the agent was killed."""
    first = start_agent()
    near.request(error=True, **{"feature.carrier": "Ada"})
    near.flush()
    metrics = f"http://{beside.addresses.internal['collector']}/metrics"
    until(lambda: re.search(r"otelcol_exporter_queue_size\{.* [1-9]", fetch(metrics)), "the queue on disk")
    first.stop(9)
    config, _ = receiver(tmp_path, moved.addresses.internal["otlp_grpc"])
    run(part("otelcol-modelwatch"), "--config", str(config))
    start_agent()
    found = until(lambda: spans(tmp_path), "the spans")
    assert {span["name"] for span in found} == {"inference flight-delay", "predict"}
    text = (tmp_path / "traces.jsonl").read_text("utf-8")
    assert "Ada" not in text
    assert "passenger" not in text


@real
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_with_the_config_of_the_readme_a_gateway_takes_from_other_machines_with_tls_and_a_token_only(
    start_agent: Any, collector: Any, moved: Fleet, near: Service, tmp_path: Path
) -> None:
    """An agent that does not encrypt gets nothing through; one that does needs no more than the token."""
    certificate, key, token = (tmp_path / name for name in ("gateway.crt", "gateway.key", "token"))
    asked = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    names = ("-subj", "/CN=gateway", "-addext", "subjectAltName=IP:127.0.0.1")
    files = ("-keyout", str(key), "-out", str(certificate), "-days", "2")
    subprocess.run([*asked, *names, *files], check=True, capture_output=True)
    token.write_text("an-example", "utf-8")
    (tmp_path / "reachable.yaml").write_text(of_readme("extensions"), "utf-8")
    gateway = collector(
        moved,
        "--config",
        str(tmp_path / "reachable.yaml"),
        env={
            "MODELWATCH_GATEWAY_TOKEN_FILE": str(token),
            "MODELWATCH_GATEWAY_LISTEN": moved.addresses.internal["otlp_grpc"],
            "MODELWATCH_GATEWAY_CERTIFICATE": str(certificate),
            "MODELWATCH_GATEWAY_KEY": str(key),
        },
    )
    in_clear = start_agent()
    waiting_in_clear = near.request(error=True)
    near.flush()
    time.sleep(2)
    in_clear.stop(9)
    assert kept(tmp_path / "state") == set()
    encrypted = start_agent(
        env={"SSL_CERT_FILE": str(certificate), "MODELWATCH_AUTHORIZATION_GATEWAY": "Bearer an-example"}
    )
    wanted = near.request(error=True)
    near.flush()
    until(lambda: wanted in kept(tmp_path / "state"), "the trace over TLS")
    encrypted.stop()
    gateway.stop()
    # What waited on disk meanwhile went the same way.
    assert kept(tmp_path / "state") == {waiting_in_clear, wanted}


@real
def test_with_the_config_of_the_readme_a_trace_a_trace_stays_on_one_of_several_gateways(
    start_agent: Any, part: Any, run: Any, beside: Fleet, tmp_path: Path
) -> None:
    """Also when its spans come from different services at different times; and both gateways get their part."""
    balance = yaml.safe_load(of_readme("exporters"))
    bodies = balance["exporters"].values()
    folders, hosts = [], []
    for number in range(2):
        folder = tmp_path / f"gateway{number}"
        folder.mkdir()
        config, address = receiver(folder)
        run(part("otelcol-modelwatch"), "--config", str(config))
        folders.append(folder)
        hosts.append(address)
    for body in bodies:
        body["resolver"] = {"static": {"hostnames": hosts}}
        body["protocol"]["otlp"]["tls"]["insecure"] = True
    (tmp_path / "balance.yaml").write_text(yaml.safe_dump(balance), "utf-8")
    start_agent("--config", str(tmp_path / "balance.yaml"))
    first, second = Service(beside), Service(beside)
    sent = set()
    for _ in range(40):
        trace = first.request()
        second.child_of(trace)
        sent.add(trace)
    for service in (first, second):
        service.flush()
        service.provider.shutdown()
    until(lambda: sum(len(spans(folder)) for folder in folders) == 120, "all spans")
    one, other = map(kept, folders)
    assert one | other == sent
    assert not one & other
    assert one and other


def receiver(folder: Path, address: str = "") -> tuple[Path, str]:
    """Config of a Collector that writes down whatever it gets, and its address."""
    address = address or free_addresses().internal["otlp_grpc"]
    plain = {
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": address}}}},
        "exporters": {"file": {"path": str(folder / "traces.jsonl"), "flush_interval": "100ms"}},
        "service": {
            "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["file"]}},
            "telemetry": {"metrics": {"level": "none"}},
        },
    }
    config = folder / "plain.yaml"
    config.write_text(yaml.safe_dump(plain), "utf-8")
    return config, address
