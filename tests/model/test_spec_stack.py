"""Checks of the stack: receivers, destinations and the versions of the programs it is for."""

from __future__ import annotations

import pytest

from .checks import STACK, codes, lines
from .conftest import TEN_LINES, Load


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("ticket: chat", "ticket: chatt", "6:31 MW027 error there is no receiver 'chatt' -- did you mean 'chat'?"),
        (
            "growth: {page: pager}",
            "growth: {page: pgr}",
            "8:18 MW027 error there is no receiver 'pgr' -- did you mean 'pager'?",
        ),
        (
            "growth: {page: pager}",
            "growth: {page: ops}",
            "8:18 MW027 error there is no receiver 'ops' -- the receivers are chat, pager",
        ),
        (
            "teams:",
            "alerting: {dead_mans_switch: beat}\nteams:",
            "7:30 MW027 error there is no receiver 'beat' -- the receivers are chat, pager",
        ),
        (
            "  growth:",
            "  growht:",
            "5:10 MW028 warning 'growth' is no team, so its alerts go where the stack's routes say -- did you mean 'growht'?",
        ),
        (
            "  growth:",
            "  sales:",
            "5:10 MW028 warning 'growth' is no team, so its alerts go where the stack's routes say -- "
            "add it under teams in models/stack.yaml",
        ),
        (
            "{prod: {",
            "{live: {",
            "6:1 MW029 warning the environment is 'prod' where none is given, and that is not declared -- "
            "add it under environments in models/stack.yaml",
        ),
        (
            ", ticket: chat",
            "",
            "5:3 MW044 warning nothing is sent to 'chat' -- name it in routes, in a team or in a model's alerting.routes, or remove it",
        ),
    ],
)
def test_references_of_the_stack_are_followed(load: Load, old: str, new: str, line: str) -> None:
    assert lines(load(churn=TEN_LINES, stack=STACK.replace(old, new, 1)).diagnostics) == [line]


def test_a_receiver_that_only_a_model_uses_is_used(load: Load) -> None:
    stack = STACK.replace(", ticket: chat", "")
    assert load(churn=TEN_LINES + "alerting: {routes: {ticket: chat}}\n", stack=stack).diagnostics == ()


def test_receivers_that_are_malformed_themselves_start_no_cascade(load: Load) -> None:
    assert codes(load(churn=TEN_LINES, stack=STACK.replace("receivers:", "receivers: 3\nx:")).diagnostics) == [
        ("MW014", "error"),
        ("MW012", "error"),
    ]


@pytest.mark.parametrize(
    ("receiver", "expected"),
    [
        ("{type: slack}", ["a slack receiver needs 'url_file' -- add url_file: secrets/pager.url"]),
        ("{type: webhook}", ["a webhook receiver needs 'url' -- add url: https://example.com/hooks/pager"]),
        (
            "{type: webhook, url: 'http://h/x', url_file: f}",
            ["a webhook receiver does not use 'url_file' -- remove it; webhook has url"],
        ),
        ("{type: none, channel: '#a'}", ["a none receiver does not use 'channel' -- remove it; none has no fields"]),
        (
            "{type: none}",
            [
                "pages reach nobody: the receiver 'pager' is of type none -- name another receiver for page here, unless that is meant"
            ],
        ),
        ("{type: pagerduty, key_file: f}", []),
    ],
)
def test_receivers_have_the_fields_of_their_type(load: Load, receiver: str, expected: list[str]) -> None:
    stack = STACK.replace("{type: pagerduty, key_file: secrets/pager.key}", receiver)
    found = load(churn=TEN_LINES, stack=stack).diagnostics
    assert [f"{d.message} -- {d.help}" for d in found] == expected


@pytest.mark.parametrize(
    ("signal", "destination", "message"),
    [
        ("logs", "{type: jaeger, endpoint: 'h:1'}", "jaeger takes traces and no logs"),
        ("traces", "{type: loki, endpoint: 'http://h:1'}", "loki takes logs and no traces"),
        (
            "traces",
            "{type: jaeger, endpoint: 'http://h:1'}",
            "'endpoint' of jaeger wants host:port, found 'http://h:1'",
        ),
        ("traces", "{type: otlp, endpoint: h}", "'endpoint' of otlp wants host:port or a URL, found 'h'"),
        ("traces", "{type: otlp, endpoint: 'h:99999'}", "'endpoint' of otlp wants host:port or a URL, found 'h:99999'"),
        ("traces", "{type: otlp, endpoint: 'h:4317'}", None),
        ("traces", "{type: otlp}", "a destination of type otlp needs 'endpoint'"),
        ("traces", "{type: awsxray}", "a destination of type awsxray needs 'region'"),
        ("traces", "{type: awsxray, region: eu-central-1}", None),
        ("metrics", "{type: awsxray, region: eu-central-1}", "awsxray takes traces and no metrics"),
        ("metrics", "{type: awsemf, region: eu-central-1}", None),
        ("logs", "{type: datadog, site: datadoghq.eu, org: x}", "a destination of type datadog does not use 'org'"),
        (
            "logs",
            "{type: azuremonitor, endpoint: 'https://h'}",
            "a destination of type azuremonitor does not use 'endpoint'",
        ),
        (
            "traces",
            "{type: influxdb, endpoint: 'https://h', org: x}",
            "a destination of type influxdb needs 'bucket'",
        ),
        ("metrics", "{type: influxdb, endpoint: 'https://h', org: x, bucket: spans}", None),
        ("metrics", "{type: prometheus, endpoint: 'http://127.0.0.1:9090'}", None),
        (
            "metrics",
            "{type: prometheus, endpoint: 'http://h:9090'}",
            "'endpoint' of prometheus leaves this machine in clear: 'http://h:9090'",
        ),
        ("traces", "{type: tempo, endpoint: 'tempo:4317'}", None),
        (
            "traces",
            "{type: zipkin, endpoint: 'h:9411'}",
            "'endpoint' of zipkin wants a URL, found 'h:9411'",
        ),
        ("logs", "{type: elasticsearch, endpoint: 'https://h:9200'}", None),
        (
            "metrics",
            "{type: elasticsearch, endpoint: 'https://h'}",
            "elasticsearch takes traces and logs and no metrics",
        ),
        ("logs", "{type: otlp, endpoint: 'https://h/otlp'}", None),
        ("logs", "{type: file, endpoint: logs.jsonl}", None),
    ],
)
def test_destinations_fit_their_signal(load: Load, signal: str, destination: str, message: str | None) -> None:
    stack = STACK + f"destinations: {{{signal}: [{destination.replace('{', '{name: d, ')}]}}\n"
    found = load(churn=TEN_LINES, stack=stack).diagnostics
    assert [(d.code, d.message) for d in found] == ([("MW047", message)] if message else [])


@pytest.mark.parametrize(("version", "told"), [("0.118", True), ("0.9", True), ("0.119", False), ("1.0", False)])
def test_a_collector_that_no_config_can_be_written_for_is_told(load: Load, version: str, told: bool) -> None:
    found = load(churn=TEN_LINES, stack=STACK + f'versions: {{collector: "{version}"}}\n').diagnostics
    assert [d.code for d in found] == (["MW017"] if told else [])
