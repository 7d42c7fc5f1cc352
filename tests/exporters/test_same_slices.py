"""Rows compared with those of the same hour, weekday or segment: what goes with these is no drift, and the rest is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import specs

from modelwatch.exporters.calibration.alarms import replayed
from modelwatch.exporters.calibration.history import read
from modelwatch.exporters.calibration.setting import setting
from modelwatch.exporters.comparison import Comparison
from modelwatch.exporters.counting import count
from modelwatch.exporters.exposition import Scrape
from modelwatch.exporters.ingest.json_columns import columns_table
from modelwatch.exporters.ingest.table import Table
from modelwatch.exporters.layout import Layout, layout
from modelwatch.exporters.monitor import Monitor
from modelwatch.exporters.profile import build_profile, profile_to_json
from modelwatch.exporters.reference import Profile
from modelwatch.exporters.sidecar import Sidecar
from modelwatch.exporters.slices import Mixture, lacking
from modelwatch.exporters.state import State
from modelwatch.exporters.statistics import OF_HISTOGRAMS
from modelwatch.exporters.statistics.likelihood_ratio import LikelihoodRatio
from modelwatch.exporters.verdicts import Judgement, judge
from modelwatch.model import types as t
from modelwatch.model.load import load_fleet
from modelwatch.model.units import Duration

FEATURES = (specs.feature("load"), specs.feature("kind", "categorical"), specs.feature("region", "categorical"))
# A Monday.
START = int(datetime(2026, 6, 1, tzinfo=UTC).timestamp())
DAYS = 21


def rows(seed: int, times: np.ndarray, regions: np.ndarray, shift: float = 0.0) -> dict[str, np.ndarray]:
    """The load follows the hour and differs on weekends and in the south; kinds are others at night."""
    rng = np.random.default_rng(seed)
    hour, weekend = times // 3600 % 24, (times // 86_400 + 3) % 7 >= 5
    load = 50 + 30 * np.sin(hour / 24 * 2 * np.pi) + 20 * weekend + 25 * (regions == "south")
    night = (hour < 6).astype(int)
    kinds = np.array([["web", "app", "shop"], ["batch", "web", "app"]])[
        night, rng.choice(3, len(times), p=[0.7, 0.2, 0.1])
    ]
    return {"load": load + rng.normal(shift * 5, 5, len(times)), "kind": kinds, "region": regions}


def regions(seed: int, count: int, south: float = 0.3) -> np.ndarray:
    return np.where(np.random.default_rng(seed).random(count) < south, "south", "north")


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    times = START + np.sort(np.random.default_rng(0).integers(0, DAYS * 86_400, 100_000))
    found = rows(1, times, regions(2, len(times)))
    path = tmp_path_factory.mktemp("data") / "reference.parquet"
    pq.write_table(pa.table({**found, "at": pa.array(times * 1_000_000, pa.timestamp("us"))}), path)
    return path


def spec(reference: Path, same: t.Same | None) -> t.Model:
    drift = t.DriftPolicy((Duration.parse("15m"), Duration.parse("1d")), 500, Decimal("0.001"), same=same)
    return specs.model(
        features=FEATURES, drift=drift, baseline=t.Baseline(data=str(reference), time="at", segment="region")
    )


Plan = Callable[[t.Same | None], Layout]


@pytest.fixture(scope="module")
def plan(reference: Path) -> Plan:
    profile = build_profile(spec(reference, None), reference)
    return lambda same: layout(spec(reference, same), profile)


def table(found: dict[str, np.ndarray], times: np.ndarray | None = None) -> Table:
    columns = {"features": {name: values.tolist() for name, values in found.items()}}
    return columns_table(columns if times is None else {**columns, "timestamp": times.tolist()})


def judged(planned: Layout, rows: Table, now: float = 0.0) -> Judgement:
    counted = count(planned, rows, now=now)
    return judge(Comparison(planned), planned.windows[:1], [counted])[0]  # type: ignore[arg-type]  # has the same two vectors


def drifted(planned: Layout, rows: Table, now: float = 0.0) -> set[str]:
    found = judged(planned, rows, now)
    return {watched.name for watched, one in zip(planned.watched, found.drifted, strict=True) if one == 1}


NIGHT = START + 35 * 86_400 + 3 * 3600
# Three o'clock on each day of a week.
NIGHTS = NIGHT + np.arange(4200) % 7 * 86_400
SATURDAY = START + 40 * 86_400


def test_a_night_is_drift_from_the_whole_day_and_none_from_other_nights(plan: Plan) -> None:
    quiet = table(rows(5, NIGHTS, regions(6, len(NIGHTS))), NIGHTS)
    assert drifted(plan(None), quiet) == {"load", "kind"}
    assert drifted(plan("hour"), quiet) == set()


def test_drift_of_a_night_is_seen_beside_other_nights(plan: Plan) -> None:
    found = rows(5, NIGHTS, regions(6, len(NIGHTS)), shift=3)
    assert drifted(plan("hour"), table(found, NIGHTS)) == {"load"}


def test_rows_that_tell_no_time_are_of_the_hour_in_which_they_come(plan: Plan) -> None:
    quiet = table(rows(5, NIGHTS, regions(6, len(NIGHTS))))
    assert drifted(plan("hour"), quiet, now=NIGHT) == set()
    assert drifted(plan("hour"), quiet, now=NIGHT + 12 * 3600) == {"load", "kind"}


def test_a_weekend_is_like_other_weekends(plan: Plan) -> None:
    times = SATURDAY + np.random.default_rng(7).integers(0, 86_400, 6000)
    quiet = table(rows(8, times, regions(9, 6000)), times)
    assert drifted(plan(None), quiet) == {"load"}
    assert drifted(plan("weekday"), quiet) == set()


def test_more_rows_of_a_segment_are_drift_of_the_segment_alone(plan: Plan) -> None:
    """Not of what goes with it."""
    times = START + 30 * 86_400 + np.random.default_rng(10).integers(0, 7 * 86_400, 6000)
    quiet = table(rows(11, times, regions(12, 6000, south=0.9)), times)
    assert drifted(plan(None), quiet) == {"load", "region"}
    # Given a row's region, its region is no surprise.
    assert drifted(plan("segment"), quiet) == set()
    assert drifted(plan("segment"), table(rows(11, times, regions(12, 6000, south=0.9), shift=3), times)) == {"load"}


def test_a_segment_that_the_reference_does_not_know_is_compared_with_all_of_it(plan: Plan) -> None:
    planned = plan("segment")
    times = np.full(1000, NIGHT)
    counted = count(planned, table(rows(1, times, np.full(1000, "mars")), times))
    assert planned.slices is not None
    block = planned.slices.block
    assert counted.counts[block.start : block.start + block.width].tolist() == [0, 0, 1000]


def test_the_mixture_is_that_of_the_slices_and_worth_less_than_all_rows(plan: Plan) -> None:
    planned = plan("hour")
    slices, compared = planned.slices, planned.compared
    assert slices is not None
    whole = np.zeros((len(compared), max(len(w.bins.labels) for w in compared)), dtype=np.int64)
    for row, watched in enumerate(compared):
        assert watched.reference is not None
        whole[row, : len(watched.reference)] = watched.reference
    mixture = Mixture.made(slices, compared, whole)
    one = np.zeros(25, dtype=np.int64)
    one[3] = 10
    part = slices.parts[3]
    assert part is not None
    assert mixture.reference(one)[0].tolist() == pytest.approx(list(part.counts["load"]))
    # As many rows of each hour as the reference has: the reference itself.
    same = np.array([*(part.rows for part in slices.parts if part), 0])
    assert mixture.reference(same)[0] == pytest.approx(whole[0], rel=0.005)
    half = one.copy()
    half[15] = 10
    found = mixture.reference(half)[0]
    assert mixture.of(0, np.array([one, half]))[1].tolist() == pytest.approx(found.tolist())
    expected = [np.array(slices.parts[hour].counts["load"]) for hour in (3, 15)]  # type: ignore[union-attr]
    shares = (expected[0] / expected[0].sum() + expected[1] / expected[1].sum()) / 2
    assert found / found.sum() == pytest.approx(shares)
    assert found.sum() == pytest.approx(4 / (1 / expected[0].sum() + 1 / expected[1].sum()))


def test_without_drift_scores_pass_their_critical_values_no_more_often_than_asked(plan: Plan) -> None:
    """Windows of three hours of which one is a night's, at a rate of 1 in 100: the design makes them quieter still."""
    planned = plan("hour")
    rng, alpha, windows, n = np.random.default_rng(13), 0.01, 3000, 1200
    slices, compared = planned.slices, planned.compared
    assert slices is not None
    comparison = Comparison(planned)
    passed = dict.fromkeys((*OF_HISTOGRAMS, "g"), 0)
    for _ in range(windows // len(compared)):
        total = np.zeros(planned.width, dtype=np.int64)
        for hour, rows_of_hour in ((5, n // 2), (6, n // 4), (7, n // 4)):
            total[slices.block.start + hour] = rows_of_hour
            part = slices.parts[hour]
            assert part is not None
            for watched in compared:
                # The reference knows its shares no better than its own rows tell.
                counts = np.array(part.counts[watched.name])
                shares = rng.dirichlet(counts[counts > 0] + 0.5)
                drawn = np.zeros(len(counts), dtype=np.int64)
                drawn[counts > 0] = rng.multinomial(rows_of_hour, shares)
                for place, drawn_rows in enumerate(drawn.tolist()):
                    first = int(np.flatnonzero(watched.bin_of_place == place)[0])
                    total[watched.block.start + first] += drawn_rows
        data = comparison.histograms(total)
        for name, method in {**OF_HISTOGRAMS, "g": LikelihoodRatio()}.items():
            passed[name] += int((method.score(data) > method.critical_value(data, data.n, alpha)).sum())
    looked = windows // len(compared) * len(compared)
    for name in ("psi", "js", "kl", "hellinger", "tv", "g"):
        assert passed[name] / looked <= 2 * alpha, (name, passed[name])


def test_what_was_expected_adds_up_to_the_rows_and_windows_say_what_the_reference_is_worth(
    reference: Path,
    clock,  # type: ignore[no-untyped-def]
) -> None:
    sidecar = Sidecar(specs.fleet(spec(reference, "hour")), None, clock)
    sidecar.load()
    times = NIGHT + np.random.default_rng(14).integers(0, 4 * 3600, 3000)
    sidecar.ingest(specs.NAME, table(rows(15, times, regions(16, 3000)), times))
    lines = Scrape(sidecar).page().text().splitlines()

    def values(name: str, feature: str) -> list[float]:
        return [float(one.split()[-1]) for one in lines if one.startswith(name + "{") and f'feature="{feature}"' in one]

    expected = values("model_feature_expected_total", "load")
    assert sum(expected) == pytest.approx(3000)
    assert len(expected) == len(values("model_feature_values_total", "load"))
    worth = values("model_reference_effective_rows", "load")
    assert len(worth) == 2
    assert 100_000 / 24 < worth[0] < 4.1 * 100_000 / 24
    assert not values("model_drift_score", "load") or all('method="ks"' not in one for one in lines)


def test_counts_by_hour_survive_another_process_and_leave_with_their_window(plan: Plan, clock) -> None:  # type: ignore[no-untyped-def]
    planned = plan("hour")
    monitor = Monitor(planned, clock)
    times = np.full(600, NIGHT)
    monitor.ingest(table(rows(5, times, regions(6, 600)), times))
    again = Monitor(planned, clock, monitor.rest())
    assert planned.slices is not None
    place = planned.slices.block.start + 3
    short, long = (window.milliseconds for window in planned.windows)
    assert again.snapshot().total(short).counts[place] == 600
    clock.pass_(16 * 60)
    assert again.snapshot().total(short).counts[place] == 0
    assert again.snapshot().total(long).counts[place] == 600
    assert again.snapshot().tally.counters[place] == 600


@pytest.mark.parametrize(("same", "flag"), [("hour", "--time"), ("weekday", "--time"), ("segment", "--segment")])
def test_a_profile_without_these_parts_is_refused(reference: Path, same: t.Same, flag: str) -> None:
    plain = dataclasses.replace(spec(reference, same), baseline=t.Baseline(data=str(reference)))
    profile: Profile = build_profile(plain, reference)
    why = lacking(plain, profile)
    assert why is not None and f"the reference has no {same}s" in why and f"modelwatch profile {flag} COLUMN" in why
    sidecar = Sidecar(specs.fleet(plain), None)
    sidecar.load()
    assert sidecar.readiness().missing[specs.NAME].startswith(f"{why} (")
    ((snapshot, judgements),) = sidecar.judged()
    assert snapshot.layout.profile is not None
    features = len(FEATURES)
    assert {found and found.sentence for one in judgements for found in one.inactive[:features]} == {why}
    assert not [line for line in Scrape(sidecar).page().text().splitlines() if line.startswith("model_drift_detected{")]


@pytest.mark.parametrize("gone", ["moved away", "without hours"])
def test_a_start_without_a_usable_profile_loses_no_count(
    reference: Path,
    tmp_path: Path,
    clock,  # type: ignore[no-untyped-def]
    gone: str,
) -> None:
    made, plain = tmp_path / "p.json", spec(reference, "hour")
    made.write_text(profile_to_json(build_profile(plain, reference)))
    watched = dataclasses.replace(plain, baseline=t.Baseline(profile=str(made)))

    def started() -> Sidecar:
        sidecar = Sidecar(specs.fleet(watched), State(tmp_path / "state"), clock)
        sidecar.load()
        return sidecar

    def counted(sidecar: Sidecar) -> list[str]:
        lines = Scrape(sidecar).page().text().splitlines()
        return [line for line in lines if line.startswith(("model_feature_values_total", "model_drift_samples"))]

    sidecar = started()
    sidecar.ingest(specs.NAME, table(rows(5, NIGHTS, regions(6, len(NIGHTS))), NIGHTS))
    wanted = counted(sidecar)
    sidecar.save()
    text = made.read_text()
    if gone == "moved away":
        made.unlink()
    else:
        bare = dataclasses.replace(plain, baseline=t.Baseline(data=str(reference)))
        made.write_text(profile_to_json(build_profile(bare, reference)))
    meanwhile = started()
    assert meanwhile.readiness().missing
    assert counted(meanwhile) == wanted
    meanwhile.save()
    made.write_text(text)
    again = started()
    assert not again.readiness().missing
    assert counted(again) == wanted


def test_hours_that_the_reference_has_too_few_rows_of_are_worth_no_more_than_all_of_it(tmp_path: Path) -> None:
    """Four hours have a part of their own; a day of all hours is worth the reference, and no more."""
    rng = np.random.default_rng(30)
    hour = np.concatenate([np.repeat([9, 10, 11, 12], 1200), rng.integers(0, 24, 1000)])
    times = START + rng.integers(0, 14, len(hour)) * 86_400 + hour * 3600
    path = tmp_path / "r.parquet"
    pq.write_table(
        pa.table({**rows(1, times, regions(2, len(times))), "at": pa.array(times * 1_000_000, pa.timestamp("us"))}),
        path,
    )
    model = spec(path, "hour")
    planned = layout(model, build_profile(model, path))
    assert planned.slices is not None and sum(part is not None for part in planned.slices.parts) == 4
    mixture = Comparison(planned).mixture
    assert mixture is not None
    by_hour = np.append(np.bincount(hour, minlength=24), 0)
    # Rows of the other hours are compared with all hours, so those four count for more than their share.
    assert 0.8 * len(hour) < mixture.reference(by_hour)[0].sum() < len(hour)
    night = np.zeros(25, dtype=np.int64)
    night[2] = 7
    assert mixture.reference(night)[0].sum() == pytest.approx(len(hour), rel=1e-9)
    for _ in range(50):
        window = np.append(rng.integers(0, 100, 24), 0)
        assert mixture.reference(window)[0].sum() <= len(hour) * (1 + 1e-9)
        assert mixture.of(0, window[None])[0] == pytest.approx(mixture.reference(window)[0])


@pytest.mark.parametrize("same", ["hour", "segment"])
def test_calibrate_replays_history_beside_the_same_parts(
    reference: Path, plan: Plan, tmp_path: Path, same: t.Same
) -> None:
    """Five weekdays of which each night is like other nights, or of which the last two see the south grow."""
    profile = plan(None).profile
    assert profile is not None
    times = START + 70 * 86_400 + np.sort(np.random.default_rng(20).integers(0, 5 * 86_400, 60_000))
    south = np.where(times > times[0] + 3 * 86_400, 0.9, 0.3)
    regions_then = np.where(np.random.default_rng(21).random(len(times)) < south, "south", "north")
    if same == "hour":
        regions_then = regions(22, len(times))
    found = rows(23, times, regions_then)
    path = tmp_path / "history.parquet"
    pq.write_table(pa.table({**found, "at": pa.array(times * 1_000_000, pa.timestamp("us"))}), path)
    alarms = {}
    for one in (None, same):
        chosen = setting(spec(reference, one), profile)
        length = 2 * 3600 if same == "hour" else 86_400
        alarms[one] = set(replayed(chosen, read(path, chosen, profile, "at"), length).feature)
    if same == "hour":
        # Weekdays follow one another, which hours do not tell.
        assert alarms[None] == {"load", "kind"} and "kind" not in alarms["hour"]
    else:
        assert alarms[None] == {"load", "region"} and "region" not in alarms["segment"]


@pytest.mark.parametrize("made", [{}, {"time": "at"}, {"segment": "region"}, {"time": "at", "segment": "region"}])
@pytest.mark.parametrize("same", ["hour", "weekday", "segment"])
def test_check_tells_what_a_profile_lacks_from_its_end(
    reference: Path, tmp_path: Path, made: dict[str, str], same: t.Same
) -> None:
    plain = dataclasses.replace(spec(reference, same), baseline=t.Baseline(data=str(reference), **made))
    (tmp_path / "p.json").write_text(profile_to_json(build_profile(plain, reference)))
    (tmp_path / "m.yaml").write_text(
        "apiVersion: modelwatch/v1\nkind: Model\nmetadata: {name: flight-delay, owner: ml}\nserving: {job: j}\n"
        "task: {type: regression}\nfeatures:\n  - {name: load, type: numeric}\n  - {name: kind, type: categorical}\n"
        f"  - {{name: region, type: categorical}}\nbaseline: {{profile: p.json}}\ndrift: {{same: {same}}}\n"
    )
    found = [one.message for one in load_fleet(tmp_path).diagnostics if one.code == "MW054"]
    there = ("segment" if same == "segment" else "time") in made
    # Hours that are lacking before segments that are there are left to the sidecar.
    unseen = same != "segment" and "segment" in made
    assert found == ([] if there or unseen else [f"drift.same is {same}, and the profile p.json has no {same}s"])
