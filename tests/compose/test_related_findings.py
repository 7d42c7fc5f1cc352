"""What `status` tells of numeric features together."""

from __future__ import annotations

from typing import Any

from modelwatch.compose.related_findings import Correlation, Unlike, correlations, told, unlike


def answer(window: str, error: float | None = 1.0, **changes: float) -> dict[str, Any]:
    """``changes`` are named by two letters, one for each feature."""
    above = ["reconstruction_error_ratio"] if (error or 0) > 2 else []
    above += ["correlation_change"] if any(abs(change) > 0.3 for change in changes.values()) else []
    return {
        "window": window,
        "reconstruction_error_ratio": error,
        "correlation_changes": [{"feature": n[0], "other": n[1], "change": c} for n, c in changes.items()],
        "limits": {"reconstruction_error_ratio": 2.0, "correlation_change": 0.3},
        "above_limits": above,
    }


def said(*answers: dict[str, Any]) -> list[str]:
    return told(unlike(answers), correlations(answers))


def test_a_model_whose_features_go_together_as_ever_has_no_findings() -> None:
    assert said(answer("1h", 1.9, ab=0.29), answer("1d", None)) == []


def test_rows_unlike_the_reference_are_told_where_they_are_furthest_off() -> None:
    assert said(answer("15m", 3.2), answer("1h", 10.1)) == [
        "rows unlike the reference (error 10.1 x > 2 x in 1h, also 15m)"
    ]
    assert unlike([answer("1h", 10.1)]) == Unlike("1h", 10.1, 2.0)


def test_a_correlation_that_moved_is_told_with_its_sign_and_small_changes_beside_it_are_not() -> None:
    answers = (answer("15m", ab=-0.4, bc=0.2), answer("1h", ab=-0.75))
    assert said(*answers) == ["correlation of a and b changed by -0.75 (1h, also 15m)"]
    assert correlations(answers) == (Correlation("a", "b", "1h", -0.75, 0.3, ("15m",)),)


def test_a_line_names_three_correlations_the_furthest_first() -> None:
    assert said(answer("1h", ab=0.4, ac=-0.9, ad=0.5, ae=0.6)) == [
        "correlation of a and c changed by -0.9 (1h), of a and e changed by +0.6 (1h), "
        "of a and d changed by +0.5 (1h) and 1 more"
    ]


def test_a_sidecar_of_before_that_tells_no_limits_has_no_findings() -> None:
    old = answer("1h", 10.0, ab=0.9)
    del old["limits"], old["above_limits"]
    assert said(old) == []
