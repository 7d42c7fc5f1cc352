"""Policies of tail sampling from the specs."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from modelwatch.model.types import Fleet, Model
from modelwatch.model.units import Duration
from modelwatch.otel.collector import generate
from modelwatch.otel.collector.sampling import policies
from modelwatch.otel.watch import Watch
from modelwatch.telemetry.spans import BATCH_KEPT, DRIFTED, LOW_CONFIDENCE, MODEL_NAME, SERVICE_NAME, STAGE

Policy = dict[str, Any]
VERSION = (0, 158)
KINDS = ("errors", "slow", "low_confidence", "drifted")


def models(model: Model, *tracing: dict[str, Any]) -> list[Model]:
    return [
        replace(model, name=f"m{index}", tracing=replace(model.tracing, **changes))
        for index, changes in enumerate(tracing)
    ]


def leaves(policy: Policy) -> list[Policy]:
    return policy["and"]["and_sub_policy"] if policy["type"] == "and" else [policy]


def covers(policy: Policy, model: str) -> bool:
    """Whether traces of the model are under this policy."""
    named = [leaf["string_attribute"]["values"] for leaf in leaves(policy) if leaf["type"] == "string_attribute"]
    return all(model in names for names in named)


def by_type(made: list[Policy], kind: str, model: str) -> list[Policy]:
    return [leaf for policy in made if covers(policy, model) for leaf in leaves(policy) if leaf["type"] == kind]


def share(made: list[Policy], model: str) -> float:
    """Largest share under which traces of the model are; all shares are parts of it, since they use one hash."""
    shares = [leaf["probabilistic"]["sampling_percentage"] for leaf in by_type(made, "probabilistic", model)]
    return max(shares, default=0.0)


def test_models_that_agree_share_their_policies(model: Model) -> None:
    """A thousand models with the defaults are six policies, not six thousand."""
    made = policies(models(model, *[{}] * 1000), VERSION)
    assert [policy["name"] for policy in made] == [
        "errors",
        "slow-250ms",
        "low-confidence",
        "drifted",
        "batch",
        "share-0.1",
    ]
    assert all(policy["type"] != "and" for policy in made)


def test_traces_of_unknown_models_are_sampled_as_the_others_at_least(model: Model) -> None:
    """The smallest share covers everyone, and takes nothing from a model with a larger one."""
    made = policies(models(model, {"sample": Decimal("0.05")}, {"sample": Decimal("0.5")}), VERSION)
    assert share(made, "unheard-of") == 5
    assert share(made, "m0") == 5
    assert share(made, "m1") == 50


def test_without_models_errors_batches_of_kept_requests_and_a_share_are_kept() -> None:
    assert [policy["name"] for policy in policies([], VERSION)] == ["errors", "batch", "share-0.1"]


def test_a_share_has_no_salt_of_its_own(model: Model) -> None:
    """Services work out the same hash, with the processor's own seed."""
    (leaf,) = by_type(policies(models(model, {}), VERSION), "probabilistic", "m0")
    assert leaf["probabilistic"] == {"sampling_percentage": 10.0}


tracing = st.fixed_dictionaries(
    {
        "sample": st.sampled_from([Decimal(0), Decimal("0.001"), Decimal("0.1"), Decimal(1)]),
        "keep": st.sets(st.sampled_from(KINDS)).map(lambda kinds: tuple(sorted(kinds))),
        "slow": st.sampled_from([Duration(100), Duration(250), Duration(1000)]),
    }
)


# The fixture is a frozen object, so examples may share it.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(tracing, max_size=8))
def test_every_model_gets_exactly_what_its_spec_says(model: Model, changes: list[dict[str, Any]]) -> None:
    """Whatever the others say."""
    made = policies(models(model, *changes), VERSION)
    for index, wanted in enumerate(changes):
        name = f"m{index}"
        assert bool(by_type(made, "status_code", name)) == ("errors" in wanted["keep"])
        conditions = str(by_type(made, "ottl_condition", name))
        assert (LOW_CONFIDENCE.key in conditions) == ("low_confidence" in wanted["keep"])
        assert (DRIFTED.key in conditions) == ("drifted" in wanted["keep"])
        slow = [leaf["latency"]["threshold_ms"] for leaf in by_type(made, "latency", name)]
        assert slow == ([wanted["slow"].milliseconds - 1] if "slow" in wanted["keep"] else [])
        assert share(made, name) == float(wanted["sample"] * 100)
    names = [policy["name"] for policy in made]
    assert len(names) == len(set(names))


def emitted(model: Model) -> set[str]:
    """Keys of all attributes that the helpers attach to spans: of requests that succeed, fail, are unsure, drifted and in a batch."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({SERVICE_NAME.key: "flights"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    watch = Watch(model, version="1", registry=CollectorRegistry(), tracer=provider.get_tracer("modelwatch"))
    with watch.inference(batch=2) as inference, inference.stage("predict"):
        inference.confidence(0.01)
        inference.drifted()
    with pytest.raises(KeyError), watch.inference():
        raise KeyError
    with watch.inference() as inference:
        inference.fail("timeout")
        with watch.batch([inference]):
            pass
    return {key for span in memory.get_finished_spans() for key in span.attributes or ()}


def used(collector: dict[str, Any]) -> set[str]:
    """Keys of all attributes that policies and span metrics read."""
    found = {entry["name"] for entry in collector["connectors"]["span_metrics"]["dimensions"]}
    for policy in collector["processors"]["tail_sampling"]["policies"]:
        for leaf in leaves(policy):
            found |= {leaf["string_attribute"]["key"]} if leaf["type"] == "string_attribute" else set()
            for condition in leaf.get("ottl_condition", {}).get("span", ()):
                found.add(condition.split('"')[1])
    return found


def test_policies_use_attributes_that_the_helpers_emit(fleet: Fleet) -> None:
    """A policy on any other attribute would never match."""
    mixed = models(fleet.models[0], {"sample": Decimal("0.2")}, {"keep": ()})
    made = yaml.safe_load(generate(replace(fleet, models=tuple(mixed)))["otel/collector.yaml"])
    assert {BATCH_KEPT.key, DRIFTED.key, LOW_CONFIDENCE.key, MODEL_NAME.key, STAGE.key} == used(made)
    assert used(made) <= emitted(fleet.models[0])
