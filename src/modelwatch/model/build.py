"""Valid data of a spec -> frozen objects, with the defaults filled in."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from modelwatch.model import defaults
from modelwatch.model import types as t
from modelwatch.model.units import Duration

Data = Mapping[str, Any]


def model(data: Data, source: Path) -> t.Model:
    """The model of a valid document; ``source`` is the file, whose folder relative paths start from."""
    metadata = data["metadata"]
    serving = _serving(data["serving"])
    slos = _slos(data, serving.mode)
    tracing = _tracing(data.get("tracing", {}), slos)
    drift = _drift_policy(data.get("drift", {}))
    return t.Model(
        name=metadata["name"],
        owner=metadata["owner"],
        tier=metadata.get("tier", defaults.TIER),
        description=metadata.get("description", ""),
        links=t.Links(**metadata.get("links", {})),
        serving=serving,
        task=_task(data["task"]),
        features=tuple(_feature(item, drift.answers) for item in data.get("features", ())),
        drift=drift,
        baseline=_baseline(data.get("baseline"), source),
        slos=slos,
        limits=_limits(data.get("limits", {}), serving.every),
        performance=_performance(data.get("performance", {})),
        tracing=tracing,
        routes=dict(data.get("alerting", {}).get("routes", {})),
        sampling=_sampling(data["sampling"], data["task"], source) if "sampling" in data else None,
        logging=_logging(data["logging"], tracing, source) if "logging" in data else None,
        source=str(source),
    )


def _duration(data: Data, key: str, default: Duration) -> Duration:
    return Duration.parse(data[key]) if key in data else default


def _number(data: Data, key: str, default: Decimal) -> Decimal:
    found: Decimal = data.get(key, default)
    return found


def _serving(data: Data) -> t.Serving:
    return t.Serving(
        job=data["job"],
        environment=data.get("environment", defaults.ENVIRONMENT),
        mode=data.get("mode", defaults.MODE),
        targets=tuple(data.get("targets", ())),
        metrics_path=data.get("metrics_path", defaults.METRICS_PATH),
        every=Duration.parse(data["every"]) if "every" in data else None,
    )


def _task(data: Data) -> t.Task:
    return t.Task(
        type=data["type"],
        classes=tuple(data.get("classes", ())),
        positive_class=data.get("positive_class"),
        unit=data.get("unit"),
    )


def _drift(data: Data, usual: t.Drift) -> t.Drift:
    """``usual`` is what is not written; a method of its own brings its own thresholds."""
    method: t.DriftMethod = data.get("method", usual.method)
    warning, critical = defaults.DRIFT_THRESHOLDS[method] if "method" in data else (usual.warning, usual.critical)
    return t.Drift(method, _number(data, "warning", warning), _number(data, "critical", critical))


def _feature(data: Data, usual: t.Drift) -> t.Feature:
    drift: Data = data.get("drift", {})
    span = data.get("range")
    return t.Feature(
        name=data["name"],
        type=data["type"],
        drift=_drift(drift, usual),
        missing_max_ratio=_number(data.get("missing", {}), "max_ratio", defaults.MISSING_MAX_RATIO),
        range=(span[0], span[1]) if span else None,
        max_categories=int(data.get("max_categories", defaults.MAX_CATEGORIES)),
    )


def _drift_policy(data: Data) -> t.DriftPolicy:
    default = defaults.DRIFT
    return t.DriftPolicy(
        windows=tuple(Duration.parse(text) for text in data["windows"]) if "windows" in data else default.windows,
        min_samples=int(data.get("min_samples", default.min_samples)),
        false_alarm_rate=_number(data, "false_alarm_rate", default.false_alarm_rate),
        same=data.get("same"),
        answers=_drift({key: data[key] for key in ("warning", "critical") if key in data}, default.answers),
    )


def _baseline(data: Data | None, source: Path) -> t.Baseline | None:
    if data is None:
        return None
    paths = {key: str(beside(source, data[key])) for key in ("data", "profile") if key in data}
    return t.Baseline(**paths, time=data.get("time"), segment=data.get("segment"))


def beside(source: Path, path: str) -> Path:
    """A path of a spec, made absolute; it starts from the spec's folder."""
    return (source.absolute().parent / path).resolve()


def _slos(data: Data, mode: t.ServingMode) -> tuple[t.Slo, ...]:
    if "slos" not in data:
        # A batch model has no callers to promise anything to.
        return defaults.SLOS if mode == "online" else ()
    return tuple(
        t.Slo(
            name=item["name"],
            objective=item["objective"],
            window=_duration(item, "window", defaults.SLO_WINDOW),
            sli=_sli(item["sli"]),
        )
        for item in data["slos"]
    )


def _sli(data: Any) -> t.Sli:
    if isinstance(data, Mapping):
        return t.Sli("latency", Duration.parse(data["latency"]))
    return t.Sli(data)


def _limits(data: Data, every: Duration | None) -> t.Limits:
    default = defaults.LIMITS
    return t.Limits(
        error_ratio=_number(data, "error_ratio", default.error_ratio),
        latency_p99=_duration(data, "latency_p99", default.latency_p99),
        saturation=_number(data, "saturation", default.saturation),
        traffic_drop=_number(data, "traffic_drop", default.traffic_drop),
        feature_age=_duration(data, "feature_age", default.feature_age),
        row_age=_duration(data, "row_age", defaults.row_age(every)),
        rejected_ratio=_number(data, "rejected_ratio", default.rejected_ratio),
        out_of_range_ratio=_number(data, "out_of_range_ratio", default.out_of_range_ratio),
        new_category_ratio=_number(data, "new_category_ratio", default.new_category_ratio),
    )


