"""The parts of a running stack: what each is for, how to tell that it is ready, and where a person opens it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Part:
    """``address`` is its name in Addresses; without one it is ready as soon as it runs. ``patience`` is in seconds."""

    name: str
    title: str
    does: str
    address: str = ""
    ready: str = ""
    page: str | None = None
    page_address: str = ""
    """Where the page is, if not at ``address``."""
    may_lack_ui: bool = False
    """Some builds answer at ``page`` with an error or a stand-in."""
    more: tuple[str, ...] = ()
    """Other names in Addresses that it listens at."""
    core: bool = False
    tells_missing: bool = False
    """Its readiness page says what it goes on without, as the sidecar's does: it is degraded then, and no failure."""
    patience: float = 60.0

    @property
    def listens(self) -> tuple[str, ...]:
        return (self.address, *self.more) if self.address else ()

    def ready_url(self, public: Mapping[str, str]) -> str | None:
        return f"http://{public[self.address]}{self.ready}" if self.address else None

    def page_url(self, public: Mapping[str, str]) -> str | None:
        return None if self.page is None else f"http://{public[self.page_address or self.address]}{self.page}"


PARTS: tuple[Part, ...] = (
    Part(
        name="prometheus",
        title="Prometheus",
        does="stores metrics, evaluates rules",
        address="prometheus",
        ready="/-/ready",
        page="/",
        may_lack_ui=True,
        core=True,
        patience=120,
    ),
    Part(
        name="alertmanager",
        title="Alertmanager",
        does="groups, routes and sends alerts",
        address="alertmanager",
        ready="/-/ready",
        page="/",
        may_lack_ui=True,
        core=True,
    ),
    Part(
        name="exporter",
        title="drift sidecar",
        does="counts features and predictions against the baseline",
        address="exporter",
        ready="/readyz",
        page="/metrics",
        core=True,
        tells_missing=True,
        patience=120,
    ),
    # The first start may train the model.
    Part(
        name="demo",
        title="demo service",
        does="a real model on real data",
        address="demo",
        ready="/readyz",
        page="/",
        core=True,
        patience=300,
    ),
    Part(name="replay", title="demo traffic", does="replays flights to the demo", core=True),
    Part(
        name="pagerduty",
        title="PagerDuty double",
        does="takes pages and shows incidents",
        address="pagerduty",
        ready="/healthz",
        page="/",
        core=True,
    ),
    Part(
        name="preview",
        title="preview",
        does="dashboards, runbooks and traces without Grafana",
        address="preview",
        ready="/healthz",
        page="/",
        core=True,
    ),
    Part(
        name="grafana",
        title="Grafana",
        does="dashboards",
        address="grafana",
        ready="/api/health",
        page="/",
        core=True,
        patience=180,
    ),
    Part(
        name="collector",
        title="Collector",
        does="samples and redacts traces and logs",
        address="collector_health",
        ready="/",
        page="/metrics",
        page_address="collector",
        more=("otlp_grpc", "otlp_http", "collector", "span_metrics"),
    ),
    Part(
        name="jaeger",
        title="Jaeger",
        does="stores traces and shows them",
        address="jaeger",
        more=("jaeger_otlp",),
        ready="/api/services",
        page="/",
        may_lack_ui=True,
    ),
    Part(name="loki", title="Loki", does="stores logs", address="loki", ready="/ready", patience=120),
)

_BY_NAME = {part.name: part for part in PARTS}


def part_named(name: str) -> Part:
    return _BY_NAME[name]


def is_part(name: str) -> bool:
    return name in _BY_NAME


def listens(parts: Iterable[str]) -> tuple[str, ...]:
    """The names in Addresses that these parts listen at."""
    return tuple(address for name in parts for address in _BY_NAME[name].listens)
