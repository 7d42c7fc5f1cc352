"""Ports that the stack wants and somebody else has."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psutil

from modelwatch.compose.state import StackError


@dataclass(frozen=True)
class Taken:
    """A port of an address's name that cannot be had. ``holder`` is the process in words, where it can be known."""

    name: str
    host: str
    port: int
    holder: str | None

    def __str__(self) -> str:
        by = f" by {self.holder}" if self.holder else ""
        return f"{self.name}: port {self.port} is in use{by}: stop that, or set MODELWATCH_PORT_{self.name.upper()}=..."


def _bindable(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As servers do: a port whose last connections are closing can be had.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def _holder(port: int) -> str | None:
    """Whose it is; other users' processes stay unknown without their rights."""
    for process in psutil.process_iter(["name"]):
        try:
            for connection in process.net_connections(kind="tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                    return f"{process.info['name']} (process {process.pid})"
        except (psutil.Error, OSError):
            continue
    return None


def check_ports(addresses: Mapping[str, str], names: Iterable[str]) -> None:
    """Raises StackError that names every port which is wanted twice or held by another process."""
    problems: list[str] = []
    wanted: dict[int, str] = {}
    for name in names:
        host, _, text = addresses[name].rpartition(":")
        port = int(text)
        if port in wanted:
            problems.append(
                f"{name} and {wanted[port]} are both to have port {port}: set MODELWATCH_PORT_{name.upper()} to another"
            )
            continue
        wanted[port] = name
        if not _bindable(host, port):
            problems.append(str(Taken(name, host, port, _holder(port))))
    if problems:
        raise StackError("\n".join(problems))
