"""What `status` tells somebody who is woken: which feature, in which window, by how much, and what else is wrong with it."""

from __future__ import annotations

from typing import Any

from modelwatch.compose.drift_findings import Drift, Share, drifts, shares, told


def window(name: str, **changes: Any) -> dict[str, Any]:
    quiet = {"score": 0.01, "critical_value": 0.02, "detected": False, "samples": 900, "above_limits": []}
    return {"window": name, **quiet, **changes}


def drifted(name: str, score: float, critical_value: float = 0.02) -> dict[str, Any]:
    return window(name, score=score, critical_value=critical_value, detected=True)


def feature(name: str, *windows: dict[str, Any], **changes: Any) -> dict[str, Any]:
    limits = {"missing_ratio": 0.05, "new_category_ratio": 0.01, "out_of_range_ratio": 0.02}
    usual = {"method": "psi", "warning": 0.1, "critical": 0.25, "limits": limits}
    return {"name": name, **usual, **changes, "windows": list(windows)}


def said(*features: dict[str, Any]) -> list[str]:
    return told(drifts(features), shares(features))


def test_a_quiet_model_has_no_findings() -> None:
    assert said(feature("humid", window("1h"), window("1d"))) == []


def test_drift_is_told_with_its_method_score_threshold_and_window() -> None:
    assert said(feature("humid", window("1h"), drifted("1d", 0.3141))) == [
        "drift in humid (psi 0.314 > critical 0.25 in 1d)"
    ]
    assert said(feature("humid", drifted("1d", 0.125), method="js")) == [
        "drift in humid (js 0.125 > warning 0.1 in 1d)"
    ]


def test_of_several_windows_the_furthest_is_told_and_the_others_are_named() -> None:
    assert said(feature("humid", drifted("15m", 0.12), drifted("1h", 0.4), drifted("1d", 0.3))) == [
        "drift in humid (psi 0.4 > critical 0.25 in 1h, also 15m, 1d)"
    ]


def test_a_critical_value_above_the_threshold_is_the_bar() -> None:
    assert said(feature("humid", drifted("1h", 0.2, critical_value=0.15))) == [
        "drift in humid (psi 0.2 > chance 0.15 in 1h)"
    ]
    assert said(feature("humid", drifted("1h", 0.05), warning=0.0)) == ["drift in humid (psi 0.05 > chance 0.02 in 1h)"]


def test_a_shift_downwards_is_as_far_as_one_upwards() -> None:
    assert said(feature("humid", drifted("1h", -0.3), method="mean_shift")) == [
        "drift in humid (mean_shift -0.3 > critical 0.25 in 1h)"
    ]


def test_what_is_critical_comes_first_then_the_furthest_and_a_line_names_three() -> None:
    scores = {"a": 0.11, "b": 0.3, "c": 0.24, "d": 0.26, "e": 0.2}
    found = [feature(name, drifted("1h", score)) for name, score in scores.items()]
    assert [one.feature for one in drifts(found)] == ["b", "d", "c", "e", "a"]
    [line] = said(*found)
    assert line.endswith("c (psi 0.24 > warning 0.1 in 1h) and 2 more")


def test_values_above_their_limits_are_told_beside_drift() -> None:
    missing = window("1h", missing_ratio=0.12, above_limits=["missing_ratio"])
    worse = window("1d", missing_ratio=0.5, above_limits=["missing_ratio"])
    new = window("1h", new_category_ratio=0.031, out_of_range_ratio=1.0, above_limits=["new_category_ratio"])
    assert said(feature("humid", drifted("15m", 0.3), missing, worse), feature("carrier", new)) == [
        "drift in humid (psi 0.3 > critical 0.25 in 15m)",
        "too many missing values: humid (50 % > 5 % in 1d, also 1h)",
        "too many new categories: carrier (3.1 % > 1 % in 1h)",
    ]


def test_programs_get_the_numbers() -> None:
    found = [feature("humid", drifted("1h", 0.3), window("1d", missing_ratio=0.12, above_limits=["missing_ratio"]))]
    assert drifts(found) == (Drift("humid", "1h", "psi", 0.3, "critical", 0.25, 0.1, 0.25, 0.02, 900),)
    assert shares(found) == (Share("humid", "1d", "missing", 0.12, 0.05),)


def test_a_sidecar_of_before_that_tells_no_limits_has_no_shares() -> None:
    old = {key: value for key, value in feature("humid", window("1h")).items() if key != "limits"}
    for one in old["windows"]:
        del one["above_limits"]
    assert said(old) == []
