"""A sidecar over a folder, and rows for it, for tests of what goes wrong."""

from __future__ import annotations

import errno
from pathlib import Path

import specs

from modelwatch.exporters.ingest.json_rows import rows_table
from modelwatch.exporters.sidecar import Sidecar
from modelwatch.exporters.state import State


def sidecar_of(root: Path, clock) -> Sidecar:  # type: ignore[no-untyped-def]
    sidecar = Sidecar(specs.fleet(specs.model()), State(root), clock)
    sidecar.load()
    return sidecar


def accepted(root: Path, clock) -> int:  # type: ignore[no-untyped-def]
    return sidecar_of(root, clock).snapshots()[0].tally.accepted


def ingest_ten(sidecar: Sidecar, seed: int = 1) -> int:
    return sidecar.ingest(specs.NAME, rows_table(specs.rows(seed, 10))).accepted


def fail(*_: object) -> None:
    raise OSError(errno.EIO, "Input/output error")
