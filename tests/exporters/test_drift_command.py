"""``python -m modelwatch.exporters``: specs from a folder, and what a person sees when they are wrong."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
import specs

SPEC = specs.YAML


@pytest.fixture
def models(tmp_path: Path) -> Path:
    specs.write_reference(tmp_path / "reference.csv", 500)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "flight-delay.yaml").write_text(SPEC)
    return tmp_path / "models"


Run = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def run() -> Iterator[Run]:
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object, **environ: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "modelwatch.exporters", *map(str, arguments)]
        found = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **environ})
        started.append(found)
        return found

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def _url(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if "listening on http" in line:
            return line.split()[-1]
    raise AssertionError("it ended before it listened")


def test_specs_of_a_folder_are_watched_and_taken_up_again_on_hup(
    run: Run, models: Path, wait: Callable[..., None]
) -> None:
    process = run("--models", models, "--state", models.parent / "state", "--listen", "127.0.0.1:0")
    client = httpx2.Client(base_url=_url(process), timeout=30)
    wait(lambda: client.get("/readyz").status_code == 200)
    assert "modelwatch_exporter_config_last_reload_successful 1.0" in client.get("/metrics").text
    wait(lambda: client.get("/v1/models").json()["last_reload"]["last_success"])
    loaded = client.get("/v1/models").json()["last_reload"]
    assert (loaded["successful"], loaded["problem"]) == (True, None)
    (models / "flight-delay.yaml").write_text("broken: [")
    process.send_signal(signal.SIGHUP)
    assert process.stderr is not None
    assert any("the specs cannot be loaded, so the ones in use stay" in line for line in process.stderr)
    assert client.get("/readyz").status_code == 200
    assert "modelwatch_exporter_config_last_reload_successful 0.0" in client.get("/metrics").text
    told = client.get("/v1/models").json()["last_reload"]
    assert "flight-delay.yaml:1:" in told["problem"]
    assert (told["successful"], told["last_success"]) == (False, loaded["last_success"])
    (models / "other.yaml").write_text(SPEC.replace("flight-delay", "other"))
    (models / "flight-delay.yaml").write_text(SPEC)
    process.send_signal(signal.SIGHUP)
    wait(lambda: [m["name"] for m in client.get("/v1/models").json()["models"]] == ["flight-delay", "other"])
    wait(lambda: client.get("/readyz").status_code == 200)
    wait(lambda: client.get("/v1/models").json()["last_reload"]["successful"])
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


def test_a_broken_spec_ends_with_its_place_and_no_traceback(run: Run, models: Path) -> None:
    (models / "flight-delay.yaml").write_text(SPEC.replace("numeric", "numerical"))
    process = run("--models", models)
    _, log = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "flight-delay.yaml:7:" in log
    assert "Traceback" not in log


def test_a_reload_that_fails_says_how_to_mend_it_and_an_end_by_a_signal_leaves_a_line(
    run: Run, models: Path, wait: Callable[..., None]
) -> None:
    process = run("--models", models, "--state", models.parent / "state", "--listen", "127.0.0.1:0")
    client = httpx2.Client(base_url=_url(process), timeout=30)
    wait(lambda: client.get("/readyz").status_code == 200)
    (models / "flight-delay.yaml").write_text(SPEC.replace("type: numeric", "type: numerical"))
    process.send_signal(signal.SIGHUP)
    wait(lambda: client.get("/v1/models").json()["last_reload"]["problem"])
    problem = client.get("/v1/models").json()["last_reload"]["problem"]
    assert "; help: did you mean 'numeric'" in problem
    client.close()
    process.terminate()
    log = process.communicate(timeout=60)[1]
    assert problem.splitlines()[0] in log
    assert "SIGTERM: ending; what was counted is kept" in log.splitlines()[-1]


def test_the_port_follows_its_variable(run: Run, models: Path) -> None:
    port = _free_port()
    process = run("--models", models, MODELWATCH_PORT_EXPORTER=str(port))
    assert _url(process) == f"http://127.0.0.1:{port}"


def test_a_variable_that_is_no_port_is_told(run: Run, models: Path) -> None:
    process = run("--models", models, MODELWATCH_PORT_EXPORTER="many")
    assert "MODELWATCH_PORT_EXPORTER='many' is no port" in process.communicate(timeout=60)[1]
    assert process.returncode == 2


ROW = {"model": "flight-delay", "features": {"hour": 7, "carrier": "UA"}, "prediction": "late"}


def _accepted(url: str) -> int:
    found = httpx2.get(f"{url}/v1/models/flight-delay").json()
    return found["rows"]["accepted"] if "rows" in found else 0


def test_prediction_logs_are_counted_and_a_restart_goes_on_behind_them(
    run: Run, models: Path, tmp_path: Path, wait: Callable[..., None]
) -> None:
    log = tmp_path / "volume" / "app.jsonl"
    log.parent.mkdir()
    log.write_text((json.dumps(ROW) + "\n") * 100 + "no row\n")
    arguments = ("--models", models, "--state", tmp_path / "state", "--listen", "127.0.0.1:0", "--logs", log.parent)
    process = run(*arguments)
    url = _url(process)
    wait(lambda: _accepted(url) == 100)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    with log.open("a") as file:
        file.write((json.dumps(ROW) + "\n") * 11)
    process = run(*arguments)
    url = _url(process)
    wait(lambda: _accepted(url) >= 111)
    time.sleep(1.5)  # two more looks
    assert _accepted(url) == 111


def test_a_token_file_is_asked_for_by_the_process_as_well(run: Run, models: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hush-hush")
    process = run(
        "--models", models, "--listen", "127.0.0.1:0", "--token-file", tmp_path / "token", "--protect-metrics"
    )
    url = _url(process)
    assert httpx2.get(f"{url}/metrics").status_code == 401
    assert httpx2.get(f"{url}/metrics", headers={"Authorization": "Bearer hush-hush"}).status_code == 200
    assert httpx2.get(f"{url}/healthz").status_code == 200


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--token-file", "nowhere"), "nowhere: cannot be read (no such file or directory)"),
        (("--protect-metrics",), "--protect-metrics needs --token-file"),
    ],
)
def test_flags_that_cannot_be_followed_end_with_a_message(
    run: Run, models: Path, flags: tuple[str, ...], message: str
) -> None:
    process = run("--models", models, "--listen", "127.0.0.1:0", *flags)
    assert message in process.communicate(timeout=60)[1]
    assert process.returncode == 2


def _catches(process: subprocess.Popen[str], number: signal.Signals) -> bool:
    """Whether ``process`` does not end by the signal any more."""
    found = Path(f"/proc/{process.pid}/status").read_text()
    caught = next(line.split()[1] for line in found.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (number - 1) & 1)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks the kernel which signals are caught")
@pytest.mark.parametrize(
    "program", [("modelwatch.exporters",), ("modelwatch.cli.main", "exporter")], ids=["module", "command"]
)
def test_a_hup_is_caught_before_anything_large_is_imported_and_makes_one_reload_once_it_is_up(
    models: Path, wait: Callable[..., None], program: tuple[str, ...]
) -> None:
    command = [sys.executable, "-m", *program, "--models", str(models), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait(lambda: _catches(process, signal.SIGHUP))
            assert "numpy" not in Path(f"/proc/{process.pid}/maps").read_text()
            process.send_signal(signal.SIGHUP)
            client = httpx2.Client(base_url=_url(process), timeout=30)
            assert process.stderr is not None
            assert any("loading specs and profiles anew" in line for line in process.stderr)
            wait(lambda: client.get("/readyz").status_code == 200)
            client.close()
            process.terminate()
            assert process.wait(30) == 0
        finally:
            process.kill()
