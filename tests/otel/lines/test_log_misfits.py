"""Log calls whose arguments do not fit their text: the line is written, redacted, and says so."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.otel.logs.formatter import JsonFormatter, Policies
from modelwatch.otel.logs.misfits import MISFIT, fits
from tests.conftest import sample_model
from tests.otel.lines.logged import PRIVATE, logged


def formatter() -> JsonFormatter:
    policies = Policies()
    policies.add(sample_model(logging=logged()))
    return JsonFormatter(policies)


FORMATTER = formatter()


def body(message: str, *args: object) -> Any:
    record = logging.LogRecord("flights", logging.INFO, "", 0, message, args, None)
    return json.loads(FORMATTER.format(record))["body"]


@pytest.mark.parametrize(
    ("message", "args", "shown"),
    [
        ("%d", ("x",), "%d<x>"),
        ("%s of %d", ("UA",), "%s<UA> of %d"),
        ("%s late", ("UA", 37), "%s<UA> late <37>"),
        ("late", (37,), "late <37>"),
        ("100%% of %05.1f", ("a",), "100%% of %05.1f<a>"),
        ("%(carrier)s %(seat)d", ({"carrier": "UA", "seat": "x"},), "%(carrier)s<UA> %(seat)d<****>"),
        ("%(origin)s", ({"carrier": "UA"},), "%(origin)s"),
        ("%y %s", ("UA",), "%y %s<UA>"),
        ("%d rows", ([{"carrier": "UA", "seat": "12A"}],), '%d<[{"carrier": "UA"}]> rows'),
    ],
)
def test_the_line_has_the_text_as_it_is_its_arguments_and_a_word_that_they_do_not_fit(
    message: str, args: tuple[object, ...], shown: str
) -> None:
    assert body(message, *args) == shown + MISFIT


@pytest.mark.parametrize(
    ("message", "args", "shown"),
    [
        ("passenger=%s %d", ("12A",), "****"),
        ("passenger=", ("12A",), "****"),
        ("mail %s@%s at %d", ("ada", "example.com"), "mail **** at %d"),
        ("call +49 %s %s or %d", ("170", "1234567"), "call **** or %d"),
        ("token", ("x", "password=abc"), "token x ****"),
    ],
)
def test_what_the_call_would_have_said_is_redacted(message: str, args: tuple[object, ...], shown: str) -> None:
    assert body(message, *args) == shown + MISFIT


@pytest.mark.parametrize("private", PRIVATE)
def test_nothing_private_comes_out_of_an_argument_that_does_not_fit(private: str) -> None:
    for message, args in (
        ("passenger: %s and %d", (private,)),
        ("passenger: ", (private,)),
        ("%d", ({"passenger": private},)),
        ("%(passenger)d", ({"passenger": private},)),
        ("%d of %d", ({"carrier": "UA", "seat": private}, [{"seat": private}])),
    ):
        found = body(message, *args)
        assert private not in found
        assert found.endswith(MISFIT)


def test_a_right_call_of_which_an_argument_may_not_be_shown_is_not_called_wrong() -> None:
    class Seconds:
        def __index__(self) -> int:
            return 12

        def __str__(self) -> str:
            return "of Ada"

    assert body("after %d s", Seconds()) == "after %d<Seconds> s"


@given(st.text(max_size=30), st.lists(st.one_of(st.text(max_size=8), st.integers(), st.none()), max_size=4))
def test_no_call_loses_its_line(message: str, args: list[object]) -> None:
    found = body(message, *args)
    assert isinstance(found, str)
    if not args:
        return
    if fits(message, tuple(args)) and "*" not in found:
        assert not found.endswith(MISFIT)
    elif "%" not in message:
        assert found.endswith(MISFIT)
