"""`modelwatch init`: a spec drafted from a table."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_init_drafts_a_spec_that_needs_no_edit(run: Run, tmp_path: Path) -> None:
    rows = "\n".join(
        f"{20 + n % 50},{'DE' if n % 3 else 'FR'},{n * 0.5},{'leaves' if n % 7 == 0 else 'stays'}" for n in range(300)
    )
    (tmp_path / "table.csv").write_text(f"age,country,amount spent,churned\n{rows}\n")
    made = run("init", "table.csv", "--name", "churn", "--target", "churned")
    assert made.code == 0, made.err
    assert (tmp_path / "models/churn.profile.json").is_file()
    assert run("check").code == 0
    assert run("generate").code == 0
    again = run("init", "table.csv", "--name", "churn")
    assert again.code == 2 and "models/churn.yaml is there already" in again.err


@pytest.mark.parametrize(("column", "flags"), [("ts", ()), ("seen", ("--time", "seen"))])
def test_init_gives_the_profile_the_hours_of_the_time_that_it_found(
    run: Run, tmp_path: Path, column: str, flags: tuple[str, ...]
) -> None:
    rows = "\n".join(f"2026-01-{1 + n // 600:02}T{n % 24:02}:00:00,{n % 50}.5,{n % 3}.25" for n in range(14_400))
    (tmp_path / "table.csv").write_text(f"{column},age,amount\n{rows}\n")
    made = run("init", "table.csv", "--name", "churn", *flags)
    assert f"by hour and weekday too, by its column {column}" in made.out
    spec = tmp_path / "models/churn.yaml"
    again = "modelwatch profile churn --data table.csv"
    assert f"# made anew by: {again} --time {column} --output models/churn.profile.json\n" in spec.read_text()
    spec.write_text(spec.read_text() + "drift: {same: hour}\n")
    assert run("check").code == 0
    assert run("calibrate", "churn", "--rows-per-minute", "100").code == 0


def test_init_leaves_hours_out_where_times_are_none_and_says_so_if_asked(run: Run, tmp_path: Path) -> None:
    rows = "\n".join(f"x{n % 7},{n % 50}.5,{n % 3}.25" for n in range(300))
    (tmp_path / "table.csv").write_text(f"when,age,amount\n{rows}\n")
    made = run("init", "table.csv", "--name", "churn", "--time", "when")
    assert made.code == 0 and "'when' holds no times that a profile can read" in made.err
    assert "by hour" not in made.out
    again = "modelwatch profile churn --data table.csv --output models/churn.profile.json\n"
    assert again in (tmp_path / "models/churn.yaml").read_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "table.csv is empty\nhelp: write a line with the columns' names"),
        (b"\xff\xfe\x00garbage", "table.csv is UTF-16 text\nhelp: save it as UTF-8"),
        (None, "there is no file table.csv\nhelp: paths start from"),
    ],
)
def test_init_on_a_file_that_is_no_table_says_so_and_leaves_nothing(
    run: Run, tmp_path: Path, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "table.csv").write_bytes(content)
    failed = run("init", "table.csv")
    assert failed.code == 2 and "table.csv" in failed.err and message in failed.err
    assert not list(tmp_path.glob("models/*"))


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("spec.txt", "spec.txt is no name of a spec\nhelp: end it with .yaml"),
        ("table.csv/x.yaml", "table.csv is a file and no folder\nhelp: name another place with --output"),
        ("there.yaml", "there.yaml is there already\nhelp: name another file with --output, or move it away"),
    ],
)
def test_init_names_a_place_where_no_spec_can_go_and_leaves_nothing(
    run: Run, tmp_path: Path, output: str, message: str
) -> None:
    (tmp_path / "table.csv").write_text("age\n" + "".join(f"{n}\n" for n in range(50)))
    (tmp_path / "there.yaml").touch()
    before = sorted(tmp_path.rglob("*"))
    failed = run("init", "table.csv", "--output", output)
    assert failed.code == 2 and failed.err == f"modelwatch: {message}\n"
    assert sorted(tmp_path.rglob("*")) == before


def test_init_tells_of_a_first_line_that_looks_like_a_row(run: Run, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("".join(f"{n % 7},{n % 5}.5\n" for n in range(60)))
    made = run("init", "table.csv")
    assert made.code == 0 and "the first line of table.csv looks like a row" in made.err
    assert "remove models/table.yaml and run this again" in made.err


def test_init_warns_of_a_label_that_nobody_named_and_says_the_flag(run: Run, tmp_path: Path) -> None:
    rows = "".join(f"{20 + i % 50},{'yes' if i % 3 else 'no'},{'yes' if i % 3 else 'no'}\n" for i in range(120))
    (tmp_path / "churn.csv").write_text("age,gone,prediction\n" + rows)
    made = run("init", "churn.csv")
    assert made.code == 0
    assert "modelwatch: 'gone' is drafted as a feature and looks like the truth" in made.err
    assert "help: if it is, remove models/churn.yaml and run this again with --target gone" in made.err
    (tmp_path / "models/churn.yaml").unlink()
    assert run("init", "churn.csv", "--target", "gone").err == ""
