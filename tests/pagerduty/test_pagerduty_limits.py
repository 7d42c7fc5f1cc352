"""PagerDuty's documented limits, one by one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelwatch.compose.pagerduty import limits

KEY = "0123456789abcdef0123456789ab7f3c"


def body(**changes: Any) -> bytes:
    payload = {"summary": "down", "source": "host", "severity": "critical", **changes.pop("payload", {})}
    return json.dumps({"routing_key": KEY, "event_action": "trigger", "payload": payload, **changes}).encode()


def problems(data: bytes) -> list[str]:
    with pytest.raises(limits.RefusedError) as refusal:
        limits.parse(data)
    assert refusal.value.status == 400
    return [problem.message for problem in refusal.value.problems]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"routing_key": None}, "'routing_key' is missing or blank"),
        ({"routing_key": ""}, "'routing_key' is missing or blank"),
        ({"routing_key": 7}, "'routing_key' is not a string"),
        ({"routing_key": KEY[:-1]}, "Length of 'routing_key' is incorrect (should be 32 characters)"),
        ({"routing_key": KEY + "0"}, "Length of 'routing_key' is incorrect (should be 32 characters)"),
        ({"routing_key": KEY[:-1] + "-"}, "'routing_key' cannot contain non-alphanumeric characters."),
        ({"event_action": None}, "'event_action' is missing or blank"),
        (
            {"event_action": "close"},
            "'event_action' is invalid (must be one of the following: 'trigger', 'acknowledge' or 'resolve')",
        ),
        ({"event_action": "acknowledge"}, "'dedup_key' is missing or blank"),
        ({"event_action": "resolve", "dedup_key": ""}, "'dedup_key' is missing or blank"),
        ({"dedup_key": "k" * 256}, "Length of 'dedup_key' is incorrect (should be at most 255 characters)"),
        ({"dedup_key": 7}, "'dedup_key' is not a string"),
        ({"payload": {"summary": None}}, "'payload.summary' is missing or blank"),
        ({"payload": {"summary": "  "}}, "'payload.summary' is missing or blank"),
        ({"payload": {"summary": 7}}, "'payload.summary' is not a string"),
        (
            {"payload": {"summary": "s" * 1025}},
            "Length of 'payload.summary' is incorrect (should be at most 1024 characters)",
        ),
        ({"payload": {"source": ""}}, "'payload.source' is missing or blank"),
        ({"payload": {"source": ["host"]}}, "'payload.source' is not a string"),
        ({"payload": {"severity": None}}, "'payload.severity' is missing or blank"),
        (
            {"payload": {"severity": "page"}},
            "'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')",
        ),
        (
            {"payload": {"severity": "Critical"}},
            "'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')",
        ),
        ({"payload": {"class": 7}}, "'payload.class' is not a string"),
        ({"payload": {"custom_details": "text"}}, "'payload.custom_details' is not an object"),
        ({"payload": {"timestamp": "yesterday"}}, "'payload.timestamp' is not an ISO 8601 date and time"),
        ({"links": {}}, "'links' is not an array"),
        ({"links": ["http://x/"]}, "'links[0]' is not an object"),
        ({"links": [{"text": "Runbook"}]}, "'links[0].href' is missing or blank"),
        (
            {"links": [{"href": "http://x/"}, {"href": "javascript:alert(1)"}]},
            "'links[1].href' is invalid (must be an http or https URL)",
        ),
        ({"links": [{"href": "http://x/", "text": 7}]}, "'links[0].text' is not a string"),
        ({"images": [{"src": "http://x/y.png"}]}, "'images[0].src' is invalid (must be an https URL)"),
        ({"images": [{"alt": "a"}]}, "'images[0].src' is missing or blank"),
    ],
)
def test_each_limit_is_refused_with_its_own_message(changes: dict[str, Any], message: str) -> None:
    assert problems(body(**changes)) == [message]


def test_an_event_without_a_payload_lacks_three_things() -> None:
    data = json.dumps({"routing_key": KEY, "event_action": "trigger"}).encode()
    assert problems(data) == [
        "'payload.summary' is missing or blank",
        "'payload.source' is missing or blank",
        "'payload.severity' is missing or blank",
    ]


def test_all_problems_are_named_at_once() -> None:
    assert len(problems(body(routing_key="short", event_action="open", links=[{}]))) == 3


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b'{"a": NaN}', b'"\\ud800"'])
def test_malformed_json_is_refused(data: bytes) -> None:
    (message,) = problems(data)
    assert message.startswith("JSON cannot be parsed: ")


@pytest.mark.parametrize("data", [b"[]", b"null", b"7", b'"text"'])
def test_json_that_is_no_object_is_refused(data: bytes) -> None:
    assert problems(data) == ["Body is not a JSON object"]


@pytest.mark.parametrize("levels", [limits.NESTING_MAX + 1, 900])
def test_deep_nesting_is_refused(levels: int) -> None:
    data = b'{"a":' + b"[" * levels + b"]" * levels + b"}"
    assert problems(data) == ["Body is nested deeper than 64 levels"]


def test_a_body_at_the_limit_passes_and_one_byte_more_is_too_large() -> None:
    base = len(body(payload={"custom_details": {"pad": ""}}))
    at_limit = body(payload={"custom_details": {"pad": "x" * (limits.BODY_MAX - base)}})
    assert len(at_limit) == 512_000
    limits.parse(at_limit)
    with pytest.raises(limits.RefusedError) as refusal:
        limits.parse(at_limit + b" ")
    assert refusal.value.status == 413


def test_the_longest_allowed_texts_pass() -> None:
    event = limits.parse(body(dedup_key="k" * 255, payload={"summary": "ä" * 1024}))
    assert event.dedup_key == "k" * 255
    assert len(event.content.summary) == 1024


def test_what_alertmanager_sends_for_a_resolve_passes() -> None:
    """It sends the payload again, and an image's empty href."""
    event = limits.parse(
        body(
            event_action="resolve",
            dedup_key="d" * 64,
            client="Alertmanager",
            client_url="http://host:9093/#/alerts?receiver=pd",
            images=[{"src": "https://x/y.png", "alt": "a", "href": ""}],
            links=[{"href": "http://x/y", "text": "Runbook"}],
        )
    )
    assert event.action == "resolve"
    assert event.content.links == ({"href": "http://x/y", "text": "Runbook"},)


