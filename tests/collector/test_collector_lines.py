"""Lines that a service writes to files come out of the real Collector as log records, with nothing private in them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelwatch import programs
from modelwatch.model.types import Fleet, Logging
from modelwatch.otel.collector import generate
from modelwatch.telemetry import logs as L
from tests.collector.telemetry import attributes, written
from tests.collector.test_privacy_live import EVERYTHING, texts, traces_of_it

REPOSITORY = Path(__file__).resolve().parents[2]
SPEC = """
apiVersion: modelwatch/v1
kind: Model
metadata: {name: flight-delay, owner: ops-ml}
serving: {job: flights}
task: {type: classification}
features: [{name: carrier, type: categorical}]
logging: {sample: 1, allow: [carrier], redact: [passenger], files: {folder: lines}}
"""
SERVICE = """
import json, logging, sys
from modelwatch.otel import setup
watch = setup("flight-delay.yaml", version="7")
log = logging.getLogger("flights.api")
with watch.inference(batch=2) as inference:
    with inference.stage("predict"):
        log.warning("scored %s", "UA", extra={"carrier": "UA", "seat": "12A"})
        print(inference.headers()["traceparent"])
    inference.confidence(0.4)
for private in json.loads(sys.stdin.read()):
    log.info("x", extra={"carrier": {private: "x"}, "passenger": private})
    log.info({"passenger": private})
    try:
        raise ValueError(private)
    except ValueError:
        log.exception("failed")
"""


@pytest.fixture
def logging_(fleet: Fleet) -> Fleet:
    spec = Logging("info", Decimal(1), (), ("carrier",), ("passenger",))
    return replace(fleet, models=(replace(fleet.models[0], logging=spec), *fleet.models[1:]))


def test_there_is_such_a_config_only_where_a_spec_has_lines_written(fleet: Fleet, logging_: Fleet) -> None:
    assert "otel/logs.yaml" not in generate(fleet)
    made = generate(logging_)
    keys = yaml.safe_load(made["otel/collector.yaml"])["processors"]["redaction"]["allowed_keys"]
    assert {"modelwatch.field.carrier", *(a.key for a in L.ATTRIBUTES_OF.values())} <= set(keys)
    assert "modelwatch.field.carrier" not in generate(fleet)["otel/collector.yaml"]


@pytest.mark.parametrize(("version", "name"), [((0, 140), "filelog/services"), ((0, 149), "file_log/services")])
def test_the_receiver_is_called_as_the_release_calls_it(logging_: Fleet, version: tuple[int, int], name: str) -> None:
    stack = replace(logging_.stack, versions=replace(logging_.stack.versions, collector=version))
    made = yaml.safe_load(generate(replace(logging_, stack=stack))["otel/logs.yaml"])
    assert list(made["receivers"]) == [name]
    assert made["service"]["pipelines"]["logs"]["receivers"] == ["otlp", name]


@pytest.mark.real("otelcol-modelwatch")
def test_the_check_has_the_real_collector_judge_the_config_beside_both_roles(
    logging_: Fleet, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever's files they are: nothing is read from a folder of the project."""
    for name in ("_promtool", "_amtool", "_pint"):
        monkeypatch.setattr(programs, name, lambda *_: None)
    roles = ("collector", "collector with logs", "agent", "agent with logs")
    made = generate(logging_)
    good = programs.judge(made)
    assert [line for line in good.summary if "validate" in line] == [
        f"otelcol-modelwatch validate ({role}): ok" for role in roles
    ]
    assert not good.diagnostics
    made["otel/logs.yaml"] = made["otel/logs.yaml"].replace("json_parser", "jsn_parser")
    bad = programs.judge(made)
    assert [line.endswith("REFUSED") for line in bad.summary if "validate" in line] == [False, True, False, True]
    assert all("jsn_parser" in one.message and "with logs" in one.message for one in bad.diagnostics)
    assert not any("with logs" in line for line in programs.judge(generate(fleet)).summary)


@pytest.mark.real("otelcol-modelwatch")
def test_lines_of_a_service_come_out_with_ids_severity_and_allowed_fields_and_nothing_private(
    collector: Any, moved: Fleet, logging_: Fleet, tmp_path: Path, waiting: Any
) -> None:
    moved = replace(moved, models=logging_.models)
    (tmp_path / "flight-delay.yaml").write_text(SPEC)
    service = subprocess.run(
        [sys.executable, "-c", SERVICE],
        input=json.dumps([str(private) for private in EVERYTHING]),
        env={**os.environ, "OTEL_TRACES_EXPORTER": "none"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    (tmp_path / "lines" / "foreign.jsonl").write_text("ada@example.com is no line of ours\n")
    config = tmp_path / "logs.yaml"
    config.write_text(generate(moved)["otel/logs.yaml"])
    running = collector(moved, "--config", str(config), env={"MODELWATCH_LOGS": str(tmp_path / "lines" / "*.jsonl")})
    state, total = tmp_path / "state", 2 + 3 * len(EVERYTHING)

    def found() -> list[dict[str, Any]]:
        return [
            {**record, "scope": scope["scope"]["name"], "resource": resource["resource"]}
            for message in written(state, "logs.jsonl")
            for resource in message["resourceLogs"]
            for scope in resource["scopeLogs"]
            for record in scope["logRecords"]
        ]

    waiting(lambda: len(found()) >= total, "all lines")
    log = running.stop()
    records = found()
    assert len(records) == total
    assert {record["scope"] for record in records} == {"modelwatch.logs"}
    _, trace, span, _ = service.stdout.strip().split("-")
    scored = next(record for record in records if record["body"].get("stringValue") == "scored UA")
    assert (scored["traceId"], scored["spanId"], scored["severityNumber"]) == (trace, span, 13)
    assert attributes(scored["resource"])["service.name"] == "flights"
    assert attributes(scored) == {
        "modelwatch.logger": "flights.api", "modelwatch.model.name": "flight-delay", "modelwatch.model.version": "7",
        "modelwatch.field.carrier": "UA",
    }  # fmt: skip
    ended = next(record for record in records if attributes(record).get("event.name") == "inference")
    told = attributes(ended)
    assert (ended["traceId"], told["modelwatch.outcome"], told["modelwatch.confidence"]) == (trace, "success", 0.4)
    failed = [attributes(record) for record in records if record["body"].get("stringValue") == "failed"]
    assert len(failed) == len(EVERYTHING)
    assert all(one["exception.type"] == "ValueError" and "line" in one["exception.stacktrace"] for one in failed)
    for where in ("\n".join(texts(written(state, "logs.jsonl"))), log):
        assert {private: left for private in EVERYTHING if (left := traces_of_it(private, where))} == {}
        assert "passenger" not in where and "seat" not in where
