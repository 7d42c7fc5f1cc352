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
