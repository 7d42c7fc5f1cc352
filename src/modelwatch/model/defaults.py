"""What a spec means where it says nothing, and why.

A test holds these equal to the defaults that the JSON Schemas show in editors.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from modelwatch.model import types as t
from modelwatch.model.units import Duration

_duration = Duration.parse

# --- a model ---
TIER: t.Tier = "standard"
ENVIRONMENT = "prod"
MODE: t.ServingMode = "online"
METRICS_PATH = "/metrics"

# Twenty categories cover most features; the long tail of the others counts as one bin, which keeps each bin filled.
MAX_CATEGORIES = 20
# Deciles of the reference: the bins that PSI's rule of thumb was made for.
NUMERIC_BINS = 10
MISSING_MAX_RATIO = Decimal("0.05")

DRIFT_METHOD: t.DriftMethod = "psi"
# PSI: the industry's rule of thumb. JS: the same amount of drift. For small changes PSI is 8 times the Jensen-Shannon
# divergence in nats, and the distance is the root of the divergence in bits: sqrt(psi / (8 ln 2)).
DRIFT_THRESHOLDS: dict[t.DriftMethod, tuple[Decimal, Decimal]] = {
    "psi": (Decimal("0.1"), Decimal("0.25")),
    "js": (Decimal("0.13"), Decimal("0.21")),
    # Half of PSI, which sums both directions.
    "kl": (Decimal("0.05"), Decimal("0.12")),
    # sqrt(psi / 8).
    "hellinger": (Decimal("0.11"), Decimal("0.18")),
    # A shift of d standard deviations has a PSI of about d^2, so PSI's 0.1 and 0.25 are shifts of 0.32 and 0.5. For a
    # normal feature: TV = KS = 2 Phi(d / 2) - 1.
    "tv": (Decimal("0.12"), Decimal("0.2")),
    "ks": (Decimal("0.12"), Decimal("0.2")),
    "wasserstein_scaled": (Decimal("0.32"), Decimal("0.5")),
    "mean_shift": (Decimal("0.32"), Decimal("0.5")),
    # A normal feature whose deviation grows by the factor e^s has a PSI of cosh(2 s) - 1.
    "std_shift": (Decimal("0.22"), Decimal("0.34")),
}
# Methods that need the order of values.
NUMERIC_METHODS: frozenset[t.DriftMethod] = frozenset({"ks", "wasserstein_scaled", "mean_shift", "std_shift"})
# Those whose score never passes 1.
BOUNDED_METHODS: frozenset[t.DriftMethod] = frozenset({"js", "hellinger", "tv", "ks"})

DRIFT = t.DriftPolicy(
    # An incident, an hour with enough rows for rare categories, and a whole day, which evens out daily rhythms.
    windows=(_duration("15m"), _duration("1h"), _duration("1d")),
    # Below, only drifts too large to be missed by eye pass what chance does.
    min_samples=500,
    # Windows of five minutes: 8,640 a month, so less than one false alarm in ten months.
    false_alarm_rate=Decimal("0.00001"),
)

SLO_WINDOW = _duration("30d")
# For online models without slos. Loose enough for a service that nobody has tuned, tight enough that a page means it:
# half a percent of 30 days is 3.6 hours of outage. 500ms is a bucket of the contract and what a person notices.
SLOS = (
    t.Slo("availability", Decimal("99.5"), SLO_WINDOW, t.Sli("errors")),
    t.Slo("latency", Decimal(99), SLO_WINDOW, t.Sli("latency", _duration("500ms"))),
)

LIMITS = t.Limits(
    error_ratio=Decimal("0.05"),
    latency_p99=_duration("1s"),
    saturation=Decimal("0.8"),
    traffic_drop=Decimal("0.5"),
    feature_age=_duration("3h"),
    row_age=_duration("10m"),
    rejected_ratio=Decimal("0.05"),
    out_of_range_ratio=Decimal("0.01"),
    new_category_ratio=Decimal("0.01"),
)

# What alerts and the sidecar's report call too far, of features together; no field of a spec moves these two. The
# sidecar tells only changes of a correlation beyond chance, and this much is a medium effect by Cohen's rule of thumb
# (1988).
CORRELATION_CHANGE = 0.3
# Rows lie off the reference's principal components as far as twice its own do.
RECONSTRUCTION_ERROR_RATIO = 2

PERFORMANCE = t.Performance(label_delay=_duration("1d"), window=_duration("1d"), min_accuracy=None)

# A tenth of ordinary traces shows what is usual; what went wrong is always kept.
TRACING = t.Tracing(
    sample=Decimal("0.1"),
    keep=("errors", "slow", "low_confidence", "drifted"),
    slow=_duration("500ms"),
    low_confidence=Decimal("0.6"),
    record=Decimal(1),
    features=(),
)

# For models that say logging at all. Sampled as traces are, so that a line and its trace are kept together; debug lines
# of libraries quote what they send.
LOG_LEVEL: t.LogLevel = "info"
# A day of a service that writes a few hundred lines of 300 bytes a second is some gigabytes: files are for reading what
# was just now, an agent takes them further.
LOG_FILES = t.LineFiles(folder="", file_megabytes=16, total_megabytes=256)
PREDICTION_SAMPLE = Decimal(1)

# For models that say sampling at all: rows hold personal data. 200 an hour are what a person can look through in a
# day, and a month of them is some hundred megabytes.
SAMPLING = t.Sampling(
    rows_per_hour=200,
    format="jsonl",
    strata=dict.fromkeys(("unsure", "risky", "edge", "drifted", "rest"), Decimal("0.2")),
    risky=t.Risky(),
    exclude=(),
    folder=None,
    file_megabytes=16,
    file_age=_duration("1d"),
    total_megabytes=256,
)


def missing_room(share: float) -> Decimal:
    """The limit for a feature of which so much is missing as a rule: half as much again, and a hundredth."""
    generous = Decimal(str(share)) * Decimal("1.5") + Decimal("0.01")
    return min(Decimal(1), generous.quantize(Decimal("0.01"), ROUND_CEILING))


def row_age(every: Duration | None) -> Duration:
    """Age of the last row that someone is told of. A batch model may miss one run; an online one is never idle long."""
    return LIMITS.row_age if every is None else max(LIMITS.row_age, Duration(2 * every.milliseconds))


def slow(slos: tuple[t.Slo, ...]) -> Duration:
    """Time from which a trace is slow: where the tightest latency SLO calls an answer bad."""
    return min((slo.sli.threshold for slo in slos if slo.sli.threshold is not None), default=TRACING.slow)


# --- what the models share ---
PAGER = "pagerduty"
SILENT = "silent"
# Without a stack.yaml pages and tickets reach PagerDuty, and what is only good to know stays on the boards.
RECEIVERS = {
    PAGER: t.Receiver(PAGER, "pagerduty", key_file="secrets/pagerduty.key"),
    SILENT: t.Receiver(SILENT, "none"),
}
ROUTES: dict[t.Severity, str] = {"page": PAGER, "ticket": PAGER, "info": SILENT}

STACK = t.Stack(
    name="models",
    versions=t.Versions(prometheus=(2, 42), alertmanager=(0, 25), collector=(0, 158)),
    scrape_interval=_duration("15s"),
    evaluation_interval=_duration("15s"),
    # Prometheus' own 15 days are less than an SLO window of 30, and dashboards compare with the month before.
    retention=_duration("45d"),
    external_labels={},
    environments={"prod": t.Environment("prod", pages=True)},
    teams={},
    receivers=RECEIVERS,
    routes=ROUTES,
    dead_mans_switch=None,
    traces=(t.Destination("jaeger", "jaeger", "127.0.0.1:4319"),),
    logs=(t.Destination("archive", "file", "logs.jsonl"),),
    runbooks="http://127.0.0.1:3000/runbooks",
    dashboards="http://127.0.0.1:3000",
)
