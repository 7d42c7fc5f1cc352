"""Where alerts go: our simulation, and both real amtools, on the same cases."""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.alert_rules import families, routing, simulate
from modelwatch.alert_rules.inhibition import INHIBITIONS
from modelwatch.model import types as t
from modelwatch.model.units import Duration
from modelwatch.telemetry import labels as L

BASE = {
    "alertname": "ModelDown",
    "model": "flight-delay",
    "team": "ops-ml",
    "env": "prod",
    "severity": "page",
    "category": "availability",
}
CASES = [
    ({}, "pager"),
    ({"severity": "ticket"}, "chat"),
    ({"severity": "info"}, "chat"),
    ({"team": "unknown"}, "pager"),
    ({"team": "unknown", "severity": "ticket"}, "triage"),
    ({"team": "unknown", "severity": "something"}, "triage"),
    ({"env": "staging"}, "triage"),
    ({"env": "staging", "severity": "ticket"}, "triage"),
    ({"severity": "none"}, "nobody"),
    (
        {
            "alertname": "Watchdog",
            "severity": "none",
            "model": "modelwatch",
            "team": "platform",
            "env": "all",
            "category": "meta",
        },
        "nobody",
    ),
    ({"model": "modelwatch", "team": "platform", "env": "all", "category": "meta"}, "pager"),
    ({"model": "own-route", "severity": "ticket"}, "triage"),
    ({"model": "own-route"}, "pager"),
]


@pytest.fixture
def routed(fleet: t.Fleet, model: t.Model) -> t.Fleet:
    own = dataclasses.replace(model, name="own-route", routes={"ticket": "triage"})
    return dataclasses.replace(fleet, models=(*fleet.models, own))


@pytest.mark.parametrize(("labels", "receiver"), CASES)
def test_an_alert_reaches_its_receiver(routed: t.Fleet, labels: dict[str, str], receiver: str) -> None:
    assert simulate.receivers(routing.tree(routed), {**BASE, **labels}) == (receiver,)


@pytest.mark.parametrize("version", ["oldest", "newest"])
def test_the_real_amtool_routes_every_case_alike(part: Any, tmp_path: Path, routed: t.Fleet, version: str) -> None:
    config = tmp_path / "alertmanager.yaml"
    config.write_text(routing.generate(routed)[routing.PATH])
    for labels, receiver in CASES:
        pairs = [f"{key}={value}" for key, value in {**BASE, **labels}.items()]
        command = [str(part("amtool", version)), "config", "routes", "test", f"--config.file={config}", *pairs]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.stdout.strip() == receiver, (labels, done.stdout + done.stderr)


