"""Alertmanager's config: a tree by team, severity and environment, and receivers whose secrets stay in files.

Grouping uses only labels that every alert has and that are one per alert name, so a template never goes empty when a
second alert joins a group. Version never groups: a rollout would split an incident.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelwatch import emit
from modelwatch.alert_rules.inhibition import INHIBITIONS
from modelwatch.alert_rules.meta import WATCHDOG
from modelwatch.model.types import Fleet, Receiver, Severity
from modelwatch.telemetry import labels as L

PATH = "alertmanager/alertmanager.yaml"
NOBODY = "nobody"
GROUP_BY = ["alertname", L.TEAM, L.MODEL, L.ENV, L.SEVERITY]
_TIMING: Mapping[str, Mapping[str, str]] = {
    "page": {"group_wait": "10s", "group_interval": "1m", "repeat_interval": "4h"},
    "ticket": {"group_wait": "1m", "group_interval": "5m", "repeat_interval": "3d"},
    "info": {"group_wait": "5m", "group_interval": "30m", "repeat_interval": "1d"},
}
_SEVERITIES: tuple[Severity, ...] = ("page", "ticket", "info")
# A beat a minute, at every other look. A repeat of whole intervals would now and then be a moment early and skipped,
# and one that is shorter than an interval makes Alertmanager warn at each start.
_HEARTBEAT = {"group_wait": "0s", "group_interval": "30s", "repeat_interval": "50s"}

_TITLE = "{{ .GroupLabels.alertname }}: {{ .GroupLabels.model }} ({{ .GroupLabels.env }})"
_SUMMARY = "{{ (index .Alerts 0).Annotations.summary }} [{{ .GroupLabels.alertname }}, {{ .GroupLabels.env }}]"
_LINES = (
    "{{ range .Alerts }}{{ .Annotations.description }}\n"
    "Runbook: {{ .Annotations.runbook_url }}\nDashboard: {{ .Annotations.dashboard_url }}\n{{ end }}"
)
# Alertmanager's own default is "error" whatever the label says.
_PAGERDUTY_SEVERITY = '{{ if eq .GroupLabels.severity "page" }}critical{{ else if eq .GroupLabels.severity "ticket" }}warning{{ else }}info{{ end }}'


def _pagerduty(receiver: Receiver, fleet: Fleet, url: str | None) -> dict[str, Any]:
    return {
        "pagerduty_configs": [
            {
                "routing_key_file": receiver.key_file,
                **({"url": url} if url else {}),
                "send_resolved": True,
                "description": _SUMMARY,
                "severity": _PAGERDUTY_SEVERITY,
                "source": "{{ .GroupLabels.model }}",
                "component": "{{ .GroupLabels.model }}",
                "group": "{{ .GroupLabels.team }}",
                "class": "{{ .GroupLabels.alertname }}",
                "client": "modelwatch",
                "client_url": fleet.addresses.translate_public(fleet.stack.dashboards),
                "links": [
                    {"href": "{{ (index .Alerts 0).Annotations.runbook_url }}", "text": "Runbook"},
                    {"href": "{{ (index .Alerts 0).Annotations.dashboard_url }}", "text": "Dashboard"},
                ],
            }
        ]
    }


def _slack(receiver: Receiver) -> dict[str, Any]:
    config = {
        "api_url_file": receiver.url_file,
        "send_resolved": True,
        "title": '[{{ .Status | toUpper }}{{ if eq .Status "firing" }}:{{ .Alerts.Firing | len }}{{ end }}] ' + _TITLE,
        "title_link": "{{ (index .Alerts 0).Annotations.dashboard_url }}",
        "text": _LINES,
        "color": '{{ if eq .Status "firing" }}warning{{ else }}good{{ end }}',
    }
    return {"slack_configs": [{**config, **({"channel": receiver.channel} if receiver.channel else {})}]}


def _webhook(receiver: Receiver, fleet: Fleet) -> dict[str, Any]:
    return {"webhook_configs": [{"url": _translated(receiver.url or "", fleet), "send_resolved": True}]}


def _translated(url: str, fleet: Fleet) -> str:
    """A webhook to a part of the stack follows that part, as seen from Alertmanager."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{fleet.addresses.translate(host)}{slash}{path}"


