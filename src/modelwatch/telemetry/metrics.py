"""Every metric that a generated expression may read, with its type, unit, labels, bound and emitter.

One file for each that exposes metrics; all of them are had from here.
"""

from __future__ import annotations

from modelwatch.telemetry.collector import COLLECTOR_METRICS
from modelwatch.telemetry.metric import Emitter as Emitter  # noqa: PLC0414 -- typed code has it from here
from modelwatch.telemetry.metric import Metric as Metric  # noqa: PLC0414 -- typed code has it from here
from modelwatch.telemetry.metric import MetricType as MetricType  # noqa: PLC0414 -- typed code has it from here
from modelwatch.telemetry.service_metrics import *  # noqa: F403 -- every metric of these files, and no list of them twice
from modelwatch.telemetry.sidecar_metrics import *  # noqa: F403 -- as above
from modelwatch.telemetry.stack_metrics import *  # noqa: F403 -- as above

CONTRACT: tuple[Metric, ...] = (
    *(value for value in list(globals().values()) if isinstance(value, Metric)),
    *COLLECTOR_METRICS,
)
BY_NAME: dict[str, Metric] = {metric.name: metric for metric in CONTRACT}
BY_SERIES: dict[str, Metric] = {series: metric for metric in CONTRACT for series in metric.series}