def test_a_resolve_needs_no_payload() -> None:
    data = json.dumps({"routing_key": KEY, "event_action": "resolve", "dedup_key": "k"}).encode()
    assert limits.parse(data).dedup_key == "k"


def test_the_documented_example_timestamp_passes() -> None:
    event = limits.parse(body(payload={"timestamp": "2015-07-17T08:42:58.315+0000"}))
    assert event.content.timestamp == "2015-07-17T08:42:58.315+0000"


def test_the_routing_key_is_masked_wherever_it_occurs() -> None:
    event = limits.parse(
        body(dedup_key=f"x-{KEY}", client=KEY, payload={"summary": KEY, "custom_details": {KEY: [{"k": f"a {KEY}"}]}})
    )
    assert KEY not in repr(event.content)
    assert KEY not in event.shown_dedup_key
    assert KEY not in repr(event.shown_dedup_key) + event.key
    assert event.content.custom_details == {"…7f3c": [{"k": "a …7f3c"}]}
    assert event.dedup_key == f"x-{KEY}"


def test_a_refused_event_shows_no_more_of_a_wrong_key() -> None:
    wrong = KEY + "\n"
    with pytest.raises(limits.RefusedError) as refusal:
        limits.parse(body(routing_key=wrong, payload={"summary": f"with {KEY}"}))
    assert KEY not in repr(refusal.value.sketch) + str(refusal.value)
    assert refusal.value.sketch.key == "…7f3c"


def test_a_short_text_in_place_of_a_key_is_not_shown_at_all() -> None:
    assert limits.mask("hunter2") == "…"


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "//host/",
        "http://",
        "http://[",
        "http://a b/",
        'http://a/"onload',
        "ftp://a/",
        "",
        None,
        7,
    ],
)
def test_what_is_no_safe_link_is_no_url(url: object) -> None:
    assert not limits.is_url(url)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=12), children, max_size=4),
    max_leaves=12,
)
FIELDS = ("routing_key", "dedup_key", "event_action", "payload", "links", "images", "client", "client_url")
PAYLOAD = ("summary", "source", "severity", "component", "group", "class", "custom_details", "timestamp")


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the first draw builds tables
@given(
    st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=3),
    st.dictionaries(st.sampled_from(PAYLOAD), json_values, max_size=3),
)
def test_any_event_is_either_read_or_refused(fields: dict[str, Any], payload: dict[str, Any]) -> None:
    valid = json.loads(body(dedup_key="k"))
    valid["payload"] |= payload
    try:
        event = limits.parse(json.dumps(valid | fields).encode())
    except limits.RefusedError as refusal:
        assert refusal.problems
    else:
        assert len(event.routing_key) == 32
        assert event.content.severity in limits.SEVERITIES or event.action != "trigger"


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_not_crashed_on(data: bytes) -> None:
    with pytest.raises(limits.RefusedError):
        limits.parse(data)
