"""The spec as frozen objects. Nothing downstream of the loader sees a dict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from modelwatch.model.addresses import Addresses
from modelwatch.model.units import Duration

Tier = Literal["critical", "standard", "low"]
TaskType = Literal["classification", "regression", "ranking"]
ServingMode = Literal["online", "batch"]
Same = Literal["hour", "weekday", "segment"]
FeatureType = Literal["numeric", "categorical"]
DriftMethod = Literal["psi", "js", "kl", "hellinger", "tv", "ks", "wasserstein_scaled", "mean_shift", "std_shift"]
SliKind = Literal["errors", "latency", "valid_rows"]
ReceiverType = Literal["pagerduty", "slack", "webhook", "none"]
Severity = Literal["page", "ticket", "info"]
DestinationType = Literal[
    "jaeger",
    "otlp",
    "tempo",
    "loki",
    "prometheus",
    "zipkin",
    "elasticsearch",
    "influxdb",
    "azuremonitor",
    "awsxray",
    "awsemf",
    "datadog",
    "file",
]
Stratum = Literal["unsure", "risky", "edge", "drifted", "rest"]
SampleFormat = Literal["jsonl", "parquet"]
Kept = Literal["errors", "slow", "low_confidence", "drifted"]
LogLevel = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Links:
    repository: str | None = None
    runbook: str | None = None


@dataclass(frozen=True, slots=True)
class Serving:
    """``job`` is Prometheus' job label and OpenTelemetry's service.name. Several models may share one job.

    ``targets`` are host:port; with none, Prometheus finds the job by service discovery of its own.
    ``every`` is how often a batch model scores.
    """

    job: str
    environment: str
    mode: ServingMode
    targets: tuple[str, ...]
    metrics_path: str
    every: Duration | None


@dataclass(frozen=True, slots=True)
class Task:
    type: TaskType
    classes: tuple[str, ...] = ()
    positive_class: str | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Drift:
    """Thresholds are scores of ``method``; PSI and the base-2 Jensen-Shannon distance are not interchangeable."""

    method: DriftMethod
    warning: Decimal
    critical: Decimal


@dataclass(frozen=True, slots=True)
class Feature:
    """``range`` is inclusive. ``missing_max_ratio`` is the share of missing values above which someone is told."""

    name: str
    type: FeatureType
    drift: Drift
    missing_max_ratio: Decimal
    range: tuple[Decimal, Decimal] | None = None
    max_categories: int = 20


@dataclass(frozen=True, slots=True)
class DriftPolicy:
    """How drift is judged: windows, samples a window needs, and the false-alarm rate across all features.

    ``answers`` is what predictions and their confidence are judged by. ``same`` is what a row has in common with the
    rows of the baseline that it is compared with; with all of them where it is None.
    """

    windows: tuple[Duration, ...]
    min_samples: int
    false_alarm_rate: Decimal
    answers: Drift = Drift("psi", Decimal("0.1"), Decimal("0.25"))
    same: Same | None = None


@dataclass(frozen=True, slots=True)
class Baseline:
    """Paths relative to the spec's folder, made absolute by the loader. ``profile`` wins over ``data``.

    ``time`` is the column of ``data`` for seasonal references, ``segment`` the categorical feature for segments.
    """

    data: str | None = None
    profile: str | None = None
    time: str | None = None
    segment: str | None = None


@dataclass(frozen=True, slots=True)
class Sli:
    kind: SliKind
    threshold: Duration | None = None


@dataclass(frozen=True, slots=True)
class Slo:
    """``objective`` is a percentage such as 99.9, exact."""

    name: str
    objective: Decimal
    window: Duration
    sli: Sli

    @property
    def error_budget(self) -> Decimal:
        """Share of events that may be bad: 0.001 for 99.9."""
        return (Decimal(100) - self.objective) / Decimal(100)


@dataclass(frozen=True, slots=True)
class Limits:
    """Thresholds of the symptom alerts; the defaults suit an interactive service."""

    error_ratio: Decimal
    latency_p99: Duration
    saturation: Decimal
    traffic_drop: Decimal
    feature_age: Duration
    row_age: Duration
    rejected_ratio: Decimal
    out_of_range_ratio: Decimal
    new_category_ratio: Decimal


@dataclass(frozen=True, slots=True)
class Performance:
    """Minimum accuracy over ``window`` of predictions whose label has arrived; None where the spec sets none."""

    label_delay: Duration
    window: Duration
    min_accuracy: Decimal | None


@dataclass(frozen=True, slots=True)
class Tracing:
    """``sample`` is the share of ordinary traces kept; those in ``keep`` are always kept.

    ``record`` is the share that the service records at all: of the others nothing is ever known. ``features`` are
    those that stand on spans. ``max_spans_per_second`` limits the share, and nothing that is in ``keep``.
    """

    sample: Decimal
    keep: tuple[Kept, ...]
    slow: Duration
    low_confidence: Decimal
    record: Decimal = Decimal(1)
    features: tuple[str, ...] = ()
    max_spans_per_second: int | None = None


@dataclass(frozen=True, slots=True)
class Risky:
    """Predictions that much hangs on: ``classes`` of a classification, numbers ``above`` or ``below`` otherwise."""

    classes: tuple[str, ...] = ()
    above: Decimal | None = None
    below: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which rows the sidecar keeps for review and retraining, and where.

    ``strata`` are shares of ``rows_per_hour``, relative to one another; a share of 0 keeps none for that reason alone.
    ``exclude`` are features that are not written. ``folder`` is absolute; None is below the sidecar's state.
    """

    rows_per_hour: int
    format: SampleFormat
    strata: Mapping[Stratum, Decimal]
    risky: Risky
    exclude: tuple[str, ...]
    folder: str | None
    file_megabytes: int
    file_age: Duration
    total_megabytes: int


