"""What is told of features together, and of answers besides their drift."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import specs
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from modelwatch.exporters.baseline import find_profile
from modelwatch.exporters.clock import Clock
from modelwatch.exporters.comparison import Comparison
from modelwatch.exporters.exposition import Scrape
from modelwatch.exporters.ingest.json_columns import columns_table
from modelwatch.exporters.layout import Layout, layout
from modelwatch.exporters.monitor import Monitor
from modelwatch.exporters.profile import Profile, build_profile, merge_partials, partial_profile, profile_to_json
from modelwatch.exporters.reference import load_profile
from modelwatch.exporters.reference.show import profile_text
from modelwatch.exporters.relations import MOST_ROWS
from modelwatch.exporters.sidecar import Sidecar
from modelwatch.exporters.verdicts import Judgement, judge
from modelwatch.model import types as t

NAMES = ("a", "b", "c", "d")
MODEL = specs.model(features=tuple(specs.feature(name) for name in NAMES))


def _draw(seed: int, count: int, correlation: float = 0.9) -> NDArray[np.float64]:
    """Two pairs of correlated columns, shape (count, 4): a with b as asked, c with d always."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 4))
    x[:, 1] = correlation * x[:, 0] + np.sqrt(1 - correlation**2) * x[:, 1]
    x[:, 3] = 0.8 * x[:, 2] + 0.6 * x[:, 3]
    return x * [1, 10, 100, 0.1] + [5, -3, 1000, 0]


def _columns(values: NDArray[np.float64], **beside: object) -> dict[str, object]:
    features = {name: column.tolist() for name, column in zip(NAMES, values.T, strict=False)}
    return {"features": features, **beside}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    values = _draw(0, 20_000)
    rng = np.random.default_rng(9)
    columns = {name: values[:, place] for place, name in enumerate(NAMES)}
    columns["prediction"] = rng.choice(["late", "on_time"], 20_000, p=[0.2, 0.8])
    columns["confidence"] = rng.beta(5, 2, 20_000)
    path = tmp_path_factory.mktemp("data") / "reference.parquet"
    pa.parquet.write_table(pa.table(columns), path)
    return path


@pytest.fixture(scope="module")
def planned(reference: Path) -> Layout:
    return layout(MODEL, build_profile(MODEL, reference))


def _judged(planned: Layout, clock, *requests: dict[str, object]) -> Judgement:  # type: ignore[no-untyped-def]
    monitor = Monitor(planned, clock)
    for columns in requests:
        monitor.ingest(columns_table(columns))
    window = planned.windows[0]
    return judge(Comparison(planned), [window], [monitor.snapshot().total(window.milliseconds)])[0]


def test_correlations_of_a_window_are_pearsons_of_values_within_the_reference(planned: Layout) -> None:
    relations = planned.relations
    assert relations is not None and relations.names == NAMES
    values = _draw(1, 900, 0.3)
    values[:50, 2] = np.nan
    sums = relations.sums(values)
    [found] = map(relations.matrix, relations.correlated(sums[None]))
    whole = np.clip(values[50:], relations.low, relations.high)
    assert 0 < np.count_nonzero(whole != values[50:]) < 5
    assert sums[0] == len(whole)
    assert found == pytest.approx(np.corrcoef(whole.T), abs=1e-12)


def test_sums_of_parts_are_the_sums_of_the_whole(planned: Layout) -> None:
    relations = planned.relations
    assert relations is not None
    values = _draw(2, 1000)
    parts = sum(relations.sums(values[start : start + 100]) for start in range(0, 1000, 100))
    assert parts == pytest.approx(relations.sums(values), rel=1e-9)


@given(
    rows=st.lists(st.lists(st.floats() | st.floats(-10, 10), min_size=4, max_size=4), min_size=1, max_size=30),
    cut=st.integers(0, 30),
)
def test_sums_of_any_two_parts_are_those_of_the_whole_and_never_overflow(
    planned: Layout, rows: list[list[float]], cut: int
) -> None:
    relations = planned.relations
    assert relations is not None
    values = np.array(rows)
    with np.errstate(all="raise", under="ignore"):
        whole = relations.sums(values)
        parts = relations.sums(values[:cut]) + relations.sums(values[cut:])
    assert np.isfinite(whole).all()
    assert parts == pytest.approx(whole, rel=1e-9, abs=1e-9)


