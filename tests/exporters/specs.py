"""Small specs for the sidecar's tests."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from pathlib import Path

import numpy as np

from modelwatch.model import defaults
from modelwatch.model import types as t
from modelwatch.model.units import Duration

# The model below as a file in a folder beside ``reference.csv``.
YAML = """\
apiVersion: modelwatch/v1
kind: Model
metadata: {name: flight-delay, owner: ops-ml}
serving: {job: flights}
task: {type: classification, classes: [on_time, late], positive_class: late}
features:
  - {name: hour, type: numeric, range: [0, 23]}
  - {name: distance, type: numeric}
  - {name: carrier, type: categorical}
baseline: {data: ../reference.csv}
"""
NAME, OTHER = "flight-delay", "other"


def feature(name: str, kind: t.FeatureType = "numeric", method: t.DriftMethod = "psi", **changes: object) -> t.Feature:
    warning, critical = defaults.DRIFT_THRESHOLDS[method]
    found = t.Feature(name, kind, t.Drift(method, warning, critical), defaults.MISSING_MAX_RATIO)
    return dataclasses.replace(found, **changes)  # type: ignore[arg-type]  # fields are replaced by name


FEATURES = (
    feature("hour", range=(Decimal(0), Decimal(23))),
    feature("distance", method="js"),
    feature("carrier", "categorical"),
)


def model(name: str = NAME, *, baseline: t.Baseline | None = None, **changes: object) -> t.Model:
    found = t.Model(
        name=name,
        owner="ops-ml",
        tier="standard",
        description="",
        links=t.Links(),
        serving=t.Serving("flights", "prod", "online", (), "/metrics", None),
        task=t.Task("classification", ("on_time", "late"), "late"),
        features=FEATURES,
        drift=t.DriftPolicy((Duration.parse("15m"), Duration.parse("1h")), 500, Decimal("0.001")),
        baseline=baseline,
        slos=(),
        limits=defaults.LIMITS,
        performance=defaults.PERFORMANCE,
        tracing=defaults.TRACING,
        routes={},
    )
    return dataclasses.replace(found, **changes)  # type: ignore[arg-type]  # fields are replaced by name


def fleet(*models: t.Model) -> t.Fleet:
    return t.Fleet(tuple(sorted(models, key=lambda found: found.name)), defaults.STACK)


def rows(seed: int, count: int, *, shift: float = 0.0) -> list[dict[str, object]]:
    """Rows as the reference has them; ``shift`` moves distances (in standard deviations) and favours one carrier."""
    rng = np.random.default_rng(seed)
    hours = rng.integers(0, 24, count)
    distances = rng.normal(1000 + 200 * shift, 200, count)
    weights = np.array([4 + 8 * shift, 3, 2, 1])
    carriers = rng.choice(["UA", "AA", "DL", "B6"], count, p=weights / weights.sum())
    late = rng.random(count) < 0.2
    sure = rng.beta(5, 2, count)
    return [
        {
            "features": {"hour": int(hours[i]), "distance": float(distances[i]), "carrier": str(carriers[i])},
            "prediction": "late" if late[i] else "on_time",
            "confidence": float(sure[i]),
        }
        for i in range(count)
    ]


def write_reference(path: Path, count: int = 20_000) -> Path:
    """A CSV of quiet rows."""
    lines = ["hour,distance,carrier,prediction,confidence"]
    for row in rows(0, count):
        features = row["features"]
        assert isinstance(features, dict)
        lines.append(",".join(str(value) for value in (*features.values(), row["prediction"], row["confidence"])))
    path.write_text("\n".join(lines) + "\n")
    return path
