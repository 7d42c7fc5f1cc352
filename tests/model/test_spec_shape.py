"""Fields, types, choices and bounds: each mistake is told once, exactly, with the spelling that was meant."""

from __future__ import annotations

import pytest

from .conftest import TEN_LINES, Load

STACK = """\
apiVersion: modelwatch/v1
kind: Stack
receivers: {pager: {type: pagerduty, key_file: secrets/pager.key}}
routes: {page: pager}
"""


def only(load: Load, **files: str) -> str:
    """``line:column CODE message -- help`` of the one diagnostic."""
    (found,) = load(**files).diagnostics
    return f"{found.line}:{found.column} {found.code} {found.message} -- {found.help}"


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("slo: []", "11:1 MW012 unknown field 'slo' -- did you mean 'slos'?"),
        ("job: churn", "11:1 MW012 unknown field 'job' -- 'job' belongs under 'serving'"),
        ("name: churn", "11:1 MW012 unknown field 'name' -- 'name' belongs under 'metadata'"),
        ("training_data: x.csv", "11:1 MW012 unknown field 'training_data' -- did you mean 'baseline'?"),
        (
            "tracing: {colour: red}",
            "11:11 MW012 unknown field 'colour' -- known here: sample, max_spans_per_second, keep, slow, low_confidence, record, features",
        ),
        ("slos: [{name: a, sli: errors, goal: 99}]", "11:31 MW012 unknown field 'goal' -- did you mean 'objective'?"),
        ("alerting: {}", "11:1 MW013 'alerting' lacks 'routes' -- add routes: {page: pagerduty, ticket: triage}"),
        ("slos: [{name: a, sli: errors}]", "11:9 MW013 this item of 'slos' lacks 'objective' -- add objective: 99.9"),
        (
            "performance: {label_delay: 6}",
            "11:28 MW014 'label_delay' wants a duration, found the number 6 -- give it a unit: 6ms, 6s, 6m, 6h or 6d",
        ),
        (
            "performance: {label_delay: }",
            "11:28 MW014 'label_delay' wants a duration, found nothing -- such as label_delay: 6h",
        ),
        (
            "limits: {error_ratio: 5%}",
            "11:23 MW014 'error_ratio' wants a number from 0 to 1, found the text '5%' -- write 0.05",
        ),
        (
            "limits: {error_ratio: '5'}",
            "11:23 MW014 'error_ratio' wants a number from 0 to 1, found the text '5' -- write 0.05",
        ),
        (
            "limits: {error_ratio: '0,5'}",
            "11:23 MW014 'error_ratio' wants a number from 0 to 1, found the text '0,5' -- write 0.5",
        ),
        (
            "limits: [error_ratio]",
            "11:1 MW014 'limits' wants a mapping, found a list -- such as limits: {error_ratio: 0.05, latency_p99: 1s}",
        ),
        (
            "baseline: train.csv",
            "11:11 MW014 'baseline' wants a mapping, found the text 'train.csv' -- such as baseline: {data: ../data/training.parquet}",
        ),
        (
            "tracing: {keep: errors}",
            "11:17 MW014 'keep' wants a list, found the text 'errors' -- write it as a list: [errors]",
        ),
        (
            "drift: {windows: '15m, 1h'}",
            "11:18 MW014 'windows' wants a list, found the text '15m, 1h' -- write it as a list: [15m, 1h]",
        ),
        ("slos: {name: a}", "11:1 MW014 'slos' wants a list, found a mapping -- start each item with '- '"),
        (
            "drift: {min_samples: 100.5}",
            "11:22 MW014 'min_samples' wants a whole number, found the number 100.5 -- write 100",
        ),
        (
            "slos: [{name: a, objective: 99.9%, sli: errors}]",
            "11:29 MW014 'objective' wants a percentage, found the text '99.9%' -- write 99.9",
        ),
        (
            "slos: [{name: a, objective: 99, sli: 3}]",
            "11:38 MW014 'sli' wants one of errors, valid_rows or a mapping such as {latency: 250ms}, found the number 3 -- such as errors",
        ),
        (
            "slos: [{name: a, objective: 99, sli: availability}]",
            "11:38 MW015 'sli' cannot be 'availability' -- did you mean 'errors'?",
        ),
        (
            "slos: [{name: a, objective: 99, sli: 250ms}]",
            "11:38 MW015 'sli' cannot be '250ms' -- did you mean {latency: 250ms}?",
        ),
        (
            "slos: [{name: a, objective: 99, sli: {latency: 250 msec}}]",
            "11:48 MW016 '250 msec' is no duration -- did you mean 250ms?",
        ),
        ("slos: [{name: a, objective: 99, sli: {}}]", "11:33 MW013 'sli' lacks 'latency' -- add latency: 250ms"),
        (
            "tracing: {keep: [errors, fast]}",
            "11:26 MW015 an item of 'keep' cannot be 'fast' -- choose one of errors, slow, low_confidence, drifted",
        ),
        (
            "tracing: {keep: [errors, error]}",
            "11:26 MW015 an item of 'keep' cannot be 'error' -- did you mean 'errors'?",
        ),
        ("drift: {windows: [1.5h]}", "11:19 MW016 '1.5h' is no duration -- did you mean 90m?"),
        ("drift: {windows: [1 hour 30 min]}", "11:19 MW016 '1 hour 30 min' is no duration -- did you mean 1h30m?"),
        (
            "drift: {windows: [soon]}",
            "11:19 MW016 'soon' is no duration -- write a number and a unit, such as 250ms, 30s, 5m, 6h or 30d",
        ),
        (
            "drift: {windows: [0s]}",
            "11:19 MW017 an item of 'windows' must be above zero and at most a hundred years, found 0s -- write a number and a unit, such as 250ms, 30s, 5m, 6h or 30d",
        ),
        (
            "drift: {windows: [999999999999y]}",
            "11:19 MW017 an item of 'windows' must be above zero and at most a hundred years, found 999999999999y -- write a number and a unit, such as 250ms, 30s, 5m, 6h or 30d",
        ),
        ("drift: {windows: []}", "11:9 MW017 'windows' wants at least 1 item -- such as windows: [15m, 1h, 1d]"),
        (
            "drift: {}",
            "11:1 MW017 'drift' wants at least one field -- such as drift: {windows: [1h, 1d], min_samples: 500}",
        ),
        (
            "drift: {false_alarm_rate: 0}",
            "11:27 MW017 'false_alarm_rate' must be above 0, found 0 -- such as false_alarm_rate: 0.00001",
        ),
        (
            "limits: {saturation: 80}",
            "11:22 MW017 'saturation' must be at most 1, found 80 -- it is a share from 0 to 1: 80 % is 0.8",
        ),
        (
            "tracing: {max_spans_per_second: 0}",
            "11:33 MW017 'max_spans_per_second' must be at least 10, found 0 -- such as max_spans_per_second: 500; left out, no limit",
        ),
        (
            "tracing: {max_spans_per_second: 500/s}",
            "11:33 MW014 'max_spans_per_second' wants a whole number, found the text '500/s' -- such as max_spans_per_second: 500",
        ),
        (
            "tracing: {rate_limit: 500}",
            "11:11 MW012 unknown field 'rate_limit' -- did you mean 'max_spans_per_second'?",
        ),
        ("tracing: {keep: [slow, errors, slow]}", "11:32 MW019 an item of 'keep' is there twice -- keep one of them"),
        (
            "slos: [{name: a, objective: 100, sli: errors}]",
            "11:29 MW023 an objective of 100 leaves no error budget -- leave some room for errors, such as 99.9; no alert can say how fast an empty budget is spent",
        ),
        (
            "slos: [{name: a, objective: 0, sli: errors}]",
            "11:29 MW023 an objective cannot be 0 -- write the percentage of events that must be good, above 1 and below 100, such as 99.9",
        ),
        (
            "slos: [{name: a, objective: 120, sli: errors}]",
            "11:29 MW023 an objective cannot be 120 -- write the percentage of events that must be good, above 1 and below 100, such as 99.9",
        ),
    ],
)
def test_a_mistake_below_the_ten_lines_is_told_exactly(load: Load, more: str, problem: str) -> None:
    assert only(load, churn=TEN_LINES + more + "\n") == problem


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("kind: Model\n", "", "1:1 MW013 the spec lacks 'kind' -- add kind: Model"),
        ("kind: Model", "kind: model", "2:7 MW015 'kind' cannot be 'model' -- did you mean 'Model'?"),
        ("kind: Model", "kind: Service", "2:7 MW015 'kind' cannot be 'Service' -- choose one of Model, Stack"),
        ("modelwatch/v1", "v1", "1:13 MW015 'apiVersion' cannot be 'v1' -- write modelwatch/v1"),
        ("  owner: growth\n", "", "3:1 MW013 'metadata' lacks 'owner' -- add owner: ops-ml"),
        ("  owner: growth\n", "  team: growth\n", "5:3 MW012 unknown field 'team' -- did you mean 'owner'?"),
        (
            "task: {type: classification}\n",
            "",
            "1:1 MW013 the spec lacks 'task' -- add task: {type: classification, classes: [stays, leaves], positive_class: leaves}",
        ),
        ("name: churn", "name: 7", "4:9 MW014 'name' wants a name, found the number 7 -- write '7', in quotes"),
        ("name: churn", "name: true", "4:9 MW014 'name' wants a name, found true -- write 'true', in quotes"),
        (
            "name: churn",
            "name: Füße",
            "4:9 MW018 'name' cannot be 'Füße' -- did you mean 'Fu-e'? Use up to 63 letters, digits, '-' and '_', and start and end with a letter or digit",
        ),
        (
            "name: churn",
            'name: "churn\\n"',
            "4:9 MW018 'name' cannot be 'churn\N{REPLACEMENT CHARACTER}' -- did you mean 'churn'? Use up to 63 letters, digits, '-' and '_', and start and end with a letter or digit",
        ),
        (
            "name: churn",
            f"name: {'x' * 64}",
            f"4:9 MW018 'name' cannot be '{'x' * 57}...' -- use up to 63 letters, digits, '-' and '_', and start and end with a letter or digit",
        ),
        ("type: numeric", "type: int", "9:23 MW015 'type' cannot be 'int' -- did you mean 'numeric'?"),
        ("type: numeric", "type: numreic", "9:23 MW015 'type' cannot be 'numreic' -- did you mean 'numeric'?"),
        ("{job: churn}", "{job: churn, tags: [a]}", "6:23 MW012 unknown field 'tags' -- did you mean 'targets'?"),
        (
            "{job: churn}",
            "{job: churn, targets: 'h:1'}",
            "6:32 MW014 'targets' wants a list, found the text 'h:1' -- write it as a list: ['h:1']",
        ),
        (
            "{job: churn}",
            "{job: churn, targets: [h]}",
            "6:33 MW039 an item of 'targets' wants a target, found 'h' -- write host:port, such as 127.0.0.1:8000, without http:// and without a path",
        ),
        (
            "{job: churn}",
            "{job: churn, metrics_path: metrics}",
            "6:37 MW018 'metrics_path' wants a path of a URL, found 'metrics' -- start with '/', such as /metrics, without a query",
        ),
        (
            "type: classification",
            "type: classification, classes: [0, '1']",
            "7:40 MW014 an item of 'classes' wants text on one line, found the number 0 -- write '0', in quotes",
        ),
        (
            "type: classification",
            "type: classification, classes: [a]",
            "7:30 MW017 'classes' wants at least 2 items -- such as classes: [on_time, late]",
        ),
    ],
)
def test_a_mistake_within_the_ten_lines_is_told_exactly(load: Load, old: str, new: str, problem: str) -> None:
    assert only(load, churn=TEN_LINES.replace(old, new, 1)) == problem


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "routes: {page: pager}\n",
            "",
            "1:1 MW013 the spec lacks 'routes' -- add routes: {page: pagerduty, ticket: triage, info: triage}",
        ),
        ("{page: pager}", "{ticket: pager}", "4:1 MW013 'routes' lacks 'page' -- add page: pagerduty"),
        (
            "routes:",
            "versions: {prometheus: 2.50}\nroutes:",
            "4:24 MW014 'prometheus' wants a version, found the number 2.50 -- write '2.50', in quotes",
        ),
        (
            "routes:",
            "versions: {prometheus: v3}\nroutes:",
            "4:24 MW018 'prometheus' wants a version, found 'v3' -- write major.minor in quotes, such as '2.42'",
        ),
        (
            "routes:",
            "environments: {prod env: {pages: true}}\nroutes:",
            "4:16 MW018 'prod env' is no name -- use up to 63 letters, digits, '-' and '_', and start and end with a letter or digit",
        ),
        (
            "routes:",
            "environments: {prod: {pages: yes}}\nroutes:",
            "4:30 MW008 YAML readers disagree on what `yes` means -- write 'yes', in quotes, if you mean the text, or true",
        ),
        (
            "routes:",
            "environments: {prod: {pages: 'yes'}}\nroutes:",
            "4:30 MW014 'pages' wants true or false, found the text 'yes' -- such as pages: true",
        ),
        (
            "routes:",
            "prometheus: {external_labels: {my-cluster: a}}\nroutes:",
            "4:32 MW018 'my-cluster' is no label name -- use up to 63 letters, digits and '_', and do not start with a digit",
        ),
        (
            "routes:",
            "links: {dashboards: grafana.example.com}\nroutes:",
            "4:21 MW018 'dashboards' wants a URL, found 'grafana.example.com' -- write it in full, such as https://example.com/path, without spaces",
        ),
        (
            "type: pagerduty, key_file",
            "type: pagerduty, routing_key",
            "3:38 MW012 unknown field 'routing_key' -- did you mean 'key_file'?",
        ),
        ("type: pagerduty", "type: pager", "3:27 MW015 'type' cannot be 'pager' -- did you mean 'pagerduty'?"),
    ],
)
def test_a_mistake_of_the_stack_is_told_exactly(load: Load, old: str, new: str, problem: str) -> None:
    found = [
        f"{d.line}:{d.column} {d.code} {d.message} -- {d.help}"
        for d in load(churn=TEN_LINES, stack=STACK.replace(old, new, 1)).diagnostics
        if d.code not in ("MW044", "MW045")
    ]
    assert found == [problem]


