"""The draw of a row: the same for the same id wherever it is computed, and as good as chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from modelwatch.exporters.sampling.draws import draws
from modelwatch.exporters.sampling.keyed import draw_of, key_of

IDS = st.one_of(
    st.text(min_size=1, max_size=90), st.integers(-(2**63), 2**63), st.text("abc0", min_size=1, max_size=20)
)

# Computed apart from the code under test, from the description alone.
DRAWN = {"order-1": 0.35930260495116206, "42": 0.8793907962701514, "ééééééééé": 0.4460047664891197}


def drawn(ids: list[object], model: str = "m", seed: int = 0) -> list[float]:
    return draws(ids, len(ids), key_of(model), np.random.default_rng(seed)).tolist()


@given(st.lists(IDS, max_size=20), st.text(max_size=10))
def test_many_at_once_are_what_each_is_alone(ids: list[str | int], model: str) -> None:
    assert drawn(list(ids), model) == [draw_of(one, model) for one in ids]


def test_the_draw_of_an_id_is_the_documented_one_for_ever() -> None:
    """Services compute it too: another value here is another version of the algorithm."""
    assert draw_of("order-1", "flight-delay") == pytest.approx(DRAWN["order-1"], abs=1e-15)
    assert draw_of(42, "flight-delay") == draw_of("42", "flight-delay") == pytest.approx(DRAWN["42"], abs=1e-15)
    assert draw_of("é" * 9, "flight-delay") == pytest.approx(DRAWN["é" * 9], abs=1e-15)


@pytest.mark.parametrize("ids", [[f"request-{n:08d}" for n in range(50_000)], list(range(50_000))])
def test_ids_that_count_up_draw_evenly_and_independently(ids: list[object]) -> None:
    found = np.array(drawn(ids, "flight-delay"))
    other = np.array(drawn(ids, "gate-ranking"))
    assert stats.kstest(found, "uniform").pvalue > 1e-4
    for one, two in ((found, other), (found[1:], found[:-1]), (found[2:], found[:-2])):
        table = np.histogram2d(one, two, bins=10)[0]
        assert stats.chi2_contingency(table).pvalue > 1e-4


def test_each_bit_of_an_id_changes_the_draw() -> None:
    """Flips of one bit move the draw as far as another id would: no two bits cancel out."""
    rng = np.random.default_rng(1)
    apart = []
    for _ in range(300):
        data = bytearray(rng.integers(97, 105, 24, dtype=np.uint8).tobytes())
        before = draw_of(data.decode(), "m")
        data[int(rng.integers(24))] ^= 1
        apart.append(abs(draw_of(data.decode(), "m") - before))
    # The distance of two uniform numbers has the distribution function 1 - (1 - x)^2.
    assert stats.kstest(apart, lambda x: 1 - (1 - np.asarray(x)) ** 2).pvalue > 1e-4


def test_rows_without_an_id_draw_by_chance_and_by_the_seed() -> None:
    odd: list[object] = [None, "", 1.5, True, ["x"], {}, "a"]
    first, again, other = drawn(odd), drawn(odd), drawn(odd, seed=1)
    assert first == again
    assert len(set(first)) == len(odd)
    assert [one == two for one, two in zip(first, other, strict=True)] == [False] * 6 + [True]
    assert draws(None, 3, 0, np.random.default_rng(0)).tolist() == np.random.default_rng(0).random(3).tolist()
    with pytest.raises(ValueError, match="is no id"):
        draw_of("", "m")
