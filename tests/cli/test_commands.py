"""Commands as a person uses them: exit codes, what is printed, and what is left on disk."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from modelwatch.cli.command import Streams
from modelwatch.cli.main import COMMANDS, main
from tests.cli.conftest import TEN_LINES, Run

REPO = Path(__file__).parents[2]


@pytest.mark.usefixtures("models")
def test_a_ten_line_spec_alone_gives_everything(run: Run, tmp_path: Path) -> None:
    check, generate = run("check"), run("generate")
    assert (check.code, generate.code) == (0, 0), check.out + generate.err
    for path in (
        "prometheus/rules/churn.yaml",
        "prometheus/prometheus.yaml",
        "alertmanager/alertmanager.yaml",
        "otel/collector.yaml",
    ):
        assert (tmp_path / "generated" / path).is_file()
    assert (tmp_path / "generated/runbooks/churn/ModelDown.md").is_file()
    assert run("generate", "--check").code == 0


def test_an_old_folder_is_found_out_and_nothing_is_written(run: Run, models: Path, tmp_path: Path) -> None:
    run("generate")
    (models / "churn.yaml").write_text(TEN_LINES.replace("churn", "loss"))
    before = sorted(path for path in (tmp_path / "generated").rglob("*"))
    checked = run("generate", "--check")
    assert checked.code == 1
    assert "would add generated/prometheus/rules/loss.yaml" in checked.out
    assert "help: run: modelwatch generate --models models --out generated" in checked.err
    assert sorted((tmp_path / "generated").rglob("*")) == before


def test_errors_in_a_spec_are_told_and_nothing_is_generated(run: Run, models: Path, tmp_path: Path) -> None:
    (models / "churn.yaml").write_text(TEN_LINES.replace("serving:", "servng:"))
    failed = run("generate")
    assert failed.code == 1
    assert (
        "models/churn.yaml:4:1 MW012 unknown field 'servng'" in failed.err and "did you mean 'serving'?" in failed.err
    )
    assert not (tmp_path / "generated").exists()


def test_findings_come_as_json_and_as_annotations(run: Run, models: Path) -> None:
    (models / "churn.yaml").write_text(TEN_LINES.replace("serving:", "servng:"))
    found = json.loads(run("check", "--format", "json").out)
    assert {"file", "line", "column", "code", "severity", "message", "help"} == set(found[0])
    assert run("check", "--format", "github").out.startswith("::error file=models/churn.yaml,line=")
    assert run("check").code == 1


def test_a_clean_check_as_json_is_an_empty_list(run: Run, models: Path) -> None:
    (models / "stack.yaml").write_text((REPO / "models/stack.yaml").read_text().replace("ops-ml:", "growth:"))
    clean = run("check", "--format", "json")
    assert clean.code == 0
    assert [one for one in json.loads(clean.out) if one["severity"] == "error"] == []


@pytest.mark.usefixtures("models")
def test_what_is_left_unwatched_is_shown_and_is_no_finding(run: Run) -> None:
    text, strict = run("check"), run("check", "--strict")
    assert (text.code, strict.code) == (0, 0)
    assert "models/churn.yaml:6:1 MW051 note: no baseline" in text.out
    assert text.out.endswith("1 model, 0 errors, 0 warnings, 2 notes\n")
    assert {one["severity"] for one in json.loads(run("check", "--format", "json").out)} == {"note"}
    assert "::notice file=models/churn.yaml,line=6,col=1,title=MW051::" in run("check", "--format", "github").out


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(
    ("out", "message"),
    [("models", "models holds the specs"), ("a/b", "a is a file and no folder"), ("a", "a is a file")],
)
def test_generate_names_a_place_where_nothing_can_be_written(run: Run, tmp_path: Path, out: str, message: str) -> None:
    (tmp_path / "a").touch()
    failed = run("generate", "--out", out)
    assert failed.code == 2 and failed.err.startswith(f"modelwatch: {message}")
    assert "help: name another folder with --out, such as generated" in failed.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "models"]


@pytest.mark.usefixtures("models")
def test_a_diff_without_git_says_so(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = run("diff")
    assert outside.code == 2 and outside.err.startswith(
        "modelwatch: models is in no git repository\nhelp: compare with"
    )
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    assert run("diff").err.startswith("modelwatch: nothing is committed yet to compare with")
    monkeypatch.setenv("PATH", "")
    assert run("diff").err.startswith("modelwatch: git is not installed\nhelp: compare with a folder of older specs")


def test_a_diff_with_nothing_to_compare_with_says_why_all_is_new(run: Run, models: Path, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    assert "modelwatch: old has no model: everything counts as new" in run("diff", "old").err
    (tmp_path / "old" / "churn.yaml").write_text(TEN_LINES.replace("owner", "ownr"))
    assert "modelwatch: old has specs with errors: everything counts as new" in run("diff", "old").err


def test_a_folder_that_is_not_there_is_named(run: Run) -> None:
    missing = run("generate", "--models", "nowhere")
    assert missing.code != 0 and "nowhere" in missing.err and "Traceback" not in missing.err


def test_a_diff_says_in_words_what_changes_for_the_people_paged(run: Run, models: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(models, old)
    (models / "churn.yaml").write_text(
        TEN_LINES.replace("range: [0, 120]", "range: [0, 99]")
        + "slos:\n  - {name: up, objective: 99.9, window: 30d, sli: errors}\nlimits: {saturation: 0.9}\n"
    )
    told = run("diff", "old")
    assert told.code == 0
    assert "feature age: range 0 to 120 -> 0 to 99" in told.out
    assert "ModelSaturated: threshold 0.8 -> 0.9" in told.out
    assert "ErrorBudgetBurnFast (up) is new: page to" in told.out
    assert run("diff", "old", "--exit-code").code == 1
    assert run("diff", "models").out == "nothing changes for the people who are paged, compared with models\n"
    assert {"model", "change"} == set(json.loads(run("diff", "old", "--format", "json").out)[0])


def test_a_diff_against_a_revision_reads_git(run: Run, models: Path, tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments],
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "-m", "first")
    assert "nothing changes" in run("diff").out
    (models / "other.yaml").write_text(
        TEN_LINES.replace("name: churn", "name: other").replace("job: churn", "job: other")
    )
    (models / "churn.yaml").write_text(TEN_LINES.replace("owner: growth", "owner: sales"))
    told = run("diff", "HEAD").out
    assert "other\n  is new: " in told and "moves from team growth to sales" in told
    unknown = run("diff", "no-such-branch")
    assert unknown.code == 2 and "neither a folder nor a git revision" in unknown.err


@pytest.mark.usefixtures("models")
def test_explain_shows_an_alert_in_full_and_helps_with_a_misspelt_one(run: Run) -> None:
    shown = run("explain", "ModelDown")
    assert shown.code == 0
    for text in (
        "page to",
        "fires after 30s when",
        'max(up{job="churn"}) == 0',
        "runbooks/churn/ModelDown.md",
        "What to do:",
    ):
        assert text in shown.out
    wrong = run("explain", "ModelDwn")
    assert wrong.code == 2 and "did you mean ModelDown?" in wrong.err
    assert run("explain", "mw012").out.startswith("MW012: unknown field\n\n")
    assert "\nFails:\n\n`models/churn.yaml`\n\n    apiVersion: modelwatch/v1\n" in run("explain", "mw012").out
    assert run("explain", "MW12").out == run("explain", "MW012").out


def test_explain_says_where_every_limit_is_from(run: Run, models: Path) -> None:
    (models / "reference.csv").write_text("age,income,country\n" + "1,2,DE\n" * 200)
    (models / "churn.yaml").write_text(
        TEN_LINES.replace("features:\n", "features:\n  - {name: income, type: numeric}\n")
        + "baseline: {data: reference.csv}\n"
    )
    for alert, limit in (("ModelRowsUnusual", "2"), ("ModelCorrelationChanged", "0.3")):
        assert f"  limit {limit}, from the default: no field of the spec moves it\n" in run("explain", alert).out
    assert "from limits.error_ratio\n" in run("explain", "ModelErrorRatioHigh").out


def test_explain_says_how_to_get_an_alert_that_no_model_has(run: Run, models: Path) -> None:
    shown = run("explain", "modelaccuracylow")
    assert shown.code == 0
    assert shown.out == (
        "ModelAccuracyLow is not generated for churn.\n\n"
        "It needs task.type: classification, task.classes and performance.metrics.accuracy.min. In the spec:\n"
        "  performance: {metrics: {accuracy: {min: 0.85}}}\n\n"
        "churn lacks performance.metrics.accuracy.min\n"
    )
    (models / "churn.yaml").write_text(TEN_LINES + "performance: {metrics: {accuracy: {min: 0.85}}}\n")
    assert "fires after 15m when" in run("explain", "ModelAccuracyLow").out
    batch = run("explain", "ModelBatchOverdue", "--model", "churn")
    assert batch.code == 0 and "churn lacks serving.mode: batch" in batch.out


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(
    ("arguments", "message", "help"),
    [
        (("ModelAcuracyLow",), "there is no alert 'ModelAcuracyLow'", "did you mean ModelAccuracyLow?"),
        (("ModelDown", "--model", "chrun"), "there is no model 'chrun' in models", "did you mean churn?"),
        (("Watchdog", "--model", "churn"), "Watchdog is about the stack", "modelwatch explain Watchdog"),
        (("MW777",), "there is no code MW777", "the codes are MW001 to "),
        (("qqq",), "there is no alert 'qqq'", "the alerts are CollectorDown, CollectorDropsTracesEarly"),
    ],
)
def test_explain_helps_with_what_is_not_there(run: Run, arguments: tuple[str, ...], message: str, help: str) -> None:
    failed = run("explain", *arguments)
    assert failed.code == 2
    assert failed.err.startswith(f"modelwatch: {message}") and f"help: {help}" in failed.err


def test_profile_builds_a_reference_and_names_an_unknown_model(run: Run, models: Path, tmp_path: Path) -> None:
    (tmp_path / "ref.csv").write_text(
        "age,country\n" + "\n".join(f"{n % 90},{'DE' if n % 2 else 'FR'}" for n in range(200))
    )
    made = run("profile", "churn", "--data", "ref.csv", "--output", str(models / "churn.json"))
    assert made.code == 0 and "200 rows" in made.out
    assert json.loads((models / "churn.json").read_text())
    unknown = run("profile", "chrun", "--data", "ref.csv")
    assert unknown.code == 2 and "did you mean churn?" in unknown.err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(run: Run, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([name, "--help"])
    assert stopped.value.code == 0
    assert f"modelwatch {name}" in capsys.readouterr().out


def test_a_drill_where_nothing_runs_says_so_and_what_to_do(tmp_path: Path) -> None:
    out, err = io.StringIO(), io.StringIO()
    assert main(["drill"], Streams(out=out, err=err, cwd=tmp_path)) == 2
    assert err.getvalue().startswith("modelwatch: a drill breaks the demo, and this folder's stack has none\nhelp: ")


def test_a_port_that_is_none_is_named(run: Run, models: Path) -> None:
    out, err = io.StringIO(), io.StringIO()
    code = main(["up"], Streams(out=out, err=err, environ={"MODELWATCH_PORT_DEMO": "80000"}))
    assert code == 2
    assert "MODELWATCH_PORT_DEMO='80000' is no port: give a number from 1 to 65535" in err.getvalue()
    assert models.exists()


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        (
            "latency: 250ms",
            "latency: 100ms",
            "SLO quick: an answer slower than 100ms counts as bad, before an answer slower than 250ms",
        ),
        ("objective: 99.9", "objective: 99.5", "SLO quick: objective 99.9 % -> 99.5 %"),
        ("window: 30d", "window: 28d", "SLO quick: window 30d -> 28d"),
        ("min_samples: 900", "min_samples: 800", "from 800 rows on"),
        ("rows_per_hour: 50", "rows_per_hour: 70", "sampling.rows_per_hour 50 -> 70"),
        ("file_age: 2h", "file_age: 3h", "sampling.file_age 2h -> 3h"),
        ("{rest: 1}", "{rest: 1}, folder: ../kept", "sampling.folder is now set: ../kept"),
        ("{min: 0.8}", "{min: 0.9}", "performance.metrics.accuracy.min 0.8 -> 0.9"),
        ("label_delay: 6h", "label_delay: 8h", "performance.label_delay 6h -> 8h"),
        ("age, type: numeric, range: [0, 120]", "age, type: categorical", "feature age: numeric -> categorical"),
        ("positive_class: leaves", "positive_class: stays", "task.positive_class leaves -> stays"),
    ],
)
def test_no_edit_that_moves_a_page_goes_untold(
    run: Run, models: Path, tmp_path: Path, before: str, after: str, sentence: str
) -> None:
    spec = (
        TEN_LINES
        + "slos:\n  - {name: quick, objective: 99.9, window: 30d, sli: {latency: 250ms}}\ndrift: {min_samples: 900}\n"
        + "sampling: {rows_per_hour: 50, file_age: 2h, strata: {rest: 1}}\n"
        + "performance: {label_delay: 6h, metrics: {accuracy: {min: 0.8}}}\n"
    )
    (models / "churn.yaml").write_text(spec)
    shutil.copytree(models, tmp_path / "old")
    assert before in spec
    (models / "churn.yaml").write_text(spec.replace(before, after))
    told = run("diff", "old").out
    assert f"  {sentence}" in told or sentence.startswith("from ")
    assert sentence in told
    assert not re.search(r"\b(\S+)(?: ->|, before over) \1(?: |$)", told, re.MULTILINE), "what stayed is no change"


def test_a_diff_of_samples_says_when_none_are_kept_any_more(run: Run, models: Path, tmp_path: Path) -> None:
    """And the folder that older specs lie in is no change of the paths in them."""
    (tmp_path / "train.csv").write_text("age,country\n1,a\n")
    spec = TEN_LINES + "baseline: {data: ../train.csv}\n"
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/train.csv").write_text("age,country\n1,a\n")
    (models / "churn.yaml").write_text(spec + "sampling: {rows_per_hour: 50, folder: ../kept}\n")
    shutil.copytree(models, tmp_path / "elsewhere/old")
    assert "nothing changes" in run("diff", "elsewhere/old").out
    (models / "churn.yaml").write_text(spec)
    assert run("diff", "elsewhere/old").out == "churn\n  sampling is no longer set\n"
