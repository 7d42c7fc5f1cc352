"""Models whose share of ordinary traces has a limit: their policies, tried on traces as the Collector tries them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelwatch.model.types import Fleet, Model, Versions
from modelwatch.otel.collector import generate
from modelwatch.otel.collector.sampling import policies
from modelwatch.telemetry.spans import MODEL_NAME, OUTCOME, OVER_LIMIT, SPAN_ATTRIBUTES, STAGE

Policy = dict[str, Any]
Spans = Sequence[Mapping[str, Any]]
VERSION = (0, 158)
KEY = "modelwatch.over_limit"


def models(model: Model, *tracing: dict[str, Any]) -> list[Model]:
    """Called m0, m1 and so on; nothing but their share is kept."""
    return [
        replace(model, name=f"m{index}", tracing=replace(model.tracing, keep=(), **changes))
        for index, changes in enumerate(tracing)
    ]


def limited(share: str = "0.1", spans: int = 500) -> dict[str, Any]:
    return {"sample": Decimal(share), "max_spans_per_second": spans}


def inference(model: str, *, over: bool = False, stages: int = 1) -> list[dict[str, Any]]:
    """Spans of one inference as the helpers send them."""
    root = {MODEL_NAME.key: model, OUTCOME.key: "success", **({OVER_LIMIT.key: True} if over else {})}
    return [root, *({MODEL_NAME.key: model, STAGE.key: f"s{index}"} for index in range(stages))]


@dataclass
class Processor:
    """What tail_sampling makes of the policies: each one's verdict, in order, until one keeps the trace."""

    made: list[Policy]
    counted: dict[str, int] = field(default_factory=dict)
    """Spans that got as far as a limit, by the policy."""
    room: bool = True

    def keeps(self, spans: Spans, draw: float) -> bool:
        """``draw`` from 0 to 1 stands for the hash of the trace's id."""
        return any(self._says(policy, policy["name"], spans, draw) for policy in self.made)

    def _says(self, policy: Policy, name: str, spans: Spans, draw: float) -> bool:
        body = policy[policy["type"]]
        match policy["type"]:
            case "and":
                return all(self._says(part, name, spans, draw) for part in body["and_sub_policy"])
            case "probabilistic":
                return draw <= body["sampling_percentage"] / 100
            case "string_attribute":
                found = any(span.get(body["key"]) in body["values"] for span in spans)
                return found is not body.get("invert_match", False)
            case "ottl_condition":
                return any(holds(condition, span) for condition in body["span"] for span in spans)
            case "rate_limiting":
                self.counted[name] = self.counted.get(name, 0) + len(spans)
                return self.room
        raise AssertionError(policy["type"])


def holds(condition: str, span: Mapping[str, Any]) -> bool:
    """A condition of OTTL that also is one of Python, but for a few words."""
    spelt = re.sub(r'(?:span\.)?attributes\["([^"]+)"\]', r'span.get("\1")', condition)
    words = {"nil": None, "true": True, "span": span}
    return bool(eval(spelt, {"__builtins__": {}}, words))


def test_a_limit_comes_last_so_that_it_counts_nothing_but_what_it_may_keep(model: Model) -> None:
    made = policies(models(model, limited(spans=500), {}), VERSION)
    last = made[-1]
    assert [part["type"] for part in last["and"]["and_sub_policy"]] == [
        "probabilistic",
        "ottl_condition",
        "rate_limiting",
    ]
    assert last["and"]["and_sub_policy"][-1]["rate_limiting"] == {"spans_per_second": 500}
    for spans, draw in ((inference("m1"), 0.05), (inference("m0"), 0.5), (inference("m0", over=True), 0.05), ([{}], 0)):
        processor = Processor(made)
        processor.keeps(spans, draw)
        assert processor.counted == {}
    processor = Processor(made)
    assert processor.keeps(inference("m0"), 0.05)
    assert processor.counted == {"limit-m0": 2}


def test_what_is_over_the_limit_is_in_no_policy_of_everyone(model: Model) -> None:
    processor = Processor(policies(models(model, limited(), {}), VERSION), room=False)
    assert not processor.keeps(inference("m0"), 0)
    for spans in (inference("m1"), inference("unheard-of"), [{"http.route": "/"}]):
        assert processor.keeps(spans, 0.1)


def test_errors_slow_unsure_and_drifted_ones_are_kept_before_a_limit_is_asked(model: Model) -> None:
    keep = ("errors", "slow", "low_confidence", "drifted")
    made = policies([replace(model, tracing=replace(model.tracing, keep=keep, max_spans_per_second=10))], VERSION)
    assert [policy["name"] for policy in made][:4] == ["errors", "slow-250ms", "low-confidence", "drifted"]
    assert made[-1]["name"] == "limit-flight-delay"
    assert not any("rate_limiting" in str(policy) for policy in made[:-1])


