"""Checks of what is written of rows: secrets, sampling and logging."""

from __future__ import annotations

from pathlib import Path

import pytest

from .checks import lines
from .conftest import TEN_LINES, Load


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


def test_folders_of_lines_of_different_kinds_are_told_apart_in_a_spec_and_in_a_fleet(load: Load) -> None:
    both = "logging:\n  files: {folder: ../logs}\n  predictions: {folder: ./../logs/}\n"
    assert lines(load(churn=TEN_LINES + both).diagnostics) == [
        "13:25 MW019 warning rows for the sidecar are written to the folder of log lines, ./../logs/ -- line 12 has it, "
        "and whoever follows it reads both: give each a folder of its own, such as ../predictions"
    ]
    rows = TEN_LINES + "logging: {predictions: {folder: ../samples/churn}}\n"
    other = TEN_LINES.replace("churn", "late") + "logging: {predictions: {folder: ../samples/churn}}\n"
    assert load(churn=rows, late=other).diagnostics == (), "models may share a folder of rows"
    kept = TEN_LINES.replace("churn", "other") + "sampling: {folder: ../samples}\n"
    assert load(churn=rows, other=kept).diagnostics == (), "below it, each model has its own"
    (told,) = lines(load(churn=TEN_LINES + "sampling: {folder: ../samples}\n", late=other).diagnostics)
    assert told.startswith("11:33 MW019 warning rows for the sidecar are written to the folder of rows that are kept")


def test_a_limit_of_traces_is_off_unless_it_is_set_and_a_share_of_nothing_needs_none(load: Load) -> None:
    assert load(churn=TEN_LINES).unwrap().models[0].tracing.max_spans_per_second is None
    limit = load(churn=TEN_LINES + "tracing: {max_spans_per_second: 500}\n")
    assert limit.unwrap().models[0].tracing.max_spans_per_second == 500
    assert lines(load(churn=TEN_LINES + "tracing: {sample: 0, max_spans_per_second: 500}\n").diagnostics) == [
        "11:44 MW017 warning 500 limits nothing: with sample: 0 no ordinary trace is kept, and what keep names has no "
        "limit -- leave it out, or give sample the share of ordinary traces that you want"
    ]


def test_a_service_that_records_nothing_is_told_so(load: Load) -> None:
    assert lines(load(churn=TEN_LINES + "tracing: {record: 0}\n").diagnostics) == [
        "11:19 MW017 warning with record: 0 the service records no trace, errors included, but those that a caller has "
        "begun -- leave it out, or give the share of traces that the service is to record, such as record: 0.25"
    ]
    assert load(churn=TEN_LINES + "tracing: {record: 0.01}\n").diagnostics == ()


def test_logging_is_off_unless_the_section_is_there_and_keeps_what_tracing_keeps(load: Load) -> None:
    assert load(churn=TEN_LINES).unwrap().models[0].logging is None
    spec = "tracing: {sample: 0.5, keep: [errors]}\nlogging: {predictions: {folder: ../rows}}\n"
    logging = load(churn=TEN_LINES + spec).unwrap().models[0].logging
    assert logging is not None
    assert (float(logging.sample), logging.keep, logging.files) == (0.5, ("errors",), None)
    assert logging.predictions is not None
    assert logging.predictions.folder == str(Path("rows").resolve())
