"""All rule files of a fleet: two per model, and one for the stack. Families are listed here and nowhere else."""

from __future__ import annotations

from modelwatch.alert_rules import (
    answers,
    availability,
    data_quality,
    drift,
    drift_counts,
    drift_records,
    errors,
    latency,
    log_lines,
    meta,
    performance,
    relations,
    saturation,
    sidecar,
    slo,
    staleness,
    telemetry_path,
    traffic,
)
from modelwatch.alert_rules.rules import Alert, Condition, Group, Recording, RuleFile, Scope, scopes
from modelwatch.model.types import Fleet
from modelwatch.telemetry.records import SPEC_INFO

# In order: later families read what earlier ones record.
SYMPTOMS = (traffic, errors, latency, saturation, availability, performance)
DATA = (data_quality, answers, relations, staleness)
STACK_STEM = "modelwatch"
DRIFT_STEM = "drift"


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
    """Every group of one model but that of drift."""
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
    for family in (*SYMPTOMS, slo, drift, *DATA):
        found.update(getattr(family, "CONDITIONS", {}))
    return found


def drift_file(scope: Scope) -> RuleFile | None:
    """What is told of the whole fleet's counts: nothing where there is no reference to compare with.

    In a file of its own, since promtool evaluates whole files: these rules cost more than all others of a model.
    """
    rules: tuple[Recording | Alert, ...]
    rules = (*drift_records.rules(scope), *drift.rules(scope), *data_quality.counted(scope))
    if not rules:
        return None
    name = scope.model.name
    group = Group(f"{name}/drift", drift_counts.step(scope).text, rules)
    return RuleFile(f"{name}.{DRIFT_STEM}", (group,), scope.model)


def model_files(scope: Scope) -> tuple[RuleFile, ...]:
    compared = drift_file(scope)
    return (model_file(scope), *((compared,) if compared else ()))


def rule_files(fleet: Fleet) -> tuple[RuleFile, ...]:
    """Ordered by model."""
    interval = fleet.stack.evaluation_interval.text
    groups = (
        Group("modelwatch/meta", interval, (*meta.rules(fleet), *sidecar.rules())),
        Group("modelwatch/telemetry", interval, (*telemetry_path.rules(), *log_lines.rules())),
    )
    stack = RuleFile(STACK_STEM, groups)
    return (*(file for scope in scopes(fleet) for file in model_files(scope)), stack)
