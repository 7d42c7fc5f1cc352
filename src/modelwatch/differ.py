"""What a change of specs means for the people who are paged, in words."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelwatch.alert_rules import families, routing, simulate
from modelwatch.alert_rules.rules import Alert
from modelwatch.model.types import Fleet, Model, Slo
from modelwatch.model.units import Duration
from modelwatch.telemetry import labels as L

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """``model`` is whom it concerns; ``sentence`` says what changes for the people told."""

    model: str
    sentence: str


def _alerts(fleet: Fleet | None) -> dict[Key, Alert]:
    if fleet is None:
        return {}
    return {
        (alert.labels[L.MODEL], alert.name, alert.labels.get(L.SLO, "")): alert
        for file in families.rule_files(fleet)
        for alert in file.alerts
    }


def _tree(fleet: Fleet | None) -> Mapping[str, Any]:
    return routing.tree(fleet) if fleet is not None else {}


def _goes_to(tree: Mapping[str, Any], alert: Alert) -> str:
    names = simulate.receivers(tree, {"alertname": alert.name, **alert.labels})
    return " and ".join(names)


def _title(key: Key) -> str:
    return key[1] + (f" ({key[2]})" if key[2] else "")


def differences(before: Fleet | None, after: Fleet) -> tuple[Change, ...]:
    """Every change, models in order. ``before`` is None when there was nothing."""
    old, new = _alerts(before), _alerts(after)
    old_tree, new_tree = _tree(before), _tree(after)
    old_models = {model.name: model for model in before.models} if before else {}
    new_models = {model.name: model for model in after.models}
    out: list[Change] = []
    for name in sorted(old_models.keys() | new_models.keys()):
        if name not in old_models:
            pages = sum(key[0] == name and alert.severity == L.PAGE for key, alert in new.items())
            total = sum(key[0] == name for key in new)
            out.append(Change(name, f"is new: {total} alerts, {pages} of which page {new_models[name].owner}"))
        elif name not in new_models:
            out.append(Change(name, "is no longer watched: all its alerts go"))
        else:
            out += (Change(name, sentence) for sentence in _model(old_models[name], new_models[name]))
    for key in sorted(old.keys() | new.keys()):
        if (key[0] in old_models) == (key[0] in new_models) or key[0] not in {*old_models, *new_models}:
            out += (
                Change(key[0], sentence) for sentence in _alert(key, old.get(key), new.get(key), old_tree, new_tree)
            )
    return tuple(out)


def _model(old: Model, new: Model) -> Iterator[str]:
    if old.owner != new.owner:
        yield f"moves from team {old.owner} to {new.owner}"
    if old.tier != new.tier:
        yield f"tier {old.tier} -> {new.tier}"
    if old.serving.environment != new.serving.environment:
        yield f"environment {old.serving.environment} -> {new.serving.environment}"
    if old.serving.job != new.serving.job:
        yield f"is read from job {new.serving.job} instead of {old.serving.job}"
    yield from _slos(old, new)
    if old.drift != new.drift:
        yield f"drift is judged over {_drift(new)}, before over {_drift(old)}"
    for part in _PARTS:
        yield from _fields(part, _part(old, part), _part(new, part))
    yield from _features(old, new)


# What no sentence above is about: told field by field, so that no edit of them goes untold.
_PARTS = ("task", "performance", "baseline", "sampling", "tracing", "logging")
# Fields that the spec calls otherwise.
_CALLED = {"performance.min_accuracy": "performance.metrics.accuracy.min"}
# Paths that the loader has made absolute.
_PATHS = ("baseline.data", "baseline.profile", "sampling.folder", "logging.files.folder", "logging.predictions.folder")


def _part(model: Model, name: str) -> Any:
    """A part of a spec, its paths as from the spec's folder: the older specs may lie elsewhere."""
    part = getattr(model, name)
    for place in _PATHS:
        first, *steps = place.split(".")
        if first == name:
            part = _from_folder(part, steps, Path(model.source).absolute().parent)
    return part


def _from_folder(part: Any, steps: Sequence[str], folder: Path) -> Any:
    """``part`` with the path at ``steps`` written as from ``folder``."""
    first, *further = steps
    value = getattr(part, first, None)
    if not value:
        return part
    changed = _from_folder(value, further, folder) if further else os.path.relpath(value, folder)
    return dataclasses.replace(part, **{first: changed})


