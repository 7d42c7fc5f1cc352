"""Specs with a section ``logging``, requests to log, and texts that may not come out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from modelwatch.model.types import Kept, Logging, Model
from modelwatch.model.units import Duration
from modelwatch.otel import Watch
from tests.conftest import sample_model

CORPUS = yaml.safe_load((Path(__file__).parents[2] / "collector" / "private.yaml").read_text("utf-8"))
PRIVATE = [str(text) for texts in CORPUS.values() for text in texts]
EVERY: tuple[Kept, ...] = ("errors", "slow", "low_confidence", "drifted")
Lines = Callable[[], list[dict[str, Any]]]


def logged(**changes: Any) -> Logging:
    fields = {"level": "info", "sample": Decimal(1), "keep": EVERY, "allow": ("carrier",), "redact": ("passenger",)}
    return Logging(**{**fields, **changes})


def model(name: str = "flight-delay", *, slow: str = "1h", **changes: Any) -> Model:
    """Slow is out of reach unless a test asks for it: a busy machine pauses an inference for longer than the spec's limit."""
    spec = sample_model(name, logging=logged(**changes))
    return replace(spec, tracing=replace(spec.tracing, slow=Duration.parse(slow)))


def ask(watch: Watch, **how: Any) -> None:
    with watch.inference() as inference:
        inference.confidence(how.get("confidence", 0.9))
        if how.get("drifted"):
            inference.drifted()
        if how.get("error"):
            inference.fail("timeout")
