"""The share of traces that the Collector keeps, known in the service."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from modelwatch.model.types import Tracing
from modelwatch.model.units import Duration
from modelwatch.otel.sampling import TailSampling, fnv1a

TRACE = 0x0AF7651916CD43DD8448EB211C80319C


def sampling(sample: str, *keep: str) -> TailSampling:
    return TailSampling(Tracing(Decimal(sample), keep, Duration.parse("250ms"), Decimal("0.6")))  # type: ignore[arg-type]  # names of the spec


@pytest.mark.parametrize(("text", "expected"), [(b"", 0xCBF29CE484222325), (b"a", 0xAF63DC4C8601EC8C)])
def test_fnv1a_gives_the_published_values(text: bytes, expected: int) -> None:
    assert fnv1a(text) == expected
    assert fnv1a(b"obar", fnv1a(b"fo")) == 0x85944171F73967E8


def test_the_hash_of_a_trace_is_that_of_the_collectors_own_code() -> None:
    # hashTraceID("default-hash-seed", ...) of tailsamplingprocessor's probabilistic.go gave this number.
    bound = Decimal(3728843964641534796) / Decimal(2**64 - 1)
    for share, kept in ((bound + Decimal("1e-15"), True), (bound - Decimal("1e-15"), False)):
        found = sampling(str(share)).keeps(TRACE, error=False, seconds=0, low_confidence=False)
        assert found is kept


def test_the_share_of_ordinary_traces_is_the_specs() -> None:
    generator, policy = random.Random(7), sampling("0.1")
    kept = sum(
        policy.keeps(generator.getrandbits(128), error=False, seconds=0, low_confidence=False) for _ in range(20_000)
    )
    assert 1800 < kept < 2200  # binomial: 2000 with a standard deviation of 42


def test_a_request_that_the_service_calls_drifted_is_kept_where_the_spec_says_so() -> None:
    for keep, kept in ((("drifted",), True), (("errors",), False)):
        assert sampling("0", *keep).keeps(TRACE, error=False, seconds=0, low_confidence=False, drifted=True) is kept
        assert not sampling("0", *keep).keeps(TRACE, error=False, seconds=0, low_confidence=False)


def test_what_the_spec_names_is_kept_whatever_the_share() -> None:
    policy = sampling("0", "slow", "errors")
    assert policy.keeps(TRACE, error=False, seconds=0.25, low_confidence=False)
    assert policy.keeps(TRACE, error=True, seconds=0, low_confidence=False)
    assert not policy.keeps(TRACE, error=False, seconds=0.249, low_confidence=True)
