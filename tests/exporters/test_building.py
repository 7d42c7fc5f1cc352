"""A profile is built in a process of its own: the sidecar stays small, and neither outlives the other by mistake."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import psutil
import pytest
import specs

from modelwatch.exporters import baseline
from modelwatch.exporters.building import build_apart
from modelwatch.exporters.profile import build_profile
from modelwatch.exporters.reference import ProfileError

SERVE = Path(__file__).parent / "serve.py"


class Sidecar:
    def __init__(self, folder: Path, data: Path) -> None:
        self.log = folder / "log"
        with self.log.open("w") as log:
            command = [sys.executable, str(SERVE), str(folder / "state"), str(data)]
            self.popen = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.popen.stdout is not None
        self.client = httpx2.Client(base_url=self.popen.stdout.readline().strip(), timeout=30)
        self.process = psutil.Process(self.popen.pid)

    def missing(self) -> dict[str, str]:
        return self.client.get("/readyz").json()["missing"]  # type: ignore[no-any-return]

    def builder(self) -> psutil.Process:
        """The process that builds, once there is one and it has its task."""
        _wait(self.process.children)
        (found,) = self.process.children()
        _wait(lambda: found.num_threads() > 1)
        return found


def _wait(until: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not until():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[Path], Sidecar]]:
    started: list[Sidecar] = []

    def begin(data: Path) -> Sidecar:
        started.append(Sidecar(tmp_path, data))
        return started[-1]

    yield begin
    for found in started:
        found.client.close()
        found.popen.kill()
        found.popen.communicate()


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """A file that can be read once, as it is for its hash; who reads it again waits for ever."""
    pipe = tmp_path / "endless.csv"
    os.mkfifo(pipe)
    threading.Thread(target=lambda: pipe.write_text("hour,distance,carrier\n1,2,UA\n"), daemon=True).start()
    return pipe


def test_the_profile_is_the_one_that_is_built_here(tmp_path: Path) -> None:
    data, seen = specs.write_reference(tmp_path / "r.csv", 20_000), list[float]()
    assert build_apart(specs.model(), data, seen.append) == build_profile(specs.model(), data)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_what_is_wrong_with_the_data_is_told_as_if_it_were_built_here(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("hour\n1\n")
    with pytest.raises(ProfileError) as here:
        build_profile(specs.model(), tmp_path / "r.csv")
    with pytest.raises(ProfileError) as apart:
        build_apart(specs.model(), tmp_path / "r.csv", lambda _: None)
    assert str(apart.value) == str(here.value)


def test_progress_is_logged_while_it_takes_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(baseline, "PROGRESS_SECONDS", 0.0)
    model = specs.model(baseline=baseline.t.Baseline(data=str(specs.write_reference(tmp_path / "r.csv", 2000))))
    with caplog.at_level("INFO"):
        baseline.find_profile(model, None)
    assert "100 % of" in caplog.text


def test_the_sidecar_that_had_a_profile_built_stays_below_100_mib(
    start: Callable[[Path], Sidecar], tmp_path: Path
) -> None:
    found = start(specs.write_reference(tmp_path / "r.csv", 20_000))
    _wait(lambda: found.client.get("/readyz").status_code == 200)
    assert not found.process.children()
    assert found.process.memory_info().rss < 100 << 20
    assert not [region.path for region in found.process.memory_maps() if "libarrow" in region.path]


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_both_end_when_the_sidecar_is_ended_and_nothing_is_left_half_written(
    start: Callable[[Path], Sidecar], tmp_path: Path, endless: Path, by: signal.Signals
) -> None:
    found = start(endless)
    builder = found.builder()
    found.process.send_signal(by)
    assert found.popen.wait(20) == (0 if by != signal.SIGKILL else -by)
    _wait(lambda: not builder.is_running() or builder.status() == psutil.STATUS_ZOMBIE)
    assert not list((tmp_path / "state").rglob("profiles/*/*"))
    assert "Traceback" not in found.log.read_text()


def test_the_sidecar_outlives_a_build_that_is_killed_and_says_how_to_mend_it(
    start: Callable[[Path], Sidecar], endless: Path
) -> None:
    found = start(endless)
    found.builder().kill()
    _wait(found.missing)
    assert "ended by SIGKILL, perhaps for want of memory" in found.missing()[specs.NAME]
    assert "modelwatch profile" in found.missing()[specs.NAME]
    assert found.client.get("/healthz").status_code == 200


def test_large_blocks_that_are_free_are_given_back_from_the_midst_of_the_heap_too() -> None:
    script = (
        "import psutil\nfrom modelwatch.exporters.memory import give_back, hold_little\nhold_little()\n"
        "before = psutil.Process().memory_info().rss\n"
        "for _ in range(5):\n"
        "    blocks = [b'x' * (12 << 20) for _ in range(4)]\n"
        # Behind the last of them something small stays, so that the heap could not shrink if they were in it.
        "    small = bytearray(200_000)\n"
        "    del blocks\n"
        "give_back()\n"
        "print(psutil.Process().memory_info().rss - before >> 20)"
    )
    kept = [
        int(subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True).stdout)
        for text in (script, script.replace("give_back()\n", ""))
    ]
    assert kept[0] <= 4
    assert kept[1] > 40
