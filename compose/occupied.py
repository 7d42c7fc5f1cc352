"""Ports that the stack wants and somebody else has."""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from modelwatch.compose.state import MARK, StackError


@dataclass(frozen=True)
class Holder:
    """A process that listens. ``stack`` is the folder of the modelwatch stack that it is part of."""

    name: str
    pid: int
    stack: str = ""


@dataclass(frozen=True)
class Taken:
    """A port of an address's name that cannot be had. ``holder`` is None where it cannot be known."""

    name: str
    host: str
    port: int
    holder: Holder | None = None

    @property
    def stack(self) -> str:
        return self.holder.stack if self.holder else ""


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


def _holders(ports: Collection[int]) -> dict[int, Holder]:
    """Whose they are; other users' processes stay unknown without their rights."""
    found: dict[int, Holder] = {}
    for process in psutil.process_iter(["name"]) if ports else ():
        try:
            for connection in process.net_connections(kind="tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port in ports:
                    home = process.environ().get(MARK, "")
                    stack = str(Path(home).parent) if home else ""
                    found[connection.laddr.port] = Holder(process.info["name"], process.pid, stack)
        except (psutil.Error, OSError):
            continue
    return found


def holder(port: int) -> Holder | None:
    """Who listens at a port of this machine; None where nobody does, or it cannot be known."""
    return _holders({port}).get(port)


def _words(taken: Sequence[Taken], wanted: Collection[int]) -> list[str]:
    """What stands in the way, a paragraph for each other stack, and a command that goes around it all."""
    lines = []
    for stack in sorted({one.stack for one in taken if one.stack}):
        theirs = ", ".join(f"{one.name} {one.port}" for one in taken if one.stack == stack)
        lines.append(
            f"another modelwatch, of the folder {stack}, has these ports: {theirs}: `modelwatch down` there stops it"
        )
    for one in taken:
        if not one.stack:
            by = f" by {one.holder.name} (process {one.holder.pid})" if one.holder else ""
            lines.append(f"{one.name}: port {one.port} is in use{by}: stop that, or move this part")
    used = set(wanted)
    moves = []
    for one in taken:
        free = next(
            (port for port in range(one.port + 1, 65536) if port not in used and _bindable(one.host, port)), None
        )
        if free is not None:
            used.add(free)
            moves.append(f"MODELWATCH_PORT_{one.name.upper()}={free}")
    if moves:
        lines += ["help: to move what is to run here (the ports are remembered):", f"  {' '.join(moves)} modelwatch up"]
    return lines


def check_ports(addresses: Mapping[str, str], names: Iterable[str]) -> None:
    """Raises StackError that names every port which is wanted twice or held by another process."""
    problems: list[str] = []
    wanted: dict[int, str] = {}
    taken: list[Taken] = []
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
            taken.append(Taken(name, host, port))
    holders = _holders({one.port for one in taken})
    problems += _words([Taken(one.name, one.host, one.port, holders.get(one.port)) for one in taken], wanted)
    if problems:
        raise StackError("\n".join(problems))
