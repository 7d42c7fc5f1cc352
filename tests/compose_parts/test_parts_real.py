"""The real programs: their versions, and that the unpacked Debian ones serve."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from modelwatch.compose.parts.locate import ask_version, pin
from modelwatch.compose.parts.machine import Machine
from modelwatch.compose.parts.recipes import is_wanted
from modelwatch.compose.parts.table import PARTS, Age, part_named, sources_of

Find = Callable[..., Path]
PATIENCE = 60.0
PINS = [(part.name, source.age) for part in PARTS for source in sources_of(part)]


@pytest.mark.parametrize(("name", "age"), PINS)
def test_a_pinned_program_reports_its_pins_version(part: Find, name: str, age: Age) -> None:
    known = part_named(name)
    path = part(name, age)
    assert is_wanted(pin(known, age), ask_version(known, path, Machine.here()))


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def serving(command: Sequence[str | Path], port: int, log: Path) -> Iterator[Callable[[str], str]]:
    """Run a server until the block ends; gives a function from a path to the page there."""

    def page(path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=log.parent, stdout=out, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                page("/-/ready")
                break
            except (urllib.error.URLError, ConnectionError):
                assert process.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
        yield page
    finally:
        process.terminate()
        process.wait(PATIENCE)


def test_the_unpacked_prometheus_serves_its_pages_with_their_scripts(part: Find, tmp_path: Path) -> None:
    prometheus, port = part("prometheus", "oldest"), free_port()
    (tmp_path / "prometheus.yaml").write_text("scrape_configs: []\n")
    command: list[str | Path] = [
        prometheus,
        "--config.file=prometheus.yaml",
        "--storage.tsdb.path=data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with serving(command, port, tmp_path / "log") as page:
        assert "rickshaw" in page("/classic/graph?g0.expr=up")
        assert "Rickshaw" in page("/classic/static/rickshaw/rickshaw.min.js")


@pytest.mark.parametrize("age", ["oldest", "newest"])
def test_alertmanager_starts_with_its_default_templates(part: Find, tmp_path: Path, age: Age) -> None:
    alertmanager, port = part("alertmanager", age), free_port()
    (tmp_path / "alertmanager.yaml").write_text(
        "route: {receiver: chat}\n"
        "receivers: [{name: chat, slack_configs: [{api_url: 'http://127.0.0.1:1/', channel: x}]}]\n"
    )
    command: list[str | Path] = [
        alertmanager,
        "--config.file=alertmanager.yaml",
        "--storage.path=data",
        "--cluster.listen-address=",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with serving(command, port, tmp_path / "log") as page:
        assert '"name":"chat"' in page("/api/v2/receivers").replace(" ", "")


def test_the_collector_lists_the_components_by_the_names_that_configs_use(part: Find) -> None:
    listed = subprocess.run([part("otelcol"), "components"], capture_output=True, text=True, check=True).stdout
    names = {line.split("name:")[1].strip() for line in listed.splitlines() if "name:" in line}
    assert {"otlp", "file_log", "host_metrics", "tail_sampling", "span_metrics", "otlp_http", "health_check"} <= names
