"""Rule files are written to be read: long expressions over several lines, with what a rule records above it."""

from __future__ import annotations

import re
from pathlib import Path

import promql_parser
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.alert_rules.lines import WIDTH, broken
from modelwatch.alert_rules.remarks import HOW
from modelwatch.telemetry.records import RECORD_BY_NAME

RULES = sorted((Path(__file__).parents[2] / "generated" / "prometheus" / "rules").glob("*.yaml"))


@pytest.mark.parametrize(
    ("expression", "lines"),
    [
        ("up == 0", "up == 0"),
        (f"{'a' * 60} + {'b' * 60} * {'c' * 10}", f"{'a' * 60}\n+ {'b' * 60} * {'c' * 10}"),
        (f"sum by (x) (rate({'a' * 110}[5m]))", f"sum by (x) (\n  rate(\n    {'a' * 110}[5m]\n  )\n)"),
        (
            f'label_replace({"a" * 90}, "method", "psi", "", "")',
            f'label_replace(\n  {"a" * 90},\n  "method", "psi", "", ""\n)',
        ),
        (
            f"{'a' * 60} > bool on (feature) group_left () {'b' * 60}",
            f"{'a' * 60}\n> bool on (feature) group_left () {'b' * 60}",
        ),
        (f'{"a" * 60}{{x="b or c ("}} or {"d" * 60}', f'{"a" * 60}{{x="b or c ("}}\nor {"d" * 60}'),
        (f"({'a' * 60} or {'b' * 60})", f"(\n  {'a' * 60}\n  or {'b' * 60}\n)"),
    ],
)
def test_it_is_broken_where_it_binds_least(expression: str, lines: str) -> None:
    assert broken(expression) == lines


LEAVES = st.sampled_from(
    ["a", "1.5", 'm{x="a b, (c) or \\\\\\" d"}', "rate(c[5m] offset 1m)", 'long_name_of_a_series_of_a_model{model="m"}']
)


def grown(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(
        ["or", "and on (x)", "+", "- on (x) group_left ()", "*", "/", "^", "unless ignoring (y)", "> bool"]
    )
    return st.one_of(
        st.tuples(children, operators, children).map(lambda p: f"({p[0]}) {p[1]} ({p[2]})"),
        st.tuples(children, st.sampled_from(["*", "+"]), children).map(" ".join),
        children.map(lambda c: f"sum by (a, b) ({c})"),
        children.map(lambda c: f'label_replace({c}, "l", "v", "", "")'),
        children.map(lambda c: f"clamp(({c}), 0, 1)"),
    )


EXPRESSIONS = st.deferred(lambda: st.recursive(LEAVES, grown, max_leaves=12))


@given(EXPRESSIONS)
def test_nothing_but_white_space_outside_of_texts_differs(expression: str) -> None:
    def texts(source: str) -> list[str]:
        return re.findall(r'"(?:[^"\\]|\\.)*"', source)

    lines = broken(expression)
    assert re.sub(r"\s", "", lines) == re.sub(r"\s", "", expression)
    assert texts(lines) == texts(expression)


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_what_is_generated_means_the_same_and_fits_a_screen(path: Path) -> None:
    text = path.read_text()
    for group in yaml.safe_load(text)["groups"]:
        for rule in group["rules"]:
            one_line = " ".join(line.strip() for line in rule["expr"].split("\n"))
            assert promql_parser.parse(rule["expr"]).prettify() == promql_parser.parse(one_line).prettify()
            longest = max(rule["expr"].split("\n"), key=len)
            # Names and texts are never broken.
            assert len(longest) <= WIDTH or " " not in longest.strip() or longest.strip().endswith("}"), longest


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_every_recording_rule_says_above_it_what_it_records(path: Path) -> None:
    lines = path.read_text().splitlines()
    for at, line in enumerate(lines):
        if line.startswith("  - record: "):
            above = " ".join(before.strip("# ") for before in lines[max(at - 12, 0) : at] if before.startswith("  # "))
            help = RECORD_BY_NAME[line.split()[-1]].help
            assert help in above, line


def test_what_is_told_of_a_rule_is_of_one_that_there_is() -> None:
    assert set(HOW) <= set(RECORD_BY_NAME)
