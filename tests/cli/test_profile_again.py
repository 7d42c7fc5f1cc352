"""A profile is made again whatever is wrong with the one that there is, and with the specs of other models."""

from __future__ import annotations

import gzip
import io
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from modelwatch.cli.command import Streams
from modelwatch.cli.main import main

SPEC = """\
apiVersion: modelwatch/v1
kind: Model
metadata: {name: loans, owner: credit}
serving: {job: loans, targets: ["127.0.0.1:8000"]}
task: {type: classification}
features:
  - {name: amount, type: numeric}
  - {name: country, type: categorical}
baseline: {profile: loans.profile.json}
"""
SPEC_FILE, PROFILE = Path("models/loans.yaml"), Path("models/loans.profile.json")
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command; gives its exit code and all that it printed. A good profile is there."""
    monkeypatch.chdir(tmp_path)
    Path("models").mkdir()
    SPEC_FILE.write_text(SPEC)
    rows = (f"{n % 90},{'DE' if n % 3 else 'FR'},{n % 7},{1_700_000_000 + 600 * n}" for n in range(600))
    Path("ref.csv").write_text("amount,country,term,scored_at\n" + "\n".join(rows) + "\n")

    def call(*arguments: str) -> tuple[int, str]:
        both = io.StringIO()
        return main(list(arguments), Streams(out=both, err=both)), both.getvalue()

    assert call("profile", "loans", "--data", "ref.csv", "--output", str(PROFILE))[0] == 0
    return call


def _hours() -> None:
    SPEC_FILE.write_text(SPEC + "drift: {same: hour}\n")


def _truncated() -> None:
    PROFILE.write_text(PROFILE.read_text()[:900])


def _other_type() -> None:
    SPEC_FILE.write_text(SPEC.replace("amount, type: numeric", "amount, type: categorical"))


def _new_feature() -> None:
    SPEC_FILE.write_text(SPEC.replace("baseline:", "  - {name: term, type: numeric}\nbaseline:"))


@pytest.mark.parametrize(
    ("spoil", "code"), [(_hours, "MW054"), (_truncated, "MW032"), (_other_type, "MW053"), (_new_feature, "MW030")]
)
def test_the_command_that_an_error_of_the_profile_names_mends_it(
    run: Run, spoil: Callable[[], None], code: str
) -> None:
    spoil()
    status, told = run("check")
    assert status == 1 and f" {code} " in told
    assert "again with modelwatch profile loans --data DATA" in told
    again = ("profile", "loans", "--data", "ref.csv", "--time", "scored_at", "--output", str(PROFILE))
    status, told = run(*again)
    assert status == 0, told
    status, told = run("check")
    assert status == 0 and code not in told


def test_hours_can_be_asked_for_before_there_is_any_baseline(run: Run) -> None:
    SPEC_FILE.write_text(SPEC.replace("baseline: {profile: loans.profile.json}", "drift: {same: hour}"))
    status, told = run("profile", "loans", "--data", "ref.csv", "--time", "scored_at", "--output", "new.json")
    assert status == 0, told


@pytest.mark.parametrize("other", ["kind: [", SPEC.replace("loans", "other").replace("numeric", "nmeric")])
def test_errors_of_other_models_are_one_warning(run: Run, other: str) -> None:
    Path("models/other.yaml").write_text(other)
    for arguments in (
        ("profile", "loans", "--data", "ref.csv", "--output", "again.json"),
        ("calibrate", "loans", "--rows-per-minute", "10"),
    ):
        status, told = run(*arguments)
        assert status == 0, told
        assert "warning: errors in models/other.yaml, which loans is used without" in told
    status, told = run("sampled", "loans")
    assert "no rows of loans are kept here" in told and "warning: errors in models/other.yaml" in told


def test_a_model_is_not_used_whose_own_spec_has_errors_or_whose_name_two_have(run: Run) -> None:
    SPEC_FILE.write_text(SPEC.replace("numeric", "nmeric"))
    status, told = run("profile", "loans", "--data", "ref.csv", "--output", "again.json")
    assert status == 1 and "models/loans.yaml:7" in told and not Path("again.json").exists()
    SPEC_FILE.write_text(SPEC)
    Path("models/twin.yaml").write_text(SPEC)
    status, told = run("profile", "loans", "--data", "ref.csv", "--output", "again.json")
    assert status == 1 and "loans" in told and not Path("again.json").exists()


def test_a_name_that_no_readable_spec_has_is_told_with_the_errors_that_may_hide_it(run: Run) -> None:
    status, told = run("profile", "loan", "--data", "ref.csv")
    assert status == 2 and "did you mean loans?" in told
    Path("models/loan.yaml").write_text("kind: [")
    status, told = run("profile", "loan", "--data", "ref.csv")
    assert status == 1 and "models/loan.yaml:1:" in told and "there is no model 'loan'" in told


def test_calibrate_needs_a_profile_that_is_whole(run: Run) -> None:
    _truncated()
    status, told = run("calibrate", "loans")
    assert status == 1 and "MW032" in told


def test_too_few_rows_are_told_when_the_profile_is_made_and_by_check(run: Run) -> None:
    Path("few.csv").write_text("\n".join(Path("ref.csv").read_text().splitlines()[:51]))
    status, told = run("profile", "loans", "--data", "few.csv", "--output", str(PROFILE))
    assert status == 0 and "warning: models/loans.profile.json has 50 rows, and scores need 100" in told
    status, told = run("check")
    assert status == 0 and " MW057 " in told and "made of 50 rows" in told


def test_an_edited_profile_is_an_error_that_making_it_again_mends(run: Run) -> None:
    PROFILE.write_text(PROFILE.read_text().replace('"rows": 600', '"rows": 601'))
    status, told = run("check")
    assert status == 1 and " MW032 " in told and "make it again with modelwatch profile loans --data DATA" in told
    assert run("profile", "loans", "--data", "ref.csv", "--output", str(PROFILE))[0] == 0
    assert run("check")[0] == 0


def _answers(name: str) -> set[str]:
    return {one["name"] for one in json.loads(Path(name).read_text())["features"]} & {"prediction", "confidence"}


def _scored(end: str) -> str:
    """Data whose answers are called otherwise, and a column that is called like them."""
    rows = (f"{n % 90},{'DE' if n % 3 else 'FR'},{'yes' if n % 4 else 'no'},0.{n % 10},9" for n in range(600))
    name = f"scored{end}"
    Path("scored.csv").write_text("amount,country,decision,how sure,prediction\n" + "\n".join(rows) + "\n")
    if end == ".parquet":
        pq.write_table(pyarrow.csv.read_csv("scored.csv"), name)
    return name


@pytest.mark.parametrize("end", [".csv", ".parquet"])
def test_columns_that_are_called_otherwise_become_the_reference_of_the_answers(run: Run, end: str) -> None:
    data = _scored(end)
    named = ("--prediction", "decision", "--confidence", "how sure")
    status, told = run("profile", "loans", "--data", data, *named, "--output", "named.json")
    assert status == 0, told
    assert _answers("named.json") == {"prediction", "confidence"}
    (prediction,) = (f for f in json.loads(Path("named.json").read_text())["features"] if f["name"] == "prediction")
    assert prediction["counts"]["yes"] == 450 and prediction["counts"]["no"] == 150
    run("profile", "loans", "--data", data, *named, "--partial", "--output", "a.partial")
    run("profile", "loans", "--merge", "a.partial", "--output", "merged.json")
    assert Path("merged.json").read_bytes() == Path("named.json").read_bytes()


def test_a_column_of_answers_that_is_not_there_is_told_with_the_nearest(run: Run) -> None:
    status, told = run("profile", "loans", "--data", _scored(".csv"), "--prediction", "decison", "--output", "x")
    assert status == 2 and "no column 'decison' to take the prediction from; did you mean 'decision'?" in told
    assert not Path("x").exists()


def test_the_command_in_a_drafted_spec_makes_the_same_profile(run: Run) -> None:
    rows = (f"{n % 90}.5,{'yes' if n % 4 else 'no'},{1_700_000_000 + 600 * n}" for n in range(14_400))
    Path("new loans.csv").write_text("amount,decision,scored_at\n" + "\n".join(rows) + "\n")
    status, told = run("init", "new loans.csv", "--name", "credit", "--prediction", "decision")
    assert status == 0, told
    made = Path("models/credit.profile.json").read_bytes()
    assert _answers("models/credit.profile.json") == {"prediction"}
    spec = Path("models/credit.yaml").read_text()
    (command,) = re.findall(r"# made anew by: modelwatch (.*)", spec)
    assert "--time scored_at --prediction decision" in command
    Path("models/credit.profile.json").unlink()
    status, told = run(*shlex.split(command))
    assert status == 0, told
    assert Path("models/credit.profile.json").read_bytes() == made
    assert run("check")[0] == 0


def test_all_columns_that_are_not_there_are_told_at_once(run: Run) -> None:
    _new_feature()
    Path("ref.csv").write_text(Path("ref.csv").read_text().replace(",term,", ",trem,"))
    wrong = ("--time", "scored_att", "--segment", "countri")
    status, told = run("profile", "loans", "--data", "ref.csv", *wrong, "--output", "x")
    assert status == 2 and not Path("x").exists()
    for name, near in (("term", "trem"), ("scored_att", "scored_at"), ("countri", "country")):
        assert f"'{name}' (did you mean '{near}'?)" in told


@pytest.mark.parametrize("end", [".csv", ".csv.gz"])
@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            "abc,DE,1,2",
            "the column 'amount' is to hold numbers, and line 600002 has 'abc'; write numbers such as 1234.5",
        ),
        ("5,DE,1", "line 600002 has 3 cells, and the first line has 4; write as many in every row"),
        (b"5,\xff\xfe,1,2", "the column 'country' is not UTF-8 text; save the file as UTF-8"),
    ],
)
def test_what_is_wrong_in_a_csv_is_told_by_column_and_line(run: Run, end: str, row: str | bytes, message: str) -> None:
    """The rows before are more than Arrow reads at a time."""
    head, *rows = Path("ref.csv").read_bytes().splitlines()
    content = b"\n".join([head, *rows * 1000, row if isinstance(row, bytes) else row.encode(), *rows])
    Path(f"bad{end}").write_bytes(gzip.compress(content, 1) if end.endswith("gz") else content)
    status, told = run("profile", "loans", "--data", f"bad{end}", "--output", "x")
    assert status == 2 and f"bad{end}: {message}" in told and not Path("x").exists()


def test_calibrate_remarks_that_a_history_is_the_reference_itself(run: Run) -> None:
    _, told = run("calibrate", "loans", "--data", "ref.csv", "--time", "scored_at")
    assert "warning: ref.csv has the reference's own rows" in told
    rows = Path("ref.csv").read_text().splitlines()
    for name, other in (("fewer.csv", rows[:-1]), ("changed.csv", [*rows[:-1], rows[-1].replace("DE", "FR")])):
        Path(name).write_text("\n".join(other) + "\n")
        status, told = run("calibrate", "loans", "--data", name, "--time", "scored_at")
        assert status == 0 and "the reference's own rows" not in told
