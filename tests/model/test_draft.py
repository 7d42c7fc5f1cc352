"""A spec is drafted from any table, and loads without an edit."""

from __future__ import annotations

import datetime as dt
import decimal
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelwatch.model.draft import InitError, draft

from .drafts import CHURN, ROWS, csv, loaded, parquet, reasons

Write = Callable[..., Path]


def test_a_draft_is_short_commented_and_ready_to_use(folder: Path) -> None:
    found = draft(csv(CHURN), target="churned")
    assert (
        found.text
        == """\
# yaml-language-server: $schema=../generated/schema/model.schema.json
# Drafted by modelwatch init from churn.csv, 60 rows. Look over what is guessed.
apiVersion: modelwatch/v1
kind: Model
metadata:
  name: churn
  owner: ml-team # guessed: the team that is told
serving:
  job: churn # guessed: the job's name in Prometheus
  # targets: ["127.0.0.1:8000"] # host:port of the service, unless Prometheus finds it
task: {type: classification, classes: ['no', 'yes'], positive_class: 'yes'} # guessed from churned
# Ranges are what was seen, a tenth wider on each side; narrow them to what makes sense.
features:
  - {name: age, type: numeric, range: [16, 63]}
  - {name: plan, type: categorical}
  - {name: active, type: categorical}
baseline: {data: ../data/churn.csv}
# Not features:
#   customer_id: is called like an id
#   signup: a date or time, which always moves on; to watch it, add a number made of it, such as an hour or an age
#   note: has 60 different values in 60 rows: an id or free text
#   churned: the target, which no request holds
"""
    )
    model = loaded(found)
    assert [(feature.name, feature.type) for feature in model.features] == [
        ("age", "numeric"),
        ("plan", "categorical"),
        ("active", "categorical"),
    ]
    assert (found.rows, found.features) == (ROWS, ("age", "plan", "active"))


def test_csv_and_parquet_of_the_same_table_give_the_same_features(folder: Path) -> None:
    path = csv(CHURN)
    table = pa.csv.read_csv(path)
    assert draft(parquet(table), target="churned").features == draft(path, target="churned").features


def test_a_compressed_csv_is_read(folder: Path) -> None:

    path = Path("data/churn.csv.gz")
    path.write_bytes(gzip.compress(CHURN.encode()))
    assert draft(path, target="churned").features == ("age", "plan", "active")


def test_a_team_of_the_stack_beside_the_draft_owns_it(folder: Path) -> None:
    Path("models").mkdir()
    Path("models/stack.yaml").write_text(
        "apiVersion: modelwatch/v1\nkind: Stack\nreceivers: {p: {type: pagerduty, key_file: k}}\nroutes: {page: p}\nteams: {growth: {page: p}}\n"
    )
    assert loaded(draft(csv(CHURN))).owner == "growth"


@pytest.mark.parametrize(
    ("values", "task", "comment"),
    [
        (["a", "b", "a"], "{type: classification, classes: [a, b], positive_class: b}", "guessed from y"),
        ([0, 1, 0], "{type: classification, classes: ['0', '1'], positive_class: '1'}", "guessed from y"),
        ([0.0, 1.0, 1.0], "{type: classification, classes: ['0', '1'], positive_class: '1'}", "guessed from y"),
        (
            [True, False, False],
            "{type: classification, classes: ['false', 'true'], positive_class: 'true'}",
            "guessed from y",
        ),
        ([2, 10, 1], "{type: classification, classes: ['1', '2', '10']}", "guessed from y"),
        ([0.5, 1.5, 2.5], "{type: regression}", "guessed from the numbers in y; unit: says of what"),
        (list(range(21)), "{type: regression}", "guessed from the numbers in y; unit: says of what"),
        ([str(n) + "x" for n in range(21)], "{type: classification}", "guessed from y; list its classes"),
        (["a\n", "b", "b"], "{type: classification}", "guessed from y; list its classes"),
        ([None, None], "{type: classification}", "guessed from y; list its classes"),
    ],
)
def test_the_task_is_guessed_from_the_target(folder: Path, values: list[Any], task: str, comment: str) -> None:
    found = draft(parquet({"x": [float(n) + 0.5 for n in range(len(values))], "y": values}))
    assert f"task: {task} # {comment}\n" in found.text
    loaded(found)


