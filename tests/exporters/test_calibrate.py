"""``modelwatch calibrate``: false alarms from history or the reference, and the smallest drift that is seen."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import specs

from modelwatch.cli.main import main
from modelwatch.exporters.calibration.advice import advise
from modelwatch.exporters.calibration.calibrate import judge
from modelwatch.exporters.calibration.power import Full, drifted_shares, fill_needed, smallest_drift
from modelwatch.exporters.calibration.setting import Setting, Watch, setting
from modelwatch.exporters.comparison import Comparison
from modelwatch.exporters.counting import count
from modelwatch.exporters.guards import alpha
from modelwatch.exporters.ingest.json_rows import rows_table
from modelwatch.exporters.layout import layout
from modelwatch.exporters.profile import build_profile
from modelwatch.exporters.statistics.looks import looks, per_look
from modelwatch.exporters.vectors import Vectors
from modelwatch.exporters.verdicts import judge as judgement
from modelwatch.model.units import Duration

SPEC = specs.YAML + "drift: {windows: [1h]}\n"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fleet")
    specs.write_reference(folder / "reference.csv", 20_000)
    (folder / "models").mkdir()
    (folder / "models" / "flight-delay.yaml").write_text(SPEC)
    return folder / "models"


def _history(path: Path, *, shift_every: int = 0, times: bool = True) -> Path:
    """Two days of 20 rows a minute; distances of every ``shift_every``-th quarter of a day are half a deviation up."""
    lines = ["timestamp,hour,distance,carrier" if times else "hour,distance,carrier"]
    start = np.datetime64("2026-01-01T00:00:00")
    for i, row in enumerate(specs.rows(3, 2 * 1440 * 20)):
        features = row["features"]
        assert isinstance(features, dict)
        quarter = i // (6 * 60 * 20)
        distance = features["distance"] + (100 if shift_every and quarter % shift_every == 1 else 0)
        stamp = f"{start + np.timedelta64(3 * i, 's')}," if times else ""
        lines.append(f"{stamp}{features['hour']},{distance},{features['carrier']}")
    path.write_text("\n".join(lines))
    return path


def _json(models: Path, capsys: pytest.CaptureFixture[str], *more: object) -> dict[str, object]:
    assert main(["calibrate", "flight-delay", "--models", str(models), "--format", "json", *map(str, more)]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_the_reference_alone_gives_the_promised_rate(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [window] = _json(models, capsys, "--rows-per-minute", 300)["windows"]  # type: ignore[misc]
    assert window["rows"] == 18_000
    assert window["false_alarms_in_30_days"] == pytest.approx(1e-5 * 720)
    by_name = {one["feature"]: one for one in window["features"]}
    assert set(by_name) == {"hour", "distance", "carrier", "prediction", "confidence"}
    # A shift of d moves the PSI of deciles by about d^2: the threshold of 0.1 decides with many rows.
    assert by_name["distance"]["smallest_drift"] == pytest.approx(0.33, abs=0.04)
    assert 0 < by_name["distance"]["usual_drift_seen_after_seconds"] < 3600


def test_quiet_history_gives_no_false_alarm(tmp_path: Path, models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = _json(models, capsys, "--data", _history(tmp_path / "quiet.csv"))
    assert found["rows_per_minute"] == pytest.approx(20, rel=0.01)
    [window] = found["windows"]  # type: ignore[misc]
    assert window["false_alarms_from"] == "replayed history"
    assert window["false_alarms_in_30_days"] == 0


def test_history_that_swings_alarms_and_the_advice_keeps_it_quiet(
    tmp_path: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = _history(tmp_path / "swings.csv", shift_every=4)
    found = _json(models, capsys, "--data", data)
    [window] = found["windows"]  # type: ignore[misc]
    # Two swings in two days, less the hour in which the first window fills.
    assert window["false_alarms_by_feature"] == {"distance": pytest.approx(30, rel=0.05)}
    warning = found["at_most_one"]["warning"]["distance"]  # type: ignore[index]
    spec = models / "flight-delay.yaml"
    critical = found["at_most_one"]["critical"]["distance"]  # type: ignore[index]
    raised = SPEC.replace(
        "{name: distance, type: numeric}",
        f"{{name: distance, type: numeric, drift: {{warning: {warning}, critical: {critical}}}}}",
    )
    try:
        spec.write_text(raised)
        [again] = _json(models, capsys, "--data", data)["windows"]  # type: ignore[misc]
    finally:
        spec.write_text(SPEC)
    assert again["false_alarms_in_30_days"] == 0


def test_history_without_times_is_drawn_from(tmp_path: Path, models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = _history(tmp_path / "plain.csv", times=False)
    [window] = _json(models, capsys, "--data", data, "--rows-per-minute", 50)["windows"]  # type: ignore[misc]
    assert window["false_alarms_from"] == "rows drawn from history"
    assert window["false_alarms_in_30_days"] < 0.1


def test_a_window_with_too_few_rows_says_so(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "flight-delay", "--models", str(models), "--rows-per-minute", "2"]) == 0
    assert "needs 500 rows, gets 120" in capsys.readouterr().out


def _text(models: Path, capsys: pytest.CaptureFixture[str], *more: object) -> str:
    assert main(["calibrate", "flight-delay", "--models", str(models), *map(str, more)]) == 0
    return capsys.readouterr().out


def test_a_setting_that_sees_nothing_is_not_praised_for_its_silence(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = _text(models, capsys, "--rows-per-minute", 2)
    assert "Nothing can be seen: at 2 rows a minute no window gets the 500 rows that drift.min_samples asks" in out
    assert "which take 4.2 h." in out
    assert "add a window that does: drift: {windows: [6h]}" in out
    assert "yes" not in out
    assert _json(models, capsys, "--rows-per-minute", 2)["sees_drift"] is False
    assert _json(models, capsys, "--rows-per-minute", 300)["sees_drift"] is True


def test_the_window_that_is_advised_sees(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = models / "flight-delay.yaml"
    try:
        spec.write_text(SPEC.replace("windows: [1h]", "windows: [1h, 6h]"))
        out = _text(models, capsys, "--rows-per-minute", 2)
        assert _json(models, capsys, "--rows-per-minute", 2)["sees_drift"] is True
    finally:
        spec.write_text(SPEC)
    assert "No drift can be seen within 1h: at 2 rows a minute they do not get" in out
    assert "yes, this setting gives" in out


def test_where_no_window_is_long_enough_fewer_rows_are_advised(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = _text(models, capsys, "--rows-per-minute", 0.001)
    assert "at 1.4 rows a day" in out
    assert "windows: [" not in out
    assert "ask for fewer rows with drift.min_samples" in out


def test_features_whose_usual_drift_is_never_seen_are_named(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = _text(models, capsys, "--rows-per-minute", 10)
    start = "The usual drift is too small to be seen of "
    lines = [line for line in out.splitlines() if line.startswith(start)]
    never = [row.split()[0] for row in out.splitlines() if row.endswith("never")]
    assert never
    named = [name for line in lines for name in line.removeprefix(start).split(":")[0].split(", ")]
    assert sorted(named) == sorted(never)


@pytest.mark.parametrize(
    ("name", "spelt"),
    [
        ("scored_at", str),
        ("Event_Time", lambda stamp: f"{stamp}Z"),
        ("ts", lambda stamp: stamp.astype(int)),
        ("timestamp", lambda stamp: stamp.astype(int) * 1000),
    ],
)
def test_the_time_is_in_the_column_that_init_would_take(
    tmp_path: Path, models: Path, capsys: pytest.CaptureFixture[str], name: str, spelt: Callable[[Any], object]
) -> None:
    lines = [f"day,{name},hour,distance,carrier"]
    start = np.datetime64("2026-01-01T00:00:00")
    for i, row in enumerate(specs.rows(3, 4_000)):
        features = row["features"]
        assert isinstance(features, dict)
        stamp = spelt(start + np.timedelta64(30 * i, "s"))
        lines.append(f"{i % 28 + 1},{stamp},{features['hour']},{features['distance']},{features['carrier']}")
    data = tmp_path / "history.csv"
    data.write_text("\n".join(lines))
    found = _json(models, capsys, "--data", data)
    assert found["rows_per_minute"] == pytest.approx(2, rel=0.01)
    assert found["rows_per_minute_from"] == f"that of history.csv, by its column {name}"


def test_the_table_is_for_people(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "flight-delay", "--models", str(models), "--rows-per-minute", "300"]) == 0
    out = capsys.readouterr().out
    assert "smallest drift seen with 90 % power" in out
    assert "At most one false alarm in 30 days: yes, this setting gives 0.0072." in out
    loud = ["calibrate", "flight-delay", "--models", str(models), "--rows-per-minute", "300", "--rate", "0.1"]
    assert main(loud) == 0
    assert "drift: {false_alarm_rate: 0.001}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nosuch"], "there is no model 'nosuch'"),
        (["flight-delay", "--data", "absent.csv"], "absent.csv"),
        (["flight-delay", "--data", "{history}", "--time", "when"], "has no column 'when' for --time"),
        (["flight-delay", "--data", "{history}", "--time", "carrier"], "holds no times that can be read"),
    ],
)
def test_what_cannot_be_done_is_one_message(
    arguments: list[str], message: str, tmp_path: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history = _history(tmp_path / "history.csv")
    words = [word.replace("{history}", str(history)) for word in arguments]
    assert main(["calibrate", *words, "--models", str(models)]) == 2
    assert message in capsys.readouterr().err


def _setting(tmp_path: Path, rate: float = 1e-5) -> Setting:
    profile = build_profile(specs.model(), specs.write_reference(tmp_path / "reference.csv", 20_000))
    return setting(specs.model(), profile, rate)


def test_power_agrees_with_windows_drawn_from_the_features_themselves(tmp_path: Path) -> None:
    """A shift found from bins alone is seen in nine of ten windows of rows that really shifted."""
    found = _setting(tmp_path)
    distance = next(watch for watch in found.watched if watch.name == "distance")
    size = smallest_drift(found, distance, Full(2000, 3600))
    assert size is not None
    profile = build_profile(specs.model(), tmp_path / "reference.csv").feature("distance")
    assert profile is not None
    rng = np.random.default_rng(5)
    windows = rng.normal(1000 + 200 * size, 200, (300, 2000))
    counts = np.array([np.bincount(profile.bins.codes(w), minlength=len(profile.counts)) for w in windows])  # type: ignore[union-attr]
    assert found.drifted(distance, counts).mean() == pytest.approx(0.9, abs=0.08)


def test_drifted_shares_stay_shares_and_keep_the_missing(tmp_path: Path) -> None:
    for watch in _setting(tmp_path).watched:
        for size in (0.0, 0.05, 0.3, 6.0):
            shares = drifted_shares(watch, size)
            assert shares.sum() == pytest.approx(1) and (shares >= 0).all()
            assert shares[-1] == pytest.approx(watch.reference[-1] / watch.reference.sum())
        assert drifted_shares(watch, 0) == pytest.approx(watch.reference / watch.reference.sum(), abs=1e-12)


def test_a_larger_drift_is_seen_sooner_and_a_small_one_never(tmp_path: Path) -> None:
    found = _setting(tmp_path)
    distance = next(watch for watch in found.watched if watch.name == "distance")
    half, one = fill_needed(found, distance, Full(5000, 3600), 0.5), fill_needed(found, distance, Full(5000, 3600), 1.0)
    assert half is not None and one is not None and one < half
    assert fill_needed(found, distance, Full(5000, 3600), 0.05) is None


def test_advice_lowers_a_rate_that_is_too_high_and_leaves_one_that_is_not(tmp_path: Path) -> None:
    window = Duration.parse("1h")
    loud = _setting(tmp_path, 0.1)
    assert advise(loud, (judge(loud, window, 100, None),)).rate == 0.001
    quiet = _setting(tmp_path)
    assert advise(quiet, (judge(quiet, window, 100, None),)).rate == 1e-5


def test_a_feature_with_one_single_value_has_no_smallest_drift() -> None:
    watch = Watch(_setting_subject(), np.array([0, 0, 0, 500]))
    assert smallest_drift(Setting((watch,), 1e-5, 100), watch, Full(500, 3600)) is None


def _setting_subject() -> object:
    from modelwatch.exporters.subjects import Subject

    return Subject(specs.FEATURES[0])


@pytest.mark.parametrize("features", [1, 40, 1000])
def test_the_rate_of_a_look_times_looks_and_features_is_the_rate(features: int) -> None:
    alpha = per_look(1e-5, features, 11)
    assert alpha * looks(alpha, 11) * features == pytest.approx(1e-5)


def test_looks_follow_a_simulated_sliding_window() -> None:
    """Nine degrees of freedom, 60 slots, a look in each: how often a window's length alarms, against a single look."""
    rng, alpha, degrees, quantile = np.random.default_rng(4), 1e-2, 9, 21.666
    lengths, alarms, single = 3000, 0, 0
    for _ in range(lengths // 100):
        steps = rng.normal(size=(100, 120, degrees))
        sums = np.cumsum(np.concatenate([np.zeros((100, 1, degrees)), steps], axis=1), axis=1)
        score = ((sums[:, 60:] - sums[:, :-60]) ** 2).sum(axis=2)[:, 1:] / 60
        alarms += int((score > quantile).any(axis=1).sum())
        single += int((score > quantile).sum())
    assert single / lengths / 60 == pytest.approx(alpha, rel=0.25)
    found = alarms / lengths / alpha
    # The formula is for many looks a slot, and so above what one look a slot gives.
    assert 0.6 * looks(alpha, degrees) < found <= 1.05 * looks(alpha, degrees)


def test_calibrate_calls_drifted_exactly_what_the_sidecar_does(tmp_path: Path) -> None:
    """Around both the threshold and chance: five shifts, three numbers of rows, thresholds with effect and without."""
    profile = build_profile(specs.model(), specs.write_reference(tmp_path / "reference.csv", 20_000))
    told = 0
    for warning in ("0.1", "0"):
        features = tuple(
            dataclasses.replace(one, drift=dataclasses.replace(one.drift, warning=Decimal(warning)))
            for one in specs.FEATURES
        )
        model = specs.model(features=features)
        planned, tried = layout(model, profile), setting(model, profile)
        comparison = Comparison(planned)
        assert tried.alpha == alpha(planned)
        for seed, (shift, rows) in enumerate(itertools.product((0.0, 0.1, 0.2, 0.35, 0.8), (300, 600, 4000))):
            counted = count(planned, rows_table(specs.rows(seed, rows, shift=shift)))
            [found] = judgement(comparison, planned.windows[:1], [Vectors(counted.counts, counted.sums)])
            histograms = comparison.histograms(counted.counts)
            for place, watch in enumerate(tried.watched):
                assert planned.compared[place].name == watch.name
                [said] = tried.drifted(watch, histograms.counts[place : place + 1, : len(watch.reference)])
                assert said == bool(found.drifted[place]), (warning, shift, rows, watch.name)
                told += said
    assert 10 < told < 80
