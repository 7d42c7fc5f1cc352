"""What may come in as metrics over OTLP. They are of other instrumentation: ours are scraped, by their contract.

A name is kept or dropped whole. Labels that may not leave are summed away: where only the label went, several series
would be left with one name, and the last to come would stand for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelwatch.otel.collector.names import Version, knows
from modelwatch.telemetry import spans as s

Json = dict[str, Any]

# Those of the lists for spans of which a service has few values.
LABELS = tuple(
    sorted(
        {
            *(attribute.key for attribute in (s.MODEL_NAME, s.MODEL_VERSION, s.STAGE, s.OUTCOME, s.ERROR_TYPE)),
            "http.request.method",
            "http.response.status_code",
            "http.route",
        }
    )
)

# By OpenTelemetry's syntax for names of instruments.
_NAME = r"^[A-Za-z][A-Za-z0-9_./-]{0,100}\\z"
# What OpenTelemetry's conventions measure in; an annotation is one word. Prometheus makes it a part of the name.
_UNIT = r"^(1|%|[mun]?s|min|h|d|([kKMGT]i?)?(By|bit)(/s)?|Cel|Hz|V|A|J|W|m|g|\\{[a-z_]{1,30}\\})?\\z"
# What our rules read comes from the contract's own emitters only.
_OURS = r"(?i)^(model|modelwatch|traces)[^a-z0-9]"
_TYPE = "METRIC_DATA_TYPE"


def taken(version: Version) -> bool:
    """Whether a release can be told to clear all that metrics carry; an older one takes none."""
    return knows("exemplar_context", version)


def dropped(blocked: Sequence[str]) -> Json:
    """Config of the filter processor; ``blocked`` are patterns as OTTL writes them."""
    return {
        # What cannot be judged is dropped.
        "error_mode": "propagate",
        "metrics": {
            "metric": [
                f'not IsMatch(metric.name, "{_NAME}")',
                f'IsMatch(metric.name, "{_OURS}")',
                *(f'IsMatch(metric.name, "{pattern}")' for pattern in blocked),
                # These cannot be summed.
                f"metric.type == {_TYPE}_SUMMARY",
            ],
            "datapoint": [
                # Nor can these, and the Collector would not survive trying.
                f"metric.type == {_TYPE}_HISTOGRAM"
                " and Len(datapoint.bucket_counts) != Len(datapoint.explicit_bounds) + 1"
            ],
        },
    }


def statements() -> list[Json]:
    """For the transform processor."""
    kept = ", ".join(f'"{label}"' for label in LABELS)
    return [
        {
            "context": "metric",
            "statements": [
                'set(metric.description, "")',
                f'set(metric.unit, "") where not IsMatch(metric.unit, "{_UNIT}")',
                'delete_matching_keys(metric.metadata, ".*")',
                f'aggregate_on_attributes("mean", [{kept}]) where metric.type == {_TYPE}_GAUGE',
                f'aggregate_on_attributes("sum", [{kept}]) where metric.type != {_TYPE}_GAUGE',
            ],
        },
        {"context": "exemplar", "statements": ['delete_matching_keys(exemplar.filtered_attributes, ".*")']},
    ]
