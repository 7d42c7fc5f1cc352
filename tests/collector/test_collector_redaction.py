"""What the redaction processor is told. Its patterns are RE2; these tests stay within what Python reads alike."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelwatch.model.types import Fleet
from modelwatch.otel.collector import generate
from modelwatch.otel.collector.redaction import ALLOWED
from modelwatch.telemetry.private import BLOCKED
from modelwatch.telemetry.spans import FEATURE_PREFIX, RESOURCE_ATTRIBUTES, SPAN_ATTRIBUTES


def masked(text: str, patterns: Sequence[str] = BLOCKED) -> str:
    """As the processor masks a value: every match of every pattern."""
    for pattern in patterns:
        text = re.sub(pattern, "****", text)
    return text


def test_it_fails_closed(fleet: Fleet) -> None:
    """Without a list of its own it would remove everything, and allow_all_keys is off."""
    made: dict[str, Any] = yaml.safe_load(generate(fleet)["otel/collector.yaml"])
    assert made["processors"]["redaction"]["allow_all_keys"] is False
    assert made["processors"]["redaction"]["allowed_keys"] == list(ALLOWED)


def test_everything_of_the_contract_may_leave() -> None:
    assert {attribute.key for attribute in (*SPAN_ATTRIBUTES, *RESOURCE_ATTRIBUTES)} <= set(ALLOWED)


def test_features_may_leave_where_a_spec_puts_them_on_spans_and_no_others(fleet: Fleet) -> None:
    """The key is the one that the helpers write."""
    model = fleet.models[0]
    traced = replace(model, tracing=replace(model.tracing, features=("carrier",)))
    made = yaml.safe_load(generate(replace(fleet, models=(traced, *fleet.models[1:])))["otel/collector.yaml"])
    keys = made["processors"]["redaction"]["allowed_keys"]
    assert set(keys) - set(ALLOWED) == {FEATURE_PREFIX + "carrier"}


@pytest.mark.parametrize(
    "key", ["exception.message", "url.full", "url.query", "user.id", "db.query.text", "feature.age"]
)
def test_what_may_quote_a_caller_may_not_leave(key: str) -> None:
    assert key not in ALLOWED


def test_redaction_comes_before_counting_sampling_and_sending(fleet: Fleet) -> None:
    """In every pipeline that takes data in; and the memory limit before anything else."""
    made = yaml.safe_load(generate(fleet)["otel/collector.yaml"])
    taking = [pipeline for pipeline in made["service"]["pipelines"].values() if "otlp" in pipeline["receivers"]]
    assert len(taking) == 3
    for pipeline in taking:
        assert pipeline["processors"][0] == "memory_limiter"
        assert pipeline["processors"][-1] == "redaction"
    counting = [pipeline for pipeline in taking if "span_metrics" in pipeline["exporters"]]
    assert len(counting) == 1
    assert "tail_sampling" not in counting[0]["processors"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ada@example.com", "****"),
        ("mail to ada.b+c@mail.example.co.uk now", "mail to **** now"),
        ("4111111111111111", "****"),
        ("5500 0000 0000 0004", "****"),
        ("6011-1111-1111-1117", "****"),
        ("3782 822463 10005", "****"),
        ("Bearer abcDEF123456", "****"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0xyz.c2lnbmF0dXJl", "****"),
    ],
)
def test_private_values_are_masked(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "flight-delay",
        "2013.06.30",
        "4711f3de-4111-4111-8111-411111111111",
        "1700000000000000000",
        "1700000000000",
        'File "/srv/app.py", line 12, in predict',
        "@dataclass",
        "0.4999999999999999",
        "0.0012345678901234",
        "1.2345678901234567e-05",
        "2013-06-30T12:30:45.123456+00:00",
        "2013-06-30 12:30:45,123",
        "flights-7d9f8b6c5d-x2x9z",
        "registry.example.com/flights/demo:1.2.3",
        "python@3.11",
        "10.0.0.1:8080",
        "3.15.0-rc.1+build.20130630",
        "9d5b3c581217f1c98826c39211cb68b848457034",
        "0af7651916cd43dd8448eb211c80319c",
        "GET /flights/{id}",
        "DL1234 late by 37 minutes, p=0.8125",
        "token bucket is empty",
    ],
)
def test_ordinary_values_are_left_alone(text: str) -> None:
    """Versions, ids, times and stack traces stay readable."""
    assert masked(text) == text


def test_every_pattern_masks_something_of_the_corpus_that_no_other_does() -> None:
    """So none is there for nothing, and the corpus would tell of each that breaks."""
    corpus = yaml.safe_load(Path(__file__).with_name("private.yaml").read_text("utf-8"))
    texts = [f"to {text}, now" for kind, found in corpus.items() if kind != "names" for text in found]
    for missing in BLOCKED:
        others = [pattern for pattern in BLOCKED if pattern != missing]
        assert any(masked(text) != masked(text, others) for text in texts), missing


def test_no_pattern_has_a_dollar() -> None:
    """The Collector would take it for a variable."""
    assert not [pattern for pattern in BLOCKED if "$" in pattern]
