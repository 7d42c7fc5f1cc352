"""The HTTP layer: what senders, scripts and browsers get."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from modelwatch.compose.pagerduty.app import create_app
from modelwatch.compose.pagerduty.desk import Desk
from modelwatch.compose.pagerduty.journal import Journal

Event = Callable[..., dict[str, Any]]
KEY = "0123456789abcdef0123456789ab7f3c"


def send(client: TestClient, event: dict[str, Any], **headers: str) -> Any:
    return client.post("/v2/enqueue", json=event, headers=headers)


def incidents(client: TestClient, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/incidents{query}").json()["incidents"]
    return found


def test_an_accepted_event_is_answered_as_pagerduty_does(client: TestClient, event: Event) -> None:
    answer = send(client, event())
    assert answer.status_code == 202
    assert answer.json() == {"status": "success", "message": "Event processed", "dedup_key": "page-1"}


@pytest.mark.parametrize("absent", [None, ""])
def test_a_trigger_without_a_dedup_key_gets_one_of_its_own(
    client: TestClient, event: Event, absent: str | None
) -> None:
    keys = {send(client, event(dedup_key=absent)).json()["dedup_key"] for _ in range(2)}
    assert len(keys) == 2
    assert {found["dedup_key"] for found in incidents(client)} == keys
    for key in keys:
        send(client, event("resolve", dedup_key=key))
    assert incidents(client, "?status=open") == []


def test_an_invalid_event_is_answered_as_pagerduty_does(client: TestClient, event: Event) -> None:
    answer = send(client, event(routing_key="short"))
    assert answer.status_code == 400
    assert answer.json() == {
        "status": "invalid event",
        "message": "Event object is invalid",
        "errors": ["Length of 'routing_key' is incorrect (should be 32 characters)"],
    }


def test_a_refused_request_is_listed_with_why_and_how_to_mend_it(client: TestClient, event: Event) -> None:
    send(client, event(payload={"source": ""}), **{"user-agent": "Alertmanager/0.31.1"})
    (refused,) = client.get("/refused").json()["refused"]
    assert refused["status"] == 400
    assert refused["problems"][0]["message"] == "'payload.source' is missing or blank"
    assert "group_by" in refused["problems"][0]["hint"]
    assert (refused["key"], refused["sender"], refused["action"]) == ("…7f3c", "Alertmanager/0.31.1", "trigger")
    assert incidents(client) == []


@pytest.mark.parametrize("size", [512_001, 600_000, 9_000_000])
def test_a_body_above_the_limit_is_413(client: TestClient, size: int) -> None:
    assert client.post("/v2/enqueue", content=b"x" * size).status_code == 413
    assert client.get("/refused").json()["refused"][0]["status"] == 413


def test_the_rate_limit_of_a_key_looks_back_a_minute(client: TestClient, event: Event, clock: Any) -> None:
    other = "f" * 32
    assert [send(client, event()).status_code for _ in range(120)] == [202] * 120
    answer = send(client, event())
    assert answer.status_code == 429
    assert answer.json()["status"] == "throttle exceeded"
    assert send(client, event(routing_key=other)).status_code == 202
    clock.forward(59)
    assert send(client, event()).status_code == 429
    clock.forward(1)
    assert send(client, event()).status_code == 202
    assert client.get("/refused").json()["refused"][0]["status"] == 429


def test_the_rate_limit_can_be_lowered_and_lifted(tmp_path: Any, event: Event) -> None:
    for limit, statuses in ((1, [202, 429, 429]), (0, [202, 202, 202])):
        journal = Journal(tmp_path / f"{limit}.jsonl")
        client = TestClient(create_app(Desk(journal, rate_limit=limit)), base_url="http://127.0.0.1")
        assert [send(client, event()).status_code for _ in range(3)] == statuses
        journal.close()


def test_a_throttled_event_opens_nothing_and_is_not_written(tmp_path: Any, event: Event) -> None:
    state = tmp_path / "s.jsonl"
    client = TestClient(create_app(Desk(Journal(state), rate_limit=1)), base_url="http://127.0.0.1")
    send(client, event())
    before = state.read_bytes()
    send(client, event(dedup_key="page-2"))
    assert len(incidents(client)) == 1
    assert state.read_bytes() == before


def test_an_incident_is_told_whole(client: TestClient, event: Event, clock: Any) -> None:
    details = {"firing": [{"labels": {"alertname": "ModelDown", "model": "flight-delay"}, "annotations": {}}]}
    send(client, event(client="Alertmanager", payload={"class": "ModelDown", "custom_details": details}))
    clock.forward(90)
    send(client, event("acknowledge"))
    clock.forward(30)
    send(client, event("resolve"))
    clock.forward(1000)
    found = client.get("/incidents/1").json()
    assert (found["status"], found["severity"], found["routing_key"]) == ("resolved", "critical", "…7f3c")
    assert found["duration_seconds"] == 120
    assert found["acknowledged_at"] == "2026-01-31T12:01:30+00:00"
    assert found["models"] == ["flight-delay"]
    assert found["alerts"] == ["ModelDown"]
    assert [entry["outcome"] for entry in found["timeline"]] == ["opened", "acknowledged", "resolved"]
    assert found["latest_trigger"]["class"] == "ModelDown"
    assert found["latest_trigger"]["firing"][0]["labels"]["alertname"] == "ModelDown"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"a", "b", "c"}),
        ("?status=open", {"b", "c"}),
        ("?status=triggered", {"c"}),
        ("?status=acknowledged", {"b"}),
        ("?status=resolved", {"a"}),
        ("?model=air-time", {"b"}),
        ("?alert=ModelDown", {"a", "c"}),
        ("?alert=ModelDown&status=open", {"c"}),
        ("?model=none", set()),
        ("?since=2026-01-31T12:05:00Z", {"b", "c"}),
        ("?since=2026-01-31T13:05:00%2B01:00", {"b", "c"}),
        ("?since=2026-01-31T13:05:00+01:00", {"b", "c"}),
        ("?since=2026-01-31T12:05:00", {"b", "c"}),
        ("?since=1769861400", {"c"}),
        ("?since=2026-02-01", set()),
    ],
)
def test_incidents_are_filtered(client: TestClient, event: Event, clock: Any, query: str, expected: set[str]) -> None:
    send(client, event(dedup_key="a", payload={"class": "ModelDown"}))
    send(client, event("resolve", dedup_key="a"))
    clock.forward(300)
    send(client, event(dedup_key="b", payload={"class": "ModelLatencyHigh", "component": "air-time"}))
    send(client, event("acknowledge", dedup_key="b"))
    clock.forward(300)
    send(client, event(dedup_key="c", payload={"class": "ModelDown"}))
    assert {found["dedup_key"] for found in incidents(client, query)} == expected


@pytest.mark.parametrize("query", ["?status=closed", "?since=noon", "?since=1e999", "?state=open"])
def test_a_wrong_query_is_explained(client: TestClient, query: str) -> None:
    answer = client.get(f"/incidents{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_an_empty_filter_filters_nothing(client: TestClient, event: Event) -> None:
    send(client, event())
    assert len(incidents(client, "?since=&status=&model=&alert=")) == 1


def test_orphans_are_accepted_and_listed(client: TestClient, event: Event) -> None:
    answer = send(client, event("resolve", dedup_key="nobody"))
    assert answer.status_code == 202
    assert client.get("/orphans").json()["orphans"] == [
        {
            "at": "2026-01-31T12:00:00+00:00",
            "action": "resolve",
            "reason": "unknown_dedup_key",
            "key": "…7f3c",
            "dedup_key": "nobody",
            "sender": "testclient",
            "summary": "ModelDown: flight-delay",
            "incident": None,
        }
    ]
    assert client.get("/incidents").json()["counts"]["orphans"] == 1


@pytest.mark.parametrize(("action", "status"), [("acknowledge", "acknowledged"), ("resolve", "resolved")])
def test_buttons_act_and_lead_back_to_the_page(client: TestClient, event: Event, action: str, status: str) -> None:
    send(client, event())
    browser = {"accept": "text/html,*/*", "origin": "http://127.0.0.1:8089", "sec-fetch-site": "same-origin"}
    answer = client.post(f"/incidents/1/{action}", headers=browser, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/#incident-1")
    assert client.get("/incidents/1").json()["status"] == status


def test_a_script_that_acts_by_hand_gets_the_incident(client: TestClient, event: Event) -> None:
    send(client, event())
    answer = client.post("/incidents/1/resolve")
    assert (answer.status_code, answer.json()["status"]) == (200, "resolved")


def test_acting_on_what_is_not_open_is_explained(client: TestClient, event: Event) -> None:
    assert client.post("/incidents/7/resolve").status_code == 404
    send(client, event())
    client.post("/incidents/1/resolve")
    answer = client.post("/incidents/1/acknowledge")
    assert (answer.status_code, answer.json()) == (409, {"error": "incident 1 is resolved already"})
    assert client.get("/incidents/7").status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/incidents/1/resolve", "/v2/enqueue", "/webhooks/triage"])
def test_another_web_site_cannot_act(client: TestClient, event: Event, headers: dict[str, str], path: str) -> None:
    send(client, event())
    assert client.post(path, json=event("resolve"), headers=headers).status_code == 403
    assert [found["status"] for found in incidents(client)] == ["triggered"]
    assert client.get("/webhooks").json()["notices"] == []


@pytest.mark.parametrize("path", ["/", "/incidents", "/refused", "/orphans", "/webhooks", "/revision"])
def test_a_foreign_name_for_this_machine_reads_nothing(client: TestClient, path: str) -> None:
    assert client.get(path, headers={"host": "evil.example:8089"}).status_code == 400
    assert client.get(path, headers={"host": "localhost:8089"}).status_code == 200


def test_a_host_can_be_allowed(desk: Desk) -> None:
    client = TestClient(create_app(desk, ["monitor.internal"]), base_url="http://monitor.internal:8089")
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
def test_other_containers_reach_events_health_and_metrics(client: TestClient, event: Event, path: str) -> None:
    assert client.get(path, headers={"host": "pagerduty:8089"}).status_code == 200
    assert send(client, event(), host="pagerduty:8089").status_code == 202


def test_metrics_count_events_and_incidents(client: TestClient, event: Event) -> None:
    send(client, event())
    send(client, event())
    send(client, event("resolve", dedup_key="nobody"))
    send(client, event("explode"))
    lines = client.get("/metrics").text.splitlines()
    assert 'pagerduty_double_events_total{action="trigger",outcome="opened"} 1.0' in lines
    assert 'pagerduty_double_events_total{action="trigger",outcome="appended"} 1.0' in lines
    assert 'pagerduty_double_events_total{action="resolve",outcome="orphan"} 1.0' in lines
    assert 'pagerduty_double_events_total{action="other",outcome="refused"} 1.0' in lines
    assert 'pagerduty_double_incidents{status="triggered"} 1.0' in lines
    assert 'pagerduty_double_incidents{status="resolved"} 0.0' in lines


def test_the_revision_changes_with_every_change(client: TestClient, event: Event) -> None:
    revisions = [client.get("/revision").text]
    steps: list[Callable[[], Any]] = [
        lambda: send(client, event()),
        lambda: send(client, event("explode")),
        lambda: client.post("/incidents/1/resolve"),
        lambda: client.post("/webhooks/triage", json={"text": "hello"}),
    ]
    for step in steps:
        step()
        revisions.append(client.get("/revision").text)
    assert len(set(revisions)) == len(steps) + 1
    assert client.get("/revision").text == revisions[-1]


def test_methods_and_paths_that_are_not_there_are_answered_plainly(client: TestClient) -> None:
    assert client.get("/v2/enqueue").status_code == 405
    assert client.get("/nowhere").status_code == 404
    assert client.post("/webhooks/a%2Fb", json={}).status_code == 404
    assert client.get("/incidents/x").status_code == 404


texts = st.text(max_size=20)
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(leaves, lambda c: st.lists(c, max_size=3) | st.dictionaries(texts, c, max_size=3), max_leaves=8)
fields = st.sampled_from(
    [
        "dedup_key",
        "event_action",
        "payload",
        "links",
        "images",
        "client",
        "client_url",
        "routing_key",
        "alerts",
        "status",
    ]
)
actions = st.sampled_from(["trigger", "acknowledge", "resolve"])


@settings(
    deadline=None,
    # One desk for all examples: every one must leave it in a state that can still be shown.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.dictionaries(fields, values, max_size=3), actions, st.dictionaries(texts, values, max_size=3))
def test_no_event_makes_the_service_fail(
    client: TestClient, event: Event, changes: dict[str, Any], action: str, details: dict[str, Any]
) -> None:
    body = json.dumps({**event(action, payload={"custom_details": details}), **changes}).encode()
    assert client.post("/v2/enqueue", content=body).status_code in (202, 400, 429)
    assert client.post("/webhooks/any", content=body).status_code in (200, 400)
    for path in ("/", "/incidents", "/orphans", "/refused", "/webhooks", "/metrics"):
        assert client.get(path).status_code == 200
