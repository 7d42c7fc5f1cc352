"""A spec is drafted from any table, and loads without an edit."""

from __future__ import annotations

import datetime as dt
import decimal
import gzip
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelwatch.model.draft import Draft, InitError, draft
from modelwatch.model.load import load_fleet
from modelwatch.model.types import Model

Write = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    return tmp_path


def csv(content: str, name: str = "churn.csv") -> Path:
    path = Path("data") / name
    path.write_text(content)
    return path


def raw(content: bytes, name: str = "churn.csv") -> Path:
    path = Path("data") / name
    path.write_bytes(content)
    return path


def parquet(columns: Mapping[str, Any] | pa.Table, name: str = "churn.parquet") -> Path:
    path = Path("data") / name
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(dict(columns)), path)
    return path


def loaded(found: Draft) -> Model:
    """The model of a draft that was written where it belongs and loads without a word."""
    path = Path("models") / f"{found.name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(found.text)
    result = load_fleet(Path("models"))
    assert result.diagnostics == (), found.text
    (model,) = result.unwrap().models
    return model


def reasons(found: Draft) -> dict[str, str]:
    return {one.name: one.reason for one in found.left_out}


ROWS = 60
CHURN = "customer_id,age,plan,active,signup,note,churned\n" + "".join(
    f"{100 + n},{20 + n % 40},{'basic' if n % 3 else 'plus'},{'true' if n % 2 else 'false'},2024-01-{1 + n % 28:02},call {n},{'yes' if n % 5 == 0 else 'no'}\n"
    for n in range(ROWS)
)


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
    import gzip

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


ODD_NAMES = [
    "a b",
    "größe",
    "it's",
    'say "x"',
    "a: b",
    "x #1",
    "on",
    "1_000",
    "12",
    "null",
    "- x",
    "{x}",
    "日本",
    "\u200b",
    "*p",
    "a,b",
    "%",
    "?",
    "~",
    "2024-01-01",
    "x" * 128,
    "  x ",
]


def test_odd_names_of_columns_survive(folder: Path) -> None:
    model = loaded(draft(parquet({name: [1.5, 2.5] for name in ODD_NAMES})))
    assert [feature.name for feature in model.features] == ODD_NAMES


@pytest.mark.parametrize("name", ["", "a\nb", "x\x00y", "\x85", "x" * 129])
def test_names_that_no_label_can_hold_are_left_out(folder: Path, name: str) -> None:
    found = draft(parquet({"x": [1.5, 2.5], name: [1.5, 2.5]}))
    assert reasons(found) == {
        name: "its name is empty, too long or has control characters; rename the column to watch it"
    }
    loaded(found)


def test_columns_of_one_name_are_left_out_together(folder: Path) -> None:
    found = draft(csv("x,z,x\n1.5,2.5,3.5\n2.5,3.5,4.5\n"))
    assert [(one.name, one.reason) for one in found.left_out] == [
        ("x", "is there more than once; rename the columns"),
    ] * 2
    loaded(found)


def test_the_hundredth_feature_is_the_last(folder: Path) -> None:
    found = draft(parquet({f"f{n}": [1.5, 2.5] for n in range(150)}))
    assert len(found.features) == 100
    assert reasons(found)["f100"] == "is beyond the first 100 features; watch those that matter"
    loaded(found)


def test_a_table_without_any_feature_still_gives_a_spec(folder: Path) -> None:
    found = draft(parquet({"x": pa.array([None, None])}))
    assert "features: [] # no column can be watched, see below\n" in found.text
    loaded(found)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("Fraud v2.csv", "Fraud-v2"),
        ("stack.csv", "stack-model"),
        ("日本.csv", "model"),
        ("a.b.csv", "a"),
        ("_x_.csv", "x"),
    ],
)
def test_the_model_is_called_after_its_file(folder: Path, file: str, name: str) -> None:
    found = draft(csv(CHURN, file))
    assert found.name == name
    assert loaded(found).name == name


def test_paths_start_from_the_draft(folder: Path) -> None:
    found = draft(csv(CHURN, "it's #1.csv"), output=Path("specs/deep/x.yaml"))
    assert "baseline: {data: '../../data/it''s #1.csv'}\n" in found.text


def test_progress_goes_from_nothing_to_all(folder: Path) -> None:
    seen: list[float] = []
    draft(csv(CHURN), progress=seen.append)
    assert seen
    assert seen[-1] == 1.0


