"""The reference profile: built from CSV and Parquet alike, reloaded exactly, with clear errors."""

from __future__ import annotations

import csv
import gzip
import io
import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import specs
from drift_data import categorical, expected, numeric
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelwatch.exporters import profile as profiles
from modelwatch.exporters.bins import CategoricalBins, Cells, NumericBins
from modelwatch.exporters.comparison import Comparison
from modelwatch.exporters.counting import count
from modelwatch.exporters.ingest.json_columns import columns_table
from modelwatch.exporters.layout import layout
from modelwatch.exporters.profile import ProfileError, build_profile, load_profile, profile_to_json
from modelwatch.exporters.reference import FeatureProfile
from modelwatch.exporters.statistics import OF_HISTOGRAMS
from modelwatch.model import types as t

BOTH = (specs.feature("x"), specs.feature("c", "categorical", method="js"))


def _model(*features: t.Feature) -> t.Model:
    return specs.model(features=features or BOTH)


def _parquet(path: Path, **columns: object) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def _csv(path: Path, **columns: list) -> Path:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    content = text.getvalue().encode()
    path.write_bytes(gzip.compress(content) if path.name.endswith(".gz") else content)
    return path


def _counts(profile: profiles.Profile, name: str) -> dict[str, int]:
    found = profile.feature(name)
    assert found is not None
    return dict(zip(found.bins.labels, found.counts, strict=True))


@pytest.mark.parametrize("name", ["reference.csv", "reference.csv.gz", "reference.parquet"])
def test_scores_over_a_built_profile_are_the_textbook_ones(tmp_path: Path, name: str) -> None:
    (x, current), (c, categories) = numeric(), categorical()
    write = _parquet if name.endswith("parquet") else _csv
    profile = build_profile(_model(), write(tmp_path / name, x=list(x), c=c))
    found = layout(_model(), profile)
    counted = count(found, columns_table({"features": {"x": list(current), "c": categories}}))
    histograms = Comparison(found).histograms(counted.counts)
    psi, js = (OF_HISTOGRAMS[method].score(histograms) for method in ("psi", "js"))
    assert psi[0] == pytest.approx(expected("misc")["psi_decile_ref"], rel=1e-12)
    assert js[1] == pytest.approx(expected("nannyml")["c|jensen_shannon"], rel=1e-12)
    assert psi[1] == pytest.approx(expected("evidently")["cat_psi"], rel=1e-12)


def test_a_file_of_too_many_distinct_values_has_deciles_within_a_cell_and_exact_counts(tmp_path: Path) -> None:
    x = np.random.default_rng(1).gamma(2, 100, 400_000)
    found = build_profile(_model(), _parquet(tmp_path / "large.parquet", x=x, c=["a"] * len(x))).feature("x")
    assert found is not None and isinstance(found.bins, NumericBins) and found.cells is not None
    assert not found.exact
    shares = np.array(found.counts[:-1]) / len(x)
    assert np.abs(np.cumsum(shares)[:-1] - np.linspace(0.1, 0.9, 9)).max() < 0.0005
    assert found.counts == tuple(np.bincount(found.bins.codes(x), minlength=11))
    assert (*found.cells.counts, 0) == tuple(found.cells.count(x))


def test_bins_are_deciles_with_ties_merged_and_gaps_closed(tmp_path: Path) -> None:
    binary = [0.0] * 70 + [1.0] * 30
    features = (specs.feature("binary"), specs.feature("constant"), specs.feature("void"), specs.feature("skewed"))
    data = _parquet(
        tmp_path / "r.parquet",
        binary=binary,
        constant=[5] * 100,
        void=pa.array([None] * 100, pa.float64()),
        skewed=[0] * 95 + [1, 2, 3, 4, 5],
    )
    profile = build_profile(_model(*features), data)
    assert _counts(profile, "binary") == {"(-Inf,0)": 0, "[0,0]": 70, "(0,1]": 30, "(1,+Inf)": 0, "missing": 0}
    assert _counts(profile, "constant") == {"(-Inf,5)": 0, "[5,5]": 100, "(5,+Inf)": 0, "missing": 0}
    assert _counts(profile, "void") == {"(-Inf,+Inf)": 0, "missing": 100}
    assert _counts(profile, "skewed") == {"(-Inf,0)": 0, "[0,0]": 95, "(0,+Inf)": 5, "missing": 0}


def test_what_is_not_finite_is_missing_in_the_reference_too(tmp_path: Path) -> None:
    values = [1.0, 2.0, float("nan"), float("inf"), float("-inf"), None]
    parquet = build_profile(_model(specs.feature("x")), _parquet(tmp_path / "r.parquet", x=values))
    texts = ["1.0", "2.0", "nan", "inf", "-inf", ""]
    by_text = build_profile(_model(specs.feature("x")), _csv(tmp_path / "r.csv", x=texts, other=texts))
    assert _counts(parquet, "x")["missing"] == 4
    assert by_text.features == parquet.features


