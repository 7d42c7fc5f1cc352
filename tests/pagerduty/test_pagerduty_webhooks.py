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