@dataclass(frozen=True, slots=True)
class LineFiles:
    """JSON Lines in a folder, an absolute path; all files of one kind have ``total_megabytes`` together."""

    folder: str
    file_megabytes: int
    total_megabytes: int


@dataclass(frozen=True, slots=True)
class PredictionLogs(LineFiles):
    """Rows that a service writes for the sidecar: ``sample`` is their share, all features of the spec are in them."""

    sample: Decimal


@dataclass(frozen=True, slots=True)
class Logging:
    """What the helpers log in a service. ``sample`` and ``keep`` are about the line of each inference.

    ``allow`` are fields whose values may be written; ``redact`` are masked in texts too. Without ``files`` lines go to
    stdout.
    """

    level: LogLevel
    sample: Decimal
    keep: tuple[Kept, ...]
    allow: tuple[str, ...]
    redact: tuple[str, ...]
    files: LineFiles | None = None
    predictions: PredictionLogs | None = None


@dataclass(frozen=True, slots=True)
class Model:
    name: str
    owner: str
    tier: Tier
    description: str
    links: Links
    serving: Serving
    task: Task
    features: tuple[Feature, ...]
    drift: DriftPolicy
    baseline: Baseline | None
    slos: tuple[Slo, ...]
    limits: Limits
    performance: Performance
    tracing: Tracing
    routes: Mapping[Severity, str]
    sampling: Sampling | None = None
    source: str = ""
    logging: Logging | None = None


@dataclass(frozen=True, slots=True)
class Receiver:
    """A place that notifications go to. Secrets stay in files: ``key_file`` holds a key, ``url_file`` a URL."""

    name: str
    type: ReceiverType
    key_file: str | None = None
    url_file: str | None = None
    url: str | None = None
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class Team:
    name: str
    routes: Mapping[Severity, str]


@dataclass(frozen=True, slots=True)
class Environment:
    """Where ``pages`` is false nobody is woken: pages become tickets."""

    name: str
    pages: bool


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the Collector sends a signal; modelwatch.model.destinations says which type has which fields."""

    name: str
    type: DestinationType
    endpoint: str = ""
    region: str | None = None
    site: str | None = None
    org: str | None = None
    bucket: str | None = None


@dataclass(frozen=True, slots=True)
class Versions:
    """Oldest versions that the generated files must run on, as (major, minor)."""

    prometheus: tuple[int, int]
    alertmanager: tuple[int, int]
    collector: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Stack:
    """What the models share. ``runbooks`` and ``dashboards`` are base URLs that links in alerts start with."""

    name: str
    versions: Versions
    scrape_interval: Duration
    evaluation_interval: Duration
    retention: Duration
    external_labels: Mapping[str, str]
    environments: Mapping[str, Environment]
    teams: Mapping[str, Team]
    receivers: Mapping[str, Receiver]
    routes: Mapping[Severity, str]
    dead_mans_switch: str | None
    traces: tuple[Destination, ...]
    logs: tuple[Destination, ...]
    runbooks: str
    dashboards: str
    source: str = ""
    # Sent besides what Prometheus reads from the Collector by itself.
    metrics: tuple[Destination, ...] = ()

    def pages_in(self, environment: str) -> bool:
        """Whether an alert in this environment may wake someone; an undeclared environment may."""
        known = self.environments.get(environment)
        return known is None or known.pages


@dataclass(frozen=True, slots=True)
class Fleet:
    """All that a generator may read. ``models`` are sorted by name."""

    models: tuple[Model, ...]
    stack: Stack
    addresses: Addresses = field(default_factory=Addresses)
