"""Diagnostics are readable by people, programs and GitHub."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from modelwatch.model.diagnostics import Diagnostic, in_order
from modelwatch.model.render import as_github, as_json, as_text

ONE = Diagnostic(
    file="models/x.yaml",
    line=14,
    column=9,
    code="MW012",
    severity="error",
    message="unknown field 'objctive'",
    help="did you mean 'objective'?",
    source_line="        objctive: 99.9",
    length=8,
)


def test_text_shows_place_code_message_line_caret_and_help() -> None:
    assert as_text([ONE]) == (
        "models/x.yaml:14:9 MW012 unknown field 'objctive'\n"
        "14 |         objctive: 99.9\n"
        "   |         ^^^^^^^^\n"
        "help: did you mean 'objective'?"
    )


def test_a_warning_says_that_it_is_one() -> None:
    warning = replace(ONE, severity="warning", source_line="", help="")
    assert as_text([warning]) == "models/x.yaml:14:9 MW012 warning: unknown field 'objctive'"


def test_several_are_separated_by_an_empty_line() -> None:
    short = replace(ONE, source_line="", help="")
    assert as_text([short, short]).split("\n\n") == [as_text([short])] * 2


def test_colour_changes_nothing_but_colour() -> None:
    coloured = as_text([ONE], colour=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured) == as_text([ONE])


@pytest.mark.parametrize(
    ("line", "column", "length", "shown"),
    [
        ("\tx: 1", 2, 1, ["1 |  x: 1", "  |  ^"]),
        ("日本: x", 5, 1, ["1 | 日本: x", "  |       ^"]),
        ("x: \x1b[31m", 4, 5, ["1 | x: \N{REPLACEMENT CHARACTER}[31m", "  |    ^^^^^"]),
        ("x", 9, 4, ["1 | x", "  |  ^"]),
        ("x:", 1, 99, ["1 | x:", "  | ^^"]),
    ],
)
def test_the_caret_stands_under_what_is_meant(line: str, column: int, length: int, shown: list[str]) -> None:
    found = replace(ONE, line=1, column=column, length=length, source_line=line, help="")
    assert as_text([found]).splitlines()[1:] == shown


def test_a_long_line_is_cut_around_the_caret() -> None:
    line = "a" * 300 + "BAD" + "c" * 300
    _, shown, carets = as_text([replace(ONE, line=1, column=301, length=3, source_line=line, help="")]).splitlines()
    start = carets.index("^")
    assert shown[start : start + 3] == "BAD"
    assert len(shown) < 130
    assert carets.count("^") == 3


def test_json_is_a_list_with_the_fields_that_scripts_read() -> None:
    assert json.loads(as_json([ONE])) == [
        {
            "file": "models/x.yaml",
            "line": 14,
            "column": 9,
            "code": "MW012",
            "severity": "error",
            "message": "unknown field 'objctive'",
            "help": "did you mean 'objective'?",
        }
    ]
    assert json.loads(as_json([])) == []


def test_github_annotations_are_escaped_workflow_commands() -> None:
    found = replace(ONE, file="a,b:c.yaml", message="100%\nx", severity="warning")
    assert as_github([found]) == (
        "::warning file=a%2Cb%3Ac.yaml,line=14,col=9,title=MW012::100%25%0Ax%0Ahelp: did you mean 'objective'?"
    )


def test_order_is_by_file_and_place_and_each_problem_comes_once() -> None:
    later, other = replace(ONE, line=15), replace(ONE, file="models/a.yaml")
    assert in_order([later, ONE, other, ONE]) == (other, ONE, later)
