"""Sums over the kept rows, weighted, are right on average for every subset, whatever the traffic and the ids do.

Each test draws the sample of one fixed stream many times over (another model's name or seed each time, so other draws)
and compares the mean estimate with the truth, in standard errors of that mean. A sampler with a bias fails: the last
tests hold that the comparison would see one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import sampling_rows as made
from numpy.typing import NDArray

from modelwatch.exporters.sampling import sampler as sampler_module
from modelwatch.exporters.sampling.budget import Budget
from modelwatch.exporters.sampling.criteria import criteria
from modelwatch.exporters.sampling.estimates import estimate
from modelwatch.exporters.sampling.sampler import Kept, Sampler
from modelwatch.exporters.sampling.strata import MEMBERS, STRATA, names

RUNS = 200


@pytest.fixture(autouse=True)
def _large_is_a_thousand(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the streams hold requests of which only some rows are looked at."""
    monkeypatch.setattr(sampler_module, "LOOKED_AT", 1000)


LAYOUT = made.planned(strata=made.SHARES, rows_per_hour=600)
SAMPLING = LAYOUT.model.sampling
assert SAMPLING is not None
WANTED = criteria(LAYOUT, SAMPLING, ())


@dataclass(frozen=True)
class Stream:
    """Requests as (time, rows)."""

    requests: Sequence[tuple[float, made.ArrayRows]]

    def everything(self) -> dict[str, NDArray[np.float64]]:
        """Of each row: its distance, whether it is in each stratum, and whether it came late in the stream."""
        found: dict[str, list[NDArray[np.float64]]] = {}
        for number, (_, rows) in enumerate(self.requests):
            where = np.arange(rows.count)
            late = np.full(rows.count, number >= len(self.requests) // 2)
            for name, values in domains(WANTED.masks(rows, where), rows, where, late).items():
                found.setdefault(name, []).append(values)
        return {name: np.concatenate(parts) for name, parts in found.items()}


def domains(masks, rows, where, late) -> dict[str, NDArray[np.float64]]:  # type: ignore[no-untyped-def]
    distance = rows.columns["distance"][where]
    inside = MEMBERS[masks].astype(float)
    return {
        "rows": np.ones(len(where)),
        "distance": distance,
        "far": (distance > 2000).astype(float),
        "late": late.astype(float),
        **{name: inside[:, place] for place, name in enumerate(STRATA)},
    }


Choose = Callable[[Sampler, made.ArrayRows, float], Kept]


def plainly(sampler: Sampler, rows: made.ArrayRows, now: float) -> Kept:
    return sampler.choose(WANTED, rows, np.arange(rows.count), now)


def estimates(stream: Stream, run: int, choose: Choose = plainly) -> dict[str, float]:
    """Estimated totals of one run."""
    found: dict[str, float] = {}
    sampler = Sampler(f"model-{run}", SAMPLING, 0.0, seed=run)
    for number, (now, rows) in enumerate(stream.requests):
        kept = choose(sampler, rows, now)
        late = np.full(len(kept.where), number >= len(stream.requests) // 2)
        for name, values in domains(kept.masks, rows, kept.where, late).items():
            found[name] = found.get(name, 0.0) + float((values / kept.probabilities).sum())
    return found


def deviations(stream: Stream, choose: Choose = plainly, runs: int = RUNS) -> Mapping[str, float]:
    """Of each domain: by how many standard errors the mean estimate misses the truth."""
    every = [estimates(stream, run, choose) for run in range(runs)]
    found = {}
    for name, values in stream.everything().items():
        totals = np.array([one[name] for one in every])
        error = totals.std(ddof=1) / np.sqrt(runs)
        missed = totals.mean() - values.sum()
        found[name] = 0.0 if abs(missed) < 1e-6 * max(values.sum(), 1) else float(missed / error)
    return found


def steady() -> Stream:
    return Stream([(6.0 * n, made.population(n, 10)) for n in range(300)])


def bursts() -> Stream:
    """Quiet, then 200 times as much for a minute, quiet, a single request of 6,000 rows, and quiet again."""
    sizes = [1] * 60 + [200] * 30 + [1] * 60 + [6000] + [1] * 60
    return Stream([(2.0 * n, made.population(n, size)) for n, size in enumerate(sizes)])


def growing() -> Stream:
    """From nothing to 3,000 rows a request, with pauses: probabilities fall a hundredfold."""
    return Stream([(20.0 * n + 900 * (n // 20), made.population(n, 1 + n * n // 2)) for n in range(60)])


def repeated() -> Stream:
    """Ids come up to 40 times: retries, and clients that call every row the same."""
    rng = np.random.default_rng(5)
    requests = []
    for n in range(150):
        rows = made.population(n, 30)
        rows.identities = [f"id-{int(one)}" for one in rng.zipf(1.5, 30) % 300]
        requests.append((4.0 * n, rows))
    return Stream(requests)


@pytest.mark.parametrize("stream", [steady, bursts, growing, repeated])
def test_weighted_sums_are_right_on_average_for_every_stratum_and_subset(stream: Callable[[], Stream]) -> None:
    for name, deviation in deviations(stream()).items():
        assert abs(deviation) < 4, f"{name} is {deviation:.1f} standard errors off"


@pytest.mark.parametrize("stream", [steady, bursts, growing])
def test_kept_rows_are_as_many_as_their_probabilities_say(stream: Callable[[], Stream]) -> None:
    """Every row's own inclusion is binomial with the probability that is written beside it, by stratum."""
    requests = stream().requests
    expected, variance, kept = (np.zeros(len(STRATA)) for _ in range(3))
    for run in range(20):
        sampler = Sampler(f"model-{run}", SAMPLING, 0.0, seed=run)
        for now, rows in requests:
            masks = WANTED.masks(rows, np.arange(rows.count))
            before = sampler._budget
            seen = {}

            def chances(arrivals, at, unseen, before=before, seen=seen):  # type: ignore[no-untyped-def]
                seen["found"] = Budget.chances(before, arrivals, at, unseen)
                return seen["found"]

            before.chances = chances  # type: ignore[method-assign]
            found = plainly(sampler, rows, now)
            del before.chances  # type: ignore[attr-defined]
            probabilities = seen["found"].by_mask[masks]
            charged = seen["found"].charged[masks]
            expected += np.bincount(charged, probabilities, len(STRATA))
            variance += np.bincount(charged, probabilities * (1 - probabilities), len(STRATA))
            kept += np.bincount(found.charged, minlength=len(STRATA))
    for place, name in enumerate(STRATA):
        assert abs(kept[place] - expected[place]) <= 4 * np.sqrt(variance[place]) + 1e-9, name


@pytest.mark.parametrize("stream", [bursts, repeated])
def test_standard_errors_are_as_large_as_estimates_really_scatter(stream: Callable[[], Stream]) -> None:
    requests = stream().requests
    totals, errors = [], []
    for run in range(RUNS):
        sampler = Sampler(f"model-{run}", SAMPLING, 0.0, seed=run)
        records = []
        for now, rows in requests:
            kept = plainly(sampler, rows, now)
            for row, mask, probability in zip(kept.where, kept.masks, kept.probabilities, strict=True):
                identity = rows.identities[row] if rows.identities is not None else None
                records.append({"id": identity, "strata": names(int(mask)), "probability": probability, "arrival": now})
        found = estimate(records)
        totals.append(found.all.total)
        errors.append(found.all.error)
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(totals, ddof=1), rel=0.25)


def test_a_large_request_keeps_the_rows_that_small_ones_of_the_same_probability_would(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The quick way, which looks only at rows with a low draw, finds the same rows as looking at all of them."""
    for seed in range(20):
        rows = made.population(seed, 5000)
        quick = plainly(Sampler("m", SAMPLING, 0.0, seed=seed), rows, 0.0)
        chances = {}
        original = sampler_module.Budget.chances

        def told(self, arrivals, now, unseen, original=original, chances=chances):  # type: ignore[no-untyped-def]
            chances["found"] = original(self, arrivals, now, unseen)
            return chances["found"]

        with monkeypatch.context() as patched:
            patched.setattr(sampler_module.Budget, "chances", told)
            quick = plainly(Sampler("m", SAMPLING, 0.0, seed=seed), rows, 0.0)
        masks = WANTED.masks(rows, np.arange(rows.count))
        drawn = np.random.default_rng(seed).random(rows.count)
        assert quick.where.tolist() == np.flatnonzero(drawn < chances["found"].by_mask[masks]).tolist()
        assert quick.masks.tolist() == masks[quick.where].tolist()
        assert len(quick.where) > 20


def test_rejected_rows_are_neither_kept_nor_counted() -> None:
    for size in (500, 4001):
        rows = made.population(1, size)
        accepted = np.flatnonzero(np.arange(size) % 3 > 0)
        sampler = Sampler("m", SAMPLING, 0.0, seed=1)
        kept = sampler.choose(WANTED, rows, accepted, 0.0)
        assert len(kept.where)
        assert set(kept.where.tolist()) <= set(accepted.tolist())
        # A row of two strata counts in both.
        assert 0.9 * len(accepted) < sampler._budget._recent.sum() < 1.2 * len(accepted) < size


def test_the_budget_holds_for_sorted_requests_whose_rare_rows_are_overlooked() -> None:
    """Ten rows at the end of each request have a reason that none of the rows at equal steps has."""
    rows = made.population(0, 40_000)
    rows.columns["confidence"][:] = 0.9  # type: ignore[index]  # an array
    rows.columns["confidence"][-10:] = 0.1  # type: ignore[index]
    sampler, kept = Sampler("m", SAMPLING, 0.0, seed=0), 0
    for minute in range(240):
        kept += int(np.isin(plainly(sampler, rows, 60.0 * minute).where, np.arange(39_990, 40_000)).sum())
    # Its share is 180 rows an hour, of the 600 that come; what the others leave it is nothing.
    assert 0.3 * 180 * 4 < kept < 1.3 * 180 * 4


def test_replicas_keep_the_same_ids_and_a_smaller_budget_keeps_some_of_them() -> None:
    """So a request and its label that comes later, or the logs of a service, meet."""
    rows = made.population(3, 3000)
    rows.identities = [f"request-{n}" for n in range(3000)]
    one, two = (set(plainly(Sampler("m", SAMPLING, 0.0), rows, 0.0).where.tolist()) for _ in range(2))
    less = made.sampling(strata=made.SHARES, rows_per_hour=100)
    few = set(plainly(Sampler("m", less, 0.0), rows, 0.0).where.tolist())
    assert one == two
    assert few < one
    assert plainly(Sampler("another", SAMPLING, 0.0), rows, 0.0).where.tolist() != sorted(one)


# What would be wrong, and is seen.


def capped(sampler: Sampler, rows: made.ArrayRows, now: float) -> Kept:
    """Rows beyond a fixed number for each request are thrown away, and weights do not know."""
    kept = plainly(sampler, rows, now)
    return Kept(kept.where[:3], kept.masks[:3], kept.probabilities[:3], kept.charged[:3])


def later_weight(sampler: Sampler, rows: made.ArrayRows, now: float) -> Kept:
    """The probability that is written is that of the next request."""
    kept = plainly(sampler, rows, now)
    nothing = np.zeros(1 << (len(STRATA) - 1))
    return Kept(kept.where, kept.masks, sampler._budget.chances(nothing, now).by_mask[kept.masks], kept.charged)


def first_stratum(sampler: Sampler, rows: made.ArrayRows, now: float) -> Kept:
    """A row in two strata is drawn for each, and written with the probability of the first alone."""
    alone = {}
    ask = type(sampler._budget).chances

    def chances(arrivals, at, unseen):  # type: ignore[no-untyped-def]
        found = ask(sampler._budget, arrivals, at, unseen)
        alone["found"] = found.alone
        return found

    sampler._budget.chances = chances  # type: ignore[method-assign]
    kept = plainly(sampler, rows, now)
    first = np.array([STRATA.index(names(int(mask))[0]) for mask in kept.masks], dtype=np.int64)
    return Kept(kept.where, kept.masks, alone["found"][first], kept.charged)


@pytest.mark.parametrize("wrong", [capped, later_weight, first_stratum])
def test_a_biased_sampler_would_be_seen(wrong: Choose) -> None:
    found = deviations(bursts(), wrong, runs=RUNS)
    assert max(abs(deviation) for deviation in found.values()) > 6


def test_probabilities_that_follow_what_was_kept_would_bias_rows_of_one_id() -> None:
    """Why buckets are charged with expected rows: one draw decides all rows of an id, now and later."""

    def follows(sampler: Sampler, rows: made.ArrayRows, now: float) -> Kept:
        kept = plainly(sampler, rows, now)
        if rows.count == 1:
            sampler._budget._bucket[kept.charged] *= 0.3
        return kept

    same = made.population(0, 1)
    same.identities = ["the same"]
    stream = Stream([(0.0, made.population(1, 600)), *((400.0 + 100 * n, same) for n in range(8))])
    assert deviations(stream, follows, runs=1000)["late"] > 6
    assert abs(deviations(stream, runs=1000)["late"]) < 4