def test_rare_categories_share_a_bin_and_are_still_known(tmp_path: Path) -> None:
    values = ["a"] * 5 + ["b"] * 4 + ["c"] * 3 + ["d"] * 2 + [None, ""]
    model = _model(specs.feature("c", "categorical", max_categories=2))
    profile = build_profile(model, _parquet(tmp_path / "r.parquet", c=values))
    assert _counts(profile, "c") == {"a": 5, "b": 4, "other": 5, "new": 0, "missing": 2}
    found = layout(model, profile)
    counted = count(found, columns_table({"features": {"c": ["d", "never", "a", None]}}))
    assert list(counted.counts[:5]) == [1, 0, 1, 1, 1]


def test_with_too_many_categories_to_know_a_new_one_is_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelwatch.exporters.summary.numeric.MOST_OTHERS", 10)
    model = _model(specs.feature("c", "categorical", max_categories=2))
    values = ["a"] * 50 + ["b"] * 40 + [f"user-{i}" for i in range(1000)]
    found = build_profile(model, _parquet(tmp_path / "r.parquet", c=values)).feature("c")
    assert found is not None and isinstance(found.bins, CategoricalBins)
    assert found.bins.complete is False
    assert dict(zip(found.bins.labels, found.counts, strict=True)) == {
        "a": 50,
        "b": 40,
        "other": 1000,
        "new": 0,
        "missing": 0,
    }


def test_more_distinct_texts_than_the_summary_holds_are_counted_in_other(tmp_path: Path) -> None:
    model = _model(specs.feature("c", "categorical", max_categories=1))
    values = ["a"] * 500 + [f"user-{i}" for i in range(60_000)]
    found = build_profile(model, _parquet(tmp_path / "r.parquet", c=values)).feature("c")
    assert found is not None
    counts = dict(zip(found.bins.labels, found.counts, strict=True))
    assert 500 <= counts["a"] <= 505
    assert counts == {"a": counts["a"], "other": 60_500 - counts["a"], "new": 0, "missing": 0}


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, 2, 2, None]),
        pa.array([1.0, 2.0, 2.0, float("nan")]),
        pa.array(["1", "2", "2", None]),
        pa.array(["1", "2", "2", None]).dictionary_encode(),
        pa.array([Decimal(1), Decimal(2), Decimal(2), None]),
    ],
    ids=["int", "float", "string", "dictionary", "decimal"],
)
def test_categories_are_the_same_texts_from_every_column_type(tmp_path: Path, column: pa.Array) -> None:
    profile = build_profile(_model(specs.feature("c", "categorical")), _parquet(tmp_path / "r.parquet", c=column))
    assert _counts(profile, "c") == {"2": 2, "1": 1, "other": 0, "new": 0, "missing": 1}


def test_booleans_are_categories_named_as_in_json(tmp_path: Path) -> None:
    data = _parquet(tmp_path / "r.parquet", c=pa.array([True, False, True]))
    assert _counts(build_profile(_model(specs.feature("c", "categorical")), data), "c")["true"] == 2


@pytest.mark.parametrize(
    "column", [pa.array([1, 2, 3], pa.int8()), pa.array([Decimal("1.5")] * 3), pa.array([1.0, 2, 3], pa.float16())]
)
def test_every_kind_of_number_is_numeric(tmp_path: Path, column: pa.Array) -> None:
    found = build_profile(_model(specs.feature("x")), _parquet(tmp_path / "r.parquet", x=column)).feature("x")
    assert found is not None and sum(found.counts[:-1]) == 3


def test_answers_are_profiled_where_the_data_has_them(tmp_path: Path) -> None:
    data = _parquet(
        tmp_path / "r.parquet", x=[1, 2], c=["a", "b"], prediction=["late", "on_time"], confidence=[0.5, 0.7]
    )
    assert [found.name for found in build_profile(_model(), data).features] == ["x", "c", "prediction", "confidence"]
    regression = specs.model(features=BOTH, task=t.Task("regression", unit="minutes"))
    data = _parquet(tmp_path / "s.parquet", x=[1, 2], c=["a", "b"], prediction=[3.5, 4.5])
    answers = build_profile(regression, data).feature("prediction")
    assert answers is not None and answers.type == "numeric"


