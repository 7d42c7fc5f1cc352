"""Policies of tail sampling from the specs."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelwatch.model.types import Fleet, Model
from modelwatch.model.units import Duration
from modelwatch.otel.collector import generate
from modelwatch.otel.collector.sampling import policies
from modelwatch.telemetry.spans import RESOURCE_ATTRIBUTES, SPAN_ATTRIBUTES

Policy = dict[str, Any]
VERSION = (0, 158)
KINDS = ("errors", "slow", "low_confidence")


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
    """A thousand models with the defaults are four policies, not four thousand."""
    made = policies(models(model, *[{}] * 1000), VERSION)
    assert [policy["name"] for policy in made] == ["errors", "slow-250ms", "low-confidence", "share-0.1"]
    assert all(policy["type"] != "and" for policy in made)


def test_traces_of_unknown_models_are_sampled_as_the_others_at_least(model: Model) -> None:
    """The smallest share covers everyone, and takes nothing from a model with a larger one."""
    made = policies(models(model, {"sample": Decimal("0.05")}, {"sample": Decimal("0.5")}), VERSION)
    assert share(made, "unheard-of") == 5
    assert share(made, "m0") == 5
    assert share(made, "m1") == 50


def test_without_models_errors_and_a_share_are_kept() -> None:
    assert [policy["name"] for policy in policies([], VERSION)] == ["errors", "share-0.1"]


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
        assert bool(by_type(made, "ottl_condition", name)) == ("low_confidence" in wanted["keep"])
        slow = [leaf["latency"]["threshold_ms"] for leaf in by_type(made, "latency", name)]
        assert slow == ([wanted["slow"].milliseconds - 1] if "slow" in wanted["keep"] else [])
        assert share(made, name) == float(wanted["sample"] * 100)
    names = [policy["name"] for policy in made]
    assert len(names) == len(set(names))


def test_policies_use_attributes_that_the_helpers_emit(fleet: Fleet) -> None:
    """A policy on any other attribute would never match."""
    emitted = {attribute.key for attribute in (*SPAN_ATTRIBUTES, *RESOURCE_ATTRIBUTES)}
    mixed = models(fleet.models[0], {"keep": ("low_confidence",), "sample": Decimal("0.2")}, {"keep": ()})
    made = yaml.safe_load(generate(replace(fleet, models=tuple(mixed)))["otel/collector.yaml"])
    used = set()
    for policy in made["processors"]["tail_sampling"]["policies"]:
        for leaf in leaves(policy):
            used |= {leaf["string_attribute"]["key"]} if leaf["type"] == "string_attribute" else set()
            for condition in leaf.get("ottl_condition", {}).get("span", ()):
                used.add(condition.split('"')[1])
    assert len(used) == 2
    assert used <= emitted
    dimensions = {entry["name"] for entry in made["connectors"]["span_metrics"]["dimensions"]}
    assert dimensions <= emitted