@pytest.mark.parametrize("content", ["text", "- a\n- b", "12"])
def test_a_file_that_is_no_mapping_is_told_once(load: Load, content: str) -> None:
    (found,) = load(churn=content).diagnostics
    assert (found.code, found.help) == ("MW014", "start with apiVersion: modelwatch/v1 and kind: Model")


def test_a_file_without_a_kind_is_judged_by_its_fields(load: Load) -> None:
    (found,) = load(churn=TEN_LINES, stack=STACK.replace("kind: Stack\n", "")).diagnostics
    assert (found.message, found.help) == ("the spec lacks 'kind'", "add kind: Stack")


def test_what_stands_below_a_mistake_is_not_told(load: Load) -> None:
    text = TEN_LINES.replace("{type: classification}", "[{type: x, clases: 3}]") + "slos: {objective: 3, name: 7}\n"
    assert [found.code for found in load(churn=text).diagnostics] == ["MW014", "MW014"]


def test_of_another_programs_file_only_the_kind_is_told(load: Load) -> None:
    found = load(churn=TEN_LINES, map="apiVersion: v1\nkind: ConfigMap\ndata: {}\n").diagnostics
    assert [(d.file, d.line, d.message) for d in found] == [("models/map.yaml", 2, "'kind' cannot be 'ConfigMap'")]


