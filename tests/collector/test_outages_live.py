"""A backend that is killed, and a Collector that is killed, under load: what is lost, to the span."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from modelwatch.model.types import Destination, Fleet
from modelwatch.otel.collector import generate
from tests.collector.conftest import Running, fetch, until
from tests.otel.receiver import Receiver, receiver
from tests.otel.served import Load, Service

pytestmark = pytest.mark.real("otelcol-modelwatch")
OUTAGES = [6, pytest.param(60, marks=[pytest.mark.slow, pytest.mark.timeout(600)])]
PACE = 100
# Seconds. After a long outage a queue tries again every half minute, give or take a quarter.
RETRIED = 100
Span = tuple[str, str]
"""Trace and span id."""


def everything(fleet: Fleet, *destinations: Destination) -> Fleet:
    """All traces are kept, so that each that is missing is lost."""
    models = tuple(replace(model, tracing=replace(model.tracing, sample=Decimal(1))) for model in fleet.models)
    return replace(fleet, models=models, stack=replace(fleet.stack, traces=destinations))


@pytest.fixture
def load(moved: Fleet) -> Iterator[tuple[Service, Load]]:
    """A service under load that sends to the Collector of ``moved``."""
    service = Service(moved.models[1], moved.addresses.internal["otlp_http"].rpartition(":")[2])
    made = Load(service, PACE)
    yield service, made
    made.stop()
    service.provider.shutdown()


def of(*receivers: Receiver) -> Counter[Span]:
    """How often each span came."""
    return Counter((span.trace_id.hex(), span.span_id.hex()) for one in receivers for span in one.spans)


def whole(found: Iterable[Span]) -> set[str]:
    """Traces of which both spans came."""
    return {trace for trace, spans in Counter(trace for trace, _ in found).items() if spans == 2}


def metric(fleet: Fleet, name: str, **labels: str) -> float:
    """Sum of the Collector's own series of that name and with these labels."""
    page = fetch(f"http://{fleet.addresses.internal['collector']}/metrics")
    lines = [line for line in page.splitlines() if re.match(rf"{name}(\{{| )", line)]
    wanted = [line for line in lines if all(f'{label}="{value}"' in line for label, value in labels.items())]
    return sum(float(line.rpartition(" ")[2]) for line in wanted)


def settled(service: Service) -> None:
    """All that ended has been taken by a Collector."""
    until(lambda: service.account()["waiting"] == 0, "what waits in the service")


@pytest.mark.parametrize("seconds", OUTAGES)
def test_a_backend_that_is_gone_for_a_while_under_load_gets_every_span(
    collector: Any, moved: Fleet, load: tuple[Service, Load], seconds: int
) -> None:
    """And the service notices nothing of it."""
    service, requests = load
    with receiver() as first:
        fleet = everything(moved, Destination("counted", "otlp", first.url))
        collector(fleet)
        until(lambda: len(first.spans) > 200, "spans before")
    time.sleep(seconds)
    assert metric(fleet, "otelcol_exporter_queue_size") > 0
    with receiver(first.server_port) as second:
        until(lambda: len(second.spans) > 200, "spans after", RETRIED)
        requests.stop()
        settled(service)
        until(lambda: whole(of(first, second)) >= set(service.ended), "every span", RETRIED)
        found = of(first, second)
    assert len(service.ended) > 20 * seconds
    assert whole(found) == set(service.ended)
    assert service.account() == {"sent": 2 * len(service.ended), "failed": 0, "dropped": 0, "waiting": 0}
    assert set(found.values()) <= {1, 2}, "what was on the way when it went may come twice"