@pytest.mark.parametrize(
    ("make", "options", "message", "help"),
    [
        (
            lambda: csv(""),
            {},
            "data/churn.csv is empty",
            "write a line with the columns' names, then one line a row",
        ),
        (lambda: raw("a,b\n1,2\n".encode("utf-16")), {}, "data/churn.csv is UTF-16 text", "save it as UTF-8"),
        (
            lambda: raw(b"PK\x03\x04..."),
            {},
            "data/churn.csv is an archive or a workbook and no CSV",
            "export the sheet as CSV",
        ),
        (
            lambda: raw(parquet(pa.table({"a": [1]})).read_bytes()),
            {},
            "data/churn.csv is Parquet by its content",
            "give it a name that ends in .parquet",
        ),
        (
            lambda: raw(gzip.compress(b"a,b\n1,2\n")),
            {},
            "data/churn.csv is compressed with gzip",
            "give it a name that ends in .csv.gz",
        ),
        (
            lambda: raw(b"a,b\n1,2\n", "x.csv.gz"),
            {},
            "data/x.csv.gz is not compressed with gzip",
            "if it is plain text, give it a name that ends in .csv",
        ),
        (
            lambda: raw(gzip.compress(b"a,b\n1,2\n" * 1000)[:40], "x.csv.gz"),
            {},
            "data/x.csv.gz is cut short",
            "copy or write it again",
        ),
        (
            lambda: csv("no", "x.parquet"),
            {},
            "data/x.parquet is too short to be Parquet",
            "write it again",
        ),
        (
            lambda: csv("a,b\n"),
            {},
            "data/churn.csv has no rows",
            "a baseline shows what the features usually look like",
        ),
        (
            lambda: csv("a,b\n1\n"),
            {},
            "data/churn.csv has a row with another number of cells (1) than its first line (2): 1",
            'write as many cells in every row, and put text that holds a comma or a line break in quotes: "a, b"',
        ),
        (
            lambda: csv('note,age\n"a, b\nc",3\n"d,4\n'),
            {},
            'data/churn.csv has a row with another number of cells (1) than its first line (2): "d,4',
            'write as many cells in every row, and put text that holds a comma or a line break in quotes: "a, b"',
        ),
        (
            lambda: csv("a;b\n1;2\n"),
            {},
            "data/churn.csv is not separated by commas",
            "save it as CSV with commas, or as Parquet",
        ),
        (
            lambda: csv("no " * 100, "x.parquet"),
            {},
            "data/x.parquet is no Parquet file, or only part of one",
            "write it again; data in other formats needs a name that ends in .csv or .csv.gz",
        ),
        (
            lambda: csv("a", "x.xlsx"),
            {},
            "data/x.xlsx is neither CSV nor Parquet by its name",
            "write it as CSV or Parquet, with a name that ends in .csv, .csv.gz, .parquet or .pq",
        ),
        (
            lambda: Path("data/gone.csv"),
            {},
            "there is no file data/gone.csv",
            "paths start from the folder that you are in",
        ),
        (
            lambda: parquet(pa.table({})),
            {},
            "data/churn.parquet has no columns",
            "a baseline has a column for every feature",
        ),
        (
            lambda: csv(CHURN),
            {"target": "chruned"},
            "data/churn.csv has no column 'chruned' for --target",
            "did you mean 'churned'?",
        ),
        (
            lambda: csv(CHURN),
            {"prediction": "answer"},
            "data/churn.csv has no column 'answer' for --prediction",
            "its columns are customer_id, age, plan, active, signup, note, churned",
        ),
        (
            lambda: csv(CHURN),
            {"name": "a b"},
            "'a b' cannot be a model's name",
            "use up to 63 letters, digits, '-' and '_', and start and end with a letter or digit",
        ),
        (lambda: csv(CHURN), {"name": "stack"}, "the name 'stack' is reserved", "add what the model predicts"),
    ],
)
def test_what_cannot_be_drafted_gives_one_clear_error(
    folder: Path, make: Callable[[], Path], options: dict[str, str], message: str, help: str
) -> None:
    with pytest.raises(InitError) as caught:
        draft(make(), **options)  # type: ignore[arg-type]  # options are all texts
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert caught.value.help == help


def test_bytes_that_are_no_text_give_one_clear_error(folder: Path) -> None:
    Path("data/x.csv").write_bytes(b"a,b\n\xe9,1\n")
    with pytest.raises(InitError, match=r"data/x\.csv is not UTF-8 text"):
        draft(Path("data/x.csv"))


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


HAPPENED = "when it happened, and no feature; rows sent to the sidecar may carry it as their timestamp"
MOVES_ON = "a date or time, which always moves on; to watch it, add a number made of it, such as an hour or an age"


@pytest.mark.usefixtures("folder")
def test_of_several_times_the_one_that_tells_when_it_happened_is_told_apart() -> None:
    rows = "".join(f"2024-01-{n % 28 + 1:02d},2024-02-{n % 28 + 1:02d}T10:00:00Z,{n % 7}\n" for n in range(60))
    made = draft(csv(f"signup_date,Event_Time,age\n{rows}"))
    assert reasons(made) == {"signup_date": MOVES_ON, "Event_Time": HAPPENED}
    assert "#   Event_Time: when it happened" in made.text and loaded(made).features[0].name == "age"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "first", "step", "reason"),
    [
        ("timestamp", 1_700_000_000, 60, HAPPENED),
        ("ts", 1_700_000_000_000, 977, HAPPENED),
        ("created_at", 1_700_000_000.25, 60, HAPPENED),
        ("delivery_date", 20_240_101, 1, MOVES_ON),
        # A time by its name alone is a number like any other, and so is a large number by its size alone.
        ("time", 12, 1, None),
        ("market_date", 3, 1, None),
        ("revenue", 1_700_000_000, 60, None),
    ],
)
def test_a_number_that_is_a_time_by_its_name_and_its_size_is_no_feature(
    name: str, first: float, step: int, reason: str | None
) -> None:
    rows = "".join(f"{first + step * n},{n % 7}\n" for n in range(15))
    assert reasons(draft(csv(f"{name},age\n{rows}"))).get(name) == reason


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("header", "headless"),
    [
        ("20,0.5,DE", True),
        ("-3,1e3,DE", True),
        ("0,0,DE", True),
        ("0,1,DE", False),
        ("1,2,DE", False),
        ("2019,2020,DE", False),
        ("age,0.5,DE", False),
        ("age,plan,country", False),
    ],
)
def test_a_first_line_that_looks_like_a_row_is_told(header: str, headless: bool) -> None:
    rows = "".join(f"{n % 7},{n % 5}.5,{'DE' if n % 2 else 'FR'}\n" for n in range(60))
    assert draft(csv(f"{header}\n{rows}")).headless is headless
