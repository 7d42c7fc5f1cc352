"""custom_details made readable: Alertmanager's lists of alerts, text up to 0.29 and JSON from 0.30, and the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modelwatch.compose.pagerduty.records import JSON, Content


@dataclass(frozen=True)
class Alert:
    """One alert inside a page. ``source`` is the generator's URL; ``starts_at`` is empty in the text form.

    ``status`` is its own where it says so, as in webhooks: of a group that fires, some alerts may be resolved.
    """

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    source: str = ""
    starts_at: str = ""
    status: str = ""

    @property
    def name(self) -> str:
        return self.labels.get("alertname", "")


@dataclass(frozen=True)
class Details:
    """``fields`` are what is no list of alerts: name and text, in the order sent."""

    firing: tuple[Alert, ...] = ()
    resolved: tuple[Alert, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()


def read(custom_details: JSON) -> Details:
    """Never fails: what is not in a known form stays a field with its text."""
    lists: dict[str, tuple[Alert, ...]] = {}
    fields = []
    for name, value in custom_details.items():
        alerts = _alerts(value) if name in ("firing", "resolved") else None
        if alerts is not None:
            lists[name] = alerts
        elif name not in ("num_firing", "num_resolved"):  # the lists' own lengths say it
            fields.append((name, _as_text(value)))
    return Details(lists.get("firing", ()), lists.get("resolved", ()), tuple(fields))


def alert_names(content: Content) -> frozenset[str]:
    """Every alert that a page speaks of: those listed and an ``alertname`` detail, or else its class."""
    return _named(content, "alertname", (content.event_class,), ("alertname", "alert"))


def models(content: Content) -> frozenset[str]:
    """Every model that a page speaks of: ``model`` labels and detail, or else component, group and source."""
    return _named(content, "model", (content.component, content.group, content.source), ("model",))


def _named(content: Content, label: str, fallbacks: tuple[str, ...], fields: tuple[str, ...]) -> frozenset[str]:
    details = read(content.custom_details)
    found = {alert.labels.get(label, "") for alert in (*details.firing, *details.resolved)}
    found.update(text for name, text in details.fields if name in fields)
    return frozenset(found - {""} or set(fallbacks) - {""})


def _alerts(value: object) -> tuple[Alert, ...] | None:
    """The alerts in a ``firing`` or ``resolved`` detail, or None when it has neither form."""
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return ()
        if not text.startswith("["):
            return tuple(_from_text(text)) if text.startswith("Labels:") else None
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            return None
    if value is None:
        return ()
    return from_list(value)


def from_list(value: object) -> tuple[Alert, ...] | None:
    """Alertmanager's JSON form of alerts, which its webhooks use too; None when the value is something else."""
    if not isinstance(value, list) or not all(isinstance(item, dict) and "labels" in item for item in value):
        return None
    return tuple(
        Alert(
            labels=_texts(item.get("labels")),
            annotations=_texts(item.get("annotations")),
            source=_as_text(item.get("generatorURL") or ""),
            starts_at=_as_text(item.get("startsAt") or ""),
            status=item["status"] if item.get("status") in ("firing", "resolved") else "",
        )
        for item in value
    )


def _from_text(text: str) -> Iterator[Alert]:
    """Alertmanager's template: ``Labels:``, ``Annotations:`` with `` - name = value`` lines, then ``Source: URL``."""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    part, last = labels, ""
    for line in text.splitlines():
        if line == "Labels:":
            part, last = labels, ""
        elif line == "Annotations:":
            part, last = annotations, ""
        elif line.startswith("Source:"):
            yield Alert(labels, annotations, line.removeprefix("Source:").strip())
            labels, annotations, last = {}, {}, ""
            part = labels
        elif line.startswith(" - ") and " = " in line:
            last, _, value = line.removeprefix(" - ").partition(" = ")
            part[last] = value
        elif last:  # a value of several lines
            part[last] += "\n" + line
    if labels or annotations:
        yield Alert(labels, annotations)


def _texts(value: object) -> dict[str, str]:
    return {name: _as_text(text) for name, text in value.items()} if isinstance(value, dict) else {}


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
