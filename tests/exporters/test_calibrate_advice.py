"""What ``modelwatch calibrate`` advises: hours where days have their rhythm, thresholds as valid as pasted, and the value
that has an unseen drift seen."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelwatch.cli.main import main

SPEC = """\
apiVersion: modelwatch/v1
kind: Model
metadata: {name: grid, owner: ops-ml}
serving: {job: grid}
task: {type: regression}
features:
  - {name: load, type: numeric}
  - {name: steady, type: numeric}
  - {name: country, type: categorical}
drift: {windows: [1h]}
baseline: {data: ../reference.csv, time: ts}
"""


def _table(path: Path, days: int, seed: int, *, swing: float = 30.0) -> Path:
    """Ten rows a minute: ``load`` goes up and down every day by ``swing``, the others stay."""
    rng = np.random.default_rng(seed)
    rows = days * 1440 * 10
    times = np.datetime64("2026-01-05T00:00:00") + (np.arange(rows) * 6).astype("timedelta64[s]")
    load = rng.normal(100 + swing * np.sin(np.arange(rows) * 6 / 86_400 * 2 * np.pi), 8)
    steady = rng.normal(0, 1, rows)
    country = rng.choice(["de", "fr", "it"], rows, p=[0.85, 0.12, 0.03])
    body = zip(times, load, steady, country, strict=True)
    lines = [f"{when},{a:.3f},{b:.3f},{c}" for when, a, b, c in body]
    path.write_text("\n".join(["ts,load,steady,country", *lines]))
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("grid")
    _table(folder / "reference.csv", 8, 1)
    _table(folder / "history.csv", 6, 2)
    return folder


def _spec(data: Path, folder: Path, *changes: tuple[str, str]) -> Path:
    text = SPEC.replace("../reference.csv", str(data / "reference.csv"))
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    models = folder / "models"
    models.mkdir(exist_ok=True)
    (models / "grid.yaml").write_text(text)
    return models


def _text(models: Path, capsys: pytest.CaptureFixture[str], *more: object) -> str:
    assert main(["calibrate", "grid", "--models", str(models), *map(str, more)]) == 0
    return capsys.readouterr().out


def _json(models: Path, capsys: pytest.CaptureFixture[str], *more: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_text(models, capsys, "--format", "json", *more))
    return found


def test_alarms_of_every_day_advise_to_compare_by_hour(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = _spec(data, tmp_path)
    loud = _json(models, capsys, "--data", data / "history.csv")
    assert loud["windows"][0]["false_alarms_in_30_days"] > 1
    assert loud["at_most_one"] == {"false_alarm_rate": 1e-5, "same": "hour", "warning": {}, "critical": {}}
    out = _text(models, capsys, "--data", data / "history.csv")
    assert "  drift: {same: hour}   (rows are compared with those of the same hour of the day, which leaves 0 " in out
    assert "warning:" not in out
    again = _json(_spec(data, tmp_path, ("[1h]}", "[1h], same: hour}")), capsys, "--data", data / "history.csv")
    assert again["windows"][0]["false_alarms_in_30_days"] == 0


def test_hours_are_not_advised_where_they_explain_nothing(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history = _table(tmp_path / "other.csv", 3, 5, swing=0.0)
    text = history.read_text()
    # Half of the time all of it is elsewhere, whatever the hour.
    lines = text.splitlines()
    moved = [re.sub(r",([0-9.]+),", r",9\1,", line, count=1) for line in lines[20_000:]]
    history.write_text("\n".join([*lines[:20_000], *moved]))
    found = _json(_spec(data, tmp_path), capsys, "--data", history)["at_most_one"]
    assert found["same"] is None
    assert found["warning"]["load"] < found["critical"]["load"]


def test_thresholds_beside_hours_are_of_scores_beside_hours(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A day that is a little off: much less than a day is from a night."""
    lines = (data / "history.csv").read_text().splitlines()
    off = [
        f"{when},{float(load) + 5:.3f},{rest}" for when, load, rest in (line.split(",", 2) for line in lines[1:14_401])
    ]
    history = tmp_path / "off.csv"
    history.write_text("\n".join([lines[0], *off, *lines[14_401:]]))
    found = _json(_spec(data, tmp_path), capsys, "--data", history)["at_most_one"]
    whole = _json(_spec(data, tmp_path, (", time: ts", "")), capsys, "--data", history)["at_most_one"]
    if found["same"] is None:
        models = _spec(data, tmp_path, ("[1h]}", "[1h], same: hour}"))
        found = _json(models, capsys, "--data", history)["at_most_one"]
    assert 0.1 < found["warning"]["load"] < whole["warning"]["load"] / 2