@pytest.mark.parametrize("version", ["oldest", "newest"])
def test_the_real_amtool_accepts_the_config(part: Any, tmp_path: Path, fleet: t.Fleet, version: str) -> None:
    config = tmp_path / "alertmanager.yaml"
    config.write_text(routing.generate(fleet, {"pager": "http://127.0.0.1:8089/v2/enqueue"})[routing.PATH])
    done = subprocess.run(
        [str(part("amtool", version)), "check-config", str(config)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


_NAMES = st.sampled_from(["a", "b", "ab", "", "x.y"])


@given(
    st.dictionaries(st.sampled_from(["l", "m"]), _NAMES),
    st.sampled_from(["=", "!=", "=~", "!~"]),
    st.sampled_from(["a", "a|b", ".*", "", "x\\.y"]),
)
def test_a_negated_matcher_is_the_opposite_of_its_matcher(labels: dict[str, str], operator: str, value: str) -> None:
    opposite = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}[operator]
    assert simulate.matches(f'l{operator}"{value}"', labels) is not simulate.matches(f'l{opposite}"{value}"', labels)


def test_every_alert_of_the_fleet_ends_at_a_receiver_that_exists_and_pages_reach_a_pager(fleet: t.Fleet) -> None:
    config = routing.config(fleet)
    names = {receiver["name"] for receiver in config["receivers"]}
    for file in families.rule_files(fleet):
        for alert in file.alerts:
            reached = simulate.receivers(config["route"], {"alertname": alert.name, **alert.labels})
            assert reached and set(reached) <= names
            if alert.severity == "page":
                assert reached == ("pager",)


def test_no_secret_and_no_unused_receiver_is_in_the_config(fleet: t.Fleet) -> None:
    text = routing.generate(fleet)[routing.PATH]
    config = yaml.safe_load(text)
    used = routing._used(config["route"])
    assert {receiver["name"] for receiver in config["receivers"]} == used
    assert "routing_key:" not in text and "api_url:" not in text


def test_templates_read_only_labels_that_alerts_are_grouped_by(fleet: t.Fleet) -> None:
    text = routing.generate(fleet)[routing.PATH]
    read = {
        word.split(".GroupLabels.")[1].split(" ")[0].rstrip("}") for word in text.split("{{") if ".GroupLabels." in word
    }
    assert read and read <= set(routing.GROUP_BY)
    assert "version" not in routing.GROUP_BY


def _alert_labels(fleet: t.Fleet) -> list[dict[str, str]]:
    return [{"alertname": alert.name, **alert.labels} for file in families.rule_files(fleet) for alert in file.alerts]


def _hit(matchers: tuple[str, ...], labels: dict[str, str]) -> bool:
    return all(simulate.matches(matcher, labels) for matcher in matchers)


@pytest.mark.parametrize("inhibition", INHIBITIONS, ids=lambda inhibition: inhibition.why)
def test_an_inhibition_has_real_causes_and_symptoms_and_shared_labels(fleet: t.Fleet, inhibition: Any) -> None:
    alerts = _alert_labels(fleet)
    sources = [labels for labels in alerts if _hit(inhibition.source, labels)]
    targets = [labels for labels in alerts if _hit(inhibition.target, labels)]
    assert targets and inhibition.equal
    assert not [labels for labels in sources if _hit(inhibition.target, labels)], "an alert must not hold itself back"
    for labels in (*sources, *targets):
        # A feature is no static label: it comes from the series.
        assert all(labels.get(label) for label in inhibition.equal if label != L.FEATURE)


def test_a_page_is_held_back_only_by_something_that_pages(fleet: t.Fleet) -> None:
    alerts = _alert_labels(fleet)
    for inhibition in INHIBITIONS:
        if any(labels["severity"] == "page" and _hit(inhibition.target, labels) for labels in alerts):
            assert 'severity="page"' in inhibition.source


# Meant: what only holds others back goes nowhere, and a heartbeat repeats before its group does or every other beat is skipped.
_MEANT = ("--ignore", "empty-receiver", "--ignore", "repeat-before-group")


def test_amlint_finds_nothing_else_even_where_it_is_strict(tmp_path: Path, fleet: t.Fleet) -> None:
    config = tmp_path / "alertmanager.yaml"
    config.write_text(routing.generate(fleet)[routing.PATH])
    done = subprocess.run(
        [str(Path(sys.executable).with_name("amlint")), "check", "--strict", *_MEANT, str(config)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _seconds(route: dict[str, Any], name: str) -> float:
    return Duration.parse(route[name]).seconds


def _leaves(route: dict[str, Any], above: dict[str, Any]) -> Iterator[dict[str, Any]]:
    whole = {**above, **{key: value for key, value in route.items() if key != "routes"}}
    yield whole
    for below in route.get("routes", ()):
        yield from _leaves(below, whole)


def test_no_route_repeats_sooner_than_its_groups_are_looked_at(routed: t.Fleet) -> None:
    """Alertmanager warns of such a route whenever it reads its config."""
    for route in _leaves(routing.tree(routed), {}):
        assert _seconds(route, "repeat_interval") >= _seconds(route, "group_interval"), route


def test_the_heart_beats_once_a_minute_whatever_a_notification_takes(routed: t.Fleet) -> None:
    """The first look at which a beat is due comes a minute after the last, and not a moment before or after."""
    [heartbeat] = [
        one for one in _leaves(routing.tree(routed), {}) if 'alertname="Watchdog"' in one.get("matchers", ())
    ]
    look, repeat = _seconds(heartbeat, "group_interval"), _seconds(heartbeat, "repeat_interval")
    for delay in (0.0, 1.0, 9.0):
        due = next(beat for beat in itertools.count(look, look) if beat - delay >= repeat)
        assert due == 60
