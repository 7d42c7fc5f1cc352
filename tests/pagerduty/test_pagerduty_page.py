"""The page: what it shows, and that no text of an event becomes markup."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from modelwatch.compose.pagerduty import page
from modelwatch.compose.pagerduty.app import create_app
from modelwatch.compose.pagerduty.desk import Desk

Event = Callable[..., dict[str, Any]]
KEY = "0123456789abcdef0123456789ab7f3c"
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "</time></article></body><base href=//evil.example>",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt;",
    "a\u0000b\u2028c",
    "<!--",
]
TAGS = frozenset(
    """
    a article body br button code dd details div dl dt form h1 h2 h3 head header html img li link main meta nav noscript
    ol p script section span strong summary table tbody td th thead time title tr ul
    """.split()  # noqa: SIM905 - a list of strings would take forty lines
)


class Page(HTMLParser):
    """What a browser would make of the page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def hrefs(self) -> list[str]:
        return [str(attributes["href"]) for tag, attributes in self.tags if tag == "a"]

    def assert_harmless(self) -> None:
        for tag, attributes in self.tags:
            assert tag in TAGS
            assert not [name for name in attributes if name.startswith("on") or name in ("style", "srcdoc")]
            for name in ("href", "src", "action"):
                url = attributes.get(name)
                assert url is None or url.startswith(("http://", "https://", "/", "#"))
                assert url is None or not url.startswith("//")
        scripts = [attributes for tag, attributes in self.tags if tag == "script"]
        assert scripts == [{"src": "/static/page.js", "defer": None}]


def fill(client: TestClient, event: Event, text: str) -> None:
    """A page with the text in every place that an event or a webhook can put it."""
    alert = {"labels": {"alertname": text, text: text}, "annotations": {text: text}, "generatorURL": text}
    payload = {
        **dict.fromkeys(("source", "component", "group", "class"), text),
        "summary": f".{text}",
        "custom_details": {"firing": [alert], "resolved": [alert], text: {text: text}},
    }
    links = [{"href": "https://example.com/", "text": text}]
    images = [{"src": "https://example.com/y.png", "alt": text, "href": text}]
    whole = {"payload": payload, "links": links, "images": images, "client": text, "client_url": text}
    headers = {"user-agent": text.encode("ascii", "ignore").replace(b"\0", b"")}
    for action, changes in (
        ("trigger", {"dedup_key": f".{text}"}),
        ("trigger", {"dedup_key": f".{text}"}),
        ("trigger", {"dedup_key": "done"}),
        ("resolve", {"dedup_key": "done"}),
        ("resolve", {"dedup_key": f"orphan {text}"}),
        (text, {}),
    ):
        client.post("/v2/enqueue", json=event(action, **{**whole, **changes}), headers=headers)
    group = {"status": "firing", "groupKey": text, "alerts": [alert], "groupLabels": {text: text}, "externalURL": text}
    client.post("/webhooks/triage", json={**group, "commonAnnotations": {"summary": text}}, headers=headers)
    client.post("/webhooks/chat", json={"channel": text, "text": text, "attachments": [{"title": text}]})


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(client: TestClient, event: Event, text: str) -> None:
    fill(client, event, text)
    answer = client.get("/")
    shown = Page(answer.text)
    shown.assert_harmless()
    assert shown.text.count(text) >= 20


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.text("<>\"'&/=;:{}%#! \n\tabjs\u0000\u202e", max_size=30))
def test_no_text_becomes_markup(client: TestClient, event: Event, text: str) -> None:
    fill(client, event, text)
    Page(client.get("/").text).assert_harmless()


def test_the_policy_forbids_everything_but_the_pages_own_files(client: TestClient) -> None:
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    for tag, attributes in Page(client.get("/").text).tags:
        if tag in ("script", "link", "img"):
            path = attributes.get("src") or attributes.get("href")
            assert path is not None
            assert path.startswith("/static/")
            assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    ("sent", "leads_to"),
    [
        ("http://127.0.0.1:3000/d/x?var-model=a#b", "http://127.0.0.1:3999/d/x?var-model=a#b"),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3999"),
        ("http://127.0.0.1:3000?a=http://127.0.0.1:3000/", "http://127.0.0.1:3999?a=http://127.0.0.1:3000/"),
        ("http://127.0.0.1:30000/d/x", "http://127.0.0.1:30000/d/x"),
        ("https://wiki.example.com/127.0.0.1:3000/", "https://wiki.example.com/127.0.0.1:3000/"),
    ],
)
def test_an_old_incidents_links_lead_to_where_the_parts_are_now(
    desk: Desk, event: Event, sent: str, leads_to: str
) -> None:
    """The event itself is kept and told as it came."""
    client = TestClient(create_app(desk, moved={"127.0.0.1:3000": "127.0.0.1:3999"}), base_url="http://127.0.0.1:8089")
    alert = {"labels": {"alertname": "A"}, "annotations": {"runbook_url": sent}, "generatorURL": sent}
    details = {"firing": [alert]}
    links = [{"href": sent, "text": "Dashboard"}]
    client.post("/v2/enqueue", json=event(links=links, client_url=sent, payload={"custom_details": details}))
    shown = [url for url in Page(client.get("/").text).hrefs() if url.startswith("http") and "pagerduty.com" not in url]
    assert shown and set(shown) == {leads_to}
    assert client.get("/incidents/1").json()["latest_trigger"]["links"][0]["href"] == sent