def _fields(path: str, old: Any, new: Any) -> Iterator[str]:
    """Every field below ``path`` that is another."""
    before, after = _inner(old), _inner(new)
    if old == new:
        return
    if before is not None and after is not None:
        for key in dict.fromkeys((*before, *after)):
            yield from _fields(f"{path}.{key}", before.get(key), after.get(key))
    elif old is None or new is None:
        yield f"{_CALLED.get(path, path)} is {'no longer set' if new is None else f'now set: {_value(new)}'}"
    else:
        yield f"{_CALLED.get(path, path)} {_value(old)} -> {_value(new)}"


def _inner(value: Any) -> Mapping[str, Any] | None:
    """What is below, of what has something below it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, Duration | type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return value if isinstance(value, Mapping) else None


def _value(value: Any) -> str:
    """As a spec would have it: only what is set."""
    if (below := _inner(value)) is not None:
        return f"{{{', '.join(f'{key}: {_value(one)}' for key, one in below.items() if one not in (None, (), {}))}}}"
    return f"[{', '.join(map(_value, value))}]" if isinstance(value, tuple) else str(value)


def _features(old: Model, new: Model) -> Iterator[str]:
    before, after = {one.name: one for one in old.features}, {one.name: one for one in new.features}
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            yield f"feature {name} is now watched"
        elif name not in after:
            yield f"feature {name} is no longer watched"
        else:
            one, other = before[name], after[name]
            if one.type != other.type:
                yield f"feature {name}: {one.type} -> {other.type}"
            if one.max_categories != other.max_categories:
                yield f"feature {name}: up to {other.max_categories} categories are counted, before {one.max_categories}"
            if one.drift != other.drift:
                yield (
                    f"feature {name}: drift ({other.drift.method}) is told from {other.drift.warning} and {other.drift.critical},"
                    f" before from {one.drift.warning} and {one.drift.critical} ({one.drift.method})"
                )
            if one.range != other.range:
                yield f"feature {name}: range {_range(one.range)} -> {_range(other.range)}"
            if one.missing_max_ratio != other.missing_max_ratio:
                yield f"feature {name}: missing values are told above {other.missing_max_ratio}, before above {one.missing_max_ratio}"


def _slos(old: Model, new: Model) -> Iterator[str]:
    before, after = {one.name: one for one in old.slos}, {one.name: one for one in new.slos}
    for name in sorted(before.keys() & after.keys()):
        one, other = before[name], after[name]
        if one.sli != other.sli:
            yield f"SLO {name}: {_bad(other)} counts as bad, before {_bad(one)}"
        if one.objective != other.objective:
            yield f"SLO {name}: objective {one.objective} % -> {other.objective} %"
        if one.window != other.window:
            yield f"SLO {name}: window {one.window} -> {other.window}"


def _bad(slo: Slo) -> str:
    if slo.sli.kind == "latency":
        return f"an answer slower than {slo.sli.threshold}"
    return {"errors": "a failed prediction", "valid_rows": "a rejected row"}[slo.sli.kind]


def _drift(model: Model) -> str:
    policy = model.drift
    windows = ", ".join(window.text for window in policy.windows)
    beside = f" beside rows of the same {policy.same}" if policy.same else ""
    return (
        f"{windows} from {policy.min_samples} rows on at a false-alarm rate of {policy.false_alarm_rate}{beside}, "
        f"answers from {policy.answers.warning} and {policy.answers.critical} ({policy.answers.method})"
    )


def _range(span: tuple[Any, Any] | None) -> str:
    return f"{span[0]} to {span[1]}" if span else "none"


def _alert(
    key: Key, old: Alert | None, new: Alert | None, old_tree: Mapping[str, Any], new_tree: Mapping[str, Any]
) -> Iterator[str]:
    title = _title(key)
    if old is None and new is not None:
        yield f"{title} is new: {new.severity} to {_goes_to(new_tree, new)} when {new.summary}"
        return
    if new is None and old is not None:
        yield f"{title} is gone: {_goes_to(old_tree, old)} hears nothing of it any more"
        return
    if old is None or new is None:
        return
    if old.severity != new.severity:
        yield f"{title}: {old.severity} becomes {new.severity}"
    if old.threshold != new.threshold:
        yield f"{title}: threshold {old.threshold or 'none'} -> {new.threshold or 'none'}"
    if old.wait != new.wait:
        yield f"{title}: held for {old.wait or 'no time'} -> {new.wait or 'no time'}"
    was, is_ = _goes_to(old_tree, old), _goes_to(new_tree, new)
    if was != is_:
        yield f"{title}: told to {is_}, before to {was}"
    if old.expr != new.expr and old.threshold == new.threshold and old.labels[L.MODEL] == new.labels[L.MODEL]:
        yield f"{title}: its condition changes (`modelwatch explain {new.name}` shows it)"