@pytest.mark.parametrize(
    "written",
    [
        "0-120",
        "0..120",
        "0...120",
        "0 to 120",
        "0, 120",
        "0;120",
        "0 - 120",
        "'0-120'",
        "'[0, 120]'",
        "0\u2013120",
        "(0, 120)",
    ],
)
def test_a_range_in_other_words_is_told_as_the_list_that_is_meant(load: Load, written: str) -> None:
    block = TEN_LINES.replace("{name: age, type: numeric}", f"name: age\n    type: numeric\n    range: {written}")
    (found,) = load(churn=block).diagnostics
    assert (found.code, found.help) == ("MW014", "write it as a list: [0, 120]")


@pytest.mark.parametrize(
    ("written", "help"),
    [
        ("-20--5", "write it as a list: [-20, -5]"),
        ("-1.5-2.5", "write it as a list: [-1.5, 2.5]"),
        ("120", "such as range: [0, 23]"),
        ("positive", "such as range: [0, 23]"),
        ("1-2-3", "such as range: [0, 23]"),
    ],
)
def test_what_is_no_pair_of_numbers_is_shown_an_example_of_one(load: Load, written: str, help: str) -> None:
    spec = TEN_LINES.replace("{name: age, type: numeric}", f"{{name: age, type: numeric, range: {written}}}")
    (found,) = load(churn=spec).diagnostics
    assert (found.code, found.help) == ("MW014", help)
