"""What is written is what every YAML reader reads back."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from modelwatch import emit

_scalars = (
    st.text()
    | st.integers()
    | st.booleans()
    | st.none()
    | st.sampled_from(
        [
            "y",
            "NO",
            "on",
            "1",
            "1.5",
            ".5",
            "0x1",
            "1e3",
            "1_000",
            "12:30:00",
            "2024-01-01",
            "~",
            "=",
            "<<",
            "a: b",
            "a #b",
            "- a",
            "? a",
            "a:",
            "&a",
            "*a",
            "!a",
            "%a",
            "@a",
            "`a",
            ".inf",
            ".NaN",
            "\u2028",
            "\x85",
            "\ufeff",
            " a",
            "a ",
            "{a}",
            "[a]",
            "null",
            "",
        ]
    )
)
_trees = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=20
)


@given(st.dictionaries(st.text(), _trees, max_size=5) | st.lists(_trees, max_size=5))
def test_any_tree_is_read_back_unchanged(tree: object) -> None:
    assert yaml.safe_load(emit.to_yaml(tree, "x")) == tree  # type: ignore[arg-type]  # lists and mappings of anything


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_exact(number: float) -> None:
    assert float(yaml.safe_load(emit.to_yaml({"n": number}, "x"))["n"]) == number


def test_promql_stays_readable() -> None:
    expression = 'sum(rate(model_predictions_total{model="x",outcome!="error"}[5m])) > 0.05'
    assert f"expr: {expression}\n" in emit.to_yaml({"expr": expression}, "x")


def test_a_source_with_a_line_break_stays_in_the_comment() -> None:
    assert yaml.safe_load(emit.to_yaml({"a": 1}, "x\nb: 2")) == {"a": 1}


def test_an_object_that_no_file_may_hold_is_refused() -> None:
    with pytest.raises(TypeError, match="object has no place"):
        emit.to_yaml({"a": object()}, "x")


@given(st.lists(st.text("ab #:-'\"|>\u2028\t{}", min_size=1), min_size=1, max_size=4))
def test_a_block_is_read_back_unchanged_whatever_its_lines_hold(lines: list[str]) -> None:
    text = "\n".join(lines)
    tree = {"rules": [{"expr": emit.Block(text), "for": "1m"}]}
    assert yaml.safe_load(emit.to_yaml(tree, "x")) == {"rules": [{"expr": text, "for": "1m"}]}


def test_a_block_of_several_lines_is_written_as_it_is() -> None:
    written = emit.to_yaml({"rules": [{"expr": emit.Block("sum(\n  up\n)")}]}, "x")
    assert written.endswith("rules:\n- expr: |-\n    sum(\n      up\n    )\n")


@given(st.lists(st.text("ab: #\n'\"", max_size=200), max_size=3))
def test_a_remark_changes_nothing_that_is_read(remarks: list[str]) -> None:
    tree = {"rules": [emit.Remarked(tuple(remarks), {"a": 1}), {"b": 2}]}
    assert yaml.safe_load(emit.to_yaml(tree, "x")) == {"rules": [{"a": 1}, {"b": 2}]}


def test_a_remark_stands_above_its_item_in_lines_that_fit_a_screen() -> None:
    written = emit.to_yaml({"rules": [emit.Remarked(("What it is.", "word " * 40), {"a": 1})]}, "x")
    assert "rules:\n# What it is.\n# word word" in written
    assert max(map(len, written.splitlines()[1:])) <= 112
