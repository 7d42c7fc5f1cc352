"""Ports are moved by variables, and a variable that would be without effect is told."""

from __future__ import annotations

import pytest

from modelwatch.model.addresses import DEFAULT_PORTS, Addresses, PortError, ports


def test_every_part_has_a_variable_of_its_own() -> None:
    moved = {f"MODELWATCH_PORT_{part.upper()}": str(port + 1) for part, port in DEFAULT_PORTS.items()}
    assert ports(moved) == {part: port + 1 for part, port in DEFAULT_PORTS.items()}


@pytest.mark.parametrize(
    ("variable", "help"),
    [
        ("MODELWATCH_PORT_PROMETEUS", "did you mean MODELWATCH_PORT_PROMETHEUS?"),
        ("MODELWATCH_PORT_OTLPGRPC", "did you mean MODELWATCH_PORT_OTLP_GRPC?"),
        ("MODELWATCH_PORT_prometheus", "did you mean MODELWATCH_PORT_PROMETHEUS?"),
        ("modelwatch_port_demo", "did you mean MODELWATCH_PORT_DEMO?"),
        ("MODELWATCH_PORT_TOMCAT", "unset it, or end it with one of DEMO, PAGERDUTY, PROMETHEUS, "),
    ],
)
def test_a_variable_that_moves_no_part_is_told_with_the_one_that_is_meant(variable: str, help: str) -> None:
    with pytest.raises(PortError) as raised:
        Addresses.native({variable: "19090"})
    assert str(raised.value).startswith(f"{variable} moves no part: {help}")


@pytest.mark.parametrize("value", ["0", "65536", "-1", "9090 ", "9o90", "http://x", "²", "9" * 5000, "00009090"])
def test_a_value_that_is_no_port_is_told(value: str) -> None:
    with pytest.raises(
        PortError, match=r"MODELWATCH_PORT_DEMO=.* is no port: give a number from 1 to 65535, or unset it"
    ):
        ports({"MODELWATCH_PORT_DEMO": value})


def test_an_empty_variable_moves_nothing() -> None:
    assert ports({"MODELWATCH_PORT_DEMO": "", "MODELWATCH_PORT_TOMCAT": ""}) == dict(DEFAULT_PORTS)


def test_what_kubernetes_sets_beside_a_service_of_our_name_is_no_mistake() -> None:
    links = {
        "MODELWATCH_PORT": "tcp://10.0.0.7:9180",
        "MODELWATCH_PORT_9180_TCP": "tcp://10.0.0.7:9180",
        "MODELWATCH_PORT_9180_TCP_ADDR": "10.0.0.7",
        "MODELWATCH_PORT_9180_TCP_PORT": "9180",
        "MODELWATCH_PORT_9180_TCP_PROTO": "tcp",
    }
    assert ports(links) == dict(DEFAULT_PORTS)