def test_without_a_target_the_prediction_tells_the_task(folder: Path) -> None:
    found = draft(parquet({"x": [1.5, 2.5], "score": [0.25, 0.75]}), prediction="score")
    assert "task: {type: regression} # guessed from the numbers in score" in found.text
    assert reasons(found)["score"] == "the prediction, watched as such"
    assert found.answers == {"prediction": "score"}
    loaded(found)


def test_answers_that_the_task_cannot_have_are_not_watched(folder: Path) -> None:
    rows = [n + 0.25 for n in range(60)]
    found = draft(parquet({"x": rows, "score": rows, "label": ["a", "b"] * 30}), prediction="score")
    assert "whose drift is not watched" in reasons(found)["score"] and found.answers == {}


def test_a_column_that_is_called_like_the_answer_and_is_another_is_no_feature(folder: Path) -> None:
    found = draft(parquet({"x": [1.5, 2.5], "prediction": [1.0, 2.0], "made": ["a", "b"]}), prediction="made")
    assert found.features == ("x",) and found.answers == {"prediction": "made"}
    assert reasons(found)["prediction"] == "is called like the prediction, which is another column"


def test_usual_names_of_answers_are_recognised(folder: Path) -> None:
    found = draft(parquet({"x": [1.5, 2.5], "Prediction": ["a", "b"], "confidence": [0.9, 0.8], "label": ["a", "b"]}))
    assert found.features == ("x",)
    assert set(reasons(found)) == {"Prediction", "confidence", "label"}


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 100.0, "[0, 110]"),
        (-5.5, 5.5, "[-7, 7]"),
        (0.2, 0.8, "[0, 1]"),
        (-10.25, -1.0, "[-11.2, 0]"),
        (1e6 + 0.5, 2e6, "[900000, 2100000]"),
        (0.0001, 1.0001, "[0, 1.11]"),
    ],
)
def test_ranges_are_a_tenth_wider_and_keep_their_sign(folder: Path, low: float, high: float, expected: str) -> None:
    found = draft(parquet({"x": [low, (low + high) / 2, high, None]}))
    assert f"range: {expected}" in found.text
    model = loaded(found)
    bottom, top = model.features[0].range or (0, 0)
    assert bottom <= decimal.Decimal(low)
    assert top >= decimal.Decimal(high)


