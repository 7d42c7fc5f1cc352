"""A trace as rows: order, bars, own time, what is left out; and the words around them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.compose.preview import exemplars, found, spans, texts, timerange
from modelwatch.compose.preview.spans import Span
from modelwatch.compose.preview.waterfall import waterfall
from modelwatch.telemetry import spans as S

SAMPLES = Path(__file__).parent / "traces"


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))


def span(own: str, parent: str = "", start: int = 0, end: int = 10, **more: Any) -> Span:
    return Span("t", own, parent, more.pop("name", own), start, end, **more)


def test_a_request_s_stages_stand_in_order_below_it() -> None:
    """As Jaeger tells them: a nested stage below its own, each with what it took by itself."""
    drawn = waterfall(spans.read(sample("trace-nested")))
    assert [(row.depth, row.span.name) for row in drawn.rows] == [
        (0, "inference flight-delay"),
        (1, "preprocessing"),
        (2, "weather"),
        (1, "predict"),
        (1, "postprocessing"),
    ]
    preprocessing, weather = drawn.rows[1], drawn.rows[2]
    assert preprocessing.own == preprocessing.span.duration - weather.span.duration
    assert drawn.rows[0].left == 0 and drawn.rows[0].width == 100
    assert sum(share.own for share in drawn.shares) == drawn.duration
    assert {share.stage for share in drawn.shares} == {"preprocessing", "weather", "predict", "postprocessing", ""}


def test_an_error_has_its_type_and_the_stack_that_jaeger_kept() -> None:
    """On the stage that raised it, and as the request's own type."""
    read = {each.name: each for each in spans.read(sample("trace-failed"))}
    assert read["inference flight-delay"].error == read["predict"].error == "ValueError"
    assert read["preprocessing"].error == ""
    assert "raise ValueError" in str(read["predict"].events[0].attributes["exception.stacktrace"])


def test_a_batch_links_to_its_requests() -> None:
    """By the ids of their traces."""
    batch = next(each for each in spans.read(sample("trace-batch")) if each.links)
    assert len(batch.links) == batch.attributes[S.BATCH_SIZE.key] == 3
    assert all(len(trace) == 32 for trace, _ in batch.links)


def test_own_time_counts_what_children_cover_once() -> None:
    """Children that overlap, reach beyond their parent or begin before it."""
    drawn = waterfall(
        [
            span("a", end=100),
            span("b", "a", 10, 40),
            span("c", "a", 30, 60),
            span("d", "a", 90, 150),
            span("e", "a", -5, 5),
        ]
    )
    assert next(row.own for row in drawn.rows if row.span.id == "a") == 100 - 50 - 10 - 5


def test_what_ran_at_the_same_time_is_more_work_than_there_was_time() -> None:
    drawn = waterfall([span("a", end=100), span("b", "a", 0, 90), span("c", "a", 5, 95)])
    assert (drawn.duration, drawn.together) == (100, 5 + 90 + 90)


def test_spans_without_their_parent_and_in_circles_are_drawn() -> None:
    """A caller that is not traced here is said; spans that are each other's parents are opened somewhere."""
    drawn = waterfall([span("a", "gone"), span("b", "c", 1), span("c", "b", 2), span("d", "d", 3), span("e", "c", 4)])
    assert sorted(row.span.id for row in drawn.rows) == ["a", "b", "c", "d", "e"]
    assert [row.span.id for row in drawn.rows if row.orphan] == ["a"]


def test_of_very_many_spans_what_failed_and_what_is_long_is_drawn() -> None:
    """With what it is part of, and the rest counted where it would stand."""
    many = [span(f"s{n}", "root", n, n + 1 + n % 7) for n in range(1000)]
    deep = [span("in", "s3", 3, 4), span("bad", "in", 3, 4, failed=True)]
    drawn = waterfall([span("root", end=2000), *many, *deep], most=50)
    shown = {row.span.id: row for row in drawn.rows}
    assert len(shown) == 50 and drawn.spans == 1003 and drawn.errors == 1
    assert {"root", "s3", "in", "bad"} <= set(shown)
    assert shown["root"].hidden == 1000 - 47
    assert shown["root"].hidden_time == sum(each.duration for each in many if each.id not in shown)


def test_a_chain_deeper_than_python_s_stack_is_drawn_from_its_top() -> None:
    """Recursion would end the request."""
    chain = [span("0", end=5000), *(span(str(n), str(n - 1), end=5000) for n in range(1, 5000))]
    assert [row.depth for row in waterfall(chain, most=5000).rows] == list(range(5000))
    assert len(waterfall(chain, most=400).rows) == 400


