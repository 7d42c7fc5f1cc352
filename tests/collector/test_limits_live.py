"""A real Collector at a model's limit: what it keeps of a flood, and that the service knows which."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from opentelemetry.trace import set_span_in_context

from modelwatch.model.types import Fleet, Tracing
from modelwatch.model.units import Duration
from modelwatch.otel.collector import generate
from modelwatch.otel.sampling import TailSampling
from modelwatch.telemetry import spans as s
from modelwatch.telemetry.collector import DECIDED_TRACES
from tests.collector.conftest import fetch, until
from tests.collector.telemetry import Service, attributes, kept, samples, spans
from tests.otel import served
from tests.otel.receiver import Receiver, receiver

pytestmark = pytest.mark.real("otelcol-modelwatch")
LIMIT, SECONDS = 40, 3
CAPPED, FREE = "flight-delay", "air-time"
KEEP = ("errors", "slow", "low_confidence", "drifted")


@pytest.fixture
def fleet(moved: Fleet) -> Fleet:
    """One model with a limit, one without, each with a share of its own."""
    wanted: dict[str, dict[str, Any]] = {
        CAPPED: {"sample": Decimal(1), "max_spans_per_second": LIMIT},
        FREE: {"sample": Decimal("0.5")},
    }
    models = tuple(
        replace(model, tracing=replace(model.tracing, keep=KEEP, **wanted.get(model.name, {})))
        for model in moved.models
    )
    return replace(moved, models=models)


def of_share(policy: Tracing) -> Callable[[str], bool]:
    """Whether a trace is in a model's share, by its id."""
    share = TailSampling(replace(policy, max_spans_per_second=None))
    return lambda trace: share.keeps(int(trace, 16), error=False, seconds=0, low_confidence=False)


def through(service: Service, *models: str) -> str:
    """One trace that goes from model to model."""
    context = None
    for model in models:
        span = service.tracer.start_span(f"inference {model}", context, attributes={s.MODEL_NAME.key: model})
        context = set_span_in_context(span, context)
        span.end()
    return format(span.get_span_context().trace_id, "032x")


@pytest.fixture
def foreign(fleet: Fleet) -> Iterator[Service]:
    """It has not our helpers, so that nothing is marked and the Collector's limit is the only one."""
    made = Service(fleet)
    yield made
    made.provider.shutdown()


def test_a_limit_bounds_ordinary_traces_of_its_model_and_nothing_else(
    collector: Any, fleet: Fleet, foreign: Service, tmp_path: Path
) -> None:
    policies = {model.name: model.tracing for model in fleet.models}
    running = collector(fleet)
    flood, faulty, free, both, neither = [], [], [], [], []
    began = time.monotonic()
    for turn in range(SECONDS * 10):
        flood += [foreign.request(CAPPED) for _ in range(40)]  # two spans each, hundreds a second
        faulty += [foreign.request(CAPPED, error=True), foreign.request(CAPPED, 900)]
        faulty += [foreign.request(CAPPED, **{flag.key: True}) for flag in (s.LOW_CONFIDENCE, s.DRIFTED)]
        free += [foreign.request(FREE) for _ in range(4)]
        both += [through(foreign, CAPPED, FREE), through(foreign, FREE, CAPPED)]
        neither.append(through(foreign, "unheard-of"))
        time.sleep(0.1)
        if turn % 10 == 9:
            foreign.flush()  # more would find its queue full
    chosen = set(filter(of_share(policies[FREE]), free))
    certain = {*faulty, *chosen, *filter(of_share(policies[FREE]), both)}
    until(lambda: certain <= kept(tmp_path / "state"), "what no limit is about")
    time.sleep(2)  # whatever else would come
    lasted = time.monotonic() - began
    found = kept(tmp_path / "state")
    page = fetch(f"http://{fleet.addresses.internal['collector']}/metrics")
    assert certain <= found
    assert found & set(free) == chosen
    smallest = min(policies.values(), key=lambda policy: policy.sample)
    assert found & set(neither) == set(filter(of_share(smallest), neither))
    limited = (set(flood) | set(both)) - certain
    spent = 2 * len(limited & found)
    most = LIMIT * lasted + 2 * LIMIT
    assert 2 * len(flood) > 2 * most, "it is a flood"
    assert 0.5 * LIMIT * SECONDS <= spent <= most
    told = samples(page, DECIDED_TRACES.name)
    by_limit = {each["sampled"]: int(each[""]) for each in told if each["policy"] == f"limit-{CAPPED}"}
    # What nothing else has kept, and nothing else.
    assert by_limit["true"] == len(limited & found)
    log = running.stop()
    assert "deprecat" not in log and "\twarn\t" not in log


