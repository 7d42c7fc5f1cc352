"""What a schema cannot say, beyond the example that each diagnostic's page holds."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelwatch.model import defaults
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.load import load_fleet
from modelwatch.model.profile_head import content_hash

from .conftest import TEN_LINES, Load

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


@pytest.mark.parametrize(
    "secret",
    [
        "https://hooks.slack.com/services/T0/B0/abc",
        "xoxb-1234567890-abcdef",
        "https://ops:hunter2@example.com/x",
        "0123456789abcdef0123456789abcdef",
        "R0ABCDEFGHIJKLMNOPQRSTUVWXYZ0123",
        "the key is 0123456789abcdef0123456789abcdef, keep it",
    ],
)
def test_a_secret_is_told_and_never_repeated(load: Load, secret: str) -> None:
    (found,) = load(churn=TEN_LINES.replace("owner: growth", f'owner: growth\n  description: "{secret}"')).diagnostics
    assert (found.code, found.line) == ("MW041", 6)
    assert secret not in repr(found)


@pytest.mark.parametrize(
    "harmless",
    [
        "secrets/0123456789abcdef0123456789abcdef.key",
        "https://git.example.com/ml/churn",
        "abcdefghijklmnopqrstuvwxyzabcdef",
        "01234567890123456789012345678901",
        "a 64 digit hash: " + "0123456789abcdef" * 4,
    ],
)
def test_what_only_resembles_a_secret_passes(load: Load, harmless: str) -> None:
    assert (
        load(churn=TEN_LINES.replace("owner: growth", f'owner: growth\n  description: "{harmless}"')).diagnostics == ()
    )


def _table(path: Path, *columns: str) -> None:
    path.parent.mkdir(exist_ok=True)
    if path.name.endswith(".parquet"):
        pq.write_table(pa.table({name: [1.0] for name in columns}), path)
        return
    content = ",".join(f'"{name}"' for name in columns) + "\n"
    path.write_bytes(
        gzip.compress(content.encode()) if path.name.endswith(".gz") else b"\xef\xbb\xbf" + content.encode()
    )


@pytest.mark.parametrize("name", ["train.csv", "train.csv.gz", "train.parquet"])
def test_columns_of_a_baseline_are_compared_with_the_features(load: Load, name: str) -> None:
    _table(Path("data") / name, "age", "plans")
    found = load(churn=TEN_LINES + f"baseline: {{data: ../data/{name}}}\n").diagnostics
    assert lines(found) == [
        f"10:12 MW030 error the baseline ../data/{name} has no feature 'plan' -- did you mean 'plans'?"
    ]


def test_a_profile_is_compared_rather_than_the_data_it_came_from(load: Load) -> None:
    Path("profiles").mkdir()
    content = {"rows": 500, "features": [{"name": "age", "type": "numeric"}]}
    Path("profiles/churn.json").write_text(json.dumps({**content, "sha256": content_hash(content)}))
    found = load(churn=TEN_LINES + "baseline: {data: gone.csv, profile: ../profiles/churn.json}\n").diagnostics
    assert [d.message for d in found] == ["the baseline ../profiles/churn.json has no feature 'plan'"]
    assert found[0].help == "it has age; make it again with modelwatch profile churn --data DATA"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.parquet", b"PAR1 no", "x.parquet: this is no Parquet file"),
        ("x.csv.gz", b"no gzip", "x.csv.gz: this is no CSV file"),
        (
            "x.xlsx",
            b"",
            "x.xlsx: no CSV, Parquet or Arrow file by its name: use .csv, .csv.gz, .parquet, .pq, .arrow, .feather",
        ),
    ],
)
def test_a_broken_baseline_is_told_at_its_path(load: Load, name: str, content: bytes, message: str) -> None:
    Path("models", name).write_bytes(content)
    (found,) = load(churn=TEN_LINES + f"baseline: {{data: {name}}}\n").diagnostics
    assert (found.code, found.message) == ("MW032", message)


@pytest.mark.parametrize("content", ["[1]", "{}", "{", '{"features": [1]}', "[" * 100_000])
def test_a_broken_profile_is_told_at_its_path(load: Load, content: str) -> None:
    Path("models/p.json").write_text(content)
    (found,) = load(churn=TEN_LINES + "baseline: {profile: p.json}\n").diagnostics
    assert (found.code, found.message) == ("MW032", "p.json: this is no profile of modelwatch")
    assert found.help == "make it again with modelwatch profile churn --data DATA"


def test_a_missing_baseline_is_a_warning_that_lets_the_fleet_load(load: Load) -> None:
    loaded = load(churn=TEN_LINES + "baseline: {profile: ../profiles/churn.json}\n")
    assert loaded.fleet is not None
    assert lines(loaded.diagnostics) == [
        "11:21 MW031 warning the baseline ../profiles/churn.json is not there, so no drift can be told -- "
        "make it with modelwatch profile churn --data DATA; paths start from this file's folder"
    ]


def test_checking_a_folder_without_parquet_never_imports_pyarrow(tmp_path: Path) -> None:
    import subprocess
    import sys

    (tmp_path / "churn.yaml").write_text(TEN_LINES)
    program = (
        "import sys; from pathlib import Path; from modelwatch.model.load import load_fleet; "
        "load_fleet(Path(sys.argv[1])).unwrap(); sys.exit('pyarrow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False).returncode == 0


def test_checks_go_on_in_a_file_whose_other_fields_are_wrong(load: Load) -> None:
    loaded = load(churn=slo("80").replace("owner: growth", "owner: 7"))
    assert [d.code for d in loaded.diagnostics] == ["MW014", "MW024"]
    assert load_fleet(Path("models")).fleet is None


SAMPLED = TEN_LINES.replace(
    "type: classification", "type: classification, classes: [stays, leaves], positive_class: leaves"
)


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        (SAMPLED + "sampling: {}\n", []),
        (SAMPLED + "sampling: {risky: [stays], exclude: [age], strata: {rest: 0}}\n", []),
        (
            SAMPLED + "sampling: {risky: [leave]}\n",
            ["11:20 MW015 error 'leave' is no class of this model -- did you mean 'leaves'?"],
        ),
        (
            SAMPLED + "sampling: {exclude: [agee, name]}\n",
            [
                "11:22 MW015 error 'agee' is no feature of this model -- did you mean 'age'?",
                "11:28 MW015 error 'name' is no feature of this model -- there are age, plan",
            ],
        ),
        (
            SAMPLED + "sampling: {risky: {above: 3}}\n",
            [
                "11:12 MW036 error a classification task has no predictions above or below a number -- "
                "list classes, such as risky: [late]"
            ],
        ),
        (
            TEN_LINES.replace("classification", "regression") + "sampling: {risky: [late]}\n",
            [
                "11:12 MW036 error a regression task has no predictions by class -- "
                "give a number, such as risky: {above: 60}"
            ],
        ),
        (
            SAMPLED + "sampling: {strata: {unsure: 0, risky: 0, edge: 0, drifted: 0, rest: 0}}\n",
            [
                "11:12 MW017 error every share is 0: nothing is kept -- "
                "give one of them a share above 0, or leave the section sampling out"
            ],
        ),
        (
            SAMPLED + "sampling: {total_megabytes: 8}\n",
            [
                "11:29 MW017 error files of 16 megabytes are larger than the 8 that all may have together -- "
                "set file_megabytes to 1 or total_megabytes to 128 or more"
            ],
        ),
    ],
)
def test_sampling_names_what_there_is_and_sizes_that_can_be(load: Load, spec: str, found: list[str]) -> None:
    assert lines(load(churn=spec).diagnostics) == found


def test_sampling_is_off_unless_the_section_is_there_and_the_positive_class_is_risky(load: Load) -> None:
    assert load(churn=SAMPLED).unwrap().models[0].sampling is None
    kept = load(churn=SAMPLED + "sampling: {folder: ../kept, strata: {rest: 0.5}}\n").unwrap().models[0].sampling
    assert kept is not None
    assert kept.risky.classes == ("leaves",)
    assert kept.folder == str(Path("kept").resolve())
    assert {name: float(share) for name, share in kept.strata.items()} == {
        "unsure": 0.2, "risky": 0.2, "edge": 0.2, "drifted": 0.2, "rest": 0.5,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("logging: {}\n", []),
        ("logging: {allow: [age, route, request_id], redact: [passenger_email]}\ntracing: {features: [plan]}\n", []),
        (
            "tracing: {features: [agee, name]}\n",
            [
                "11:22 MW015 error 'agee' is no feature of this model -- did you mean 'age'?",
                "11:28 MW015 error 'name' is no feature of this model -- there are age, plan",
            ],
        ),
        (
            "logging: {allow: [agee], redact: [plans]}\n",
            [
                "11:19 MW015 warning 'agee' is no feature of this model, but nearly one -- "
                "did you mean 'age'? If it is another field of your log lines, call it less alike",
                "11:35 MW015 warning 'plans' is no feature of this model, but nearly one -- "
                "did you mean 'plan'? If it is another field of your log lines, call it less alike",
            ],
        ),
        (
            "tracing: {features: [plan]}\nlogging: {redact: [plan]}\n",
            [
                "12:20 MW056 error 'plan' is in redact, and tracing.features writes it on spans -- "
                "remove it from redact: fields outside of allow are removed from log lines anyway"
            ],
        ),
        (
            "logging: {predictions: {folder: x, file_megabytes: 300}}\n",
            [
                "11:52 MW017 error files of 300 megabytes are larger than the 256 that all may have together -- "
                "set file_megabytes to 32 or total_megabytes to 2400 or more"
            ],
        ),
    ],
)
def test_logging_names_what_there_is_and_masks_nothing_that_is_written(load: Load, spec: str, found: list[str]) -> None:
    assert lines(load(churn=TEN_LINES + spec).diagnostics) == found


def test_a_limit_of_traces_is_off_unless_it_is_set_and_a_share_of_nothing_needs_none(load: Load) -> None:
    assert load(churn=TEN_LINES).unwrap().models[0].tracing.max_spans_per_second is None
    limit = load(churn=TEN_LINES + "tracing: {max_spans_per_second: 500}\n")
    assert limit.unwrap().models[0].tracing.max_spans_per_second == 500
    assert lines(load(churn=TEN_LINES + "tracing: {sample: 0, max_spans_per_second: 500}\n").diagnostics) == [
        "11:44 MW017 warning 500 limits nothing: with sample: 0 no ordinary trace is kept, and what keep names has no "
        "limit -- leave it out, or give sample the share of ordinary traces that you want"
    ]


def test_logging_is_off_unless_the_section_is_there_and_keeps_what_tracing_keeps(load: Load) -> None:
    assert load(churn=TEN_LINES).unwrap().models[0].logging is None
    spec = "tracing: {sample: 0.5, keep: [errors]}\nlogging: {predictions: {folder: ../rows}}\n"
    logging = load(churn=TEN_LINES + spec).unwrap().models[0].logging
    assert logging is not None
    assert (float(logging.sample), logging.keep, logging.files) == (0.5, ("errors",), None)
    assert logging.predictions is not None
    assert logging.predictions.folder == str(Path("rows").resolve())


def test_a_baseline_may_be_arrow_and_names_its_columns_of_time_and_segment(load: Load) -> None:
    import pyarrow as pa
    from pyarrow import feather

    feather.write_feather(pa.table({"age": [1], "plan": ["a"], "seen_at": [1_700_000_000]}), "models/d.feather")
    good = TEN_LINES + "baseline: {data: d.feather, time: seen_at, segment: plan}\n"
    assert load(churn=good).diagnostics == ()
    found = load(churn=good.replace("time: seen_at, segment: plan", "time: seen, segment: age")).diagnostics
    assert [(d.code, d.message, d.help) for d in found] == [
        ("MW030", "the baseline d.feather has no column 'seen' to tell the time", "did you mean 'seen_at'?"),
        ("MW035", "'age' is no categorical feature, so there are no segments by it", "the spec has plan"),
    ]
    (found,) = load(churn=TEN_LINES + "baseline: {profile: p.json, time: seen_at}\n").diagnostics[:1]
    assert (found.code, found.message) == ("MW013", "'baseline' lacks 'data'")
