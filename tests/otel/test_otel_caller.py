"""What a request's headers tell of its caller, and whether its trace is sampled: read late, and as OpenTelemetry does."""

from __future__ import annotations

import functools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry import baggage, propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    DEFAULT_ON,
    Decision,
    ParentBased,
    ParentBasedTraceIdRatio,
    Sampler,
    TraceIdRatioBased,
)
from opentelemetry.trace import SpanKind, TraceFlags
from prometheus_client import CollectorRegistry

from modelwatch.model.types import Model
from modelwatch.otel import Watch
from modelwatch.otel.deciding import foreseen
from modelwatch.otel.logs.formatter import trace_ids
from modelwatch.otel.opened import Decided, Trace, Unsampled
from tests.conftest import sample_model

UNSAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


@pytest.mark.parametrize(
    "sampler",
    [
        *(ALWAYS_ON, ALWAYS_OFF, DEFAULT_ON, DEFAULT_OFF),
        *(TraceIdRatioBased(0.3), ParentBased(TraceIdRatioBased(0.3)), ParentBasedTraceIdRatio(1e-5)),
    ],
    ids=lambda sampler: sampler.get_description(),
)
def test_a_known_sampler_decides_as_when_it_is_asked(sampler: Sampler, model: Model) -> None:
    known = foreseen(sampler)
    assert known is not None
    edges = (0, 1, known.bound - 1, known.bound, known.bound + 1, 2**64 - 1, 2**127, 2**127 + known.bound)
    for trace_id in (number for number in edges if 0 < number < 2**128):
        asked = sampler.should_sample(None, trace_id, "x").decision is Decision.RECORD_AND_SAMPLE
        assert (trace_id & (2**64 - 1) < known.bound) is asked
        for flags in ("00", "01"):
            caller = {"traceparent": f"00-{trace_id:032x}-b7ad6b7169203331-{flags}", "tracestate": "vendor=1"}
            for headers in (caller, {"traceparent": caller["traceparent"]}):
                context = propagate.extract(headers)
                expected = sampler.should_sample(context, trace_id, "x")
                found = begun(model, sampler, headers)
                assert found.sampled is (expected.decision is Decision.RECORD_AND_SAMPLE)
                assert found.state == (expected.trace_state or {})
                assert found.parent == trace.get_current_span(context).get_span_context()


def watched(model: Model, sampler: Sampler) -> Watch:
    tracer = TracerProvider(sampler=sampler, shutdown_on_exit=False).get_tracer("service")
    return Watch(model, version="7", registry=CollectorRegistry(), tracer=tracer)  # type: ignore[arg-type]  # the SDK's provider gives its Tracer


def begun(model: Model, sampler: Sampler, headers: dict[str, str]) -> Trace:
    with watched(model, sampler).inference(headers=headers) as running:
        found = running.trace
    assert found is not None
    return found


def test_other_samplers_are_asked() -> None:
    class Own(Sampler):
        def should_sample(self, *args: object, **kwargs: object) -> None:  # type: ignore[override]
            """Never called here."""

        def get_description(self) -> str:
            return "AlwaysOnSampler"

    assert foreseen(Own()) is None
    assert foreseen(ParentBased(ALWAYS_ON, local_parent_sampled=ALWAYS_OFF)) is None