def test_the_file_gives_back_exactly_the_profile_and_its_text(tmp_path: Path) -> None:
    x, c = numeric()[0], categorical()[0]
    profile = build_profile(_model(), _parquet(tmp_path / "r.parquet", x=x, c=c))
    path = tmp_path / "profile.json"
    path.write_text(profile_to_json(profile))
    again = load_profile(path)
    assert again == profile
    assert again.sha256 == profile.sha256
    assert profile_to_json(again) == path.read_text()
    assert len(path.read_text()) < 10_000


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=12, unique=True).map(sorted),
    st.lists(st.text(), max_size=8, unique=True),
    st.lists(st.integers(0, 10**15), min_size=30, max_size=30),
)
def test_every_profile_survives_its_file(tmp_path: Path, edges: list, categories: list, counts: list) -> None:
    number = NumericBins(tuple(edges), underflow=bool(edges))
    limits = tuple(number.limits.tolist())
    cells = Cells(number, limits, tuple(counts[: len(limits) + 1])) if np.isfinite(limits).all() else None
    names = CategoricalBins(tuple(categories[:4]), tuple(sorted(categories[4:])), complete=len(edges) % 2 == 0)
    profile = profiles.Profile(
        "m",
        7,
        (
            FeatureProfile(
                "x", number, tuple(counts[: len(number.labels)]), 0.1, 1e300, 1.5, 2.5, 3.0, exact=False, cells=cells
            ),
            FeatureProfile("c", names, tuple(counts[: len(names.labels)])),
        ),
    )
    path = tmp_path / "profile.json"
    path.write_bytes(profile_to_json(profile).encode("utf-8", "surrogatepass"))
    assert load_profile(path) == profile


def test_the_hash_follows_the_content(tmp_path: Path) -> None:
    one = build_profile(_model(), _parquet(tmp_path / "r.parquet", x=[1, 2], c=["a", "b"]))
    same = build_profile(_model(), _csv(tmp_path / "r.csv", x=[1, 2], c=["a", "b"]))
    other = build_profile(_model(), _csv(tmp_path / "s.csv", x=[1, 3], c=["a", "b"]))
    assert one.sha256 == same.sha256 != other.sha256


def test_progress_runs_from_nothing_to_all_and_never_back(tmp_path: Path) -> None:
    for name, write in (("r.csv", _csv), ("r.csv.gz", _csv), ("r.parquet", _parquet)):
        seen: list[float] = []
        build_profile(_model(), write(tmp_path / name, x=list(range(1000)), c=["a"] * 1000), seen.append)
        assert seen == sorted(seen)
        assert seen[-1] == 1.0


def _refused(path: Path, model: t.Model | None = None) -> str:
    with pytest.raises(ProfileError) as caught:
        build_profile(model or _model(), path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_missing_column_is_named_with_what_is_near(tmp_path: Path) -> None:
    model = _model(specs.feature("dep_hour"), specs.feature("origin"))
    message = _refused(_csv(tmp_path / "r.csv", dep_hours=[1], carrier=["a"]), model)
    assert "no column for 'dep_hour' (did you mean 'dep_hours'?), 'origin' of model flight-delay" in message
    assert "its columns are dep_hours, carrier" in message


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"x": ["a"], "c": ["b"]}, "holds string, a numeric feature needs numbers"),
        ({"x": [True], "c": ["b"]}, "holds bool, a numeric feature needs numbers"),
        ({"x": [1], "c": [[1]]}, "a categorical feature needs texts"),
        ({"x": pa.array([], pa.float64()), "c": pa.array([], pa.string())}, "has no rows"),
    ],
)
def test_data_that_does_not_fit_the_spec_is_refused_with_the_reason(tmp_path: Path, columns: dict, reason: str) -> None:
    assert reason in _refused(_parquet(tmp_path / "r.parquet", **columns))


def test_files_that_are_no_data_are_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.parquet").write_text("no")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "text.csv").write_text("x,c\n1,a\ntwo,b\n")
    (tmp_path / "data.xlsx").write_text("no")
    assert "cannot be read as data" in _refused(tmp_path / "broken.parquet")
    assert "cannot be read as data" in _refused(tmp_path / "empty.csv")
    assert "'two'" in _refused(tmp_path / "text.csv")
    assert "no CSV, Parquet or Arrow file by its name" in _refused(tmp_path / "data.xlsx")
    assert "no such file" in _refused(tmp_path / "nowhere.csv")
    assert "no such file" in _refused(tmp_path / "nowhere.parquet")
    _csv(tmp_path / "twice.csv", x=[1], c=["a"])
    (tmp_path / "twice.csv").write_text("x,x,c\n1,2,a\n")
    assert "more than once" in _refused(tmp_path / "twice.csv")


def _broken(tmp_path: Path, change: object) -> str:
    path = tmp_path / "profile.json"
    path.write_text(profile_to_json(build_profile(_model(), _csv(tmp_path / "r.csv", x=[1, 2], c=["a", "b"]))))
    document = json.loads(path.read_text())
    path.write_text(change(document))  # type: ignore[operator]
    with pytest.raises(ProfileError) as caught:
        load_profile(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_profile_that_is_none_is_refused_with_the_reason(tmp_path: Path) -> None:
    assert "was edited" in _broken(tmp_path, lambda found: json.dumps({**found, "rows": 3}))
    assert "modelwatch.profile/9" in _broken(
        tmp_path, lambda found: json.dumps({**found, "format": "modelwatch.profile/9"})
    )
    assert "is no JSON" in _broken(tmp_path, lambda found: json.dumps(found)[:-20])
    assert "is no reference profile" in _broken(tmp_path, lambda found: "[]")
    with pytest.raises(ProfileError, match="no such file"):
        load_profile(tmp_path / "nowhere.json")
