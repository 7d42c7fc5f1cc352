"""The native stack with fake programs: start, second start, ends of every kind."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

Patiently = Callable[..., None]


def test_up_returns_when_every_part_is_ready_and_shows_where_each_is(fake_stack):
    shown = fake_stack.up()
    for name in fake_stack.parts:
        assert f"http://127.0.0.1:{fake_stack.ports[name]}/" in shown
    assert shown.count("  ready  ") == len(fake_stack.parts)


def test_a_part_without_its_web_ui_is_told_by_what_runs(fake_stack):
    fake_stack.parts["alertmanager"] = {"page": "<h1>This package has no web application.</h1>"}
    told = [line for line in fake_stack.up().splitlines() if "API only" in line]
    assert [line.split()[0] for line in told] == ["Alertmanager"]
    status = json.loads(fake_stack.run("status").stdout)["parts"]
    assert {part["part"]: part["detail"] for part in status if part["api_only"]} == {
        "alertmanager": "API only: this build has no web UI"
    }


def test_up_waits_for_a_part_that_answers_later(fake_stack):
    fake_stack.parts["exporter"] = {"slow": 2}
    fake_stack.up()
    status = json.loads(fake_stack.run("status").stdout)
    assert status["ready"] is True
    assert {part["state"] for part in status["parts"]} == {"ready"}


def test_a_second_up_changes_nothing(fake_stack):
    fake_stack.up()
    before = fake_stack.notes
    assert "already running, nothing to do" in fake_stack.up()
    assert fake_stack.notes == before


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("prometheus/prometheus.yaml", ["prometheus POST /-/reload"]),
        ("prometheus/rules/a.yaml", ["prometheus POST /-/reload"]),
        ("alertmanager/alertmanager.yaml", ["alertmanager POST /-/reload"]),
        ("grafana/dashboards/a.json", []),
        ("runbooks/m/A.md", []),
    ],
)
def test_an_edited_config_reaches_only_the_part_that_reads_it(fake_stack, path, told):
    fake_stack.up()
    before = fake_stack.notes
    fake_stack.files[path] = "# edited\n"
    fake_stack.up()
    assert fake_stack.notes[len(before) :] == told
    assert (fake_stack.folder.config / path).read_text() == "# edited\n"


def test_an_edited_spec_makes_the_sidecar_read_it_again(fake_stack):
    fake_stack.up()
    before = fake_stack.notes
    (fake_stack.root / "models" / "m.yaml").write_text("kind: Model\nmetadata: {}\n")
    fake_stack.up()
    assert fake_stack.notes[len(before) :] == ["exporter SIGHUP"]


def test_a_file_that_is_not_generated_any_more_goes(fake_stack):
    fake_stack.up()
    del fake_stack.files["runbooks/m/A.md"]
    fake_stack.up()
    assert not (fake_stack.folder.config / "runbooks").exists()


def test_a_config_that_its_checker_refuses_is_never_put_in_place(fake_stack):
    fake_stack.up()
    before = fake_stack.notes
    fake_stack.files["prometheus/prometheus.yaml"] = "nonsense\n"
    refusing = fake_stack.work / "promtool"
    refusing.write_text("#!/bin/sh\necho 'line 1: field nonsense not found' >&2\nexit 1\n")
    refusing.chmod(0o755)
    fake_stack.environ["MODELWATCH_PROMTOOL"] = str(refusing)
    done = fake_stack.run("up")
    assert done.returncode == 1
    assert "field nonsense not found" in done.stderr
    assert (fake_stack.folder.config / "prometheus/prometheus.yaml").read_text() == "global: {}\n"
    assert fake_stack.notes == before
    assert not list(fake_stack.folder.home.glob("staging*"))


def test_a_config_that_the_part_itself_refuses_is_put_back(fake_stack):
    fake_stack.parts["prometheus"] = {"refuses": 9}
    fake_stack.up()
    fake_stack.files["prometheus/prometheus.yaml"] = "global: {scrape_interval: 1s}\n"
    done = fake_stack.run("up")
    assert done.returncode == 1
    assert "prometheus_config_last_reload_successful" in done.stderr
    assert (fake_stack.folder.config / "prometheus/prometheus.yaml").read_text() == "global: {}\n"


def test_when_one_part_refuses_its_config_the_others_go_back_to_the_old_one_too(fake_stack):
    fake_stack.parts["alertmanager"] = {"refuses": 1}
    fake_stack.up()
    before = fake_stack.notes
    fake_stack.files["prometheus/prometheus.yaml"] = "global: {scrape_interval: 1s}\n"
    fake_stack.files["alertmanager/alertmanager.yaml"] = "receivers: [{name: a}]\n"
    assert fake_stack.run("up").returncode == 1
    assert (fake_stack.folder.config / "prometheus/prometheus.yaml").read_text() == "global: {}\n"
    asked = [note.split()[0] for note in fake_stack.notes[len(before) :] if "POST" in note]
    assert asked == ["prometheus", "alertmanager", "prometheus", "alertmanager"]
    fake_stack.files |= {
        "prometheus/prometheus.yaml": "global: {}\n",
        "alertmanager/alertmanager.yaml": "receivers: []\n",
    }
    assert "already running, nothing to do" in fake_stack.up()


def test_what_an_up_that_was_killed_left_unread_is_read_by_the_next(fake_stack, patiently: Patiently):
    held = fake_stack.work / "held"
    fake_stack.parts["prometheus"] = {"held_by": str(held)}
    fake_stack.up()
    held.touch()
    fake_stack.files["prometheus/prometheus.yaml"] = "global: {scrape_interval: 1s}\n"
    fake_stack.files["alertmanager/alertmanager.yaml"] = "receivers: [{name: a}]\n"
    killed = fake_stack.begin("up")
    patiently(lambda: "prometheus POST /-/reload" in fake_stack.notes)
    killed.kill()
    killed.communicate(timeout=10)
    held.unlink()
    before = fake_stack.notes
    assert "alertmanager POST /-/reload" not in before
    fake_stack.up()
    assert fake_stack.notes[len(before) :] == ["prometheus POST /-/reload", "alertmanager POST /-/reload"]
    assert "already running, nothing to do" in fake_stack.up()


def test_a_start_that_was_killed_is_taken_up_where_it_was(fake_stack, patiently: Patiently):
    fake_stack.parts["prometheus"] = {"slow": 4}
    killed = fake_stack.begin("up")
    patiently(lambda: len(fake_stack.pids()) == len(fake_stack.parts))
    killed.kill()
    killed.communicate(timeout=10)
    before = fake_stack.pids()
    fake_stack.up()
    assert fake_stack.pids() == before
    assert "already running, nothing to do" in fake_stack.up()


def test_a_file_that_cannot_be_written_is_told_and_nothing_is_half_changed(fake_stack):
    fake_stack.up()
    before = fake_stack.notes
    (fake_stack.folder.config / "prometheus" / "rules.yaml").mkdir()
    fake_stack.files["alertmanager/alertmanager.yaml"] = "receivers: [{name: a}]\n"
    fake_stack.files["prometheus/rules.yaml"] = "groups: []\n"
    done = fake_stack.run("up")
    assert done.returncode == 1
    assert "prometheus/rules.yaml: is a directory" in done.stderr
    assert "Traceback" not in done.stderr
    assert (fake_stack.folder.config / "alertmanager" / "alertmanager.yaml").read_text() == "receivers: []\n"
    assert fake_stack.notes == before
    (fake_stack.folder.config / "prometheus" / "rules.yaml").rmdir()
    fake_stack.up()
    assert fake_stack.notes[len(before) :] == ["prometheus POST /-/reload", "alertmanager POST /-/reload"]


def test_a_part_that_dies_at_its_start_stops_everything_and_shows_its_last_words(fake_stack):
    fake_stack.parts["alertmanager"] = {"dies": True}
    done = fake_stack.run("up")
    assert done.returncode == 1
    assert "alertmanager ended while it started" in done.stderr
    assert "the disk is full" in done.stderr
    assert str(fake_stack.folder.log / "alertmanager.log") in done.stderr
    assert "Traceback" not in done.stderr
    assert fake_stack.alive() == []


def test_a_port_in_use_is_told_with_its_holder_and_how_to_move_the_part(fake_stack):
    port = fake_stack.ports["alertmanager"]
    with socket.create_server(("127.0.0.1", port)):
        done = fake_stack.run("up")
    assert done.returncode == 1
    assert f"alertmanager: port {port} is in use by " in done.stderr
    assert f"(process {os.getpid()})" in done.stderr
    assert "MODELWATCH_PORT_ALERTMANAGER=" in done.stderr
    assert fake_stack.notes == []


def test_moved_ports_restart_the_stack_and_say_so(fake_stack):
    fake_stack.up()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    fake_stack.environ["MODELWATCH_PORT_PREVIEW"] = str(port)
    shown = fake_stack.up()
    assert "the ports or the way to run have changed" in shown
    assert f"http://127.0.0.1:{port}/" in shown


def test_ports_are_remembered_until_the_environment_says_otherwise(fake_stack):
    first = fake_stack.up()
    assert "the next `up` of this folder has these ports too" in first
    fake_stack.run("down")
    given = dict(fake_stack.environ)
    for name in [name for name in fake_stack.environ if name.startswith("MODELWATCH_PORT_")]:
        del fake_stack.environ[name]
    again = fake_stack.up()
    assert f"ports as in the last `up`: alertmanager {fake_stack.ports['alertmanager']}, " in again
    assert f"http://127.0.0.1:{fake_stack.ports['preview']}/" in again
    assert "already running, nothing to do" in fake_stack.up()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    fake_stack.environ["MODELWATCH_PORT_PREVIEW"] = str(port)
    assert f"http://127.0.0.1:{port}/" in fake_stack.up()
    fake_stack.environ = given


def test_a_port_that_another_stack_has_is_told_with_its_folder_and_a_command_that_works(fake_stack, tmp_path):
    fake_stack.up()
    other = dataclasses.replace(fake_stack, root=tmp_path / "other")
    (other.root / "models").mkdir(parents=True)
    done = other.run("up")
    assert done.returncode == 1
    ports = fake_stack.ports
    assert (
        f"another modelwatch, of the folder {fake_stack.root}, has these ports: prometheus {ports['prometheus']}, "
        in (done.stderr)
    )
    command = done.stderr.splitlines()[-1].split()
    assert command[-2:] == ["modelwatch", "up"]
    other.environ = {**other.environ, **dict(word.split("=") for word in command[:-2])}
    try:
        other.up()
        assert json.loads(fake_stack.run("status").stdout)["ready"] is True
    finally:
        other.run("down")


def test_ports_that_are_taken_leave_the_running_stack_alone(fake_stack):
    fake_stack.up()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        fake_stack.environ["MODELWATCH_PORT_PREVIEW"] = str(taken.getsockname()[1])
        assert fake_stack.run("up").returncode == 1
    assert json.loads(fake_stack.run("status").stdout)["ready"] is True


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_start_leaves_nothing_running(fake_stack, patiently: Patiently, how):
    fake_stack.parts["exporter"] = {"slow": 600}
    starting = fake_stack.begin("up")
    patiently(lambda: len(fake_stack.pids()) == len(fake_stack.parts))
    starting.send_signal(how)
    out, err = starting.communicate(timeout=60)
    assert starting.returncode == 130
    assert "nothing is left running" in out
    assert "interrupted" in err
    assert fake_stack.alive() == []


def test_the_stack_survives_the_end_of_its_terminal(fake_stack):
    starting = fake_stack.begin("up", start_new_session=True)
    starting.communicate(timeout=60)
    session = starting.pid
    sessions = {os.getsid(pid) for pid in (*fake_stack.pids().values(), fake_stack.supervisor())}
    assert session not in sessions
    assert all(psutil.pid_exists(pid) for pid in fake_stack.pids().values())


def test_down_stops_all_and_may_be_said_twice(fake_stack):
    fake_stack.up()
    done = fake_stack.run("down")
    assert done.returncode == 0
    assert done.stdout.startswith("stopped alertmanager, exporter, pagerduty, preview, prometheus\n")
    assert fake_stack.alive() == []
    assert fake_stack.folder.data.is_dir()
    again = fake_stack.run("down")
    assert (again.returncode, again.stdout) == (0, "nothing runs here\n")


def test_down_with_data_leaves_nothing(fake_stack):
    fake_stack.up()
    assert fake_stack.run("down", "--data").returncode == 0
    assert not fake_stack.folder.home.exists()


def test_a_part_that_ignores_sigterm_is_killed_and_so_is_a_child_that_left_its_group(fake_stack):
    fake_stack.parts["exporter"] = {"stubborn": True}
    fake_stack.parts["preview"] = {"child": True}
    fake_stack.up()
    assert fake_stack.run("down").returncode == 0
    assert fake_stack.alive() == []


@pytest.mark.parametrize("command", ["down", "up"])
def test_what_a_killed_supervisor_leaves_is_ended_and_nothing_else(fake_stack, command):
    fake_stack.up()
    before = fake_stack.pids()
    other = psutil.Popen(["sleep", "600"])
    try:
        supervisor = psutil.Process(fake_stack.supervisor())
        supervisor.kill()
        supervisor.wait(10)
        told = fake_stack.run("status").stdout
        done = fake_stack.run(command)
        assert done.returncode == 0, done.stderr
        assert not any(psutil.pid_exists(pid) for pid in before.values())
        assert other.is_running()
        assert json.loads(told)["running"] is False
        if command == "up":
            assert "left of an earlier run: alertmanager, exporter" in done.stdout
            assert json.loads(fake_stack.run("status").stdout)["ready"] is True
    finally:
        other.kill()
        other.wait()


def test_a_part_that_crashes_later_is_started_again(fake_stack, patiently: Patiently):
    fake_stack.up()
    before = fake_stack.pids()["exporter"]
    os.kill(before, signal.SIGKILL)
    patiently(lambda: fake_stack.pids()["exporter"] != before)
    patiently(lambda: json.loads(fake_stack.run("status").stdout)["ready"])


def test_only_one_command_at_a_time_changes_a_stack(fake_stack, patiently: Patiently):
    fake_stack.parts["exporter"] = {"slow": 600}
    starting = fake_stack.begin("up")
    patiently(lambda: len(fake_stack.pids()) == len(fake_stack.parts))
    second = fake_stack.run("down")
    assert second.returncode == 1
    assert f"`modelwatch up` (process {starting.pid}) is at work on this stack" in second.stderr
    starting.send_signal(signal.SIGINT)
    starting.communicate(timeout=60)


def test_a_reader_that_goes_away_does_not_end_the_start(fake_stack, patiently: Patiently):
    starting = fake_stack.begin("up")
    starting.stdout.close()
    assert starting.wait(60) == 0
    assert json.loads(fake_stack.run("status").stdout)["ready"] is True


def test_logs_show_what_a_part_said(fake_stack):
    fake_stack.up()
    assert "prometheus starts" in fake_stack.run("logs", "prometheus").stdout
    both = fake_stack.run("logs", "prometheus", "exporter").stdout
    assert "exporter | exporter starts" in both
    unknown = fake_stack.run("logs", "graphite")
    assert unknown.returncode == 2
    assert "no log of graphite" in unknown.stderr


def test_status_without_a_stack_says_how_to_start_one(fake_stack):
    done = fake_stack.run("status")
    assert done.returncode == 1
    assert json.loads(done.stdout) == {
        "running": False,
        "ready": False,
        "runtime": None,
        "parts": [],
        "builds": [],
        "otlp": None,
        "alone": None,
        "models": [],
        "notes": [],
    }


def test_only_the_user_reaches_the_folder_and_its_socket(fake_stack):
    fake_stack.up()
    home = fake_stack.folder.home
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    control = Path(json.loads(fake_stack.folder.record.read_text())["control"])
    assert stat.S_IMODE(control.stat().st_mode) == 0o700
    for listening in _listening(fake_stack):
        assert listening == "127.0.0.1"


def _listening(fake_stack) -> list[str]:
    found = []
    for pid in (*fake_stack.pids().values(), fake_stack.supervisor()):
        found += [c.laddr.ip for c in psutil.Process(pid).net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    assert len(found) == len(fake_stack.parts)
    return found


def test_a_deep_folder_with_odd_characters_works_as_well(fake_stack):
    root = fake_stack.root / ("deep " * 12).strip() / "100% #2 ;x 'quoted' \"too\" ü" / ("y" * 60)
    (root / "models").mkdir(parents=True)
    fake_stack.root = root
    fake_stack.up()
    control = Path(json.loads(fake_stack.folder.record.read_text())["control"])
    assert not control.is_relative_to(root)
    assert stat.S_IMODE(control.parent.stat().st_mode) == 0o700
    assert "already running" in fake_stack.up()
    assert fake_stack.run("down").returncode == 0
    assert fake_stack.alive() == []
