"""All rule files of a fleet: one per model, and one for the stack. Families are listed here and nowhere else."""

from __future__ import annotations

from modelwatch.alert_rules import (
    availability,
    data_quality,
    drift,
    errors,
    latency,
    meta,
    performance,
    saturation,
    slo,
    staleness,
    traffic,
)
from modelwatch.alert_rules.rules import Condition, Group, Recording, RuleFile, Scope, scopes
from modelwatch.model.types import Fleet
from modelwatch.telemetry.records import SPEC_INFO

# In order: later families read what earlier ones record.
SYMPTOMS = (traffic, errors, latency, saturation, availability, performance)
DATA = (drift, data_quality, staleness)
STACK_STEM = "modelwatch"


def _info(scope: Scope) -> Recording:
    model = scope.model
    return Recording(
        SPEC_INFO.name,
        "vector(1)",
        {
            "model": model.name,
            "team": model.owner,
            "env": model.serving.environment,
            "tier": model.tier,
            "task": model.task.type,
            "mode": model.serving.mode,
        },
    )


def model_file(scope: Scope) -> RuleFile:
    """Every group of one model."""
    name, interval = scope.model.name, scope.stack.evaluation_interval.text
    symptoms = [rule for family in SYMPTOMS for rule in family.rules(scope)]
    data = [rule for family in DATA for rule in family.rules(scope)]
    groups = (
        Group(f"{name}/symptoms", interval, (_info(scope), *symptoms)),
        *slo.groups(scope),
        Group(f"{name}/data", interval, tuple(data)),
    )
    return RuleFile(name, groups, scope.model)


def conditions() -> dict[str, Condition]:
    """The alerts that not every model has, by name."""
    found: dict[str, Condition] = {}
    for family in (*SYMPTOMS, slo, *DATA):
        found.update(getattr(family, "CONDITIONS", {}))
    return found


def rule_files(fleet: Fleet) -> tuple[RuleFile, ...]:
    stack = RuleFile(STACK_STEM, (Group("modelwatch/meta", fleet.stack.evaluation_interval.text, meta.rules(fleet)),))
    return (*(model_file(scope) for scope in scopes(fleet)), stack)