def test_the_page_says_what_it_is_and_how_to_page_for_real(client: TestClient) -> None:
    text = " ".join(Page(client.get("/").text).text.split())
    assert "pages stay on this machine; nobody is called" in text
    assert "Page the real PagerDuty" in text
    assert "pagerduty_url: http://127.0.0.1:8089/v2/enqueue" in text
    assert "no incident is open" in text


def test_an_open_incident_shows_its_facts_links_and_buttons(client: TestClient, event: Event) -> None:
    alert = {
        "labels": {"alertname": "ModelDown", "model": "flight-delay"},
        "annotations": {"runbook_url": "http://docs/runbook", "description": "No replica answers."},
        "generatorURL": "http://prometheus/graph",
    }
    client.post(
        "/v2/enqueue",
        json=event(
            payload={"component": "serving", "custom_details": {"firing": [alert], "version": "3"}},
            links=[{"href": "http://grafana/d/1", "text": "Dashboard"}],
            client="Alertmanager",
            client_url="http://alertmanager:9093/#/alerts",
        ),
    )
    shown = Page(client.get("/").text)
    for text in ("ModelDown: flight-delay", "serving", "No replica answers.", "version", "…7f3c", "12:00:00 UTC"):
        assert text in shown.text
    for href in ("http://docs/runbook", "http://grafana/d/1", "http://alertmanager:9093/#/alerts"):
        assert shown.hrefs().count(href) == 1
    assert "http://prometheus/graph" in shown.hrefs()
    actions = [attributes["action"] for tag, attributes in shown.tags if tag == "form"]
    assert actions == ["/incidents/1/acknowledge", "/incidents/1/resolve"]


def test_an_acknowledged_incident_can_only_be_resolved_and_a_resolved_one_not_at_all(
    client: TestClient, event: Event
) -> None:
    client.post("/v2/enqueue", json=event())
    client.post("/incidents/1/acknowledge")
    forms = [attributes["action"] for tag, attributes in Page(client.get("/").text).tags if tag == "form"]
    assert forms == ["/incidents/1/resolve"]
    client.post("/incidents/1/resolve")
    assert [tag for tag, _ in Page(client.get("/").text).tags if tag == "form"] == []


def test_no_routing_key_is_shown(client: TestClient, event: Event) -> None:
    client.post("/v2/enqueue", json=event(dedup_key=KEY, payload={"summary": KEY}))
    client.post("/v2/enqueue", json=event(routing_key=f"{KEY}\n", dedup_key=KEY, payload={"summary": KEY}))
    client.post("/v2/enqueue", json=event("resolve", dedup_key=f"{KEY}2"))
    for path in ("/", "/incidents", "/refused", "/orphans"):
        answer = client.get(path).text
        assert KEY not in answer
        assert "7f3c" in answer


def test_the_number_of_triggered_incidents_is_in_the_title(client: TestClient, event: Event) -> None:
    assert "<title>PagerDuty double</title>" in client.get("/").text
    client.post("/v2/enqueue", json=event())
    assert "<title>(1) PagerDuty double</title>" in client.get("/").text


def test_long_lists_are_cut_and_lead_to_the_rest(client: TestClient, event: Event) -> None:
    for number in range(25):
        client.post("/v2/enqueue", json=event(dedup_key=f"d{number}"))
        client.post("/v2/enqueue", json=event("resolve", dedup_key=f"d{number}"))
        client.post("/v2/enqueue", json=event("resolve", dedup_key="nobody"))
        client.post("/v2/enqueue", json=event("explode"))
    shown = Page(client.get("/").text)
    assert "5 older ones" in shown.text
    assert shown.text.count("The newest 20 of 25") == 2
    assert "/incidents?status=resolved" in shown.hrefs()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.9, "59s"), (60, "1m 0s"), (3725, "1h 2m"), (90061, "1d 1h"), (-5, "0s")],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds: float, text: str) -> None:
    start = datetime(2026, 1, 31, tzinfo=UTC)
    assert page.duration(start, start + timedelta(seconds=seconds)) == text
