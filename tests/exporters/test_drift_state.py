"""What is kept on disk: continued after a restart, moved aside when damaged, held by one sidecar."""

from __future__ import annotations

import dataclasses
import logging
import os
from pathlib import Path

import pytest
import specs

from modelwatch.exporters import snapshots
from modelwatch.exporters.baseline import find_profile
from modelwatch.exporters.ingest.json_rows import rows_table
from modelwatch.exporters.monitor import Snapshot
from modelwatch.exporters.profile import build_profile, profile_to_json
from modelwatch.exporters.sidecar import NotLoadedError, Reload, Sidecar
from modelwatch.exporters.state import State, StateError
from modelwatch.model import types as t


def _fleet(reference: Path, *features: t.Feature) -> t.Fleet:
    model = specs.model(baseline=t.Baseline(data=str(reference)))
    return specs.fleet(dataclasses.replace(model, features=features or model.features))


def _started(fleet: t.Fleet, root: Path, clock) -> Sidecar:  # type: ignore[no-untyped-def]
    sidecar = Sidecar(fleet, State(root), clock)
    sidecar.load()
    return sidecar


def _counts(snapshot: Snapshot) -> dict[str, list[int]]:
    vectors = {"ever": snapshot.tally.counters, **{str(name): total for name, total in snapshot.totals.items()}}
    return {
        f"{watched.name} {name}": list(map(int, watched.counts(vector)))
        for name, vector in vectors.items()
        for watched in snapshot.layout.watched
    }


