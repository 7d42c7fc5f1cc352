"""`setup` makes a service's logging and its sampler from the spec, and leaves alone what the service has set."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from modelwatch.model.types import Model
from modelwatch.otel import Watch
from modelwatch.otel.sdk import sampler
from tests.conftest import sample_model
from tests.otel.test_otel_survives import environment

SPEC = """
apiVersion: modelwatch/v1
kind: Model
metadata: {name: NAME, owner: growth}
serving: {job: churn-api}
task: {type: classification, classes: [stays, leaves]}
features: [{name: age, type: numeric}, {name: plan, type: categorical}]
"""
HEAD = """
import logging, sys
from modelwatch.otel import JsonHandler, setup
log = logging.getLogger("churn.api")
"""


def run(tmp_path: Path, code: str, *more: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A service whose specs are one.yaml, two.yaml, ... with ``more`` lines each."""
    for name, lines in zip(("one", "two"), more, strict=False):
        (tmp_path / f"{name}.yaml").write_text(SPEC.replace("NAME", name) + lines)
    return subprocess.run(
        [sys.executable, "-c", HEAD + code],
        env=environment("http://127.0.0.1:1", OTEL_TRACES_EXPORTER="none", **variables),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


ASK = """
with watch.inference() as inference:
    log.info("asked by ada@example.com", extra={"plan": "gold"})
    log.debug("in detail")
"""


def test_a_spec_with_the_section_has_the_service_log_json_to_stdout_at_its_level(tmp_path: Path) -> None:
    spec = "logging: {sample: 1, allow: [plan]}\n"
    done = run(tmp_path, f'watch = setup("one.yaml", version="7"){ASK}', spec)
    own, inference = lines(done.stdout)
    assert (own["body"], own["attributes"], own["version"]) == ("asked by ****", {"plan": "gold"}, "7")
    assert (inference["event_name"], inference["trace_id"]) == ("inference", own["trace_id"])
    assert done.stderr == ""
    done = run(tmp_path, f'watch = setup("one.yaml", version="7"){ASK}', "logging: {level: debug, sample: 0}\n")
    assert [line["severity_text"] for line in lines(done.stdout) if line["logger"] == "churn.api"] == ["INFO", "DEBUG"]


def test_without_the_section_and_where_setup_is_told_so_logging_is_left_alone(tmp_path: Path) -> None:
    for spec, how in (("", ""), ("logging: {sample: 1}\n", ", logs=False")):
        done = run(
            tmp_path, f'watch = setup("one.yaml", version="7"{how}){ASK}print(logging.getLogger().handlers)', spec
        )
        assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_handler_that_the_service_has_set_stays_alone_and_may_be_ours(tmp_path: Path) -> None:
    spec = "logging: {sample: 1, allow: [plan]}\n"
    code = f'logging.basicConfig(level=20, format="%(name)s %(message)s"); watch = setup("one.yaml", version="7"){ASK}'
    done = run(tmp_path, code, spec)
    assert done.stdout == ""
    told, first, second = done.stderr.splitlines()
    assert told == (
        "modelwatch.otel one: the spec's section logging is not applied to this process's log, neither its redaction "
        "nor its files: the root logger has a handler already, a StreamHandler. Remove it (logging.basicConfig, or a "
        "logging.info before setup, sets one), make it a JsonHandler(), or say setup(..., logs=False) if it is meant"
    )
    assert first == "churn.api asked by ada@example.com"
    assert second.startswith("modelwatch.inference inference of one: success in ")
    done = run(tmp_path, code.replace('version="7"', 'version="7", logs=False'), spec)
    assert done.stderr.startswith("churn.api asked by"), "who says that it is meant is told nothing"
    code = f'logging.basicConfig(level=20, handlers=[JsonHandler(sys.stderr)]); watch = setup("one.yaml", version="7"){ASK}'
    own, inference = lines(run(tmp_path, code, spec).stderr)
    assert (own["body"], inference["outcome"]) == ("asked by ****", "success")


def test_two_models_of_a_service_share_a_handler_and_each_has_its_own_fields(tmp_path: Path) -> None:
    code = """
first, second = setup("one.yaml", version="1"), setup("two.yaml", version="2")
for watch in (first, second):
    with watch.inference():
        log.info("asked", extra={"plan": "gold", "age": 3})
"""
    done = run(tmp_path, code, "logging: {sample: 0, allow: [plan]}\n", "logging: {sample: 0, allow: [age]}\n")
    assert [(line["model"], line["version"], line["attributes"]) for line in lines(done.stdout)] == [
        ("one", "1", {"plan": "gold"}),
        ("two", "2", {"age": 3}),
    ]


def test_a_line_outside_of_a_request_tells_the_version_where_the_process_runs_one(tmp_path: Path) -> None:
    code = 'setup("one.yaml", version="1"); log.info("a"); setup("one.yaml", version="2"); log.info("b")'
    first, second = lines(run(tmp_path, code, "logging: {sample: 0}\n").stdout)
    assert (first["model"], first["version"]) == ("one", "1")
    assert (second["model"], second.get("version")) == ("one", None)
    code = 'setup("one.yaml", version="1"); setup("two.yaml", version="1"); log.info("a")'
    (line,) = lines(run(tmp_path, code, "logging: {sample: 0}\n", "logging: {sample: 0}\n").stdout)
    assert (line.get("model"), line.get("version")) == (None, None)


def test_lines_go_to_files_of_each_process_where_the_spec_says_so(tmp_path: Path) -> None:
    code = """
import os
watch = setup("one.yaml", version="7")
log.info("parent")
if os.fork() == 0:
    log.info("child")
    os._exit(0)
os.wait()
log.info("parent again")
"""
    done = run(tmp_path, code, "logging: {files: {folder: out}}\n")
    assert (done.stdout, done.stderr) == ("", "")
    found = {tuple(line["body"] for line in lines(path.read_text())) for path in (tmp_path / "out").iterdir()}
    assert found == {("parent", "parent again"), ("child",)}
    assert all(path.name.startswith("churn-api-log-") for path in (tmp_path / "out").iterdir())
    done = run(tmp_path, code, "logging: {files: {folder: out}}\n", MODELWATCH_LOG_FILES=str(tmp_path / "other"))
    assert (len(list((tmp_path / "out").iterdir())), len(list((tmp_path / "other").iterdir()))) == (2, 2)


# --- tracing.record ---

MANY = """
watch = setup("one.yaml", version="7")
flags = []
for _ in range(2000):
    with watch.inference() as inference:
        flags.append(inference.headers()["traceparent"][-1] in "13")
parent = {"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"}
with watch.inference(headers=parent) as inference:
    print(sum(flags), inference.headers()["traceparent"][-1] in "13")
"""


def test_the_share_that_the_spec_records_is_recorded_and_a_callers_decision_comes_first(tmp_path: Path) -> None:
    recorded, child = run(tmp_path, MANY, "tracing: {record: 0.25}\n").stdout.split()
    assert (400 < int(recorded) < 600, child) == (True, "True")
    assert run(tmp_path, MANY, "").stdout == "2000 True\n"
    variables = {"OTEL_TRACES_SAMPLER": "always_off"}
    assert run(tmp_path, MANY, "tracing: {record: 0.25}\n", **variables).stdout == "0 False\n"


def test_exemplars_name_only_traces_that_are_recorded(tmp_path: Path) -> None:
    code = """
import re
watch = setup("one.yaml", version="7")
recorded = set()
for _ in range(300):
    with watch.inference() as inference:
        _, trace, _, flags = inference.headers()["traceparent"].split("-")
        recorded |= {trace} if flags[-1] in "13" else set()
page = watch.exposition("application/openmetrics-text; version=1.0.0")[0].decode()
named = set(re.findall(r'trace_id="(\\w+)"', page))
print(len(named) > 0, named <= recorded, len(recorded) < 250)
"""
    assert run(tmp_path, code, "tracing: {record: 0.5, sample: 1}\n").stdout == "True True True\n"


def test_an_error_that_is_not_recorded_has_a_line_that_says_so(tmp_path: Path) -> None:
    code = """
watch = setup("one.yaml", version="7")
for _ in range(200):
    with watch.inference() as inference:
        inference.fail("timeout")
"""
    done = run(tmp_path, code, "tracing: {record: 0.5}\nlogging: {sample: 0}\n")
    flags = [line["trace_flags"] for line in lines(done.stdout)]
    assert len(flags) == 200
    assert 50 < flags.count("01") < 150


def test_a_second_model_with_another_share_is_told_that_the_process_has_one_sampler(tmp_path: Path) -> None:
    code = 'setup("one.yaml", version="1"); setup("two.yaml", version="2")'
    done = run(tmp_path, code, "tracing: {record: 0.5}\n", "tracing: {record: 0.25}\n")
    assert done.stderr == (
        "two: tracing.record is 0.25, but this process has one sampler, and 0.5 is the first model's\n"
    )


def test_a_spec_that_records_all_leaves_the_sampler_to_the_sdk(model: Model) -> None:
    assert sampler(model, {}) is None


# --- tracing.features ---


@pytest.mark.parametrize(("features", "found"), [((), {}), (("carrier", "dep_hour"), {"carrier": "UA", "dep_hour": 7})])
def test_features_stand_on_spans_only_where_the_spec_names_them(
    registry: CollectorRegistry,
    provider: TracerProvider,
    spans: InMemorySpanExporter,
    features: tuple[str, ...],
    found: dict[str, Any],
) -> None:
    base = sample_model()
    spec = dataclasses.replace(base, tracing=dataclasses.replace(base.tracing, features=features))
    watch = Watch(spec, version="7", registry=registry, tracer=provider.get_tracer("service"))  # type: ignore[arg-type]  # the SDK's provider gives its Tracer
    with watch.inference() as inference, inference.stage("predict"):
        inference.predicted({"carrier": "UA", "dep_hour": 7, "name": "Ada", "missing": None}, "late", 0.9)
    stage, root = spans.get_finished_spans()
    prefix = "modelwatch.feature."
    assert {k.removeprefix(prefix): v for k, v in (root.attributes or {}).items() if k.startswith(prefix)} == found
    assert "Ada" not in str(dict(root.attributes or {})) + str(dict(stage.attributes or {}))
