"""Where a service sends its traces is told, and what is told is what the helpers do."""

from __future__ import annotations

import json
import os
import re

import pytest

from modelwatch.compose.sending import receiver
from modelwatch.model.addresses import Addresses
from modelwatch.otel.otlp import exporter


def test_the_variables_that_are_told_lead_the_helpers_to_the_moved_port(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Either of the two, taken from the line as a person would."""
    found = receiver(("collector",), Addresses.native({"MODELWATCH_PORT_OTLP_HTTP": "19218"}).public)
    assert found is not None
    variables = re.findall(r"([A-Z_]+)=([a-z0-9:/.]+)", found.said())
    assert [name for name, _ in variables] == ["OTEL_EXPORTER_OTLP_ENDPOINT", "MODELWATCH_PORT_OTLP_HTTP"]
    for name, value in variables:
        with monkeypatch.context() as service:
            service.setenv(name, value)
            # Where it says that it sends to, if it is refused.
            assert exporter(os.environ)._where == "http://127.0.0.1:19218/v1/traces"


def test_at_the_documented_port_the_helpers_need_no_variable() -> None:
    found = receiver(("collector",), Addresses().public)
    assert found is not None
    assert found.said().startswith("services send traces to http://127.0.0.1:4318 (modelwatch's helpers by themselves")


def test_up_and_status_tell_where_services_send_their_traces(fake_stack) -> None:
    """With a Collector, as text and as JSON."""
    fake_stack.parts["collector"] = {}
    http, grpc = (f"http://127.0.0.1:{fake_stack.ports[name]}" for name in ("otlp_http", "otlp_grpc"))
    assert f"services send traces to {http} " in fake_stack.up()
    assert f"services send traces to {http} " in fake_stack.run("status", "text").stdout
    assert json.loads(fake_stack.run("status").stdout)["otlp"] == {"http": http, "grpc": grpc}


@pytest.mark.parametrize("waits", [False, True])
def test_without_a_collector_nobody_is_told_to_send(fake_stack, patiently, waits: bool) -> None:
    """Neither where it is no part nor where its program is missing and nobody builds it."""
    if waits:
        del fake_stack.environ["MODELWATCH_OTELCOL"]
        fake_stack.parts["collector"] = {"waits": "otelcol"}
    assert "services send traces" not in fake_stack.up()
    # A part whose program is missing may be seen for a moment as one that starts.
    patiently(lambda: json.loads(fake_stack.run("status").stdout)["otlp"] is None)
    patiently(lambda: "services send traces" not in fake_stack.run("status", "text").stdout)