def _receiver(receiver: Receiver, fleet: Fleet, url: str | None) -> dict[str, Any]:
    match receiver.type:
        case "pagerduty":
            return _pagerduty(receiver, fleet, url)
        case "slack":
            return _slack(receiver)
        case "webhook":
            return _webhook(receiver, fleet)
        case "none":
            return {}


def _route(receiver: str, timing: str, *matchers: str) -> dict[str, Any]:
    return {"receiver": receiver, "matchers": list(matchers), **_TIMING[timing]}


def _by_severity(routes: Mapping[Severity, str], fallback: Mapping[Severity, str]) -> list[dict[str, Any]]:
    return [
        _route(routes.get(severity) or fallback[severity], severity, f'severity="{severity}"')
        for severity in _SEVERITIES
    ]


def _team_routes(fleet: Fleet) -> list[dict[str, Any]]:
    stack, out = fleet.stack, []
    for model in fleet.models:
        if model.routes:
            team = stack.teams.get(model.owner)
            fallback = {**stack.routes, **(team.routes if team else {})}
            out.append({"matchers": [f'model="{model.name}"'], "routes": _by_severity(model.routes, fallback)})
    used = {model.owner for model in fleet.models}
    for team in stack.teams.values():
        if team.name in used:
            out.append({"matchers": [f'team="{team.name}"'], "routes": _by_severity(team.routes, stack.routes)})
    return out


def _quiet_environments(fleet: Fleet) -> list[dict[str, Any]]:
    """Where nobody is woken, a page goes where tickets go, whatever its label says."""
    stack, out = fleet.stack, []
    for environment in stack.environments.values():
        if not environment.pages and any(model.serving.environment == environment.name for model in fleet.models):
            out.append(_route(stack.routes["info"], "info", f'env="{environment.name}"'))
    return out


def tree(fleet: Fleet) -> dict[str, Any]:
    """The routing tree. Its root receives what no route below takes, so nothing is ever dropped in silence."""
    stack = fleet.stack
    heartbeat = {"receiver": stack.dead_mans_switch or NOBODY, "matchers": [f'alertname="{WATCHDOG}"'], **_HEARTBEAT}
    routes = [
        heartbeat,
        {"receiver": NOBODY, "matchers": ['severity="none"']},
        *_quiet_environments(fleet),
        *_team_routes(fleet),
        *_by_severity(stack.routes, stack.routes),
    ]
    return {"receiver": stack.routes["ticket"], "group_by": GROUP_BY, **_TIMING["ticket"], "routes": routes}


def _used(route: Mapping[str, Any]) -> set[str]:
    own = {route["receiver"]} if "receiver" in route else set()
    return own.union(*(_used(child) for child in route.get("routes", ())))


def config(fleet: Fleet, doubles: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The whole config. ``doubles``: PagerDuty receiver -> Events API of a stand-in that it notifies instead."""
    root = tree(fleet)
    used = _used(root)
    receivers = [
        {"name": receiver.name, **_receiver(receiver, fleet, (doubles or {}).get(receiver.name))}
        for receiver in fleet.stack.receivers.values()
        if receiver.name in used
    ]
    return {
        "global": {"resolve_timeout": "5m"},
        "route": root,
        "inhibit_rules": [inhibition.config() for inhibition in INHIBITIONS],
        "receivers": [*receivers, *([{"name": NOBODY}] if NOBODY in used else [])],
    }


def generate(fleet: Fleet, doubles: Mapping[str, str] | None = None) -> dict[str, str]:
    return {PATH: emit.to_yaml(config(fleet, doubles), fleet.stack.source or "the stack")}
