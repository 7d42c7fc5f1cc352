"""Sidecars of the usual model over a folder of state."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import specs

from modelwatch.exporters.monitor import Snapshot
from modelwatch.exporters.sidecar import Sidecar
from modelwatch.exporters.state import State
from modelwatch.model import types as t


def fleet_of(reference: Path, *features: t.Feature) -> t.Fleet:
    model = specs.model(baseline=t.Baseline(data=str(reference)))
    return specs.fleet(dataclasses.replace(model, features=features or model.features))


def started(fleet: t.Fleet, root: Path, clock) -> Sidecar:  # type: ignore[no-untyped-def]
    sidecar = Sidecar(fleet, State(root), clock)
    sidecar.load()
    return sidecar


def counts_of(snapshot: Snapshot) -> dict[str, list[int]]:
    vectors = {"ever": snapshot.tally.counters, **{str(name): total for name, total in snapshot.totals.items()}}
    return {
        f"{watched.name} {name}": list(map(int, watched.counts(vector)))
        for name, vector in vectors.items()
        for watched in snapshot.layout.watched
    }