@pytest.mark.real("jaeger")
@pytest.mark.parametrize("seconds", OUTAGES)
def test_jaeger_killed_under_load_gets_all_that_came_meanwhile(
    part: Any, run: Any, collector: Any, moved: Fleet, load: tuple[Service, Load], tmp_path: Path, seconds: int
) -> None:
    """It forgets what it had, so the Collector's counts say what it took before."""
    fleet = everything(moved, Destination("jaeger", "jaeger", "127.0.0.1:4319"))
    config = tmp_path / "jaeger.yaml"
    config.write_text(generate(fleet)["otel/jaeger.yaml"], "utf-8")

    def jaeger() -> Running:
        made: Running = run(part("jaeger"), "--config", str(config))
        until(lambda: fetch(f"http://{fleet.addresses.internal['jaeger']}/api/v3/services"), "Jaeger")
        return made

    def known() -> set[Span]:
        page = fetch(f"http://{fleet.addresses.internal['jaeger']}/api/traces?service=flights&limit=50000")
        traces = json.loads(page or '{"data": []}')["data"] or []
        return {(span["traceID"], span["spanID"]) for trace in traces for span in trace["spans"]}

    service, requests = load
    first = jaeger()
    collector(fleet)
    until(lambda: len(whole(known())) > 100, "traces before")
    killed = time.time()
    first.stop(9)
    time.sleep(seconds)
    jaeger()
    until(lambda: len(whole(known())) > 100, "traces after", RETRIED)
    requests.stop()
    settled(service)
    sent = "otelcol_exporter_sent_spans"
    until(lambda: metric(fleet, sent) >= 2 * len(service.ended), "all spans sent", RETRIED)
    assert metric(fleet, sent) == 2 * len(service.ended)
    assert metric(fleet, "otelcol_exporter_enqueue_failed_spans") == 0
    since = {trace for trace, ended in service.ended.items() if ended > killed}
    assert len(since) > 20 * seconds
    assert since <= whole(known())


def test_a_collector_that_is_restarted_under_load_loses_nothing(
    collector: Any, moved: Fleet, load: tuple[Service, Load]
) -> None:
    """It decides what it holds and keeps it on disk; what comes meanwhile waits in the service."""
    service, requests = load
    with receiver() as backend:
        fleet = everything(moved, Destination("counted", "otlp", backend.url))
        wait = "--set=processors.tail_sampling.decision_wait=3s"
        first = collector(fleet, wait)
        until(lambda: len(backend.spans) > PACE, "spans before")
        first.stop()
        stopped = time.time()
        time.sleep(2)
        collector(fleet, wait)
        until(lambda: service.queue.waiting < PACE, "what waited in the service")
        requests.stop()
        settled(service)
        until(lambda: whole(of(backend)) >= set(service.ended), "every span")
    assert len([ended for ended in service.ended.values() if ended > stopped]) > PACE
    assert service.account() == {"sent": 2 * len(service.ended), "failed": 0, "dropped": 0, "waiting": 0}


# Seconds. A service sends ten times a second here, and the Collector looks once a second for what has waited.
DECISION_WAIT, SENT, LOOK, SLACK = 2.0, 0.2, 1.0, 3.0


def test_a_collector_killed_under_load_loses_no_more_than_the_traces_that_wait_for_their_decision(
    collector: Any, moved: Fleet, load: tuple[Service, Load]
) -> None:
    """Its own gauge has told how many; what it had decided is on disk, and what came meanwhile waits in the service."""
    service, requests = load
    with receiver() as backend:
        fleet = everything(moved, Destination("counted", "otlp", backend.url))
        wait = f"--set=processors.tail_sampling.decision_wait={DECISION_WAIT:.0f}s"
        first = collector(fleet, wait)
        until(lambda: len(backend.spans) > 4 * PACE, "spans before")
        asked = time.time()
        undecided = metric(fleet, "otelcol_processor_tail_sampling_sampling_traces_on_memory")
        first.stop(9)
        killed = time.time()
        time.sleep(3)
        collector(fleet, wait)
        until(lambda: service.queue.waiting < PACE, "what waited in the service")
        requests.stop()
        settled(service)
        since = {trace for trace, ended in service.ended.items() if ended > killed}
        until(lambda: since <= whole(of(backend)), "what came since")
        found = of(backend)
    assert len(since) > PACE
    assert service.account() == {"sent": 2 * len(service.ended), "failed": 0, "dropped": 0, "waiting": 0}
    lost = {trace: killed - ended for trace, ended in service.ended.items() if trace not in whole(found)}
    assert 0 < max(lost.values()) < DECISION_WAIT + LOOK + SENT + SLACK + (killed - asked)
    assert abs(len(lost) - undecided) <= PACE * (LOOK + SENT + killed - asked)
