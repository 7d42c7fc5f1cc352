"""Ten thousand requests with known faults through the helpers and the real Collector: what is kept, to the trace."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import binom

from modelwatch.model.types import Fleet, Model
from modelwatch.model.units import Duration
from modelwatch.otel.sampling import TailSampling
from tests.collector.conftest import until
from tests.collector.telemetry import spans
from tests.otel.served import Service

pytestmark = pytest.mark.real("otelcol-modelwatch")
REQUESTS, SHARE, SLOW = 10_000, Decimal("0.1"), Duration.parse("20ms")
# One in so many has the fault, by chance, so that some have several.
FAULTS = {"error": 30, "slow": 150, "unsure": 30, "drifted": 30}
ALL_KINDS = ("errors", "slow", "low_confidence", "drifted")


def answered(service: Service, policy: TailSampling, faults: set[str]) -> tuple[str, set[str], bool]:
    """One request: its trace, what was wrong with it, and whether the helpers say that it will be found."""
    with service.watch.inference() as running:
        with running.stage("predict"):
            if "slow" in faults:
                time.sleep(SLOW.seconds)
        running.confidence(0.3 if "unsure" in faults else 0.9)
        if "drifted" in faults:
            running.drifted()
        if "error" in faults:
            running.fail("timeout")
    assert running.trace is not None
    # On a busy machine others are slow too; what has been measured counts.
    wrong = (faults - {"slow"}) | ({"slow"} if running.seconds >= SLOW.seconds else set())
    flags = {"error": "error" in wrong, "low_confidence": "unsure" in wrong, "drifted": "drifted" in wrong}
    return (
        f"{running.trace.trace_id:032x}",
        wrong,
        policy.keeps(running.trace.trace_id, seconds=running.seconds, **flags),
    )


def test_every_faulty_one_of_ten_thousand_requests_is_kept_and_of_the_others_the_share(
    collector: Any, moved: Fleet, tmp_path: Path
) -> None:
    """Exactly those that the helpers foresee, whole, and every exemplar leads to one of them."""

    def watched(model: Model) -> Model:
        return replace(model, tracing=replace(model.tracing, sample=SHARE, slow=SLOW, keep=ALL_KINDS))

    fleet = replace(moved, models=tuple(watched(model) for model in moved.models))
    # Long enough for a trace whose spans come in two batches on a busy machine.
    collector(fleet, "--set=processors.tail_sampling.decision_wait=4s")
    service = Service(fleet.models[1], moved.addresses.internal["otlp_http"].rpartition(":")[2])
    policy, chance = TailSampling(fleet.models[1].tracing), random.Random(7)
    requests = []
    for number in range(REQUESTS):
        faults = {fault for fault, one_in in FAULTS.items() if chance.randrange(one_in) == 0}
        requests.append(answered(service, policy, faults))
        if number % 1000 == 0:
            assert service.provider.force_flush()
    assert service.provider.force_flush()
    assert service.outcomes() == {"sent": 2 * REQUESTS, "failed": 0, "dropped": 0}
    expected = {trace for trace, _, keeps in requests if keeps}
    until(lambda: len(found := spans(tmp_path / "state")) >= 2 * len(expected) and found, "what is kept")
    service.provider.shutdown()
    time.sleep(2)  # whatever else would come
    found = Counter(span["traceId"] for span in spans(tmp_path / "state"))
    assert set(found.values()) == {2}
    for fault in FAULTS:
        faulty = {trace for trace, wrong, _ in requests if fault in wrong}
        assert len(faulty) > 30
        assert faulty <= set(found), f"every request with {fault} is kept"
    ordinary = {trace for trace, wrong, _ in requests if not wrong}
    low, high = binom.interval(1 - 1e-6, len(ordinary), float(SHARE))
    assert low <= len(ordinary & set(found)) <= high
    assert set(found) == expected
    exemplars = {
        sample.exemplar.labels["trace_id"]
        for family in service.registry.collect()
        for sample in family.samples
        if sample.exemplar
    }
    assert exemplars and exemplars <= set(found)
