"""What the Collector's releases call their components, and which options they know.

Old names go on working but log a deprecation on every start; new ones are unknown to older releases. So a config is
written for one target version.
"""

from __future__ import annotations

from typing import Literal

Version = tuple[int, int]
Kind = Literal["receivers", "processors", "exporters", "connectors"]

# Type -> (new name, first release that has it).
RENAMED: dict[Kind, dict[str, tuple[str, Version]]] = {
    "receivers": {
        "filelog": ("file_log", (0, 149)),
        "hostmetrics": ("host_metrics", (0, 151)),
    },
    "processors": {
        "k8sattributes": ("k8s_attributes", (0, 146)),
        "resourcedetection": ("resource_detection", (0, 153)),
        "cumulativetodelta": ("cumulative_to_delta", (0, 157)),
    },
    "exporters": {
        "otlp": ("otlp_grpc", (0, 144)),
        "otlphttp": ("otlp_http", (0, 144)),
        "loadbalancing": ("load_balancing", (0, 153)),
        # Renamed in 0.157 or 0.158; both still know the old name.
        "azuremonitor": ("azure_monitor", (0, 158)),
        "prometheusremotewrite": ("prometheus_remote_write", (0, 154)),
    },
    "connectors": {
        "spanmetrics": ("span_metrics", (0, 151)),
    },
}

Option = Literal[
    "aggregation_cardinality_limit",
    "batch",
    "event_name",
    "exemplar_context",
    "max_retries",
    "paths_with_context",
    "redact_all_types",
    "sample_on_first_match",
    "series_expiration",
    "without_scope_info",
]

# Option -> the oldest release whose source was seen to have it; a config for an older one does without.
SINCE: dict[Option, Version] = {
    "aggregation_cardinality_limit": (0, 130),
    "batch": (0, 140),
    "event_name": (0, 140),
    "exemplar_context": (0, 158),
    "max_retries": (0, 136),
    "paths_with_context": (0, 140),
    "redact_all_types": (0, 158),
    "sample_on_first_match": (0, 140),
    "series_expiration": (0, 158),
    "without_scope_info": (0, 150),
}


def named(kind: Kind, old: str, version: Version) -> str:
    """What ``version`` calls the component that was first called ``old``."""
    new, since = RENAMED[kind].get(old, (old, (0, 0)))
    return new if version >= since else old


def knows(option: Option, version: Version) -> bool:
    """Whether ``version`` takes the option."""
    return version >= SINCE[option]


def path(context: str, name: str, version: Version) -> str:
    """A path of OTTL, with its context in front where that is known: ``span.attributes``, before ``attributes``."""
    return f"{context}.{name}" if knows("paths_with_context", version) else name