def test_rows_of_the_reference_itself_lie_as_far_off_as_the_profile_says(reference: Path, planned: Layout) -> None:
    relations, profile = planned.relations, planned.profile
    assert relations is not None and profile is not None and profile.pca is not None and profile.pca.residual
    table = pa.parquet.read_table(reference)
    sums = relations.sums(np.column_stack([table.column(name).to_numpy() for name in NAMES]))
    assert relations.error(sums) == pytest.approx(profile.pca.residual.mean, rel=1e-4)
    assert sums[-1] / sums[0] == pytest.approx(0.01, abs=0.002)
    assert relations.correlated(sums[None])[0] == pytest.approx(relations.reference, abs=1e-6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("broken", [1e12, -1e12, 1e300, -1e300])
def test_one_broken_number_among_many_rows_changes_what_is_told_hardly_at_all(
    planned: Layout, clock: Clock, broken: float
) -> None:
    values = _draw(1, 10_000)
    requests = np.split(values, 10)
    without = _judged(planned, clock, *map(_columns, requests)).relations
    # The first row of a request is always looked at.
    requests[3][0, 0] = broken
    found = _judged(planned, clock, *map(_columns, requests)).relations
    assert found.changes == without.changes == ()
    assert found.reconstruction == pytest.approx(without.reconstruction, abs=0.05)


def test_many_values_beyond_the_range_still_put_rows_off_the_components(planned: Layout, clock: Clock) -> None:
    values = _draw(7, 1000)
    values[:300, 0] *= 1000
    found = _judged(planned, clock, _columns(values)).relations
    assert found.reconstruction > 3
    assert ("a", "b") in [(one, other) for one, other, _ in found.changes]


def test_sums_by_another_rule_are_not_added_to(planned: Layout) -> None:
    relations = planned.relations
    assert relations is not None and planned.profile is not None
    feature, *rest = planned.profile.features
    assert feature.maximum is not None
    wider = replace(planned.profile, features=(replace(feature, maximum=feature.maximum + 1), *rest))
    other = layout(MODEL, wider).relations
    assert other is not None and other.block.signature != relations.block.signature


def test_the_same_correlations_change_nothing(planned: Layout, clock) -> None:  # type: ignore[no-untyped-def]
    found = _judged(planned, clock, *(_columns(_draw(seed, 1000)) for seed in range(1, 6)))
    assert found.relations.changes == ()
    assert found.relations.reconstruction == pytest.approx(1, abs=0.1)


def test_a_lost_correlation_is_told_and_rows_no_longer_fit_the_components(planned: Layout, clock) -> None:  # type: ignore[no-untyped-def]
    found = _judged(planned, clock, _columns(_draw(3, 1000, 0.1)))
    assert [(one, other) for one, other, _ in found.relations.changes] == [("a", "b")]
    assert found.relations.changes[0][2] == pytest.approx(-0.8, abs=0.1)
    # Each feature by itself is as it was.
    assert not np.nansum(found.drifted)
    assert found.relations.reconstruction > 3


def test_a_large_request_is_sampled_evenly(planned: Layout, clock) -> None:  # type: ignore[no-untyped-def]
    monitor = Monitor(planned, clock)
    monitor.ingest(columns_table(_columns(_draw(4, 10_000))))
    total = monitor.snapshot().total(planned.windows[0].milliseconds)
    relations = planned.relations
    assert relations is not None
    rows = total.sums[relations.block.float_start]
    assert MOST_ROWS * 0.9 <= rows <= MOST_ROWS


def _gappy(seed: int, count: int, correlation: float = 0.9) -> NDArray[np.float64]:
    """d is missing in a fifth of the rows."""
    values = _draw(seed, count, correlation)
    values[np.random.default_rng(seed).random(count) < 0.2, 3] = np.nan
    return values


def _table(values: NDArray[np.float64]) -> pa.Table:
    return pa.table({name: pa.array(values[:, i], from_pandas=True) for i, name in enumerate(NAMES)})


@pytest.fixture(scope="module")
def gappy() -> Profile:
    return merge_partials([partial_profile(MODEL, [_table(_gappy(0, 20_000))])])


def _missing_as_null(values: NDArray[np.float64]) -> dict[str, object]:
    return {"features": {name: [None if np.isnan(v) else v for v in values[:, i]] for i, name in enumerate(NAMES)}}


def test_a_feature_that_is_often_missing_leaves_the_others_their_ratio(gappy: Profile, clock: Clock) -> None:
    planned = layout(MODEL, gappy)
    assert gappy.pca is not None and gappy.pca.features == ("a", "b", "c")
    usual = _judged(planned, clock, _missing_as_null(_gappy(1, 1000))).relations
    assert usual.reconstruction == pytest.approx(1, abs=0.15) and usual.unknown is None
    lost = _judged(planned, clock, _missing_as_null(_gappy(2, 1000, 0.1))).relations
    assert lost.reconstruction > 3
    assert [(one, other) for one, other, _ in lost.changes] == [("a", "b")]


def test_what_is_often_missing_changes_no_number_of_the_components_of_the_others(gappy: Profile) -> None:
    values = _gappy(0, 20_000)
    without = specs.model(features=MODEL.features[:3])
    alone = merge_partials([partial_profile(without, [_table(values)])]).pca
    assert gappy.pca is not None and gappy.pca.residual and alone is not None and alone.residual
    assert gappy.pca.components == alone.components and gappy.pca.explained == alone.explained
    assert gappy.pca.residual.mean == alone.residual.mean
    # Which rows are sampled depends on every feature.
    assert gappy.pca.residual.q99 == pytest.approx(alone.residual.q99, rel=0.1)


def test_parts_in_which_a_feature_is_often_missing_or_never_make_the_whole(gappy: Profile) -> None:
    values = _gappy(0, 20_000)
    values = values[np.argsort(np.isnan(values[:, 3]), kind="stable")]
    parts = [partial_profile(MODEL, [_table(part)]) for part in np.split(values, [3000, 16_500])]
    assert profile_to_json(merge_partials(parts)) == profile_to_json(gappy)


def _with_components_of_all(gappy: Profile, reference: Path) -> Profile:
    """As profiles were made before."""
    return replace(gappy, pca=build_profile(MODEL, reference).pca)


def test_components_that_need_a_feature_that_is_often_missing_are_told_not_to_fit(
    gappy: Profile, reference: Path, clock: Clock
) -> None:
    old = _with_components_of_all(gappy, reference)
    found = _judged(layout(MODEL, old), clock, _missing_as_null(_gappy(1, 1000))).relations
    assert np.isnan(found.reconstruction)
    assert found.unknown is not None
    assert found.unknown.startswith("the reference's components need 'd', which is missing in 19.8%")
    assert found.unknown.endswith("of the rows (at most 5% may be): make the reference again")
    assert "Of no use: the components need d, which is missing in 19.8%" in profile_text(old)


def test_a_kept_profile_whose_components_are_of_no_use_is_built_again(
    gappy: Profile, reference: Path, tmp_path: Path
) -> None:
    pa.parquet.write_table(_table(_gappy(0, 20_000)), tmp_path / "gappy.parquet")
    model = specs.model(features=MODEL.features, baseline=t.Baseline(data=str(tmp_path / "gappy.parquet")))
    assert find_profile(model, tmp_path / "kept") == gappy
    (kept,) = (tmp_path / "kept").rglob("*.json")
    old = _with_components_of_all(gappy, reference)
    kept.write_text(profile_to_json(old))
    assert load_profile(kept).misfits == ("d",)
    assert find_profile(model, tmp_path / "kept") == gappy
    assert load_profile(kept) == gappy


def test_a_profile_is_shown_with_what_is_left_out_of_its_components_and_why(gappy: Profile) -> None:
    text = profile_text(gappy)
    assert "Components: 2 of 3 explain" in text
    assert "Left out of components, and of correlations that the sidecar watches: d is missing in 19.8%" in text
    assert not any(f" {name} is missing" in text for name in "abc")
    alone = merge_partials([partial_profile(specs.model(features=MODEL.features[2:]), [_table(_gappy(0, 2000))])])
    assert "Components: none, they need two numeric features\n  Left out of" in profile_text(alone)


def test_why_there_is_no_ratio_is_told(planned: Layout, clock: Clock) -> None:
    few = _judged(planned, clock, _columns(_draw(1, 100))).relations
    assert few.unknown == "needs 500 rows in which all of 4 numeric features have a value, has looked at 100"
    assert _judged(planned, clock, _columns(_draw(1, 1000))).relations.unknown is None
    lacking = layout(specs.model(features=MODEL.features[:3]), planned.profile)
    told = _judged(lacking, clock, _columns(_draw(1, 1000)[:, :3])).relations.unknown
    assert told == "the reference's components need 'd', which is not in the spec: make the reference again"
    alone = layout(specs.model(features=MODEL.features[:1]), planned.profile)
    assert (_judged(alone, clock).relations.unknown or "").startswith("fewer than two numeric features of the spec")
    assert _judged(layout(MODEL, None, "no profile"), clock).relations.unknown == "no profile"


def _answers(prediction: list[str], confidence: list[float]) -> dict[str, object]:
    return _columns(_draw(5, len(prediction)), prediction=prediction, confidence=confidence)


def test_the_share_of_unsure_answers_is_exact(planned: Layout, clock) -> None:  # type: ignore[no-untyped-def]
    confidence = [0.59] * 150 + [0.6] * 850
    found = _judged(planned, clock, _answers(["late"] * 500 + ["on_time"] * 500, confidence))
    assert found.answers.unsure == 0.15
    assert found.answers.constant == 0


def test_the_same_answer_to_every_request_is_constant_output(planned: Layout, clock) -> None:  # type: ignore[no-untyped-def]
    assert _judged(planned, clock, _answers(["on_time"] * 1000, [0.9] * 1000)).answers.constant == 1
    few = _judged(planned, clock, _answers(["on_time"] * 100, [0.9] * 100))
    assert np.isnan(few.answers.constant) and np.isnan(few.answers.unsure)


def test_answers_that_the_reference_hardly_ever_varies_in_are_not_constant_by_chance(tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "r.csv").write_text("a,prediction\n" + "1,on_time\n2,on_time\n" * 4999 + "1,late\n2,late\n")
    model = specs.model(features=(specs.feature("a"),))
    rare = layout(model, build_profile(model, tmp_path / "r.csv"))
    columns = {"features": {"a": [1.0, 2.0] * 300}, "prediction": ["on_time"] * 600}
    assert _judged(rare, clock, columns).answers.constant == 0


@pytest.mark.parametrize(("spread", "constant"), [(0.0, 1), (0.01, 0)])
def test_numeric_answers_are_constant_only_when_equal(tmp_path: Path, clock, spread: float, constant: int) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(1)
    lines = [f"1,{value}" for value in rng.normal(1000, 50, 2000)]
    (tmp_path / "r.csv").write_text("a,prediction\n" + "\n".join(lines) + "\n")
    model = specs.model(features=(specs.feature("a"),), task=t.Task("regression", (), None))
    regression = layout(model, build_profile(model, tmp_path / "r.csv"))
    answers = (987.3 + spread * rng.normal(size=600)).tolist()
    found = _judged(regression, clock, {"features": {"a": [1.0] * 600}, "prediction": answers})
    assert found.answers.constant == constant


def test_relations_are_on_metrics_with_a_bounded_number_of_pairs(reference: Path, clock) -> None:  # type: ignore[no-untyped-def]
    model = specs.model(features=MODEL.features, baseline=t.Baseline(data=str(reference)))
    sidecar = Sidecar(specs.fleet(model), None, clock)
    sidecar.load()
    alone = np.random.default_rng(6).normal(size=(1000, 4)) * [1, 10, 100, 0.1] + [5, -3, 1000, 0]
    sidecar.ingest(specs.NAME, columns_table(_columns(alone)))
    text = Scrape(sidecar).page().text()
    assert text.count("\nmodel_correlation_change{") == 2 * 2
    assert text.count("\nmodel_pca_reconstruction_error_ratio{") == 2