@pytest.mark.parametrize(("missing", "limit"), [(0, None), (2, None), (10, "0.16"), (50, "0.76"), (90, "1")])
def test_limits_of_missing_values_leave_room_over_what_was_seen(folder: Path, missing: int, limit: str | None) -> None:
    found = draft(parquet({"x": [None] * missing + [n + 0.5 for n in range(100 - missing)]}))
    assert (f"missing: {{max_ratio: {limit}}}" in found.text) if limit else "missing" not in found.text
    loaded(found)


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        (pa.array([None, None, None]), "has no values"),
        (pa.array([float("nan"), float("inf"), None]), "has no values"),
        (pa.array(["", " ", None]), "has no values"),
        (pa.array([7, 7, 7]), "is always 7"),
        (pa.array(["a", "a", None]), "is always a"),
        (pa.array(["1", "2", "n/k"]), "mixes numbers and text, such as n/k"),
        (pa.array([[1], [2], [3]]), "holds lists or structures"),
        (pa.array([{"a": 1}, {"a": 2}, None]), "holds lists or structures"),
        (pa.array([b"a", b"b", b"c"]), "holds bytes"),
        (
            pa.array([dt.date(2024, 1, 1)] * 3),
            "a date or time, which always moves on; to watch it, add a number made of it, such as an hour or an age",
        ),
        (
            pa.array([dt.datetime(2024, 1, 1, tzinfo=dt.UTC)] * 3),
            "a date or time, which always moves on; to watch it, add a number made of it, such as an hour or an age",
        ),
        (
            pa.array([dt.timedelta(1)] * 3),
            "a length of time or a time of day; to watch it, add it as a number, such as of seconds",
        ),
        (
            pa.array([dt.time(9, 30)] * 3),
            "a length of time or a time of day; to watch it, add it as a number, such as of seconds",
        ),
        (
            pa.array(["2024-01-01T00:00:00Z"] * 2 + ["2024-01-02T10:00:00+02:00"]),
            "a date or time, which always moves on; to watch it, add a number made of it, such as an hour or an age",
        ),
    ],
)
def test_columns_that_cannot_be_watched_are_left_out_with_a_reason(folder: Path, column: pa.Array, reason: str) -> None:
    found = draft(parquet({"x": [1.5, 2.5, 3.5], "odd": column}))
    assert reasons(found) == {"odd": reason}
    assert f"#   odd: {reason}\n" in found.text
    loaded(found)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pa.array([0, 1, 1]), "categorical"),
        (pa.array([True, False, None]), "categorical"),
        (pa.array(["b", "a", "b"]).dictionary_encode(), "categorical"),
        (pa.array(["b", "a", "b"], pa.large_string()), "categorical"),
        (pa.array([1.5, 2.5, 3.5], pa.float32()), "numeric"),
        (pa.array([1, 2**64 - 1, 3], pa.uint64()), "numeric"),
        (pa.array([decimal.Decimal("1.10"), decimal.Decimal("2.20"), None]), "numeric"),
        (pa.array([float("inf"), float("nan"), 1.0, 2.5][1:]), "numeric"),
        (pa.array([1e300, -1e300, 0.0]), "numeric"),
        (pa.array([5e-324, 1e-300, 2.0]), "numeric"),
    ],
)
def test_every_type_of_parquet_finds_its_kind(folder: Path, column: pa.Array, kind: str) -> None:
    model = loaded(draft(parquet({"odd": column})))
    assert [(feature.name, feature.type) for feature in model.features] == [("odd", kind)]


def test_a_counter_of_rows_is_no_feature(folder: Path) -> None:
    found = draft(parquet({"n": list(range(100)), "x": [n + 0.5 for n in range(100)]}))
    assert reasons(found) == {"n": "counts the rows"}


def test_text_with_many_values_is_no_feature(folder: Path) -> None:
    found = draft(parquet({"city": [f"c{n % 1500}" for n in range(5000)], "zone": [f"z{n % 30}" for n in range(5000)]}))
    assert reasons(found) == {"city": "has over 1,000 different values: an id or free text"}
    assert found.features == ("zone",)


COLUMNS = st.one_of(
    st.lists(st.floats() | st.none(), min_size=3, max_size=3),
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.none(), min_size=3, max_size=3),
    st.lists(st.text(max_size=10) | st.none(), min_size=3, max_size=3),
    st.lists(st.booleans() | st.none(), min_size=3, max_size=3),
    st.lists(st.datetimes() | st.none(), min_size=3, max_size=3),
)


NAMES = st.text(st.characters(codec="utf-8"), max_size=12)


@given(columns=st.dictionaries(NAMES, COLUMNS, min_size=1, max_size=5), form=st.sampled_from(["csv", "parquet"]))
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_the_draft_of_any_table_loads(folder: Path, columns: dict[str, list[Any]], form: str) -> None:
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    path = Path(f"data/any.{form}")
    if form == "csv":
        pa.csv.write_csv(table, path)
    else:
        pq.write_table(table, path)
    try:
        found = draft(path)
    except InitError as error:
        # A column's name may break the CSV's own rules; a null byte is no path's business.
        assert "\n" not in str(error)
        return
    loaded(found)


def test_texts_of_a_parquet_that_look_like_numbers_are_categories_and_a_nameless_column_is_no_answer(
    tmp_path: Path,
) -> None:
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table({"postcode": ["10115", "20095", "80331"] * 20, "": [1.5, 2.5, 3.5] * 20}), path)
    made = draft(path, output=tmp_path / "models" / "table.yaml")
    assert "name: postcode, type: categorical" in made.text
    assert "task: {type: classification} # guessed: no column looks like an answer" in made.text
