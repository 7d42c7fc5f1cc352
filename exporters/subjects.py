"""What of a model is watched: its features, and its answers as pseudo-features ``prediction`` and ``confidence``."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from modelwatch.model import defaults
from modelwatch.model import types as t

Role = Literal["feature", "prediction", "confidence"]

PREDICTION: Role = "prediction"
CONFIDENCE: Role = "confidence"


@dataclass(frozen=True, slots=True)
class Subject:
    """One distribution to watch. ``role`` says where a row holds its value."""

    feature: t.Feature
    role: Role = "feature"

    @property
    def name(self) -> str:
        return self.feature.name

    @property
    def numeric(self) -> bool:
        return self.feature.type == "numeric"


def subjects(model: t.Model) -> tuple[Subject, ...]:
    """Features first. A feature called ``prediction`` or ``confidence`` takes the place of the pseudo-feature."""
    answer = t.Feature(
        name=PREDICTION,
        type="categorical" if model.task.type == "classification" else "numeric",
        drift=model.drift.answers,
        missing_max_ratio=Decimal(1),
        max_categories=max(defaults.MAX_CATEGORIES, len(model.task.classes)),
    )
    sure = t.Feature(
        name=CONFIDENCE,
        type="numeric",
        drift=answer.drift,
        missing_max_ratio=Decimal(1),
        range=(Decimal(0), Decimal(1)),
    )
    taken = {feature.name for feature in model.features}
    return (
        *(Subject(feature) for feature in model.features),
        *(subject for subject in (Subject(answer, PREDICTION), Subject(sure, CONFIDENCE)) if subject.name not in taken),
    )
