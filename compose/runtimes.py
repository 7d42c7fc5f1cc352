"""The two ways to run a stack, by name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from modelwatch.compose import containers, native
from modelwatch.compose.backend import Backend, Runtime, Say, Setup
from modelwatch.compose.containers_backend import ContainersBackend
from modelwatch.compose.native_backend import NativeBackend, have_core
from modelwatch.compose.parts import Failed, PartStatus, Unavailable, status
from modelwatch.compose.parts.machine import Machine
from modelwatch.compose.state import Folder, Record, RuntimeName, StackError
from modelwatch.compose.table import part_named
from modelwatch.model.addresses import Addresses


def addresses(name: RuntimeName, environ: Mapping[str, str]) -> Addresses:
    """Raises PortError."""
    return Addresses.native(environ) if name == "native" else containers.addresses(environ)


def backend(name: RuntimeName, setup: Setup, say: Say) -> Backend:
    """Raises StackError for what is missing."""
    if name == "containers":
        return ContainersBackend(setup, say)
    machine = Machine(root=setup.folder.root, env=setup.environ)
    have_core(machine, say)
    return NativeBackend(setup, machine)


def attach(folder: Folder, record: Record) -> Runtime | None:
    """The running stack of a record, or None when nothing of it answers."""
    if record.runtime == "native":
        return native.attach(folder, record.control)
    return containers.attach(record.control)


def stop(folder: Folder, record: Record | None, *, data: bool = False) -> tuple[str, ...]:
    """End all that belongs to this stack; the names of what ran. Raises StackError when it cannot."""
    names: tuple[str, ...] = ()
    if record and record.runtime == "containers":
        names = containers.stop(record.control, data=data)
    elif data and containers.were_here(folder):
        # An earlier run's volumes. Where there is no Docker any more they cannot be had back, nor removed.
        with contextlib.suppress(StackError):
            containers.stop(containers.project_name(folder), data=True)
    # Even beside containers: a native stack that was left by a killed supervisor.
    return names + native.stop(folder, record.control if record and record.runtime == "native" else "")


def tools(folder: Folder, environ: Mapping[str, str]) -> Mapping[str, PartStatus]:
    """How each real program stands, by its name."""
    return {item.part.name: item for item in status(machine=Machine(root=folder.root, env=environ))}


def outlook(backend: Backend, setup: Setup) -> Iterator[str]:
    """A sentence on each part that is not running yet: when it joins, or what is lost and how to add it."""
    if not backend.pending:
        return
    found = tools(setup.folder, setup.environ)
    for name, needs in backend.pending.items():
        title, item = part_named(name).title, found[needs]
        lost, add = item.pins[0].source.lost, item.pins[0].source.add
        match item.state:
            case Unavailable(why=why):
                yield f"{title} is missing: {why}\n  without it: {lost}\n  to add it: {add}"
            case Failed(reason=reason, log=log, mend=mend):
                yield f"{title} could not be built: {reason}\n  without it: {lost}\n  help: {mend} (log: {log})"
            case _ if backend.builds:
                minutes = max(1, round(item.pins[0].source.seconds / 60))
                yield f"{title} is being built and joins when it is ready (about {minutes} min): `modelwatch status`"
            case _:
                yield f"{title} is not here; `modelwatch tools install {needs}` has it join\n  without it: {lost}"