@pytest.mark.parametrize(
    "header",
    [
        *("", "junk", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n"),
        *("00-" + "0" * 32 + "-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-" + "0" * 16 + "-01"),
        *(
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
        *(
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        ),
        *(
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff",
        ),
    ],
)
@pytest.mark.parametrize("more", [{}, {"tracestate": "a=1"}, {"baggage": "user=7"}], ids=str)
def test_a_callers_header_is_read_as_the_propagators_read_it(model: Model, header: str, more: dict[str, str]) -> None:
    headers = {"traceparent": header, **more}
    expected = trace.get_current_span(propagate.extract(headers)).get_span_context()
    found = begun(model, DEFAULT_ON, headers)
    assert found.parent == (expected if expected.is_valid else None)
    assert baggage.get_all(found.context) == baggage.get_all(propagate.extract(headers))


SAMPLERS = (ALWAYS_ON, ALWAYS_OFF, DEFAULT_ON, DEFAULT_OFF, ParentBased(TraceIdRatioBased(0.5)), TraceIdRatioBased(0.5))


@functools.cache
def watching(sampler: Sampler) -> Watch:
    return watched(sample_model(), sampler)


def near(valid: str) -> st.SearchStrategy[str]:
    """A header with one place changed, one character more, or one less."""
    places = st.integers(0, len(valid) - 1)
    characters = st.sampled_from("0123456789abcdefgxABCDEF-_+ \n\t\u0660\uff11")
    return st.one_of(
        st.builds(lambda at, char: valid[:at] + char + valid[at + 1 :], places, characters),
        st.builds(lambda at, char: valid[:at] + char + valid[at:], places, characters),
        st.builds(lambda at: valid[:at] + valid[at + 1 :], places),
        characters.map(valid.__add__),
    )


digits = functools.partial(st.text, "0123456789abcdef")
well_formed = st.builds(
    "{}-{}-{}-{}".format,
    st.sampled_from(["00", "00", "00", "01", "ff"]),
    st.one_of(digits(min_size=32, max_size=32), st.just("0" * 32), st.just("0" * 31 + "1")),
    st.one_of(digits(min_size=16, max_size=16), st.just("0" * 16), st.just("1" + "0" * 15)),
    st.one_of(digits(min_size=2, max_size=2), st.just("00")),
)
headers = st.fixed_dictionaries(
    {"traceparent": st.one_of(well_formed, well_formed.flatmap(near), st.text(max_size=60))},
    optional={"tracestate": st.sampled_from(["", "vendor=1", "="]), "baggage": st.sampled_from(["", "user=7"])},
)


@given(headers, st.sampled_from(SAMPLERS))
@example({"traceparent": UNSAMPLED}, DEFAULT_ON)
@example({"traceparent": f"00-{'0' * 32}-b7ad6b7169203331-00"}, DEFAULT_ON)
@example({"traceparent": f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-00"}, DEFAULT_ON)
def test_what_is_read_late_is_what_the_propagators_read_at_once(sent: dict[str, str], sampler: Sampler) -> None:
    """Parent, decision, state and what goes on to the next service; a header that is wrong is no "not sampled"."""
    caller = trace.get_current_span(propagate.extract(sent)).get_span_context()
    with watching(sampler).inference(headers=sent) as running:
        found = running.trace
        assert found is not None
        told, inside = running.headers(), trace.get_current_span().get_span_context()
    decision = sampler.should_sample(propagate.extract(sent), found.trace_id, "inference flight-delay").decision
    assert found.sampled is found.recording is (decision is Decision.RECORD_AND_SAMPLE)
    assert found.parent == (caller if caller.is_valid else None)
    assert found.state == caller.trace_state
    assert found.kind is SpanKind.SERVER
    assert (found.trace_id == caller.trace_id) is caller.is_valid
    flags = (caller.trace_flags if caller.is_valid else TraceFlags.RANDOM_TRACE_ID) & TraceFlags.RANDOM_TRACE_ID
    assert found.flags == flags | found.sampled
    assert (inside.trace_id, inside.span_id, inside.trace_flags) == (found.trace_id, running.span_id, found.flags)
    assert told["traceparent"] == f"00-{found.trace_id:032x}-{running.span_id:016x}-{found.flags:02x}"
    assert told.get("tracestate") == (caller.trace_state.to_header() or None)
    assert isinstance(found, Decided) or (caller.is_valid and not caller.trace_flags & 1 and not found.recording)


def test_of_a_caller_who_is_not_sampled_all_is_there_that_others_ask_for() -> None:
    """The next service gets its trace with the flag 00 and a span of this one, and so do lines of the log."""
    watch = watching(DEFAULT_ON)
    with watch.inference(headers={"traceparent": UNSAMPLED}) as running, running.stage("predict") as stage:
        assert isinstance(running.trace, Unsampled)
        version, trace_id, span_id, flags = running.headers()["traceparent"].split("-")
        assert (version, trace_id, flags) == ("00", UNSAMPLED.split("-")[1], "00")
        assert span_id == f"{running.context.span_id:016x}" != UNSAMPLED.split("-")[2]
        assert trace_ids(*ids(trace.get_current_span())) == {
            "trace_id": trace_id,
            "span_id": span_id,
            "trace_flags": "00",
        }
        assert not trace.get_current_span().is_recording()
        assert not running.context.is_remote
        assert stage.trace is None
    assert not trace.get_current_span().get_span_context().is_valid


def ids(span: trace.Span) -> tuple[int, int, int]:
    context = span.get_span_context()
    return context.trace_id, context.span_id, context.trace_flags
