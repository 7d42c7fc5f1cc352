"""The inbox of notifications that do not page."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient


def group(status: str = "firing", **changes: Any) -> dict[str, Any]:
    alert = {"status": status, "labels": {"alertname": "ModelFeatureDrift", "model": "air-time"}, "annotations": {}}
    return {
        "version": "4",
        "groupKey": "{}:{model='air-time'}",
        "status": status,
        "receiver": "triage",
        "groupLabels": {"model": "air-time"},
        "commonLabels": {},
        "commonAnnotations": {"summary": "dep_hour has drifted"},
        "externalURL": "http://127.0.0.1:9093",
        "alerts": [alert],
        **changes,
    }


def notices(client: TestClient, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/webhooks{query}").json()["notices"]
    return found


def test_a_group_is_one_notice_until_it_resolves(client: TestClient, clock: Any) -> None:
    assert client.post("/webhooks/triage", json=group()).text == "ok"
    clock.forward(60)
    client.post("/webhooks/triage", json=group())
    (notice,) = notices(client)
    assert (notice["status"], notice["count"], notice["title"]) == ("firing", 2, "dep_hour has drifted")
    assert (notice["at"], notice["updated_at"]) == ("2026-01-31T12:00:00+00:00", "2026-01-31T12:01:00+00:00")
    client.post("/webhooks/triage", json=group("resolved"))
    (notice,) = notices(client)
    assert (notice["status"], notice["resolved_at"]) == ("resolved", "2026-01-31T12:01:00+00:00")
    client.post("/webhooks/triage", json=group())
    assert [notice["status"] for notice in notices(client)] == ["firing", "resolved"]


def test_each_webhook_has_its_own_notices(client: TestClient) -> None:
    client.post("/webhooks/triage", json=group())
    client.post("/webhooks/tickets", json=group())
    assert {notice["webhook"] for notice in notices(client)} == {"triage", "tickets"}


def test_without_a_common_summary_the_alerts_name_the_notice(client: TestClient) -> None:
    client.post("/webhooks/triage", json=group(commonAnnotations={}))
    assert notices(client)[0]["title"] == "ModelFeatureDrift"


def test_a_chat_message_is_shown_by_its_first_line(client: TestClient) -> None:
    message = {"channel": "#models", "attachments": [{"title": "ModelDown", "text": "two\nlines", "fallback": "f"}]}
    answer = client.post("/webhooks/chat", json=message)
    assert (answer.status_code, answer.text) == (200, "ok")
    (notice,) = notices(client)
    assert (notice["status"], notice["title"], notice["text"]) == ("message", "ModelDown", "two\nlines")
    assert notice["group_labels"] == {"channel": "#models"}


def slack(state: str, alert: str = "ErrorBudgetBurnSlow", **changes: Any) -> dict[str, Any]:
    """As Alertmanager sends it for our receivers."""
    attachment = {"title": f"[{state}] {alert}: flight-delay (prod)", "text": "a\nb", "fallback": "f", "color": "x"}
    return {"channel": "#flight-models", "attachments": [attachment], **changes}


def test_a_chat_message_of_the_resolve_ends_the_one_of_the_fire(client: TestClient, clock: Any) -> None:
    """One entry that says what was told last, and not one that says FIRING for ever."""
    client.post("/webhooks/chat", json=slack("FIRING:1"))
    clock.forward(60)
    client.post("/webhooks/chat", json=slack("FIRING:2"))
    client.post("/webhooks/chat", json=slack("FIRING:1", "ModelRowsRejected"))
    clock.forward(300)
    client.post("/webhooks/chat", json=slack("RESOLVED"))
    first, second = notices(client)
    assert (first["title"], first["status"]) == ("ModelRowsRejected: flight-delay (prod)", "firing")
    assert (second["title"], second["status"]) == ("ErrorBudgetBurnSlow: flight-delay (prod)", "resolved")
    assert (second["count"], second["at"]) == (3, "2026-01-31T12:00:00+00:00")
    assert second["resolved_at"] == "2026-01-31T12:06:00+00:00"
    assert len(notices(client, "?status=open")) == 1
    client.post("/webhooks/chat", json=slack("FIRING:1"))
    assert [notice["status"] for notice in notices(client)] == ["firing", "firing", "resolved"]


def test_messages_to_two_channels_are_two_entries(client: TestClient) -> None:
    client.post("/webhooks/chat", json=slack("FIRING:1"))
    client.post("/webhooks/chat", json=slack("RESOLVED", channel="#others"))
    assert [notice["status"] for notice in notices(client)] == ["firing", "resolved"]


def test_the_page_says_how_old_the_word_firing_is(client: TestClient, clock: Any) -> None:
    """Alertmanager tells of a resolve minutes later: an entry shows when it was told, and the page says why."""
    client.post("/webhooks/chat", json=slack("FIRING:1"))
    clock.forward(130)
    page = client.get("/").text
    assert "5 minutes for tickets" in page
    assert ">2m 10s</span> ago" in page


def test_in_a_group_that_fires_a_resolved_alert_says_so(client: TestClient) -> None:
    over = {"status": "resolved", "labels": {"alertname": "ModelDown", "model": "air-time"}, "annotations": {}}
    client.post("/webhooks/triage", json=group(alerts=[*group()["alerts"], over]))
    assert [alert["status"] for alert in notices(client)[0]["alerts"]] == ["firing", "resolved"]
    assert '<div class="alert resolved">' in client.get("/").text


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 2),
        ("?model=air-time", 1),
        ("?alert=ModelFeatureDrift", 1),
        ("?status=open", 1),
        ("?status=resolved", 0),
        ("?since=2026-02-01", 0),
        ("?model=other", 0),
    ],
)
def test_notices_are_filtered_as_incidents_are(client: TestClient, query: str, count: int) -> None:
    client.post("/webhooks/triage", json=group())
    client.post("/webhooks/chat", json={"text": "hello"})
    assert len(notices(client, query)) == count


def test_the_inbox_is_bounded(client: TestClient) -> None:
    for number in range(210):
        client.post("/webhooks/triage", json=group(groupKey=str(number)))
    assert len(notices(client)) == 200


def test_a_webhook_that_is_no_json_object_is_refused_and_listed(client: TestClient) -> None:
    assert client.post("/webhooks/triage", content=b"[1]").status_code == 400
    assert client.get("/refused").json()["refused"][0]["problems"][0]["message"] == "Body is not a JSON object"