def test_a_collector_keeps_exactly_what_a_service_has_not_marked_as_over_the_limit(
    collector: Any, fleet: Fleet, tmp_path: Path
) -> None:
    """So every exemplar leads to a trace, also of ordinary requests far above the limit."""
    slow = Duration.parse("1h")  # a busy machine pauses some
    fleet = replace(fleet, models=tuple(replace(m, tracing=replace(m.tracing, slow=slow)) for m in fleet.models))
    collector(fleet)
    model = next(model for model in fleet.models if model.name == CAPPED)
    service = served.Service(model, fleet.addresses.internal["otlp_http"].rpartition(":")[2])
    exemplars: set[str] = set()
    ordinary, failed = [], []
    began = time.monotonic()
    # Within two seconds, so that even all at once is no more than the Collector's bucket holds.
    while time.monotonic() - began < 1.8:
        ordinary += [service.request() for _ in range(20)]
        with service.watch.inference() as running:
            running.fail("timeout")
        assert running.trace is not None
        failed.append(f"{running.trace.trace_id:032x}")
        for family in service.registry.collect():
            exemplars |= {each.exemplar.labels["trace_id"] for each in family.samples if each.exemplar}
        time.sleep(0.05)
    assert service.provider.force_flush()
    until(lambda: set(failed) <= kept(tmp_path / "state"), "the errors")
    time.sleep(2)  # whatever else would come
    service.provider.shutdown()
    found = kept(tmp_path / "state")
    assert exemplars & set(ordinary) and exemplars & set(failed)
    assert exemplars <= found
    few = found & set(ordinary)
    assert LIMIT - 2 <= 2 * len(few) <= 2 * LIMIT
    assert len(ordinary) > 5 * len(few)
    assert not any(s.OVER_LIMIT.key in attributes(span) for span in spans(tmp_path / "state"))


@pytest.mark.real("jaeger")
def test_the_collector_of_0_140_reads_these_policies_alike(
    part: Any, run: Any, fleet: Fleet, foreign: Service, tmp_path: Path
) -> None:
    """The one inside Jaeger: its limit is less than so many spans in each second of the clock."""
    stack = replace(fleet.stack, versions=replace(fleet.stack.versions, collector=(0, 140)))
    made = yaml.safe_load(generate(replace(fleet, stack=stack))["otel/collector.yaml"])
    policies = {model.name: model.tracing for model in fleet.models}
    with receiver() as backend:
        config = {
            "receivers": {"otlp": made["receivers"]["otlp"]},
            "processors": {"tail_sampling": {**made["processors"]["tail_sampling"], "decision_wait": "1s"}},
            "exporters": {"otlphttp": {"endpoint": backend.url}},
            "service": {
                "pipelines": {
                    "traces": {"receivers": ["otlp"], "processors": ["tail_sampling"], "exporters": ["otlphttp"]}
                },
                "telemetry": {"metrics": {"level": "none"}},
            },
        }
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(config), "utf-8")
        running = run(part("jaeger"), "--config", str(tmp_path / "config.yaml"))
        host, _, port = fleet.addresses.internal["otlp_http"].rpartition(":")
        until(lambda: listening(host, int(port)), "Jaeger's receiver")
        flood = [foreign.request(CAPPED) for _ in range(100)]
        marked = [foreign.request(CAPPED, **{s.OVER_LIMIT.key: True, s.OUTCOME.key: "success"}) for _ in range(10)]
        faulty = [foreign.request(CAPPED, error=True) for _ in range(30)]
        both = [through(foreign, CAPPED, FREE) for _ in range(20)]
        free = [foreign.request(FREE) for _ in range(50)]
        foreign.flush()
        shared = set(filter(of_share(policies[FREE]), [*free, *both]))
        until(lambda: {*faulty, *shared} <= taken(backend), "what no limit is about")
        time.sleep(2)  # whatever else would come
        found = taken(backend)
    assert found & set(free) == shared & set(free)
    # Less than the limit in a second of the clock; their decisions may fall into two.
    assert LIMIT - 2 <= 2 * len(found & {*flood, *(set(both) - shared)}) <= 2 * LIMIT - 4
    assert not found & set(marked)
    log = running.stop()
    assert "deprecat" not in log


def taken(backend: Receiver) -> set[str]:
    return {span.trace_id.hex() for span in backend.spans}


def listening(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 1).close()
    except OSError:
        return False
    return True
