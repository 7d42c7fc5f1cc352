"""Which traces are kept: the policies of tail_sampling, from the tracing part of each spec.

Models that agree share a policy, so their number grows with how much specs differ and not with the fleet. A trace is
kept when any policy says so. The share of ordinary traces is a hash of the trace's id with the processor's own seed:
any replica decides alike, and so can a service that wants to know (see modelwatch.otel.sampling).

A model with ``max_spans_per_second`` has a policy of its own for its share, with a limiter behind it, and its traces
are in no policy of everyone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from modelwatch.model.defaults import TRACING
from modelwatch.model.types import Model
from modelwatch.otel.collector.names import Version, path
from modelwatch.telemetry import promql
from modelwatch.telemetry.spans import (
    BATCH_KEPT,
    DRIFTED,
    LOW_CONFIDENCE,
    MODEL_NAME,
    OUTCOME,
    OVER_LIMIT,
    STAGE,
    Attribute,
)

Policy = dict[str, Any]

# What a service marks by itself: kind of trace in the spec -> the attribute that is true.
_FLAGS = {"low_confidence": LOW_CONFIDENCE, "drifted": DRIFTED}


def policies(models: Sequence[Model], version: Version) -> list[Policy]:
    """Policies for all models; one that every model shares also covers traces of models without a spec."""
    flags = [policy for kind, flag in _FLAGS.items() for policy in _flagged(models, kind, flag, version)]
    return [*_errors(models), *_slow(models), *flags, _batch(version), *_shares(models), *_limits(models, version)]


def limited(models: Iterable[Model]) -> list[Model]:
    """Those whose share has a limit; of a share of nothing there is nothing to limit."""
    return [model for model in models if model.tracing.max_spans_per_second is not None and model.tracing.sample > 0]


def _errors(models: Sequence[Model]) -> Iterable[Policy]:
    wanted = [model for model in models if "errors" in model.tracing.keep]
    if wanted or not models:
        status = {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}
        yield _for(wanted, models, status)


def _slow(models: Sequence[Model]) -> Iterable[Policy]:
    wanted = [model for model in models if "slow" in model.tracing.keep]
    for threshold, slow in _grouped(wanted, lambda model: model.tracing.slow):
        # Releases up to 0.140 keep what takes as long as the threshold, 0.158 only what takes longer. One millisecond
        # less, and a request that takes as long as the spec says is kept by all of them.
        latency = {"threshold_ms": max(threshold.milliseconds - 1, 0)}
        yield _for(slow, models, {"name": f"slow-{threshold.text}", "type": "latency", "latency": latency})


def _flagged(models: Sequence[Model], kind: str, flag: Attribute, version: Version) -> Iterable[Policy]:
    wanted = [model for model in models if kind in model.tracing.keep]
    if wanted:
        yield _for(wanted, models, _true(kind.replace("_", "-"), flag, version))


def _batch(version: Version) -> Policy:
    """Of a batch that a kept request was in; the service knows by the spec, so it goes for all models."""
    return _true("batch", BATCH_KEPT, version)


def _true(name: str, flag: Attribute, version: Version) -> Policy:
    condition = f'{path("span", "attributes", version)}["{flag.key}"] == true'
    return {"name": name, "type": "ottl_condition", "ottl_condition": {"error_mode": "ignore", "span": [condition]}}


def _shares(models: Sequence[Model]) -> Iterable[Policy]:
    # The smallest share goes to everyone: with one hash for all, it is a part of every larger share.
    floor = min((model.tracing.sample for model in models), default=TRACING.sample)
    capped = {model.name for model in limited(models)}
    if floor > 0:
        yield _without(capped, _share(floor)) if capped else _share(floor)
    for share, sampled in _grouped([model for model in models if model.name not in capped], _sample):
        # A trace that goes through a model with a limit and one without is kept as the latter's spec says.
        if share > floor or (capped and share > 0):
            yield _for(sampled, models, _share(share))


def _limits(models: Sequence[Model], version: Version) -> Iterable[Policy]:
    def at(attribute: Attribute) -> str:
        return f'{path("span", "attributes", version)}["{attribute.key}"]'

    for model in limited(models):
        # Stages say nothing of the limit, the span around them does. Of other instrumentation nothing says anything.
        inference = f"({at(OUTCOME)} != nil or {at(STAGE)} == nil)"
        condition = f'{at(MODEL_NAME)} == "{model.name}" and {at(OVER_LIMIT)} != true and {inference}'
        within = {"error_mode": "ignore", "span": [condition]}
        parts: list[Policy] = [
            _share(model.tracing.sample),
            {"name": "within", "type": "ottl_condition", "ottl_condition": within},
            # Last, since it counts whatever comes so far.
            {
                "name": "limit",
                "type": "rate_limiting",
                "rate_limiting": {"spans_per_second": model.tracing.max_spans_per_second},
            },
        ]
        yield {"name": f"limit-{model.name}", "type": "and", "and": {"and_sub_policy": parts}}


def _sample(model: Model) -> Decimal:
    return model.tracing.sample


def _share(share: Decimal) -> Policy:
    percent = float(share * 100)
    name = f"share-{promql.number(share)}"
    return {"name": name, "type": "probabilistic", "probabilistic": {"sampling_percentage": percent}}


def _for(some: Sequence[Model], models: Sequence[Model], policy: Policy) -> Policy:
    """``policy``, for traces of ``some`` models only unless these are all."""
    if len(some) == len(models):
        return policy
    names = sorted(model.name for model in some)
    chosen = {
        "name": "model",
        "type": "string_attribute",
        "string_attribute": {"key": MODEL_NAME.key, "values": names},
    }
    return {"name": policy["name"], "type": "and", "and": {"and_sub_policy": [chosen, policy]}}


def _without(names: Iterable[str], policy: Policy) -> Policy:
    """``policy``, for traces that go through none of the models.

    Within `and` every release takes ``invert_match`` for what it says; what they have deprecated are inverted
    decisions of a policy that stands by itself.
    """
    others = {
        "name": "other-models",
        "type": "string_attribute",
        "string_attribute": {"key": MODEL_NAME.key, "values": sorted(names), "invert_match": True},
    }
    return {"name": f"unlimited-{policy['name']}", "type": "and", "and": {"and_sub_policy": [others, policy]}}


def _grouped(models: Sequence[Model], key: Callable[[Model], Any]) -> list[tuple[Any, list[Model]]]:
    """Models by a value that sorts, smallest first."""
    groups: dict[Any, list[Model]] = defaultdict(list)
    for model in models:
        groups[key(model)].append(model)
    return sorted(groups.items())
