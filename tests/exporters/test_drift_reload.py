"""Profiles and specs are loaded anew: what changed is taken up, and what cannot be had changes nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import specs
from started import counts_of, fleet_of, started

from modelwatch.exporters.baseline import find_profile
from modelwatch.exporters.ingest.json_rows import rows_table
from modelwatch.exporters.profile import build_profile, profile_to_json
from modelwatch.exporters.sidecar import NotLoadedError, Reload, Sidecar
from modelwatch.model import types as t

# --- profiles and reloading ---


def test_a_built_profile_is_kept_and_built_again_only_when_data_or_features_change(
    reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = []
    monkeypatch.setattr(
        "modelwatch.exporters.baseline.build_apart", lambda *found: (built.append(found), build_profile(*found))[1]
    )
    data = tmp_path / "data.csv"
    data.write_bytes(reference.read_bytes())
    model = specs.model(baseline=t.Baseline(data=str(data)))
    first = find_profile(model, tmp_path / "profiles")
    assert find_profile(model, tmp_path / "profiles") == first
    assert len(built) == 1
    find_profile(dataclasses.replace(model, features=model.features[:2]), tmp_path / "profiles")
    assert len(built) == 2
    data.write_bytes(reference.read_bytes() + b"3,900,UA,late,0.5\n")
    assert find_profile(model, tmp_path / "profiles") != first
    assert len(built) == 3
    (kept,) = (tmp_path / "profiles" / specs.NAME).iterdir()
    kept.write_text("damaged")
    find_profile(model, tmp_path / "profiles")
    assert len(built) == 4


def test_a_saved_profile_wins_over_data(reference: Path, tmp_path: Path) -> None:
    saved = build_profile(specs.model(), reference)
    (tmp_path / "profile.json").write_text(profile_to_json(saved))
    baseline = t.Baseline(data="nowhere.csv", profile=str(tmp_path / "profile.json"))
    assert find_profile(specs.model(baseline=baseline), None) == saved


def test_before_it_is_loaded_a_model_takes_no_rows_and_an_unknown_one_never_does(reference: Path, clock) -> None:  # type: ignore[no-untyped-def]
    sidecar = Sidecar(fleet_of(reference), None, clock)
    assert sidecar.readiness().loading == (specs.NAME,)
    with pytest.raises(NotLoadedError):
        sidecar.ingest(specs.NAME, rows_table([]))
    with pytest.raises(KeyError):
        sidecar.ingest("unknown", rows_table([]))
    sidecar.load()
    assert sidecar.readiness().ready


def test_a_missing_baseline_is_named_and_the_other_models_are_loaded(reference: Path, clock) -> None:  # type: ignore[no-untyped-def]
    lost = specs.model("lost", baseline=t.Baseline(data="nowhere.parquet"))
    none = specs.model("none")
    sidecar = Sidecar(specs.fleet(*fleet_of(reference).models, lost, none), None, clock)
    sidecar.load()
    ready = sidecar.readiness()
    assert not ready.ready
    assert list(ready.missing) == ["lost"]
    assert "nowhere.parquet: cannot be read (no such file" in ready.missing["lost"]
    assert sidecar.ingest("lost", rows_table(specs.rows(1, 5))).accepted == 5
    assert sidecar.ingest("none", rows_table(specs.rows(1, 5))).accepted == 5
    assert sidecar.ingest(specs.NAME, rows_table(specs.rows(1, 5))).accepted == 5


def test_a_reference_file_that_was_mended_is_taken_up_without_a_signal_and_its_reason_is_gone(
    reference: Path, tmp_path: Path, clock, caplog: pytest.LogCaptureFixture
) -> None:  # type: ignore[no-untyped-def]
    data = tmp_path / "data.csv"
    sidecar = Sidecar(specs.fleet(specs.model(baseline=t.Baseline(data=str(data)))), None, clock)
    sidecar.load()
    assert "no such file" in sidecar.readiness().missing[specs.NAME]
    assert "within seconds of a change of that file" in sidecar.readiness().missing[specs.NAME]
    assert not sidecar.retry(), "nothing has changed"
    data.write_text("broken\n1\n")
    assert sidecar.retry()
    assert "no column for" in sidecar.readiness().missing[specs.NAME]
    assert "no such file" not in sidecar.readiness().missing[specs.NAME]
    ((_, judgements),) = sidecar.judged()
    reasons = {why.sentence for judgement in judgements for why in judgement.inactive if why}
    assert "no column for" in str(reasons)
    assert "no such file" not in str(reasons), "the old reason does not stay beside the new one"
    assert not sidecar.reload.successful
    data.write_bytes(reference.read_bytes())
    assert sidecar.retry()
    assert sidecar.readiness().ready
    assert sidecar.reload.successful
    assert sidecar.snapshots()[0].layout.profile is not None
    assert not sidecar.retry(), "it has what it needs"


def test_a_profile_that_is_not_there_is_told_with_the_command_that_makes_it(tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    gone = specs.model(baseline=t.Baseline(profile=str(tmp_path / "p.json")))
    sidecar = Sidecar(specs.fleet(gone), None, clock)
    sidecar.load()
    assert f"`modelwatch profile {specs.NAME}` makes it" in sidecar.readiness().missing[specs.NAME]


def test_specs_that_cannot_be_read_stay_told_when_a_profile_is_mended(reference: Path, tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    data = tmp_path / "data.csv"
    sidecar = Sidecar(specs.fleet(specs.model(baseline=t.Baseline(data=str(data)))), None, clock)
    sidecar.load()
    sidecar.not_reloaded("m.yaml:1:1 is wrong")
    data.write_bytes(reference.read_bytes())
    assert sidecar.retry()
    assert (sidecar.reload.successful, sidecar.reload.problem) == (False, "m.yaml:1:1 is wrong")


def test_the_log_says_what_a_load_has_changed(reference: Path, clock, caplog: pytest.LogCaptureFixture) -> None:  # type: ignore[no-untyped-def]
    caplog.set_level("INFO")
    one, two = fleet_of(reference).models[0], specs.model("two")
    sidecar = Sidecar(specs.fleet(one, two), None, clock)
    sidecar.load()
    sidecar.load()
    changed = specs.model("two", task=t.Task(type="regression"))
    sidecar.load(specs.fleet(changed, specs.model("three")))
    lost = specs.model("three", baseline=t.Baseline(data="nowhere.parquet"))
    sidecar.load(specs.fleet(changed, lost))
    assert [line for line in caplog.messages if line.startswith("loaded: ")] == [
        "loaded: 2 models, new: flight-delay, two",
        "loaded: 2 models, nothing changed",
        "loaded: 2 models, new: three; changed: two; no longer watched: flight-delay",
        "loaded: 2 models, changed: three; without the profile that the spec names: three",
    ]


def test_scores_are_warming_until_critical_values_are_worked_out(
    reference: Path,
    clock,  # type: ignore[no-untyped-def]
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("modelwatch.exporters.critical.MOST_ROWS", 1000)
    sidecar = Sidecar(fleet_of(reference), None, clock)
    assert not sidecar.warming, "nothing is loaded that could be judged"
    sidecar.load()
    assert sidecar.warming
    sidecar.warm()
    assert not sidecar.warming
    sidecar.load()
    assert not sidecar.warming, "nothing changed"
    sidecar.load(fleet_of(reference, specs.feature("hour")))
    assert sidecar.warming


def test_a_reload_keeps_the_counts_of_features_whose_bins_stay(reference: Path, tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    sidecar = started(fleet_of(reference), tmp_path, clock)
    sidecar.ingest(specs.NAME, rows_table(specs.rows(1, 700)))
    (before,) = sidecar.snapshots()
    sidecar.load(
        fleet_of(reference, specs.feature("carrier", "categorical"), specs.feature("hour"), specs.feature("new"))
    )
    (after,) = sidecar.snapshots()
    kept, was = counts_of(after), counts_of(before)
    assert [watched.name for watched in after.layout.watched] == ["carrier", "hour", "new", "prediction", "confidence"]
    for name in ("carrier", "hour", "prediction"):
        assert kept[f"{name} ever"] == was[f"{name} ever"]
        assert kept[f"{name} 900000"] == was[f"{name} 900000"]
    assert after.tally.accepted == 700


def test_a_reload_with_other_bins_starts_that_feature_afresh(reference: Path, tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    data = tmp_path / "data.csv"
    data.write_bytes(reference.read_bytes())
    sidecar = started(fleet_of(data), tmp_path / "state", clock)
    sidecar.ingest(specs.NAME, rows_table(specs.rows(1, 700)))
    header, *lines = reference.read_text().splitlines()
    moved = [",".join([a, str(float(b) * 3), *rest]) for a, b, *rest in (line.split(",") for line in lines)]
    data.write_text("\n".join([header, *moved]) + "\n")
    sidecar.load()
    (after,) = sidecar.snapshots()
    kept = counts_of(after)
    assert sum(kept["hour ever"]) == 700
    assert sum(kept["distance ever"]) == 0
    assert after.layout.profile is not None and after.layout.profile.rows == 2000


def test_a_reload_without_changes_leaves_the_monitor_alone(reference: Path, tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    sidecar = started(fleet_of(reference), tmp_path, clock)
    before = sidecar._monitors[specs.NAME]
    sidecar.load(fleet_of(reference))
    assert sidecar._monitors[specs.NAME] is before


def test_a_reload_that_fails_keeps_the_profile_in_use_and_says_so(reference: Path, tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    data = tmp_path / "data.csv"
    data.write_bytes(reference.read_bytes())
    sidecar = started(fleet_of(data), tmp_path / "state", clock)
    sidecar.ingest(specs.NAME, rows_table(specs.rows(1, 700)))
    assert sidecar.reload == Reload(True, clock.wall())
    loaded = clock.wall()
    clock.pass_(60)
    data.write_text("something,else\n1,2\n")
    sidecar.load()
    assert sidecar.reload == Reload(False, loaded)
    assert "no column for 'hour'" in sidecar.readiness().missing[specs.NAME]
    (after,) = sidecar.snapshots()
    assert after.layout.profile is not None
    assert sum(counts_of(after)["distance ever"]) == 700
    data.write_bytes(reference.read_bytes())
    sidecar.load()
    assert sidecar.readiness().ready
    assert sidecar.reload == Reload(True, clock.wall())


def test_models_come_and_go_with_the_fleet(reference: Path, tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    sidecar = started(fleet_of(reference), tmp_path, clock)
    sidecar.ingest(specs.NAME, rows_table(specs.rows(1, 20)))
    other = specs.model("other")
    sidecar.load(specs.fleet(other))
    assert sidecar.names == ["other"]
    assert [found.layout.model.name for found in sidecar.snapshots()] == ["other"]
    with pytest.raises(KeyError):
        sidecar.ingest(specs.NAME, rows_table([]))
    sidecar.load(specs.fleet(other, *fleet_of(reference).models))
    assert [found.tally.accepted for found in sidecar.snapshots()] == [20, 0]


def test_whatever_goes_wrong_with_one_model_the_others_are_loaded(  # type: ignore[no-untyped-def]
    reference: Path, clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(model: t.Model, cache: Path | None) -> None:
        if model.name == "bad":
            raise RuntimeError("out of luck")

    monkeypatch.setattr("modelwatch.exporters.sidecar.find_profile", explode)
    sidecar = Sidecar(specs.fleet(specs.model("bad"), specs.model("good")), None, clock)
    sidecar.load()
    assert sidecar.readiness().missing == {"bad": "cannot be loaded: out of luck"}
    assert sidecar.ingest("good", rows_table(specs.rows(1, 5))).accepted == 5
