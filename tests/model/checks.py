"""A stack for the tests of checks, and what a fleet's diagnostics say."""

from __future__ import annotations

from modelwatch.model.diagnostics import Diagnostic

from .conftest import TEN_LINES

STACK = """\
apiVersion: modelwatch/v1
kind: Stack
receivers:
  pager: {type: pagerduty, key_file: secrets/pager.key}
  chat: {type: slack, url_file: secrets/chat.url}
routes: {page: pager, ticket: chat}
teams:
  growth: {page: pager}
environments: {prod: {pages: true}}
"""


def lines(found: tuple[Diagnostic, ...]) -> list[str]:
    return [f"{d.line}:{d.column} {d.code} {d.severity} {d.message} -- {d.help}" for d in found]


def codes(found: tuple[Diagnostic, ...]) -> list[tuple[str, str]]:
    return [(d.code, d.severity) for d in found]


def slo(objective: str, window: str = "30d", sli: str = "errors") -> str:
    return f"{TEN_LINES}slos: [{{name: a, objective: {objective}, window: {window}, sli: {sli}}}]\n"