def test_a_reference_without_hours_is_told_how_to_get_them(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = _text(_spec(data, tmp_path, (", time: ts", "")), capsys, "--data", data / "history.csv")
    assert "drift: {same: hour} or {same: weekday} may help" in out
    assert "baseline.time: ts" in out


@pytest.mark.parametrize("method", ["psi", "js", "ks"])
def test_thresholds_that_are_advised_are_valid_as_pasted(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], method: str
) -> None:
    own = (
        "{name: load, type: numeric}",
        "{name: load, type: numeric}"
        if method == "psi"
        else f"{{name: load, type: numeric, drift: {{method: {method}}}}}",
    )
    models = _spec(data, tmp_path, (", time: ts", ""), own)
    out = _text(models, capsys, "--data", data / "history.csv")
    [advised] = re.findall(r"^  load: (drift: \{.*?\})   \(.*hardly any real drift", out, flags=re.MULTILINE)
    pasted = ("{name: load, type: numeric}", f"{{name: load, type: numeric, {advised}}}")
    models = _spec(data, tmp_path, (", time: ts", ""), pasted)
    assert main(["check", "--models", str(models)]) == 0, capsys.readouterr().out
    capsys.readouterr()
    [again] = _json(models, capsys, "--data", data / "history.csv")["windows"]
    assert again["false_alarms_in_30_days"] <= 1


def test_power_by_hour_is_of_the_hours_references(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shift of ``load`` by so many deviations is of its hour's, and an hour's reference has few rows."""
    whole = _text(_spec(data, tmp_path), capsys, "--rows-per-minute", 10)
    hours = _text(_spec(data, tmp_path, ("[1h]}", "[1h], same: hour}")), capsys, "--rows-per-minute", 10)
    assert "the median over a day" in hours and "the median over a day" not in whole
    row = {name: re.search(r"^load +(\S+) sd", out, re.MULTILINE) for name, out in (("all", whole), ("hour", hours))}
    assert row["all"] and row["hour"]
    assert float(row["hour"][1]) > float(row["all"][1])


def test_what_the_threshold_hides_is_shown_by_the_value_that_is_told(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = _text(_spec(data, tmp_path), capsys, "--rows-per-minute", 1000)
    told = re.search(r"too small to be seen of country: a lower drift.warning would show it \(country ([0-9.]+)\)", out)
    assert told and "more rows" not in out
    lower = ("country, type: categorical", f"country, type: categorical, drift: {{warning: {told[1]}}}")
    out = _text(_spec(data, tmp_path, lower), capsys, "--rows-per-minute", 1000)
    assert "too small to be seen" not in out


def test_what_chance_hides_is_shown_by_more_rows(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lower = ("steady, type: numeric", "steady, type: numeric, drift: {warning: 0.01}")
    out = _text(_spec(data, tmp_path, lower, ("[1h]", "[1h], min_samples: 100")), capsys, "--rows-per-minute", 2)
    assert re.search(r"too small to be seen of [^:]*steady[^:]*: more rows would show it", out)


@pytest.mark.parametrize("flag", ["--rows-per-minute", "--rate"])
def test_what_is_no_number_is_called_so(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["calibrate", "grid", flag, "abc"])
    err = capsys.readouterr().err
    assert "'abc' is no number" in err and "_positive" not in err
