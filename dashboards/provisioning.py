"""What Grafana reads when it starts: the data sources, and where the boards are.

One set of files serves the container and the native Grafana: the folder of the boards is an environment variable.
"""

from __future__ import annotations

from typing import Any

from modelwatch.emit import to_yaml
from modelwatch.model.types import Destination, Fleet
from modelwatch.telemetry import promql
from modelwatch.telemetry.metrics import SPAN_CALLS, SPAN_DURATION
from modelwatch.telemetry.spans import EXEMPLAR_TRACE_ID, MODEL_NAME, SERVICE_NAME

PROMETHEUS = "modelwatch-prometheus"
ALERTMANAGER = "modelwatch-alertmanager"
JAEGER = "modelwatch-jaeger"
LOKI = "modelwatch-loki"

# Set by whoever starts Grafana to the folder of the generated boards.
FOLDER_VARIABLE = "MODELWATCH_GRAFANA_DASHBOARDS"

Json = dict[str, Any]


def provisioning(fleet: Fleet) -> dict[str, str]:
    """``grafana/provisioning/...`` -> YAML. The data sources are those that the stack has."""
    sources = [_prometheus(fleet), _alertmanager(fleet)]
    if any(destination.type == "jaeger" for destination in fleet.stack.traces):
        sources.append(_jaeger(fleet))
    sources += [_loki(fleet, destination) for destination in fleet.stack.logs if destination.type == "loki"][:1]
    files = {
        "datasources/modelwatch.yaml": {"apiVersion": 1, "prune": True, "datasources": sources},
        "dashboards/modelwatch.yaml": {"apiVersion": 1, "providers": [_provider()]},
    }
    return {f"grafana/provisioning/{name}": to_yaml(body, "models/") for name, body in files.items()}


def _provider() -> Json:
    return {
        "name": "modelwatch",
        "type": "file",
        "allowUiUpdates": False,
        "disableDeletion": False,
        "updateIntervalSeconds": 30,
        # Grafana refuses this together with a folder.
        "options": {"path": f"${FOLDER_VARIABLE}", "foldersFromFilesStructure": True},
    }


def _prometheus(fleet: Fleet) -> Json:
    settings = {
        # Long lists of models do not fit into an address.
        "httpMethod": "POST",
        "timeInterval": fleet.stack.scrape_interval.text,
        "manageAlerts": True,
        "alertmanagerUid": ALERTMANAGER,
        "prometheusType": "Prometheus",
        "prometheusVersion": "{}.{}.0".format(*fleet.stack.versions.prometheus),
    }
    if any(destination.type == "jaeger" for destination in fleet.stack.traces):
        settings["exemplarTraceIdDestinations"] = [
            {"name": EXEMPLAR_TRACE_ID, "datasourceUid": JAEGER, "urlDisplayLabel": "Open the trace"}
        ]
    return _source("Prometheus", PROMETHEUS, "prometheus", _url(fleet, "prometheus"), settings) | {"isDefault": True}


def _alertmanager(fleet: Fleet) -> Json:
    settings = {"implementation": "prometheus", "handleGrafanaManagedAlerts": False}
    return _source("Alertmanager", ALERTMANAGER, "alertmanager", _url(fleet, "alertmanager"), settings)


def _jaeger(fleet: Fleet) -> Json:
    tags = [
        {"key": SERVICE_NAME.key, "value": SERVICE_NAME.label},
        {"key": MODEL_NAME.key, "value": MODEL_NAME.label},
    ]
    # Grafana puts the tags of the span in.
    spans, buckets = (f"{name}{{$__tags}}" for name in (SPAN_CALLS.name, f"{SPAN_DURATION.name}_bucket"))
    queries = [
        {"name": "Spans per second", "query": promql.total(promql.rate(spans, "5m"))},
        {"name": "Slowest 5 %", "query": promql.quantile(0.95, promql.rate(buckets, "5m"))},
    ]
    settings: Json = {
        "nodeGraph": {"enabled": True},
        "spanBar": {"type": "Duration"},
        "tracesToMetrics": {"datasourceUid": PROMETHEUS, "tags": tags, "queries": queries},
    }
    if any(destination.type == "loki" for destination in fleet.stack.logs):
        settings["tracesToLogsV2"] = {
            "datasourceUid": LOKI,
            "tags": tags[:1],
            "filterByTraceID": True,
            "spanStartTimeShift": "-5m",
            "spanEndTimeShift": "5m",
        }
    return _source("Jaeger", JAEGER, "jaeger", _url(fleet, "jaeger"), settings)


def _loki(fleet: Fleet, destination: Destination) -> Json:
    settings: Json = {
        "derivedFields": [
            {
                "name": EXEMPLAR_TRACE_ID,
                "matcherType": "label",
                "matcherRegex": EXEMPLAR_TRACE_ID,
                "datasourceUid": JAEGER,
                "url": "${__value.raw}",
                "urlDisplayLabel": "Open the trace",
            }
        ]
    }
    return _source("Loki", LOKI, "loki", fleet.addresses.translate_internal(destination.endpoint), settings)


def _source(name: str, uid: str, kind: str, url: str, settings: Json) -> Json:
    return {
        "name": name,
        "uid": uid,
        "type": kind,
        "access": "proxy",
        "url": url,
        "editable": False,
        "jsonData": _escaped(settings),
    }


def _url(fleet: Fleet, part: str) -> str:
    return f"http://{fleet.addresses.internal[part]}"


def _escaped(value: Any) -> Any:
    """Grafana expands ``$VAR`` in provisioning files, so a literal ``$`` is written twice."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, dict):
        return {key: _escaped(item) for key, item in value.items()}
    return [_escaped(item) for item in value] if isinstance(value, list) else value
