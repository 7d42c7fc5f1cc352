"""A stack that runs in containers: where its parts are, how they stand, how they end."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelwatch.compose import docker
from modelwatch.compose.backend import Condition
from modelwatch.compose.docker import Docker
from modelwatch.compose.state import Folder, RuntimeName
from modelwatch.compose.table import is_part
from modelwatch.model.addresses import DEFAULT_PORTS, LOOPBACK, Addresses, ports

# The service that listens at an address, where it is not called like it.
_SERVICES: Mapping[str, str] = {
    "otlp_grpc": "collector",
    "otlp_http": "collector",
    "span_metrics": "collector",
    "collector_health": "collector",
    "jaeger_otlp": "jaeger",
}
PREVIEW_PORT = 3001
"""Grafana has 3000 in containers."""


def addresses(environ: Mapping[str, str]) -> Addresses:
    """Among the containers a part has its service's name and its documented port; outside, a port on the loopback.

    Raises PortError.
    """
    found = ports(environ)
    if not environ.get("MODELWATCH_PORT_PREVIEW"):
        found["preview"] = PREVIEW_PORT
    return Addresses(
        internal={name: f"{_SERVICES.get(name, name)}:{port}" for name, port in DEFAULT_PORTS.items()},
        public={name: f"{LOOPBACK}:{port}" for name, port in found.items()},
        loopback="host.docker.internal",
    )


def project_name(folder: Folder) -> str:
    """Compose's name for the stack of this folder: two folders make two stacks."""
    return f"modelwatch-{hashlib.sha256(os.fsencode(folder.home)).hexdigest()[:10]}"


def variables_file(folder: Folder) -> Path:
    """What compose.yaml was given, for use by hand."""
    return folder.home / "compose.env"


def were_here(folder: Folder) -> bool:
    """Whether this stack was ever started in containers."""
    return variables_file(folder).exists()


@dataclass(frozen=True)
class Containers:
    """A running project, as a Runtime."""

    project: str
    docker: Docker

    @property
    def name(self) -> RuntimeName:
        return "containers"

    def conditions(self) -> dict[str, Condition]:
        return {name: docker.condition(item) for name, item in self.docker.containers(self.project).items()}

    def tail(self, name: str, lines: int) -> list[str]:
        text = self.docker.run(
            "compose",
            "--project-name",
            self.project,
            "logs",
            "--no-log-prefix",
            "--no-color",
            "--tail",
            str(lines),
            name,
        )
        return [line for line in text.splitlines() if line.strip()]

    def log(self, name: str) -> str:
        return f"docker compose --project-name {self.project} logs {name}"

    def hang_up(self, name: str) -> None:
        self.docker.run("compose", "--project-name", self.project, "kill", "--signal", "HUP", name)


def attach(project: str) -> Containers | None:
    """The running project, or None when none of its containers runs."""
    found = Containers(project, docker.here())
    return found if any(c.state == "running" for c in found.conditions().values()) else None


def stop(project: str, *, data: bool) -> tuple[str, ...]:
    """End the project's containers and remove them; the names of the parts among them."""
    client = docker.here()
    names = tuple(sorted(name for name in client.containers(project) if is_part(name)))
    client.down(project, data=data)
    return names
