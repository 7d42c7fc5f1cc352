"""What a schema cannot say, beyond the example that each diagnostic's page holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelwatch.model import defaults
from modelwatch.model.load import load_fleet

from .checks import STACK, codes, lines, slo
from .conftest import TEN_LINES, Load


@pytest.mark.parametrize(
    ("objective", "severity", "message", "help"),
    [
        (
            "83.3",
            "error",
            "at 83.3 the budget burns at most 6.0 times too fast, and the first page waits for 6: nobody can ever be paged",
            "raise the objective to 83.4 or more",
        ),
        (
            "93",
            "warning",
            "at 93 the budget burns at most 14.3 times too fast, and the quick page waits for 14.4: "
            "a total outage pages only after an hour",
            "raise the objective to 93.1 or more",
        ),
    ],
)
def test_an_slo_that_cannot_page_is_told_with_the_least_objective_that_can(
    load: Load, objective: str, severity: str, message: str, help: str
) -> None:
    (found,) = load(churn=slo(objective)).diagnostics
    assert (found.code, found.severity, found.message, found.help) == ("MW024", severity, message, help)


@pytest.mark.parametrize("objective", ["83.4", "93.1", "99.9", "99.999"])
def test_the_least_objective_that_is_advised_is_enough(load: Load, objective: str) -> None:
    assert not [found for found in load(churn=slo(objective)).diagnostics if found.severity == "error"]


@pytest.mark.parametrize(
    ("window", "expected"), [("2d", [("MW049", "error")]), ("3d", [("MW049", "warning")]), ("28d", []), ("45d", [])]
)
def test_windows_too_short_for_burn_rates_are_told(load: Load, window: str, expected: list[tuple[str, str]]) -> None:
    assert codes(load(churn=slo("99.9", window)).diagnostics) == expected


@pytest.mark.parametrize(
    ("latency", "help"),
    [
        ("1ms", "use 5ms; "),
        ("300ms", "use 250ms or 500ms; "),
        ("2s", "use 1s or 2s500ms; "),
        ("1m", "use 10s; "),
    ],
)
def test_a_latency_between_buckets_is_offered_the_nearest(load: Load, latency: str, help: str) -> None:
    (found,) = load(churn=slo("99", sli=f"{{latency: {latency}}}")).diagnostics
    every = "5ms, 10ms, 25ms, 50ms, 100ms, 250ms, 500ms, 1s, 2s500ms, 5s, 10s"
    cannot = f"buckets are the same for every model and cannot be set: {every}"
    assert (found.code, found.help) == ("MW026", help + cannot)


@pytest.mark.parametrize("latency", ["5ms", "250ms", "2500ms", "2s500ms", "10s", "10000ms"])
def test_a_bucket_may_be_spelt_in_any_way(load: Load, latency: str) -> None:
    assert load(churn=slo("99", sli=f"{{latency: {latency}}}")).diagnostics == ()


def test_a_short_retention_is_told_where_it_is_set_when_models_take_the_default(load: Load) -> None:
    stack = STACK + "prometheus: {retention: 15d}\n"
    assert lines(load(churn=TEN_LINES, stack=stack).diagnostics) == [
        "10:25 MW025 error retention 15d is shorter than 30d, the window of SLOs that name none -- "
        "keep data for 45d, or give every SLO a window"
    ]
    assert codes(load(churn=TEN_LINES + "slos: []\n", stack=stack).diagnostics) == []


def test_a_performance_window_must_be_kept_too(load: Load) -> None:
    found = load(churn=TEN_LINES + "performance: {window: 60d}\n").diagnostics
    assert [(d.line, d.column, d.code) for d in found] == [(11, 23, "MW025")]


@pytest.mark.parametrize("name", ["stack", "Modelwatch", "con", "LPT1"])
def test_reserved_names_are_refused_in_any_case(load: Load, name: str) -> None:
    (found,) = load(churn=TEN_LINES.replace("name: churn", f"name: {name}")).diagnostics
    assert (found.code, found.message) == ("MW022", f"the name '{name}' is reserved")


def test_names_that_differ_in_capitals_only_collide(load: Load) -> None:
    found = load(a=TEN_LINES, b=TEN_LINES.replace("name: churn", "name: Churn")).diagnostics
    assert [(d.file, d.line, d.message) for d in found] == [
        ("models/b.yaml", 4, "'Churn' differs from the model 'churn' in capitals only")
    ]


def test_every_duplicate_of_one_file_is_told(load: Load) -> None:
    text = TEN_LINES.replace("classification}", "classification, classes: [a, b, a]}").replace("plan", "age")
    text += "slos: [{name: x, objective: 99, sli: errors}, {name: x, objective: 99.5, sli: errors}]\n"
    found = load(churn=text).diagnostics
    assert [(d.line, d.message) for d in found] == [
        (7, "the class 'a' is there twice"),
        (10, "the feature 'age' is there twice"),
        (11, "the SLO 'x' is there twice"),
    ]


@pytest.mark.parametrize(
    ("drift", "line"),
    [
        (
            "{warning: 0.3}",
            "9:49 MW033 error warning 0.3 is above critical 0.25 (psi's default) -- give both, the smaller as warning",
        ),
        (
            "{critical: 0.05}",
            "9:50 MW033 error warning 0.1 is above critical 0.05 (psi's default) -- give both, the smaller as warning",
        ),
        (
            "{warning: 3, critical: 2}",
            "9:49 MW033 error warning 3 is above critical 2 -- did you mean warning: 2, critical: 3?",
        ),
        (
            "{method: js, warning: 1, critical: 1.2}",
            "9:74 MW017 error no score of js is ever above 1, found 1.2 -- "
            "thresholds of psi are not those of js; 0.13 and 0.21 are as much drift as psi's 0.1 and 0.25",
        ),
    ],
)
def test_drift_thresholds_make_sense_together(load: Load, drift: str, line: str) -> None:
    text = TEN_LINES.replace("type: numeric", f"type: numeric, drift: {drift}")
    assert lines(load(churn=text).diagnostics) == [line]


@pytest.mark.parametrize(
    ("drift", "policy", "expected"),
    [
        ("{warning: 0.3}", "{critical: 0.2}", ["warning 0.3 is above critical 0.2 (the model's own)"]),
        ("{warning: 0.3}", "{critical: 0.4}", []),
        ("{method: js, warning: 0.2}", "{critical: 0.15}", []),
        ("{warning: 0}", "{warning: 0}", []),
        ("{method: mean_shift}", "{warning: 2, critical: 3}", []),
        ("{method: js}", "{warning: 0.3}", ["warning 0.3 is above critical 0.25 (psi's default)"]),
    ],
)
def test_thresholds_of_the_model_are_those_of_features_without_a_method(
    load: Load, drift: str, policy: str, expected: list[str]
) -> None:
    text = TEN_LINES.replace("type: numeric", f"type: numeric, drift: {drift}") + f"drift: {policy}\n"
    assert [found.message for found in load(churn=text).diagnostics] == expected


@pytest.mark.parametrize("method", sorted(defaults.NUMERIC_METHODS))
def test_methods_that_need_an_order_of_values_are_not_for_categories(load: Load, method: str) -> None:
    text = TEN_LINES.replace("type: numeric", f"type: categorical, drift: {{method: {method}}}")
    (found,) = load(churn=text).diagnostics
    assert found.code == "MW035"
    assert f"{method} needs numbers in their order" in found.message


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("drift: {min_samples: 400}", []),
        ("drift: {min_samples: 399}", ["11:22 MW043"]),
        ("  - {name: city, type: categorical, max_categories: 50}", ["11:53 MW043"]),
        ("  - {name: city, type: categorical, max_categories: 50}\ndrift: {min_samples: 1000}", []),
    ],
)
def test_every_bin_needs_twenty_rows(load: Load, more: str, expected: list[str]) -> None:
    found = load(churn=f"{TEN_LINES}{more}\n").diagnostics
    assert [f"{d.line}:{d.column} {d.code}" for d in found] == expected


@pytest.mark.parametrize(
    ("serving", "more", "expected"),
    [
        ("mode: online, every: 1d", "", ["an online model has no 'every'"]),
        ("every: 1d", "", ["an online model has no 'every'"]),
        ("mode: batch", "", ["a batch model needs 'every'"]),
        (
            "mode: batch, every: 1d",
            "slos: [{name: a, objective: 99, sli: {latency: 250ms}}]",
            ["a batch model answers no requests, so this SLO would never have data"],
        ),
        ("mode: batch, every: 1d", "slos: [{name: a, objective: 99, sli: valid_rows}]", []),
        ("mode: bacth, every: 1d", "", ["'mode' cannot be 'bacth'"]),
    ],
)
def test_fields_fit_the_way_of_serving(load: Load, serving: str, more: str, expected: list[str]) -> None:
    text = TEN_LINES.replace("{job: churn}", f"{{job: churn, {serving}}}") + f"{more}\n"
    assert [d.message for d in load(churn=text).diagnostics] == expected


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("{type: ranking, unit: s}", ["a ranking task has no 'unit'"]),
        ("{type: regression, positive_class: a}", ["a regression task has no 'positive_class'"]),
        ("{type: classification, positive_class: a}", ["positive_class needs classes"]),
        ("{type: classification, classes: [a, b], positive_class: c}", ["'c' is none of the classes"]),
        ("{type: regression, unit: minutes}", []),
    ],
)
def test_fields_fit_the_task(load: Load, task: str, expected: list[str]) -> None:
    found = load(churn=TEN_LINES.replace("{type: classification}", task)).diagnostics
    assert [d.message for d in found] == expected


def test_accuracy_belongs_to_classification(load: Load) -> None:
    text = TEN_LINES.replace("type: classification", "type: regression")
    found = load(churn=text + "performance: {metrics: {accuracy: {min: 0.8}}}\n").diagnostics
    assert [d.message for d in found] == ["a regression task has no 'accuracy'"]


def test_checks_go_on_in_a_file_whose_other_fields_are_wrong(load: Load) -> None:
    loaded = load(churn=slo("80").replace("owner: growth", "owner: 7"))
    assert [d.code for d in loaded.diagnostics] == ["MW014", "MW024"]
    assert load_fleet(Path("models")).fleet is None
