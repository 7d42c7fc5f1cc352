"""Sampling in the running sidecar: what is kept of the rows that are sent, and `modelwatch sampled`."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import httpx2
import numpy as np
import pyarrow.parquet as pq
import pytest
import sampling_rows as made
import specs

from modelwatch.cli.command import Streams
from modelwatch.cli.main import main
from modelwatch.exporters.ingest.json_columns import columns_table
from modelwatch.exporters.ingest.json_rows import rows_table
from modelwatch.exporters.sampling import reading
from modelwatch.exporters.sampling.estimates import estimate
from modelwatch.exporters.sampling.keyed import draw_of
from modelwatch.exporters.sampling.rows import TableRows
from modelwatch.exporters.sampling.samples import Samples
from modelwatch.exporters.sidecar import Sidecar
from modelwatch.exporters.state import State
from modelwatch.model import types as t

SPEC = specs.YAML + "sampling: {rows_per_hour: 600, exclude: [distance]}\n"


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return specs.write_reference(tmp_path_factory.mktemp("data") / "reference.csv", 5000)


def sidecar(reference: Path, state: Path | None, clock: object, **changes: object) -> Sidecar:
    model = specs.model(
        baseline=t.Baseline(data=str(reference)),
        drift=dataclasses.replace(specs.model().drift, min_samples=200),
        sampling=made.sampling(**changes),
    )
    found = Sidecar(specs.fleet(model), State(state) if state else None, clock)  # type: ignore[arg-type]
    found.load()
    return found


def kept(folder: Path) -> list[reading.Record]:
    return list(reading.records(folder / "sampling" / specs.NAME))


def test_a_kept_row_is_what_was_sent_with_why_and_how_likely_and_no_more_than_the_spec_names(
    reference: Path, tmp_path: Path, clock
) -> None:  # type: ignore[no-untyped-def]
    found = sidecar(reference, tmp_path, clock, exclude=("distance",))
    row = {
        "id": "order-1",
        "timestamp": "2026-01-01T00:00:00Z",
        "features": {"hour": 30, "distance": 1000.0, "carrier": "UA", "passenger": "somebody"},
        "prediction": "late",
        "confidence": 0.4,
    }
    found.ingest(specs.NAME, rows_table([row, {"features": {"hour": "wrong"}}]))
    found.samples.close()
    (record,) = kept(tmp_path)
    profile = found.snapshots()[0].layout.profile
    assert profile is not None
    assert record == {
        "id": "order-1",
        "timestamp": 1767225600.0,
        "arrival": clock.wall(),
        "model": specs.NAME,
        "features": {"hour": 30.0, "carrier": "UA"},
        "prediction": "late",
        "confidence": 0.4,
        "stratum": "unsure",
        "strata": ["unsure", "risky", "edge"],
        "probability": 1.0,
        "weight": 1.0,
        "drift": {},
        "reference": profile.sha256,
    }


def test_without_the_section_nothing_is_looked_at_and_no_folder_is_made(reference: Path, tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    found = sidecar(reference, tmp_path, clock)
    plain = Samples(tmp_path / "off", clock)
    layout = dataclasses.replace(found.snapshots()[0].layout, model=specs.model())

    class Untouchable:
        def __getattr__(self, name: str) -> object:
            raise AssertionError(name)

    plain.offer(layout, Untouchable(), [], lambda: {})  # type: ignore[arg-type]  # nothing of it is asked for
    plain.close()
    assert plain.counts() == ([], [])
    assert not (tmp_path / "off").exists()


def test_rows_are_kept_below_the_budget_with_weights_that_stand_for_all_of_them(
    reference: Path, tmp_path: Path, clock
) -> None:  # type: ignore[no-untyped-def]
    found = sidecar(reference, tmp_path, clock, rows_per_hour=1200)
    sent, unsure = 0, 0
    for minute in range(120):
        rows = specs.rows(minute, 100)
        for number, row in enumerate(rows):
            row["id"] = f"{minute}-{number}"
        found.ingest(specs.NAME, rows_table(rows))
        sent += len(rows)
        unsure += sum(float(str(row["confidence"])) < 0.6 for row in rows)
        clock.pass_(60)
    found.samples.close()
    records = kept(tmp_path)
    assert 1800 < len(records) < 2700
    estimates = estimate(records)
    assert abs(estimates.all.total - sent) < 4 * estimates.all.error
    assert abs(estimates.strata["unsure"].total - unsure) < 4 * estimates.strata["unsure"].error
    written, lost = found.samples.counts()
    assert sum(one.rows for one in written) == len(records)
    assert sum(one.rows for one in lost) == 0
    # Every row with a draw below its probability is there, and no other: anybody can tell from the id.
    assert all(draw_of(str(record["id"]), specs.NAME) < record["probability"] for record in records)


def test_drifted_rows_are_found_and_say_what_drifts_and_how_much(reference: Path, tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    found = sidecar(reference, tmp_path, clock, rows_per_hour=3000)
    for number in range(20):
        found.ingest(specs.NAME, rows_table(specs.rows(number, 100, shift=2.0)))
        clock.pass_(11)
    found.samples.close()
    drifted = [record for record in kept(tmp_path) if "drifted" in record["strata"]]
    assert len(drifted) > 30
    for record in drifted:
        assert record["drift"]
        for name, told in record["drift"].items():
            assert name in ("distance", "carrier")
            assert told["window"] == "15m"
            assert told["score"] > 0.1
            assert told["ratio"] >= 2
    # The shift is upwards: what is more frequent than it was are long distances.
    assert np.median([record["features"]["distance"] for record in drifted]) > 1300


def test_a_sampler_that_fails_costs_no_row(reference: Path, tmp_path: Path, clock, monkeypatch, caplog) -> None:  # type: ignore[no-untyped-def]
    found = sidecar(reference, tmp_path, clock)

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(TableRows, "ids", broken)
    with caplog.at_level("ERROR", "modelwatch"):
        for _ in range(5):
            assert found.ingest(specs.NAME, rows_table(specs.rows(1, 10))).accepted == 10
    assert [record.message for record in caplog.records] == [
        f"{specs.NAME}: rows cannot be sampled ({times} times so far)" for times in (1, 2, 4)
    ]


def test_without_state_and_folder_sampling_is_off_and_says_how_to_mend_it(reference: Path, clock, caplog) -> None:  # type: ignore[no-untyped-def]
    with caplog.at_level("ERROR", "modelwatch"):
        found = sidecar(reference, None, clock)
    assert found.ingest(specs.NAME, rows_table(specs.rows(1, 10))).accepted == 10
    assert "start the sidecar with --state, or name a sampling.folder" in caplog.text
    assert found.samples.counts() == ([], [])


def test_a_changed_spec_takes_over_the_folder_and_counters_go_on(reference: Path, tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    found = sidecar(reference, tmp_path, clock)
    found.ingest(specs.NAME, rows_table(specs.rows(1, 3)))
    model = found.snapshots()[0].layout.model
    less = dataclasses.replace(model, sampling=made.sampling(exclude=("hour",), format="parquet"))
    found.load(specs.fleet(less))
    found.ingest(specs.NAME, rows_table(specs.rows(2, 3)))
    found.load(specs.fleet(dataclasses.replace(model, sampling=None)))
    found.ingest(specs.NAME, rows_table(specs.rows(3, 3)))
    assert found.samples.counts() == ([], [])
    found.samples.close()
    folder = tmp_path / "sampling" / specs.NAME
    assert [path.suffix for path in sorted(folder.glob("20*"))] == [".jsonl", ".parquet"]
    assert ["hour" in record["features"] for record in kept(tmp_path)] == [True] * 3 + [False] * 3


def test_columns_of_many_rows_at_once_are_sampled_too(reference: Path, tmp_path: Path, clock) -> None:  # type: ignore[no-untyped-def]
    found = sidecar(reference, tmp_path, clock, strata={"edge": Decimal(0)})
    rng = np.random.default_rng(1)
    columns = {
        "features": {"hour": rng.integers(0, 24, 20_000).tolist(), "carrier": ["UA"] * 20_000},
        "prediction": ["on_time"] * 19_999 + ["late"],
        "id": list(range(20_000)),
    }
    found.ingest(specs.NAME, columns_table(columns))
    found.samples.close()
    records = kept(tmp_path)
    assert 3 <= len(records) <= 60
    assert {record["features"]["distance"] for record in records} == {None}
    assert all(draw_of(record["id"], specs.NAME) < record["probability"] for record in records)


# The command, and the sidecar as a process.


@pytest.fixture
def home(tmp_path: Path, reference: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "reference.csv").write_bytes(reference.read_bytes())
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "flight-delay.yaml").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(*arguments: str) -> tuple[int, str, str]:
    streams = Streams(out=io.StringIO(), err=io.StringIO())
    code = main(["sampled", *arguments], streams)
    return code, streams.out.getvalue(), streams.err.getvalue()  # type: ignore[attr-defined]  # they are StringIO


Start = Callable[[], tuple[subprocess.Popen[str], httpx2.Client]]


@pytest.fixture
def start(home: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def begin() -> tuple[subprocess.Popen[str], httpx2.Client]:
        flags = ("--models", "models", "--state", "state", "--listen", "127.0.0.1:0")
        process = subprocess.Popen(
            [sys.executable, "-m", "modelwatch.exporters", *flags], stderr=subprocess.PIPE, text=True, env=os.environ
        )
        started.append(process)
        assert process.stderr is not None
        url = next(line.split()[-1] for line in process.stderr if "listening on http" in line)
        client = httpx2.Client(base_url=url, timeout=30)
        end = time.monotonic() + 60
        while client.get("/readyz").status_code != 200:
            assert time.monotonic() < end
            time.sleep(0.05)
        return process, client

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def sampled(client: httpx2.Client) -> float:
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("modelwatch_exporter_sampled_rows_total{"))


def test_rows_told_by_the_counter_survive_kill_9_and_the_next_start_goes_on(home: Path, start: Start, wait) -> None:  # type: ignore[no-untyped-def]
    process, client = start()
    for number in range(30):
        answer = client.post("/v1/models/flight-delay/predictions", json={"rows": specs.rows(number, 20)})
        assert answer.status_code == 200
    wait(lambda: sampled(client) > 10)
    told = sampled(client)
    process.send_signal(signal.SIGKILL)
    process.wait()
    folder = home / "state" / "sampling" / "flight-delay"
    before = list(reading.records(folder))
    assert len(before) >= told
    process, client = start()
    client.post("/v1/models/flight-delay/predictions", json={"rows": specs.rows(99, 20)})
    wait(lambda: sampled(client) > 0)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    after = list(reading.records(folder))
    assert after[: len(before)] == before
    assert len(after) > len(before)
    assert not list(folder.glob("*.open"))
    code, out, _ = command("flight-delay", "--state", "state")
    assert code == 0
    assert f"flight-delay: {len(after)} rows kept from " in out


def keep_some(home: Path, count: int = 400) -> None:
    from modelwatch.model.load import load_fleet

    found = Sidecar(load_fleet(home / "models").unwrap(), State(home / "state"))
    (home / "state").mkdir(exist_ok=True)
    found.load()
    rows = specs.rows(1, count)
    rows[0]["id"] = "a\x1b[31mred\n"
    found.ingest("flight-delay", rows_table(rows))
    found.samples.close()


def test_the_command_tells_counts_estimates_and_the_newest_rows(home: Path) -> None:
    keep_some(home)
    code, out, err = command("flight-delay", "--state", "state", "--newest", "2")
    assert (code, err) == (0, "")
    records = list(reading.records(home / "state" / "sampling" / "flight-delay"))
    table = [line.split() for line in out.splitlines()[2:9]]
    assert table[0] == ["kept", "stand", "for", "standard", "error", "share"]
    assert [line[0] for line in table[1:]] == ["unsure", "risky", "edge", "drifted", "rest", "all"]
    assert int(table[-1][1]) == len(records)
    assert int(table[-1][2]) == round(sum(record["weight"] for record in records))
    assert out.count("weight ") == 2
    assert "hour=" in out
    assert "distance=" not in out
    assert "\x1b" not in out
    code, out, _ = command("flight-delay", "--state", "state", "--format", "json")
    document = json.loads(out)
    assert document["all"]["rows"] == len(records)
    assert document["newest"] == records[-5:]


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_all_rows_are_collected_in_one_file_for_labelling(home: Path, ending: str) -> None:
    keep_some(home)
    records = list(reading.records(home / "state" / "sampling" / "flight-delay"))
    code, out, _ = command("flight-delay", "--state", "state", "--output", f"all.{ending}")
    assert code == 0
    assert out.endswith(f"all.{ending}: {len(records)} rows\n")
    if ending == "parquet":
        found = pq.read_table("all.parquet")
        assert found["weight"].to_pylist() == [record["weight"] for record in records]
        assert found["hour"].to_pylist() == [record["features"]["hour"] for record in records]
        assert found["prediction"].to_pylist() == [record["prediction"] for record in records]
    else:
        assert [json.loads(line) for line in Path("all.jsonl").read_text().splitlines()] == records


def test_the_command_says_what_is_wrong_and_how_to_mend_it(home: Path) -> None:
    code, _, err = command("flight-dely")
    assert (code, err) == (
        2,
        "modelwatch: there is no model 'flight-dely' in models\nhelp: did you mean flight-delay?\n",
    )
    code, _, err = command("flight-delay", "--state", "nowhere")
    assert code == 2
    assert (
        "nowhere/sampling/flight-delay: no rows of flight-delay are kept here\nhelp: name the sidecar's folder" in err
    )
    keep_some(home, 1)
    code, _, err = command("flight-delay", "--state", "state", "--output", "all.csv")
    assert (code, err) == (
        2,
        "modelwatch: all.csv: is neither .parquet nor .jsonl\nhelp: name the format by the file's ending\n",
    )
    (home / "models" / "flight-delay.yaml").write_text(SPEC.replace("sampling:", "# sampling:"))
    code, _, err = command("flight-delay", "--state", "elsewhere")
    assert "its spec has no section sampling" in err