def _performance(data: Data) -> t.Performance:
    default = defaults.PERFORMANCE
    return t.Performance(
        label_delay=_duration(data, "label_delay", default.label_delay),
        window=_duration(data, "window", default.window),
        min_accuracy=data.get("metrics", {}).get("accuracy", {}).get("min"),
    )


def _tracing(data: Data, slos: tuple[t.Slo, ...]) -> t.Tracing:
    default, limit = defaults.TRACING, data.get("max_spans_per_second")
    return t.Tracing(
        sample=_number(data, "sample", default.sample),
        keep=tuple(data.get("keep", default.keep)),
        slow=_duration(data, "slow", defaults.slow(slos)),
        low_confidence=_number(data, "low_confidence", default.low_confidence),
        record=_number(data, "record", default.record),
        features=tuple(data.get("features", default.features)),
        max_spans_per_second=None if limit is None else int(limit),
    )


def _logging(data: Data, tracing: t.Tracing, source: Path) -> t.Logging:
    predictions = data.get("predictions")
    return t.Logging(
        level=data.get("level", defaults.LOG_LEVEL),
        sample=_number(data, "sample", tracing.sample),
        keep=tuple(data.get("keep", tracing.keep)),
        allow=tuple(data.get("allow", ())),
        redact=tuple(data.get("redact", ())),
        files=t.LineFiles(*_line_files(data["files"], source)) if "files" in data else None,
        predictions=None
        if predictions is None
        else t.PredictionLogs(
            *_line_files(predictions, source), _number(predictions, "sample", defaults.PREDICTION_SAMPLE)
        ),
    )


def _line_files(data: Data, source: Path) -> tuple[str, int, int]:
    default = defaults.LOG_FILES
    return (
        str(beside(source, data["folder"])),
        int(data.get("file_megabytes", default.file_megabytes)),
        int(data.get("total_megabytes", default.total_megabytes)),
    )


def _sampling(data: Data, task: Data, source: Path) -> t.Sampling:
    default = defaults.SAMPLING
    return t.Sampling(
        rows_per_hour=int(data.get("rows_per_hour", default.rows_per_hour)),
        format=data.get("format", default.format),
        strata={**default.strata, **data.get("strata", {})},
        risky=_risky(data.get("risky"), task),
        exclude=tuple(data.get("exclude", default.exclude)),
        folder=str(beside(source, data["folder"])) if "folder" in data else default.folder,
        file_megabytes=int(data.get("file_megabytes", default.file_megabytes)),
        file_age=_duration(data, "file_age", default.file_age),
        total_megabytes=int(data.get("total_megabytes", default.total_megabytes)),
    )


def _risky(data: Any, task: Data) -> t.Risky:
    if isinstance(data, Mapping):
        return t.Risky(above=data.get("above"), below=data.get("below"))
    if data is None:
        # The class that the model is there to find.
        return t.Risky((task["positive_class"],)) if "positive_class" in task else t.Risky()
    return t.Risky(tuple(data))


def stack(data: Data, source: Path) -> t.Stack:
    """The stack of a valid document."""
    default = defaults.STACK
    prometheus, links, destinations = (data.get(key, {}) for key in ("prometheus", "links", "destinations"))
    return t.Stack(
        name=data.get("metadata", {}).get("name", default.name),
        versions=_versions(data.get("versions", {})),
        scrape_interval=_duration(prometheus, "scrape_interval", default.scrape_interval),
        evaluation_interval=_duration(prometheus, "evaluation_interval", default.evaluation_interval),
        retention=_duration(prometheus, "retention", default.retention),
        external_labels=dict(prometheus.get("external_labels", {})),
        environments={name: t.Environment(name, item["pages"]) for name, item in data["environments"].items()}
        if "environments" in data
        else default.environments,
        teams={name: t.Team(name, dict(routes)) for name, routes in data.get("teams", {}).items()},
        receivers={name: t.Receiver(name, **item) for name, item in data["receivers"].items()}
        if "receivers" in data
        else default.receivers,
        routes=_routes(data["routes"]) if "routes" in data else default.routes,
        dead_mans_switch=data.get("alerting", {}).get("dead_mans_switch"),
        traces=_destinations(destinations["traces"]) if "traces" in destinations else default.traces,
        metrics=_destinations(destinations["metrics"]) if "metrics" in destinations else default.metrics,
        logs=_destinations(destinations["logs"]) if "logs" in destinations else default.logs,
        runbooks=links.get("runbooks", default.runbooks).rstrip("/"),
        dashboards=links.get("dashboards", default.dashboards).rstrip("/"),
        source=str(source),
    )


def _versions(data: Data) -> t.Versions:
    default = defaults.STACK.versions
    return t.Versions(
        prometheus=_version(data.get("prometheus"), default.prometheus),
        alertmanager=_version(data.get("alertmanager"), default.alertmanager),
        collector=_version(data.get("collector"), default.collector),
    )


def _version(text: str | None, default: tuple[int, int]) -> tuple[int, int]:
    if text is None:
        return default
    major, _, minor = text.partition(".")
    return int(major), int(minor)


def _routes(data: Data) -> dict[t.Severity, str]:
    """All three severities: what is left out goes where the next more urgent goes."""
    ticket = data.get("ticket", data["page"])
    return {"page": data["page"], "ticket": ticket, "info": data.get("info", ticket)}


def _destinations(data: Any) -> tuple[t.Destination, ...]:
    return tuple(t.Destination(**item) for item in data)
