"""The published schemas are valid, complete, and say the same as the code."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from modelwatch.model import build, defaults
from modelwatch.model import types as t
from modelwatch.model.checks.slos import BUCKETS
from modelwatch.model.schema import KINDS, Kind, at, resolve, schema, schema_files
from modelwatch.model.units import DURATION_PATTERN, Duration

MODELS = Path(__file__).parents[2] / "models"
MINIMAL: dict[str, Any] = {
    "apiVersion": "modelwatch/v1",
    "kind": "Model",
    "metadata": {"name": "churn", "owner": "growth"},
    "serving": {"job": "churn"},
    "task": {"type": "classification"},
    "features": [{"name": "age", "type": "numeric"}],
}


def parts(
    kind: Kind, part: Mapping[str, Any], path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """Every schema of a value, with the path of the value; 0 is any item, * any key."""
    found = resolve(kind, part)
    yield path, found
    for name, below in found.get("properties", {}).items():
        yield from parts(kind, below, (*path, name))
    if isinstance(found.get("items"), dict):
        yield from parts(kind, found["items"], (*path, 0))
    if isinstance(found.get("additionalProperties"), dict):
        yield from parts(kind, found["additionalProperties"], (*path, "*"))
    for below in found.get("anyOf", ()):
        for name, field in below.get("properties", {}).items():
            yield from parts(kind, field, (*path, name))


def plain(value: object) -> object:
    """A value of the frozen types as a spec would write it."""
    if isinstance(value, Duration):
        return value.text
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if is_dataclass(value):
        found = {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        return {key: item for key, item in found.items() if item is not None}
    return value


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_is_valid_json_schema(kind: Kind) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_files()[f"schema/{kind.lower()}.schema.json"]))


@pytest.mark.parametrize("kind", KINDS)
def test_every_mapping_is_closed_and_every_field_described_with_an_example(kind: Kind) -> None:
    for path, part in parts(kind, schema(kind)):
        if part.get("type") == "object":
            assert "additionalProperties" in part, path
        if path and path[-1] not in (0, "*"):
            assert part.get("description", "").endswith("."), path
            assert {"examples", "default", "enum", "const"} & set(part), path


@pytest.mark.parametrize("kind", KINDS)
def test_every_example_and_default_fits_its_own_field(kind: Kind) -> None:
    for path, part in parts(kind, schema(kind)):
        for example in [*part.get("examples", []), *([part["default"]] if "default" in part else [])]:
            validator = jsonschema.Draft202012Validator({"$defs": schema(kind)["$defs"], **part})
            assert not list(validator.iter_errors(_floats(example))), (path, example)


def _floats(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: _floats(item) for key, item in value.items()}
    return [_floats(item) for item in value] if isinstance(value, list) else value


def test_the_defaults_that_editors_show_of_a_model_are_those_of_the_code() -> None:
    model = build.model(MINIMAL, Path("churn.yaml"))
    feature = model.features[0]
    logging = build.model({**MINIMAL, "logging": {}}, Path("churn.yaml")).logging
    assert logging is not None
    expected = {
        ("metadata", "tier"): model.tier,
        ("metadata", "description"): model.description,
        ("serving", "environment"): model.serving.environment,
        ("serving", "mode"): model.serving.mode,
        ("serving", "targets"): model.serving.targets,
        ("serving", "metrics_path"): model.serving.metrics_path,
        ("features",): (),
        ("features", 0, "max_categories"): feature.max_categories,
        ("features", 0, "missing", "max_ratio"): feature.missing_max_ratio,
        ("features", 0, "drift", "method"): feature.drift.method,
        ("drift", "windows"): model.drift.windows,
        ("drift", "min_samples"): model.drift.min_samples,
        ("drift", "false_alarm_rate"): model.drift.false_alarm_rate,
        ("drift", "warning"): model.drift.answers.warning,
        ("drift", "critical"): model.drift.answers.critical,
        ("slos", 0, "window"): defaults.SLO_WINDOW,
        **{("limits", field.name): getattr(model.limits, field.name) for field in fields(t.Limits)},
        ("performance", "label_delay"): model.performance.label_delay,
        ("performance", "window"): model.performance.window,
        ("tracing", "sample"): model.tracing.sample,
        ("tracing", "keep"): model.tracing.keep,
        ("tracing", "low_confidence"): model.tracing.low_confidence,
        ("tracing", "record"): model.tracing.record,
        ("tracing", "features"): model.tracing.features,
        ("logging", "level"): logging.level,
        ("logging", "allow"): logging.allow,
        ("logging", "redact"): logging.redact,
        ("logging", "predictions", "sample"): defaults.PREDICTION_SAMPLE,
        **{
            ("logging", part, name): getattr(defaults.LOG_FILES, name)
            for part in ("files", "predictions")
            for name in ("file_megabytes", "total_megabytes")
        },
        **{
            ("sampling", name): getattr(defaults.SAMPLING, name)
            for name in ("rows_per_hour", "format", "exclude", "file_megabytes", "file_age", "total_megabytes")
        },
        **{("sampling", "strata", name): share for name, share in defaults.SAMPLING.strata.items()},
    }
    shown = {path: part["default"] for path, part in parts("Model", schema("Model")) if "default" in part}
    assert shown == {path: plain(value) for path, value in expected.items()}


def test_the_defaults_that_editors_show_of_the_stack_are_those_of_the_code() -> None:
    stack = build.stack({}, Path("stack.yaml"))
    assert stack == t.Stack(
        **{**{f.name: getattr(defaults.STACK, f.name) for f in fields(t.Stack)}, "source": "stack.yaml"}
    )
    versions = {
        name: f"{major}.{minor}"
        for name, (major, minor) in ((f.name, getattr(stack.versions, f.name)) for f in fields(t.Versions))
    }
    expected = {
        ("metadata", "name"): stack.name,
        **{("versions", name): text for name, text in versions.items()},
        **{
            ("prometheus", name): getattr(stack, name)
            for name in ("scrape_interval", "evaluation_interval", "retention")
        },
        ("prometheus", "external_labels"): stack.external_labels,
        ("environments",): _without_names(stack.environments),
        ("receivers",): _without_names(stack.receivers),
        ("routes",): stack.routes,
        ("teams",): stack.teams,
        ("destinations", "traces"): stack.traces,
        ("destinations", "metrics"): stack.metrics,
        ("destinations", "logs"): stack.logs,
        ("links", "runbooks"): stack.runbooks,
        ("links", "dashboards"): stack.dashboards,
    }
    shown = {path: part["default"] for path, part in parts("Stack", schema("Stack")) if "default" in part}
    assert shown == {path: plain(value) for path, value in expected.items()}


def _without_names(found: Mapping[str, Any]) -> dict[str, object]:
    mapped = plain(found)
    assert isinstance(mapped, dict)
    return {name: {key: value for key, value in item.items() if key != "name"} for name, item in mapped.items()}


def test_choices_of_the_schema_are_those_of_the_types() -> None:
    choices = {
        ("Model", ("metadata", "tier")): t.Tier,
        ("Model", ("serving", "mode")): t.ServingMode,
        ("Model", ("task", "type")): t.TaskType,
        ("Model", ("features", 0, "type")): t.FeatureType,
        ("Model", ("features", 0, "drift", "method")): t.DriftMethod,
        ("Model", ("sampling", "format")): t.SampleFormat,
        ("Model", ("tracing", "keep", 0)): t.Kept,
        ("Model", ("logging", "keep", 0)): t.Kept,
        ("Model", ("logging", "level")): t.LogLevel,
        ("Stack", ("receivers", "pager", "type")): t.ReceiverType,
        ("Stack", ("destinations", "traces", 0, "type")): t.DestinationType,
    }
    for (kind, path), literal in choices.items():
        assert tuple(at(kind, path)["enum"]) == literal.__args__  # type: ignore[arg-type,attr-defined]  # of Literal


def test_thresholds_and_buckets_told_in_descriptions_are_true() -> None:
    drift = at("Model", ("features", 0, "drift"))["properties"]
    for number, field in enumerate(("warning", "critical")):
        for method, thresholds in defaults.DRIFT_THRESHOLDS.items():
            assert f"{thresholds[number]} for {method}" in drift[field]["description"]
    told = at("Model", ("slos", 0, "sli", "latency"))["description"]
    shown = told.split("buckets: ")[1].removesuffix(".").replace(" or ", ", ").split(", ")
    assert tuple(map(Duration.parse, shown)) == BUCKETS
    slos = at("Model", ("slos",))["description"]
    for slo in defaults.SLOS:
        assert f"{slo.objective} %" in slos
        assert slo.window.text in slos


def test_durations_have_one_pattern() -> None:
    for kind in KINDS:
        assert schema(kind)["$defs"]["duration"]["pattern"] == DURATION_PATTERN.replace(r"\d", "[0-9]")


@pytest.mark.parametrize("name", sorted(path.name for path in MODELS.glob("*.yaml")))
def test_an_editor_accepts_the_specs_of_the_repository(name: str) -> None:
    text = (MODELS / name).read_text()
    first = text.splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=../generated/schema/")
    wanted = json.loads(schema_files()["schema/" + first.rsplit("/", 1)[1]])
    jsonschema.validate(yaml.safe_load(text), wanted, jsonschema.Draft202012Validator)
