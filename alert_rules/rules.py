"""What a family hands out: recordings and alerts, each alert with the page that explains it and the tests that prove it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from modelwatch.model.types import Fleet, Model, Severity, Stack
from modelwatch.telemetry import labels as L


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording rule; ``labels`` are the identity labels of its record."""

    record: str
    expr: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Runbook:
    """What the woken person reads: meaning, what users see, where to look (question -> query), what to do."""

    meaning: str
    impact: str
    look: tuple[tuple[str, str], ...]
    act: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One promtool test: series in promtool's notation, a time, and the extra labels of each alert that must fire.

    ``step`` is the time between the values of ``series``; ``every`` is how often rules are evaluated in the test,
    which only matters to rules that read recordings over time. ``fires`` empty means that nothing may fire.
    """

    title: str
    series: Mapping[str, str]
    at: str
    fires: tuple[Mapping[str, str], ...] = ()
    step: str = "1m"
    every: str = "1m"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alerting rule. ``labels`` are the complete static labels; ``threshold`` is the number of the spec it compares with."""

    name: str
    expr: str
    labels: Mapping[str, str]
    summary: str
    description: str
    runbook: Runbook
    scenarios: tuple[Scenario, ...]
    wait: str = ""
    threshold: str = ""
    spec_field: str = ""

    @property
    def severity(self) -> str:
        return self.labels[L.SEVERITY]


def stack_labels(severity: Severity | str) -> dict[str, str]:
    """Alerts of the stack itself belong to no model: the same label set keeps grouping and routing uniform."""
    return {L.MODEL: "modelwatch", L.TEAM: "platform", L.ENV: "all", L.SEVERITY: severity, L.CATEGORY: "meta"}


@dataclass(frozen=True, slots=True)
class Need:
    """Something that a model must have: ``what`` in words, with the field of the spec that gives it."""

    what: str
    met: Callable[[Model], bool]


@dataclass(frozen=True, slots=True)
class Condition:
    """What a model needs to have an alert that not every model has. ``example`` is the part of a spec that gives it.

    The families themselves ask ``holds``, so what is told of an alert cannot differ from when it is generated.
    """

    needs: tuple[Need, ...]
    example: str

    def holds(self, model: Model) -> bool:
        return all(need.met(model) for need in self.needs)

    def unmet(self, model: Model) -> tuple[str, ...]:
        return tuple(need.what for need in self.needs if not need.met(model))


# What is told of the fleet's counts needs bins to count in.
BASELINE = Need("baseline.data or baseline.profile", lambda model: model.baseline is not None)


@dataclass(frozen=True, slots=True)
class Group:
    """Rules evaluated in order. A rule only ever reads recordings of its own group, so nothing lags or races."""

    name: str
    interval: str
    rules: tuple[Recording | Alert, ...]

    @property
    def alerts(self) -> tuple[Alert, ...]:
        return tuple(rule for rule in self.rules if isinstance(rule, Alert))


@dataclass(frozen=True, slots=True)
class RuleFile:
    """One file below prometheus/rules/: the groups of one model, or of the stack (``model`` is None)."""

    stem: str
    groups: tuple[Group, ...]
    model: Model | None = field(default=None)

    @property
    def alerts(self) -> tuple[Alert, ...]:
        return tuple(alert for group in self.groups for alert in group.alerts)


@dataclass(frozen=True, slots=True)
class Scope:
    """One model seen from a family: its labels, and how severe an alert may be."""

    model: Model
    stack: Stack

    def severity(self, wanted: Severity) -> Severity:
        """A page becomes a ticket where the model's tier is low or its environment wakes nobody."""
        pages = self.model.tier != "low" and self.stack.pages_in(self.model.serving.environment)
        return "ticket" if wanted == "page" and not pages else wanted

    def labels(self, wanted: Severity | str, category: str, **extra: str) -> dict[str, str]:
        severity = self.severity(wanted) if wanted in ("page", "ticket", "info") else wanted
        return {
            L.MODEL: self.model.name,
            L.TEAM: self.model.owner,
            L.ENV: self.model.serving.environment,
            L.SEVERITY: severity,
            L.CATEGORY: category,
            **extra,
        }

    def recording(self, record: str, expr: str, **extra: str) -> Recording:
        return Recording(record, expr, {L.MODEL: self.model.name, **extra})


def scopes(fleet: Fleet) -> tuple[Scope, ...]:
    return tuple(Scope(model, fleet.stack) for model in fleet.models)
