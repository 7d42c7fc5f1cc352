"""Wrong words are matched with what was meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.model import suggest
from modelwatch.model.units import Duration


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("objctive", ["objective", "window"], "objective"),
        ("maxCategories", ["max_categories"], "max_categories"),
        ("Max-Categories", ["max_categories"], "max_categories"),
        ("env", ["environment", "mode"], "environment"),
        ("env", ["mode"], None),
        ("target", ["objective", "window"], "objective"),
        ("target", ["job", "targets"], "targets"),
        ("xyz", ["objective"], None),
        ("logs", ["logging", "slos"], "logging"),
        ("logs", ["slos"], "slos"),
        ("traces", ["logging", "tracing"], "tracing"),
        ("o" * 1000, ["objective"], None),
    ],
)
def test_fields_are_matched_by_spelling_and_by_other_names(word: str, known: list[str], meant: str | None) -> None:
    assert suggest.field(word, known) == meant


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("Numeric", ["numeric", "categorical"], "numeric"),
        ("float", ["numeric", "categorical"], "numeric"),
        ("jensen-shannon", ["psi", "js"], "js"),
        ("ks", ["psi", "js"], None),
        ("http", ["pagerduty", "webhook"], "webhook"),
        ("http", ["online", "batch"], "online"),
    ],
)
def test_choices_are_matched_by_spelling_and_by_other_names(word: str, known: list[str], meant: str | None) -> None:
    assert suggest.choice(word, known) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("250 msec", "250ms"),
        ("30 days", "30d"),
        ("30D", "30d"),
        ("1.5h", "90m"),
        ("0.5 days", "12h"),
        ("2 weeks", "2w"),
        ("1 hour 30 min", "1h30m"),
        ("0.0001 ms", None),
        ("1 fortnight", None),
        ("days", None),
        ("", None),
    ],
)
def test_durations_are_respelt(text: str, meant: str | None) -> None:
    assert suggest.duration(text) == meant


@given(st.text(max_size=30))
def test_a_respelt_duration_is_made_of_known_units(text: str) -> None:
    meant = suggest.duration(text)
    assert meant is None or all(part.isalnum() for part in meant)


@given(st.integers(1, 999), st.sampled_from(["msec", "seconds", "min", "hrs", "days", "weeks"]))
def test_every_respelt_quantity_is_a_duration(count: int, unit: str) -> None:
    meant = suggest.duration(f"{count} {unit}")
    assert meant is not None
    assert Duration.parse(meant).milliseconds > 0
