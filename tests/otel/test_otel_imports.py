"""A service pays for what it uses."""

from __future__ import annotations

import subprocess
import sys

import pytest

from modelwatch import otel

HEAVY = ("grpc", "google.protobuf", "requests", "yaml", "numpy", "pyarrow", "modelwatch.otel.collector")
ROOMS = ("dashboards", "alert_rules", "compose", "exporters", "cli", "writer")


def loaded_after(statement: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{statement}\nprint('\\n'.join(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_importing_the_package_loads_none_of_its_libraries() -> None:
    found = loaded_after("import modelwatch.otel")
    assert not found & {"opentelemetry", "prometheus_client", *HEAVY}


def test_an_untraced_watch_loads_neither_exporter_nor_generator() -> None:
    found = loaded_after("from modelwatch.otel import Watch")
    assert not found & {*HEAVY, *(f"modelwatch.{room}" for room in ROOMS)}


def test_setup_loads_no_grpc_and_no_generator() -> None:
    found = loaded_after("from modelwatch.otel import setup")
    assert "opentelemetry.exporter.otlp.proto.http.trace_exporter" in found
    assert not found & {"grpc", "numpy", "modelwatch.otel.collector", *(f"modelwatch.{room}" for room in ROOMS)}


def test_every_public_name_loads_and_others_are_refused() -> None:
    assert [name for name in otel.__all__ if getattr(otel, name) is None] == []
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = otel.nothing