def test_a_restart_goes_on_where_the_last_snapshot_was(reference: Path, tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    first = _started(_fleet(reference), tmp_path, clock)
    first.ingest(specs.NAME, rows_table([*specs.rows(1, 700), {"features": {"hour": "x"}}]))
    clock.pass_(200)
    first.ingest(specs.NAME, rows_table(specs.rows(2, 50)))
    (before,) = first.snapshots()
    clock.pass_(60)
    clock.now = 3.0  # another boot of the machine
    (after,) = _started(_fleet(reference), tmp_path, clock).snapshots()
    assert _counts(after) == _counts(before)
    assert (after.tally.accepted, after.tally.rejected, after.tally.last_row) == (750, 1, before.tally.last_row)


def test_windows_age_while_the_sidecar_is_down(reference: Path, tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    first = _started(_fleet(reference), tmp_path, clock)
    first.ingest(specs.NAME, rows_table(specs.rows(1, 700)))
    first.save()
    clock.pass_(1000)
    (after,) = _started(_fleet(reference), tmp_path, clock).snapshots()
    hour = after.layout.watched[0]
    assert [int(hour.counts(after.totals[window.milliseconds]).sum()) for window in after.layout.windows] == [0, 700]
    assert hour.counts(after.tally.counters).sum() == 700


@pytest.mark.parametrize("jump", [-1e6, -1.0])
def test_a_wall_clock_that_was_set_back_ages_nothing(reference: Path, tmp_path: Path, clock, jump: float) -> None:  # type: ignore[no-untyped-def]
    first = _started(_fleet(reference), tmp_path, clock)
    first.ingest(specs.NAME, rows_table(specs.rows(1, 700)))
    clock.pass_(500)
    first.ingest(specs.NAME, rows_table(specs.rows(2, 1)))
    (before,) = first.snapshots()
    clock.epoch += jump
    again = _started(_fleet(reference), tmp_path, clock)
    (after,) = again.snapshots()
    assert _counts(after) == _counts(before)
    clock.pass_(430)
    (later,) = again.snapshots()
    assert [later.layout.watched[0].counts(total).sum() for total in later.totals.values()] == [1, 701]


def test_a_wall_clock_that_jumps_while_running_moves_no_window(reference: Path, tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    sidecar = _started(_fleet(reference), tmp_path, clock)
    sidecar.ingest(specs.NAME, rows_table(specs.rows(1, 700)))
    (before,) = sidecar.snapshots()
    clock.epoch += 1e7
    (after,) = sidecar.snapshots()
    assert _counts(after) == _counts(before)


def test_what_was_answered_is_on_disk_already_and_a_scrape_writes_nothing(  # type: ignore[no-untyped-def]
    reference: Path, tmp_path: Path, clock
) -> None:
    sidecar = _started(_fleet(reference), tmp_path, clock)
    for step in range(5):
        sidecar.ingest(specs.NAME, rows_table(specs.rows(step, 10)))
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
        (shown,) = sidecar.snapshots()
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
        kept = State(tmp_path).load(specs.NAME)
        assert kept is not None
        assert (kept.counters == shown.tally.counters).all()
        assert kept.accepted == shown.tally.accepted


def test_a_snapshot_without_news_is_not_written_again(reference: Path, tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    sidecar = _started(_fleet(reference), tmp_path, clock)
    file = tmp_path / f"{specs.NAME}.state"
    os.utime(file, (1, 1))
    sidecar.ingest(specs.NAME, rows_table(specs.rows(1, 10)))
    sidecar.keep()
    assert file.stat().st_mtime == 1  # the journal has it, and the last snapshot is fresh
    clock.pass_(61)
    sidecar.keep()
    assert file.stat().st_mtime > 1
    os.utime(file, (1, 1))
    clock.pass_(61)
    sidecar.keep()
    sidecar.save()
    assert file.stat().st_mtime == 1


def test_a_snapshot_is_taken_when_the_journal_has_grown_long(  # type: ignore[no-untyped-def]
    reference: Path, tmp_path: Path, clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelwatch.exporters.sidecar.SNAPSHOT_BYTES", 20_000)
    sidecar = _started(_fleet(reference), tmp_path, clock)
    largest = 0
    for step in range(300):
        sidecar.ingest(specs.NAME, rows_table(specs.rows(step, 100)))
        sidecar.keep()
        largest = max(largest, sidecar.health().journal_bytes)
    assert 20_000 < largest < 60_000
    assert sidecar.health().journal_segments <= 3
    assert sidecar.health().last_snapshot == clock.epoch
    kept = State(tmp_path).load(specs.NAME)
    assert kept is not None and kept.accepted == 30_000


def test_what_shall_outlive_a_power_cut_is_flushed_to_the_disk(  # type: ignore[no-untyped-def]
    reference: Path, tmp_path: Path, clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sidecar = _started(_fleet(reference), tmp_path, clock)
    flushed: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda file: flushed.append(Path(f"/proc/self/fd/{file}").readlink().name))
    sidecar.ingest(specs.NAME, rows_table(specs.rows(1, 10)))
    sidecar.snapshots()
    assert not flushed
    sidecar.keep()
    (segment,) = (tmp_path / f"{specs.NAME}.journal").iterdir()
    # The segment, and the folders that name it and its folder.
    assert flushed == [segment.name, f"{specs.NAME}.journal", tmp_path.name]
    sidecar.ingest(specs.NAME, rows_table(specs.rows(2, 10)))
    sidecar.keep()
    assert flushed[3:] == [segment.name]
    sidecar.keep()
    assert flushed[4:] == []
    sidecar.save()
    assert flushed[4:] == [f"{specs.NAME}.new", tmp_path.name]


def test_an_older_snapshot_never_replaces_a_newer_one(reference: Path, tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    sidecar = _started(_fleet(reference), tmp_path, clock)
    (old,) = sidecar.snapshots()
    sidecar.ingest(specs.NAME, rows_table(specs.rows(1, 10)))
    sidecar.save()
    assert sidecar._state is not None
    assert sidecar._state.save(old.tally, specs.NAME)
    assert snapshots.decoded((tmp_path / f"{specs.NAME}.state").read_bytes()).accepted == 10


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content[:100] + b"9" + content[101:],
        lambda content: b"\0" * len(content),
        lambda content: _signed(b"{}"),
        lambda content: _signed(b"[]"),
    ],
)
def test_a_damaged_snapshot_is_moved_aside_counted_told_and_costs_nothing(  # type: ignore[no-untyped-def]
    reference: Path, tmp_path: Path, clock, caplog: pytest.LogCaptureFixture, damage
) -> None:
    first = _started(_fleet(reference), tmp_path, clock)
    for step in range(3):
        first.ingest(specs.NAME, rows_table(specs.rows(step, 10)))
        first.save()
    first.ingest(specs.NAME, rows_table(specs.rows(9, 10)))
    (before,) = first.snapshots()
    file = tmp_path / f"{specs.NAME}.state"
    file.write_bytes(damage(file.read_bytes()))
    damaged = file.read_bytes()
    caplog.set_level(logging.ERROR)
    again = _started(_fleet(reference), tmp_path, clock)
    (after,) = again.snapshots()
    assert after.tally.accepted == 40
    assert _counts(after) == _counts(before)
    assert again.failures() == {"load": 1, "save": 0}
    assert (tmp_path / f"{specs.NAME}.corrupt").read_bytes() == damaged
    assert f"{specs.NAME}.state" in caplog.text and "counting goes on from what else is kept" in caplog.text
    assert again.readiness().ready


def test_with_both_snapshots_damaged_the_journal_counts_and_what_it_lacks_is_told(  # type: ignore[no-untyped-def]
    reference: Path, tmp_path: Path, clock, caplog: pytest.LogCaptureFixture
) -> None:
    first = _started(_fleet(reference), tmp_path, clock)
    for step in range(5):
        first.ingest(specs.NAME, rows_table(specs.rows(step, 10)))
        first.save()
    for suffix in ("state", "previous"):
        (tmp_path / f"{specs.NAME}.{suffix}").write_text("damaged")
    again = _started(_fleet(reference), tmp_path, clock)
    assert again.snapshots()[0].tally.accepted == 10
    assert again.failures() == {"load": 3, "save": 0}
    assert "goes on with request 5: up to 4 requests before it are not counted" in caplog.text
    again.ingest(specs.NAME, rows_table(specs.rows(7, 10)))
    assert _started(_fleet(reference), tmp_path, clock).snapshots()[0].tally.accepted == 20


def _signed(text: bytes) -> bytes:
    import hashlib

    return hashlib.sha256(text).hexdigest().encode() + b"\n" + text


def test_a_snapshot_that_cannot_be_saved_is_counted_and_nothing_is_lost(reference: Path, tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    sidecar = _started(_fleet(reference), tmp_path, clock)
    (tmp_path / f"{specs.NAME}.new").mkdir()  # as good as a full disk, also for root
    for step in range(4):
        sidecar.ingest(specs.NAME, rows_table(specs.rows(step, 10)))
        clock.pass_(61)
        sidecar.keep()
        sidecar.keep()  # not again at once
    assert sidecar.failures() == {"load": 0, "save": 4}
    kept = State(tmp_path).load(specs.NAME)
    assert kept is not None and kept.accepted == 40
    (tmp_path / f"{specs.NAME}.new").rmdir()
    clock.pass_(11)
    sidecar.keep()
    assert snapshots.decoded((tmp_path / f"{specs.NAME}.state").read_bytes()).accepted == 40
    assert sidecar.failures() == {"load": 0, "save": 4}


def test_one_sidecar_holds_a_folder(tmp_path: Path) -> None:
    root = tmp_path / "deep" / "state"
    refused = pytest.raises(StateError, match=rf"another sidecar \(process {os.getpid()}\)")
    with State(root).held(), refused, State(root).held():
        pass
    with State(root).held():
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StateError, match="choose another folder with --state"),
        State(tmp_path / "file" / "state").held(),
    ):
        pass


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
    sidecar = Sidecar(_fleet(reference), None, clock)
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
    sidecar = Sidecar(specs.fleet(*_fleet(reference).models, lost, none), None, clock)
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
    one, two = _fleet(reference).models[0], specs.model("two")
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


def test_scores_are_warming_until_critical_values_are_worked_out(reference: Path, clock) -> None:  # type: ignore[no-untyped-def]
    sidecar = Sidecar(_fleet(reference), None, clock)
    assert not sidecar.warming, "nothing is loaded that could be judged"
    sidecar.load()
    assert sidecar.warming
    sidecar.warm()
    assert not sidecar.warming
    sidecar.load()
    assert not sidecar.warming, "nothing changed"
    sidecar.load(_fleet(reference, specs.feature("hour")))
    assert sidecar.warming


def test_a_reload_keeps_the_counts_of_features_whose_bins_stay(reference: Path, tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    sidecar = _started(_fleet(reference), tmp_path, clock)
    sidecar.ingest(specs.NAME, rows_table(specs.rows(1, 700)))
    (before,) = sidecar.snapshots()
    sidecar.load(
        _fleet(reference, specs.feature("carrier", "categorical"), specs.feature("hour"), specs.feature("new"))
    )
    (after,) = sidecar.snapshots()
    kept, was = _counts(after), _counts(before)
    assert [watched.name for watched in after.layout.watched] == ["carrier", "hour", "new", "prediction", "confidence"]
    for name in ("carrier", "hour", "prediction"):
        assert kept[f"{name} ever"] == was[f"{name} ever"]
        assert kept[f"{name} 900000"] == was[f"{name} 900000"]
    assert after.tally.accepted == 700


def test_a_reload_with_other_bins_starts_that_feature_afresh(reference: Path, tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    data = tmp_path / "data.csv"
    data.write_bytes(reference.read_bytes())
    sidecar = _started(_fleet(data), tmp_path / "state", clock)
    sidecar.ingest(specs.NAME, rows_table(specs.rows(1, 700)))
    header, *lines = reference.read_text().splitlines()
    moved = [",".join([a, str(float(b) * 3), *rest]) for a, b, *rest in (line.split(",") for line in lines)]
    data.write_text("\n".join([header, *moved]) + "\n")
    sidecar.load()
    (after,) = sidecar.snapshots()
    kept = _counts(after)
    assert sum(kept["hour ever"]) == 700
    assert sum(kept["distance ever"]) == 0
    assert after.layout.profile is not None and after.layout.profile.rows == 2000


def test_a_reload_without_changes_leaves_the_monitor_alone(reference: Path, tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    sidecar = _started(_fleet(reference), tmp_path, clock)
    before = sidecar._monitors[specs.NAME]
    sidecar.load(_fleet(reference))
    assert sidecar._monitors[specs.NAME] is before


def test_a_reload_that_fails_keeps_the_profile_in_use_and_says_so(reference: Path, tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    data = tmp_path / "data.csv"
    data.write_bytes(reference.read_bytes())
    sidecar = _started(_fleet(data), tmp_path / "state", clock)
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
    assert sum(_counts(after)["distance ever"]) == 700
    data.write_bytes(reference.read_bytes())
    sidecar.load()
    assert sidecar.readiness().ready
    assert sidecar.reload == Reload(True, clock.wall())


def test_models_come_and_go_with_the_fleet(reference: Path, tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    sidecar = _started(_fleet(reference), tmp_path, clock)
    sidecar.ingest(specs.NAME, rows_table(specs.rows(1, 20)))
    other = specs.model("other")
    sidecar.load(specs.fleet(other))
    assert sidecar.names == ["other"]
    assert [found.layout.model.name for found in sidecar.snapshots()] == ["other"]
    with pytest.raises(KeyError):
        sidecar.ingest(specs.NAME, rows_table([]))
    sidecar.load(specs.fleet(other, *_fleet(reference).models))
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