@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 100), st.integers(0, 100)),
        min_size=1,
        max_size=40,
        unique_by=lambda each: each[0],
    ),
    st.integers(1, 50),
)
def test_every_span_is_drawn_or_counted(raw: list[tuple[int, int, int, int]], most: int) -> None:
    """Whatever the parents, bars lie inside the trace, no span stands twice, and own times are no less than 0."""
    made = [span(str(own), str(parent), start, start + length) for own, parent, start, length in raw]
    drawn = waterfall(made, most)
    ids = [row.span.id for row in drawn.rows]
    assert len(ids) == len(set(ids)) == min(most, len(made))
    for row in drawn.rows:
        assert 0 <= row.left <= 100 and row.left + row.width <= 100.01
        assert 0 <= row.own <= row.span.duration


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["result", "resourceSpans", "scopeSpans", "spans", "attributes", "value", "key", "data", "tags"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(JSON)
def test_any_json_is_read_without_failing(document: Any) -> None:
    """Another program, or another release, answers something else: no spans, and no error page of ours."""
    assert isinstance(spans.read(document), tuple)
    assert isinstance(found.read(document, "x", {}), tuple)


def test_a_list_names_what_was_asked_for() -> None:
    """Duration, time, outcome and confidence of the request's own span, as Jaeger's search tells them."""
    failed = found.read(sample("found-failed"), "inference flight-delay", {S.OUTCOME.key: "error"})
    assert {row.error for row in failed} == {"ValueError", "timeout"}
    unsure = found.read(sample("found-unsure"), "inference flight-delay", {S.LOW_CONFIDENCE.key: "true"})
    assert sorted((row.confidence, row.unsure, row.spans) for row in unsure) == [(0.41, True, 5), (0.52, True, 4)]
    assert found.read(sample("found-unsure"), "inference flight-delay", {S.DRIFTED.key: "true"}) == ()


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0"),
        (999, "999 ns"),
        (1_234, "1.23 µs"),
        (12_345, "12.3 µs"),
        (999_400, "999 µs"),
        (999_600, "1.00 ms"),
        (1_000_000, "1.00 ms"),
        (617_800_000, "618 ms"),
        (59_990_000_000, "60.0 s"),
        (125_000_000_000, "2 min 5 s"),
        (3 * 3600 * 10**9, "3 h 0 min"),
    ],
)
def test_a_length_of_time_has_three_digits(nanoseconds: int, text: str) -> None:
    """And the unit that fits."""
    assert texts.duration(nanoseconds) == text


def test_times_beyond_the_calendar_are_no_failure() -> None:
    """A span may claim any time."""
    assert texts.moment(10**30) == "no time"
    assert texts.moment(1_795_643_722_320_284_410).startswith("2026-11-25 21:55:22.320")


def test_a_time_range_is_grafana_s() -> None:
    """Relative or in milliseconds; what is neither, or ends before it begins, is said."""
    assert timerange.parse("now-1h", "now", 7_200_000).start == 3_600_000
    assert timerange.parse("5", "1000", 0) == timerange.TimeRange(("5", "1000"), 5, 1000)
    for start, end in (("yesterday", "now"), ("now", "now-1h"), ("now-1h/h", "now"), ("now", "now")):
        with pytest.raises(ValueError, match=r"no time|before it begins"):
            timerange.parse(start, end, 10**12)


def test_exemplars_lead_to_traces_longest_first() -> None:
    """Each trace once; labels that are no trace's id are left out."""
    one, two = "a" * 32, "b" * 32
    listed = [
        {"labels": {"trace_id": one}, "value": "0.2", "timestamp": 5},
        {"labels": {"trace_id": one}, "value": "0.3", "timestamp": 5},
        {"labels": {"trace_id": two}, "value": "1.5", "timestamp": 6.5},
        {"labels": {"trace_id": "<script>"}, "value": "9", "timestamp": 5},
        {"labels": {"trace_id": "c" * 32}, "value": "NaN", "timestamp": 5},
    ]
    read = exemplars.read([{"seriesLabels": {"version": "7"}, "exemplars": listed}])
    assert [(each.trace, each.value, each.version) for each in read[:2]] == [
        (two, 1_500_000_000, "7"),
        (one, 300_000_000, "7"),
    ]
    assert read[2].value == 0