def test_the_policies_grow_with_the_models_that_have_a_limit_and_not_with_the_fleet(model: Model) -> None:
    fleet = [*[{}] * 1000, *[limited()] * 3]
    names = [policy["name"] for policy in policies(models(model, *fleet), VERSION)]
    assert names == ["batch", "unlimited-share-0.1", "share-0.1", "limit-m1000", "limit-m1001", "limit-m1002"]


def test_a_limit_of_a_share_of_nothing_changes_nothing(model: Model) -> None:
    plain, capped = {"sample": Decimal(0)}, limited("0")
    for others in ([], [{}]):
        assert policies(models(model, capped, *others), VERSION) == policies(models(model, plain, *others), VERSION)


wanted = st.fixed_dictionaries(
    {
        "sample": st.sampled_from([Decimal(0), Decimal("0.001"), Decimal("0.1"), Decimal(1)]),
        "max_spans_per_second": st.sampled_from([None, 10, 500]),
    }
)
# Of up to three models, a spec each, an unknown model or none, and whether the service has marked it.
asked = st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=4)


# The fixture is a frozen object, so examples may share it.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(wanted, min_size=1, max_size=3), asked, st.sampled_from([0.0005, 0.05, 0.5]), st.booleans())
def test_a_trace_is_kept_where_one_of_its_models_specs_says_so(
    model: Model, specs: list[dict[str, Any]], through: list[tuple[int, bool]], draw: float, room: bool
) -> None:
    """Whatever other models it goes through; one of no model with a limit has the smallest share for everyone."""
    processor = Processor(policies(models(model, *specs), VERSION), room=room)
    spans = [span for index, over in through for span in inference(f"m{index}", over=over)]
    kept, anyone = False, True
    for index, over in through:
        spec = specs[index] if index < len(specs) else {"sample": Decimal(0), "max_spans_per_second": None}
        has_limit = spec["max_spans_per_second"] is not None and spec["sample"] > 0
        kept = kept or (draw <= spec["sample"] and (not has_limit or (room and not over)))
        anyone = anyone and not has_limit
    smallest = min(spec["sample"] for spec in specs)
    assert processor.keeps([{"http.route": "/flights"}, *spans], draw) is (kept or (anyone and draw <= smallest))


def test_spans_of_other_instrumentation_that_name_a_model_are_limited_too(model: Model) -> None:
    """They bear neither an outcome nor a mark."""
    processor = Processor(policies(models(model, limited()), VERSION))
    assert processor.keeps([{MODEL_NAME.key: "m0"}], 0.05)
    assert processor.counted == {"limit-m0": 1}


def test_one_inference_over_the_limit_takes_no_other_of_its_trace_away(model: Model) -> None:
    processor = Processor(policies(models(model, limited()), VERSION))
    assert processor.keeps([*inference("m0", over=True), *inference("m0")], 0.05)
    assert not processor.keeps([*inference("m0", over=True), *inference("m0", over=True)], 0.05)


def aimed(fleet: Fleet, version: tuple[int, int], limit: int | None = 500) -> dict[str, Any]:
    first, *others = fleet.models
    capped = replace(first, tracing=replace(first.tracing, max_spans_per_second=limit))
    versions = Versions(fleet.stack.versions.prometheus, fleet.stack.versions.alertmanager, version)
    made = generate(replace(fleet, models=(capped, *others), stack=replace(fleet.stack, versions=versions)))
    return {name: yaml.safe_load(made[f"otel/{name}.yaml"]) for name in ("collector", "agent")}


@pytest.mark.parametrize(
    ("version", "known"), [((0, 119), False), ((0, 139), False), ((0, 140), True), (VERSION, True)]
)
def test_the_first_policy_that_keeps_a_trace_is_the_last_that_is_asked_where_that_can_be_said(
    fleet: Fleet, version: tuple[int, int], known: bool
) -> None:
    tail = aimed(fleet, version)["collector"]["processors"]["tail_sampling"]
    assert tail.get("sample_on_first_match", False) is known
    (condition,) = tail["policies"][-1]["and"]["and_sub_policy"][1]["ottl_condition"]["span"]
    assert holds(condition, inference(fleet.models[0].name)[0])
    assert ("span.attributes" in condition) is (version >= (0, 140))


def test_the_mark_passes_redaction_where_a_model_has_a_limit(fleet: Fleet) -> None:
    """In the agent too, which comes before."""
    for name, config in aimed(fleet, VERSION).items():
        assert KEY in config["processors"]["redaction"]["allowed_keys"], name


def test_without_a_limit_nothing_of_it_is_generated(fleet: Fleet) -> None:
    assert OVER_LIMIT not in SPAN_ATTRIBUTES
    for config in aimed(fleet, VERSION, limit=None).values():
        for word in ("rate_limiting", "invert_match", "first_match", "over_limit"):
            assert word not in str(config)
