"""Fixtures that every room's tests share: a sample fleet, and the real programs."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from modelwatch.model import types as t
from modelwatch.model.units import Duration

# A slow machine is no failure.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

Part = Callable[..., Path]


def pytest_configure() -> None:
    # What a shell starts in the background ignores interrupts, and so would every process that a test starts.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The whole stack's tests first: they wait for most of their minutes, so the other workers have the machine."""
    grouped = [item for item in items if item.get_closest_marker("xdist_group")]
    if getattr(config.option, "loadgroup", False) and not all("@" in item.nodeid for item in grouped):
        raise pytest.UsageError("this pytest-xdist makes no groups with this pytest: each worker would start a stack")
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)


@pytest.fixture(scope="session")
def part() -> Part:
    """``part("promtool", "newest")`` is the real program's path; without it the test is skipped, except in CI."""

    def find(name: str, version: str = "any") -> Path:
        from modelwatch.compose import parts

        path = parts.find(name, version)
        if path is None:
            message = f"{name} ({version}) is not here: run `make tools`"
            if os.environ.get("CI"):
                pytest.fail(message)
            pytest.skip(message)
        return path

    return find


def _duration(text: str) -> Duration:
    return Duration.parse(text)


def _feature(name: str, kind: t.FeatureType, low: int | None = None, high: int | None = None) -> t.Feature:
    span = None if low is None or high is None else (Decimal(low), Decimal(high))
    drift = t.Drift(method="psi", warning=Decimal("0.1"), critical=Decimal("0.25"))
    return t.Feature(name=name, type=kind, drift=drift, missing_max_ratio=Decimal("0.05"), range=span)


def sample_model(name: str = "flight-delay", **changes: object) -> t.Model:
    """A classification model with features, three SLOs and one target; ``changes`` replace fields of Model."""
    fields: dict[str, object] = {
        "name": name,
        "owner": "ops-ml",
        "tier": "critical",
        "description": "Will a flight arrive late.",
        "links": t.Links(),
        "serving": t.Serving("flights", "prod", "online", ("127.0.0.1:8000",), "/metrics", None),
        "task": t.Task("classification", ("on_time", "late"), "late"),
        "features": (_feature("dep_hour", "numeric", 0, 23), _feature("carrier", "categorical")),
        "drift": t.DriftPolicy((_duration("15m"), _duration("1h"), _duration("1d")), 500, Decimal("0.001")),
        "baseline": t.Baseline(data="reference.parquet"),
        "slos": (
            t.Slo("availability", Decimal("99.9"), _duration("30d"), t.Sli("errors")),
            t.Slo("latency", Decimal(99), _duration("30d"), t.Sli("latency", _duration("250ms"))),
            t.Slo("valid-rows", Decimal(99), _duration("30d"), t.Sli("valid_rows")),
        ),
        "limits": t.Limits(
            error_ratio=Decimal("0.05"),
            latency_p99=_duration("1s"),
            saturation=Decimal("0.8"),
            traffic_drop=Decimal("0.5"),
            feature_age=_duration("3h"),
            row_age=_duration("10m"),
            rejected_ratio=Decimal("0.05"),
            out_of_range_ratio=Decimal("0.01"),
            new_category_ratio=Decimal("0.01"),
        ),
        "performance": t.Performance(_duration("6h"), _duration("1d"), Decimal("0.7")),
        "tracing": t.Tracing(
            Decimal("0.1"), ("errors", "slow", "low_confidence", "drifted"), _duration("250ms"), Decimal("0.6")
        ),
        "routes": {},
    }
    return t.Model(**{**fields, **changes})  # type: ignore[arg-type]  # fields are replaced by name


def sample_stack(**changes: object) -> t.Stack:
    """A stack with one team, a pager, chat and a webhook."""
    fields: dict[str, object] = {
        "name": "sample",
        "versions": t.Versions((2, 42), (0, 25), (0, 158)),
        "scrape_interval": _duration("15s"),
        "evaluation_interval": _duration("15s"),
        "retention": _duration("45d"),
        "external_labels": {"cluster": "local"},
        "environments": {"prod": t.Environment("prod", True), "staging": t.Environment("staging", False)},
        "receivers": {
            "pager": t.Receiver("pager", "pagerduty", key_file="secrets/pager.key"),
            "chat": t.Receiver("chat", "slack", url_file="secrets/chat.url", channel="#models"),
            "triage": t.Receiver("triage", "webhook", url="http://127.0.0.1:8089/webhooks/triage"),
        },
        "routes": {"page": "pager", "ticket": "triage", "info": "triage"},
        "teams": {"ops-ml": t.Team("ops-ml", {"page": "pager", "ticket": "chat", "info": "chat"})},
        "dead_mans_switch": None,
        "traces": (t.Destination("jaeger", "jaeger", "127.0.0.1:4319"),),
        "logs": (t.Destination("archive", "file", "logs.jsonl"),),
        "runbooks": "http://127.0.0.1:3000/runbooks",
        "dashboards": "http://127.0.0.1:3000",
    }
    return t.Stack(**{**fields, **changes})  # type: ignore[arg-type]  # fields are replaced by name


@pytest.fixture(scope="session")
def model() -> t.Model:
    return sample_model()


@pytest.fixture(scope="session")
def stack() -> t.Stack:
    return sample_stack()


@pytest.fixture
def fleet(stack: t.Stack) -> t.Fleet:
    """Three models of different kinds."""
    regression = sample_model(
        "air-time",
        tier="low",
        task=t.Task("regression", unit="minutes"),
        performance=t.Performance(_duration("6h"), _duration("1d"), None),
    )
    ranking = sample_model(
        "gate-ranking",
        tier="standard",
        task=t.Task("ranking"),
        serving=t.Serving("flights", "staging", "batch", ("127.0.0.1:8000",), "/metrics", _duration("1d")),
        slos=(),
        performance=t.Performance(_duration("6h"), _duration("1d"), None),
    )
    return t.Fleet(models=(regression, sample_model(), ranking), stack=stack)
