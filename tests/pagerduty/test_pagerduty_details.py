"""custom_details as each Alertmanager sends them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.compose.pagerduty import details
from modelwatch.compose.pagerduty.records import Content

# As Alertmanager 0.25 wrote it.
TEXT = """Labels:
 - alertname = ModelLatencyHigh
 - model = air-time
Annotations:
 - description = first line
second line
 - summary = slow = bad
Source: http://prometheus:9090/graph?g0.expr=a
Labels:
 - alertname = ModelDown
 - model = gate-ranking
Annotations:
Source:
"""
# As Alertmanager 0.31 wrote it: a label that looks like a number has become one.
ARRAY = [
    {
        "annotations": {"summary": "slow"},
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": "719ce48dd4e86695",
        "generatorURL": "http://prometheus:9090/graph",
        "labels": {"alertname": "ModelLatencyHigh", "instance": 0, "model": "air-time"},
        "startsAt": "2026-01-31T12:00:00Z",
        "status": "firing",
    }
]


def test_the_text_of_old_alertmanagers_is_read() -> None:
    first, second = details.read({"firing": TEXT, "resolved": "", "num_firing": "2", "num_resolved": "0"}).firing
    assert first.labels == {"alertname": "ModelLatencyHigh", "model": "air-time"}
    assert first.annotations == {"description": "first line\nsecond line", "summary": "slow = bad"}
    assert first.source == "http://prometheus:9090/graph?g0.expr=a"
    assert (second.name, second.annotations, second.source) == ("ModelDown", {}, "")


def test_the_array_of_new_alertmanagers_is_read() -> None:
    read = details.read({"firing": ARRAY, "resolved": [], "num_firing": 1, "num_resolved": 0, "team": "ops"})
    (alert,) = read.firing
    assert alert.labels == {"alertname": "ModelLatencyHigh", "instance": "0", "model": "air-time"}
    assert alert.starts_at == "2026-01-31T12:00:00Z"
    assert read.resolved == ()
    assert read.fields == (("team", "ops"),)


def test_other_details_are_fields_in_the_order_sent() -> None:
    read = details.read({"version": "3", "load": {"a": [1]}, "firing": "two of three replicas"})
    assert read.fields == (
        ("version", "3"),
        ("load", '{\n  "a": [\n    1\n  ]\n}'),
        ("firing", "two of three replicas"),
    )


@pytest.mark.parametrize("firing", [TEXT, ARRAY])
def test_models_and_alerts_come_from_the_labels(firing: object) -> None:
    content = Content(component="serving", event_class="class", custom_details={"firing": firing})
    assert "air-time" in details.models(content)
    assert "ModelLatencyHigh" in details.alert_names(content)
    assert "serving" not in details.models(content)


def test_without_labels_the_events_own_fields_stand_in() -> None:
    content = Content(component="air-time", source="host", event_class="ModelDown")
    assert details.models(content) == {"air-time", "host"}
    assert details.alert_names(content) == {"ModelDown"}


def test_a_detail_called_model_counts() -> None:
    assert details.models(Content(custom_details={"model": "air-time"}, group="g")) == {"air-time"}


scalars = st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=10) | st.just("Labels:\n - a")
values = st.recursive(scalars, lambda c: st.lists(c, max_size=3) | st.dictionaries(st.text(max_size=5), c, max_size=3))


@given(st.dictionaries(st.sampled_from(["firing", "resolved", "labels", "x"]), values))
def test_any_details_are_read(custom_details: dict[str, Any]) -> None:
    read = details.read(custom_details)
    for alert in (*read.firing, *read.resolved):
        assert all(isinstance(text, str) for text in (*alert.labels.values(), *alert.annotations.values()))
