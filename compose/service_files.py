"""Folders that services write to, as their specs say, and that parts of the stack read: rows and log lines."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from modelwatch.compose.backend import Setup
from modelwatch.compose.state import RuntimeName
from modelwatch.model.types import Fleet, Stack

JAEGER = "otel/jaeger.yaml"
CONFIG = "otel/logs.yaml"
"""What has the Collector read lines; there where a spec has a section `logging`."""
GLOB = "MODELWATCH_LOGS"
"""Where that config finds them. Set by the user, it is what is read."""


def rows(fleet: Fleet) -> tuple[str, ...]:
    """Folders with rows for the sidecar."""
    found = {m.logging.predictions.folder for m in fleet.models if m.logging and m.logging.predictions}
    return tuple(sorted(found))


def lines(fleet: Fleet) -> tuple[str, ...]:
    """Folders with log lines for the Collector."""
    return tuple(sorted({m.logging.files.folder for m in fleet.models if m.logging and m.logging.files}))


def pattern(folders: Sequence[str], environ: Mapping[str, str]) -> str:
    """The Collector's glob for the files in all these folders; empty where there is nothing to read."""
    if chosen := environ.get(GLOB):
        return chosen
    if not folders:
        return ""
    plain = [_escaped(folder.strip("/")) for folder in folders]
    # It begins with a slash, since a text that begins with a brace would be read as a mapping.
    return f"/{plain[0]}/*.jsonl" if len(plain) == 1 else f"/{{{','.join(plain)}}}/*.jsonl"


def kept(stack: Stack) -> str:
    """The file in which the Collector keeps logs, as seen from its folder; empty where they go elsewhere."""
    return next((to.endpoint for to in stack.logs if to.type == "file"), "")


def told(setup: Setup, runtime: RuntimeName) -> str:
    """Where a person finds the log lines that the Collector has read; empty where none are to come."""
    file = kept(setup.fleet.stack)
    if not file or CONFIG not in setup.files or not pattern(lines(setup.fleet), setup.environ):
        return ""
    where = str(setup.folder.data / "collector" / file) if runtime == "native" else f"/state/{file} in the Collector"
    traces = f", and below their trace at http://{setup.addresses.public['preview']}/traces"
    return f"log lines of services: {where}{traces if JAEGER in setup.files else ''}"


def _escaped(folder: str) -> str:
    """A comma cannot be escaped between braces; the sign that stands for any one can."""
    return re.sub(r"[*?\[\]{}\\]", r"\\\g<0>", folder).replace(",", "?")
