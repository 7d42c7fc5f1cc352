"""Did you mean: the nearest known word, by spelling or because other tools call it so."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from decimal import Decimal

# What other tools call our fields.
_FIELDS: dict[str, tuple[str, ...]] = {
    "api": ("apiVersion",),
    "version": ("apiVersion", "versions"),
    "model": ("metadata",),
    "team": ("owner", "teams"),
    "contact": ("owner",),
    "priority": ("tier",),
    "criticality": ("tier",),
    "summary": ("description",),
    "service": ("serving", "job"),
    "service_name": ("job",),
    "env": ("environment",),
    "endpoints": ("targets",),
    "instances": ("targets",),
    "hosts": ("targets",),
    "address": ("targets", "endpoint"),
    "path": ("metrics_path",),
    "schedule": ("every",),
    "cron": ("every",),
    "interval": ("every", "scrape_interval", "window"),
    "labels": ("classes", "external_labels"),
    "positive": ("positive_class",),
    "columns": ("features",),
    "inputs": ("features",),
    "dtype": ("type",),
    "kind": ("type",),
    "bounds": ("range",),
    "categories": ("max_categories",),
    "cardinality": ("max_categories",),
    "nulls": ("missing",),
    "max": ("max_ratio",),
    "warn": ("warning",),
    "crit": ("critical",),
    "reference": ("baseline", "data"),
    "training_data": ("baseline", "data"),
    "objectives": ("slos",),
    "goal": ("objective",),
    "target": ("objective", "targets"),
    "period": ("window",),
    "indicator": ("sli",),
    "thresholds": ("limits",),
    "metrics": ("performance",),
    "sampling": ("sample",),
    "sample_rate": ("sample",),
    "log": ("logging",),
    "logs": ("logging",),
    "trace": ("tracing",),
    "traces": ("tracing",),
    "rate_limit": ("max_spans_per_second",),
    "rate_limiting": ("max_spans_per_second",),
    "ratio": ("sample", "max_ratio"),
    "alerts": ("alerting",),
    "routing": ("routes",),
    "notifications": ("receivers",),
    "routing_key": ("key_file",),
    "service_key": ("key_file",),
    "routing_key_file": ("key_file",),
    "webhook_url": ("url", "url_file"),
    "api_url": ("url_file",),
    "api_url_file": ("url_file",),
    "storage": ("retention",),
    "watchdog": ("dead_mans_switch",),
    "heartbeat": ("dead_mans_switch",),
    "exporters": ("destinations",),
    "grafana": ("dashboards",),
}

# What other tools call our choices.
_CHOICES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("continuous", "number", "float", "double", "int", "integer", "numerical"), ("numeric",)),
    **dict.fromkeys(("string", "str", "text", "category", "bool", "boolean", "enum", "nominal"), ("categorical",)),
    **dict.fromkeys(("binary", "multiclass", "classifier", "binary_classification"), ("classification",)),
    **dict.fromkeys(("regressor", "forecast", "forecasting"), ("regression",)),
    **dict.fromkeys(("rank", "recommendation", "recommender", "search"), ("ranking",)),
    **dict.fromkeys(("high", "p1", "gold"), ("critical",)),
    **dict.fromkeys(("medium", "normal", "p2", "silver"), ("standard",)),
    **dict.fromkeys(("p3", "bronze"), ("low",)),
    **dict.fromkeys(("realtime", "real-time", "rest", "http", "grpc"), ("online",)),
    **dict.fromkeys(("offline", "scheduled"), ("batch",)),
    **dict.fromkeys(("availability", "error", "error_rate", "success"), ("errors",)),
    **dict.fromkeys(("valid", "rows", "data_quality"), ("valid_rows",)),
    **dict.fromkeys(("jensen-shannon", "jensenshannon", "jensen_shannon", "jsd"), ("js",)),
    "population_stability_index": ("psi",),
    **dict.fromkeys(("pager", "pager_duty"), ("pagerduty",)),
    **dict.fromkeys(("http", "url", "hook"), ("webhook", "online")),
    **dict.fromkeys(("null", "blackhole", "nobody"), ("none",)),
    **dict.fromkeys(("tempo", "grpc", "otlp_grpc"), ("otlp",)),
}

_LONGEST, _MOST = 64, 1000

_UNITS = {
    "ms": ("ms", "msec", "msecs", "millis", "millisecond", "milliseconds"),
    "s": ("s", "sec", "secs", "second", "seconds"),
    "m": ("m", "min", "mins", "minute", "minutes"),
    "h": ("h", "hr", "hrs", "hour", "hours"),
    "d": ("d", "day", "days"),
    "w": ("w", "wk", "week", "weeks"),
    "y": ("y", "yr", "year", "years"),
}
_UNIT_OF = {word: unit for unit, words in _UNITS.items() for word in words}
_SMALLER = {"y": (365, "d"), "w": (7, "d"), "d": (24, "h"), "h": (60, "m"), "m": (60, "s"), "s": (1000, "ms")}
_QUANTITY = re.compile(r"\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*([A-Za-z]+)\s*")


def _plain(word: str) -> str:
    return re.sub(r"[-_ ]", "", word).casefold()


def _by_plain(known: Iterable[str]) -> dict[str, str]:
    return {_plain(name): name for name in sorted(known, reverse=True)}


def close(word: str, known: Iterable[str]) -> str | None:
    """The known word that ``word`` misspells, or None."""
    by_plain = _by_plain(known)
    exact = by_plain.get(_plain(word))
    if exact is not None:
        return exact
    # Comparing is slow, and of so many or so long words none stands out.
    if len(word) > _LONGEST or len(by_plain) > _MOST:
        return None
    found = difflib.get_close_matches(_plain(word), by_plain, n=1, cutoff=0.7)
    return by_plain[found[0]] if found else None


def _by_other_name(word: str, known: Iterable[str], names: dict[str, tuple[str, ...]]) -> str | None:
    allowed = set(known)
    return next((name for name in names.get(word.casefold(), ()) if name in allowed), None)


def field(word: str, known: Iterable[str]) -> str | None:
    """The field that a wrong key means, or None. A name that other tools use is surer than one that is only alike."""
    allowed = list(known)
    same = _by_plain(allowed).get(_plain(word))
    return same or _by_other_name(word, allowed, _FIELDS) or close(word, allowed)


def choice(word: str, known: Iterable[str]) -> str | None:
    """The choice that a wrong value means, or None."""
    allowed = list(known)
    return close(word, allowed) or _by_other_name(word, allowed, _CHOICES)


def duration(text: str) -> str | None:
    """The right spelling of ``30 days``, ``250 msec``, ``1.5h`` or ``1 hour 30 min``, or None."""
    spelt, position = "", 0
    while position < len(text):
        match = _QUANTITY.match(text, position)
        unit = _UNIT_OF.get(match[2].lower()) if match else None
        if match is None or unit is None:
            return None
        count = Decimal(match[1])
        while count != count.to_integral_value() and unit in _SMALLER:
            factor, unit = _SMALLER[unit]
            count *= factor
        if count != count.to_integral_value():
            return None
        spelt += f"{int(count)}{unit}"
        position = match.end()
    return spelt or None
