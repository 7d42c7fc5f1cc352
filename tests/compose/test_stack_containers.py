"""The container stack: what compose.yaml becomes, what it is given, and what the docker command is asked."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from modelwatch.compose import containers, docker, images, service_mounts, stack
from modelwatch.compose.backend import Setup
from modelwatch.compose.containers_backend import COMPOSE_FILE, ContainersBackend, env_text, lay_context
from modelwatch.compose.specs_copy import copy_specs
from modelwatch.compose.state import Folder, Record, StackError, write_record
from modelwatch.model.addresses import DEFAULT_PORTS
from modelwatch.model.types import Baseline, Destination, Fleet, LineFiles, Logging, PredictionLogs

OURS = {"exporter", "pagerduty", "preview", "demo", "replay", "collector-state"}


def backend(root: Path, fleet: Fleet, **environ: str) -> ContainersBackend:
    folder = Folder.of(root)
    folder.make()
    for name in ("models", "demo"):
        (root / name).mkdir(exist_ok=True)
    (root / "models" / "stack.yaml").write_text("kind: Stack\n")
    files = {"otel/jaeger.yaml": "{}\n"}
    addresses = containers.addresses(environ)
    return ContainersBackend(Setup(folder, root / "models", fleet, addresses, environ, files, True), lambda _: None)


def understood(root: Path, program: Path) -> dict[str, Any]:
    """What `up` hands to docker compose, as the real one understands it."""
    home = root / ".modelwatch"
    files = ("--file", COMPOSE_FILE, "--file", home / "compose.services.yaml")
    done = subprocess.run(
        [program, "--env-file", home / "compose.env", *files, "config", "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=root,
        env={"PATH": os.environ["PATH"], "HOME": str(root)},
    )
    assert done.returncode == 0, done.stderr
    assert "level=warning" not in done.stderr, done.stderr
    return json.loads(done.stdout)["services"]


@pytest.fixture
def services(tmp_path, fleet, part) -> dict[str, Any]:
    """With every profile."""
    logs = (Destination("loki", "loki", "http://127.0.0.1:3100"),)
    made = backend(tmp_path, dataclasses.replace(fleet, stack=dataclasses.replace(fleet.stack, logs=logs)))
    made.prepare()
    return understood(tmp_path, part("docker-compose"))


@pytest.mark.real("docker-compose")
def test_every_part_is_a_service_that_can_do_little_and_grows_in_bounds(services):
    assert set(services) == OURS | {"prometheus", "alertmanager", "grafana", "collector", "jaeger", "loki"}
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert int(service["mem_limit"]) > 0, name
        assert service["logging"]["options"] == {"max-file": "3", "max-size": "10m"}, name
        assert not service.get("privileged"), name
        assert service.get("network_mode") is None, name
    writable = {name for name, service in services.items() if not service.get("read_only")}
    assert writable == {"grafana", "demo"}
    roots = {name for name, service in services.items() if service.get("user", "").startswith("0")}
    assert roots == {"collector-state"}
    assert services["collector-state"]["cap_add"] == ["CHOWN"]


@pytest.mark.real("docker-compose")
def test_every_published_port_is_on_the_loopback_and_documented(services):
    found = {
        int(port["published"]): port["host_ip"] for service in services.values() for port in service.get("ports", [])
    }
    assert set(found.values()) == {"127.0.0.1"}
    assert set(found) == {*DEFAULT_PORTS.values(), containers.PREVIEW_PORT}


@pytest.mark.real("docker-compose")
def test_every_image_is_pinned_and_no_secret_stands_in_the_config(services, tmp_path):
    for name, service in services.items():
        assert service["image"].rpartition(":")[2] not in ("", "latest"), name
    password = (tmp_path / ".modelwatch" / "grafana-admin-password").read_text()
    assert len(password) >= 24
    assert password not in json.dumps(services)


@pytest.mark.real("docker-compose")
def test_config_is_mounted_read_only_and_by_folder(services):
    for name, service in services.items():
        for volume in service.get("volumes", []):
            if volume["type"] == "bind":
                assert volume["read_only"] is True, name
                # A file that is replaced would stay the old one inside a container.
                assert not Path(volume["source"]).is_file(), name


@pytest.mark.real("docker-compose")
def test_sidecar_and_collector_read_the_folders_that_specs_have_services_write_to(tmp_path, fleet, part):
    """Read-only, as members of the group that the folder belongs to, whatever its name is."""
    rows, lines = tmp_path / "r $HOME" / "rows", tmp_path / "out" / "lines"
    predictions, files = PredictionLogs(str(rows), 16, 256, Decimal(1)), LineFiles(str(lines), 16, 256)
    logging = Logging("info", Decimal("0.1"), (), (), (), files, predictions)
    one = dataclasses.replace(fleet.models[0], logging=logging)
    made = backend(tmp_path, dataclasses.replace(fleet, models=(one, *fleet.models[1:])))
    setup = dataclasses.replace(made.setup, files={**made.setup.files, "otel/logs.yaml": "{}\n"})
    dataclasses.replace(made, setup=setup).prepare()
    found = understood(tmp_path, part("docker-compose"))
    sidecar, collector = found["exporter"], found["collector"]
    assert sidecar["command"][-2:] == ["--logs", "/rows/0"] and "--state" in sidecar["command"]
    assert collector["command"] == [f"--config=/etc/modelwatch/otel/{name}.yaml" for name in ("collector", "logs")]
    assert collector["environment"]["MODELWATCH_LOGS"] == "/{lines/demo,lines/0}/*.jsonl"
    for service, folder, target in ((sidecar, rows, "/rows/0"), (collector, lines, "/lines/0")):
        (mount,) = (one for one in service["volumes"] if one["target"] == target)
        assert (mount["type"], mount["source"].replace("$$", "$"), mount["read_only"]) == ("bind", str(folder), True)
        assert service["group_add"] == [str(folder.stat().st_gid)]
    assert {one["target"] for one in sidecar["volumes"]} == {"/specs", "/data", "/rows/0"}


@pytest.mark.real("docker-compose")
def test_the_demo_s_lines_are_in_a_volume_that_the_collector_reads_and_the_preview_sees_what_it_keeps(
    tmp_path, fleet, part
):
    backend(tmp_path, fleet).prepare()
    found = understood(tmp_path, part("docker-compose"))
    (written,) = (one["target"] for one in found["demo"]["volumes"] if one.get("source") == "demo-lines")
    assert found["demo"]["environment"]["MODELWATCH_LOG_FILES"] == written
    (read,) = (one for one in found["collector"]["volumes"] if one.get("source") == "demo-lines")
    assert (read["target"], read["read_only"]) == ("/lines/demo", True)
    (kept,) = (one for one in found["preview"]["volumes"] if one.get("source") == "collector-data")
    assert kept["read_only"] and f"--logs={kept['target']}/logs.jsonl" in found["preview"]["command"]
    # Nothing is read where no spec has a section `logging`.
    assert len(found["collector"]["command"]) == 1 and "group_add" not in found["exporter"]


def test_a_folder_that_cannot_be_made_is_told_with_what_to_do(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StackError, match=r"(?s)file/rows cannot be made: Not a directory\nhelp: a spec's `logging`"):
        service_mounts.make([str(tmp_path / "file" / "rows")])


@pytest.mark.real("docker-compose")
def test_the_double_is_told_what_was_moved_even_when_that_is_nothing(services):
    assert services["pagerduty"]["command"][-1] == "--moved="


def test_what_was_moved_is_among_the_variables(tmp_path, fleet):
    made = backend(tmp_path, fleet)
    moved = dataclasses.replace(made, setup=dataclasses.replace(made.setup, moved={"a:1": "a:2", "b:1": "b:2"}))
    assert moved.prepare()["MODELWATCH_MOVED"] == "a:1=a:2,b:1=b:2"


def test_among_containers_a_part_has_its_name_and_outside_a_port_of_the_loopback():
    found = containers.addresses({"MODELWATCH_PORT_PROMETHEUS": "19090"})
    assert found.internal["prometheus"] == "prometheus:9090"
    assert found.public["prometheus"] == "127.0.0.1:19090"
    assert found.internal["otlp_http"] == "collector:4318"
    assert (found.public["grafana"], found.public["preview"]) == ("127.0.0.1:3000", "127.0.0.1:3001")
    assert found.translate("127.0.0.1:5000") == "host.docker.internal:5000"


def test_two_folders_make_two_projects(tmp_path):
    assert containers.project_name(Folder(tmp_path / "a")) != containers.project_name(Folder(tmp_path / "b"))


def test_images_are_pinned_and_can_be_replaced():
    found = images.variables({"MODELWATCH_IMAGE_LOKI": "mirror.test/loki:1"})
    assert found["MODELWATCH_IMAGE_LOKI"] == "mirror.test/loki:1"
    assert images.version_of(found["MODELWATCH_IMAGE_PROMETHEUS"]) == "3.14.0"
    assert all(images.version_of(image) != "latest" for image in images.IMAGES.values())


@pytest.mark.parametrize("value", ["plain", "/a b/c", "$HOME", 'a"b', "#x", "a\\b", "ü", ""])
@pytest.mark.real("docker-compose")
def test_docker_compose_reads_a_variable_as_it_was_written(tmp_path, part, value):
    (tmp_path / "env").write_text(env_text({"X": value}))
    (tmp_path / "c.yaml").write_text("services: {a: {image: 'b', labels: {x: '${X}'}}}\n")
    done = subprocess.run(
        [part("docker-compose"), "--env-file", "env", "-f", "c.yaml", "config", "--format", "json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
    )
    # In its output docker compose escapes a dollar.
    assert json.loads(done.stdout)["services"]["a"]["labels"]["x"].replace("$$", "$") == value


def test_a_value_that_cannot_be_written_is_refused():
    with pytest.raises(StackError, match="must have no quote"):
        env_text({"X": "it's"})


def test_specs_and_baselines_keep_their_places_in_the_copy(tmp_path, fleet):
    root = tmp_path / "root"
    (root / "models").mkdir(parents=True)
    (root / "data").mkdir()
    (root / "models" / "m.yaml").write_text("baseline: {data: ../data/r.parquet}\n")
    reference = root / "data" / "r.parquet"
    reference.write_bytes(b"one")
    baseline = Baseline(data=str(root / "models" / ".." / "data" / "r.parquet"))
    found = Fleet((dataclasses.replace(fleet.models[0], baseline=baseline),), fleet.stack)
    target = tmp_path / "copy"
    models = copy_specs(target, root / "models", found)
    assert (target / models / "../data/r.parquet").read_bytes() == b"one"
    reference.write_bytes(b"other")
    (root / "models" / "m.yaml").unlink()
    copy_specs(target, root / "models", found)
    assert (target / models / "../data/r.parquet").read_bytes() == b"other"
    assert not (target / models / "m.yaml").exists()


def test_the_build_context_holds_a_package_that_works_outside_of_here(tmp_path):
    demo = tmp_path / "demo"
    demo.mkdir()
    (demo / "__main__.py").write_text("")
    lay_context(tmp_path / "image", demo)
    lay_context(tmp_path / "image", demo)
    assert (tmp_path / "image/app/demo/__main__.py").exists()
    assert "modelwatch==" not in (tmp_path / "image/constraints.txt").read_text()
    installed = tmp_path / "installed"
    installed.mkdir()
    (tmp_path / "image/package").rename(installed / "modelwatch")
    for found in (tmp_path / "image/metadata").iterdir():
        found.rename(installed / found.name)
    said = "import modelwatch, importlib.metadata as m; print(modelwatch.__file__, m.version('modelwatch'))"
    code = f"import sys; sys.path.insert(0, {str(installed)!r}); import modelwatch.compose.preview.app; {said}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert str(installed) in done.stdout


RUNNING = {"Status": "running", "StartedAt": "2026-01-02T03:04:05.123456789Z", "ExitCode": 0, "Error": ""}


@pytest.mark.parametrize(
    ("state", "expected", "detail"),
    [
        (RUNNING, "running", ""),
        ({**RUNNING, "Status": "created"}, "stopped", ""),
        ({**RUNNING, "Status": "exited", "ExitCode": 3}, "ended", "exit status 3"),
        ({**RUNNING, "Status": "restarting", "ExitCode": 1}, "ended", "exit status 1"),
    ],
)
def test_a_container_stands_as_docker_says(state, expected, detail):
    found = docker.condition({"Id": "a", "State": state, "RestartCount": 0})
    assert (found.state, found.detail) == (expected, detail)
    if expected == "running":
        assert found.since == pytest.approx(1767323045)


@pytest.mark.parametrize("record", [True, False])
def test_removing_the_data_removes_the_volumes_of_containers_that_are_long_gone(tmp_path, monkeypatch, record):
    fake = tmp_path / "docker"
    fake.write_text(f'#!/bin/sh\necho "$@" >> "{tmp_path}/asked"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    folder = Folder.of(tmp_path / "root")
    folder.make()
    project = containers.project_name(folder)
    containers.variables_file(folder).write_text("")
    if record:
        write_record(folder, Record("containers", {}, {}, (), "", control=project))
    assert stack.down(folder.root, io.StringIO(), data=True) == 0
    asked = (tmp_path / "asked").read_text()
    assert f"compose --project-name {project} down --remove-orphans --timeout 5 --volumes" in asked
    assert not folder.home.exists()


def test_stopping_names_the_parts_and_where_their_data_stays(tmp_path, monkeypatch):
    said = [{"Config": {"Labels": {docker.SERVICE: name}}} for name in ("prometheus", "collector-state")]
    fake = tmp_path / "docker"
    fake.write_text(f"#!/bin/sh\ncase $1 in ps) echo a b;; inspect) cat {tmp_path}/said;; esac\n")
    fake.chmod(0o755)
    (tmp_path / "said").write_text(json.dumps(said))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    folder = Folder.of(tmp_path / "root")
    folder.make()
    write_record(folder, Record("containers", {}, {}, (), "", control="p1"))
    out = io.StringIO()
    assert stack.down(folder.root, out) == 0
    first, second = out.getvalue().splitlines()
    assert first == "stopped prometheus"
    assert f"{folder.home} and in the Docker volumes p1_*" in second


def test_what_docker_says_in_trouble_is_told_without_a_traceback(tmp_path):
    fake = tmp_path / "docker"
    fake.write_text("#!/bin/sh\necho 'pull access denied' >&2\nexit 18\n")
    fake.chmod(0o755)
    client = docker.Docker({"PATH": str(tmp_path) + ":/bin:/usr/bin"})
    with pytest.raises(StackError, match=r"(?s)`docker compose up ...` failed:.*pull access denied"):
        client.run("compose", "up", log=tmp_path / "log")
    with pytest.raises(StackError, match="docker is not on PATH"):
        docker.Docker({"PATH": "/nowhere"}).run("ps")


def test_the_collector_is_given_the_credentials_of_its_destinations_and_no_others(tmp_path, fleet):
    """Those of AWS only where something is sent there."""
    environ = {"MODELWATCH_AUTHORIZATION_A": "Bearer a", "AWS_ACCESS_KEY_ID": "an-id", "OTHER": "x"}
    there = (Destination("b", "awsxray", region="eu-central-1"),)
    sending = dataclasses.replace(fleet, stack=dataclasses.replace(fleet.stack, traces=there))
    for made, expected in ((fleet, {"MODELWATCH_AUTHORIZATION_A"}), (sending, {*environ} - {"OTHER"})):
        backend(tmp_path, made, **environ).prepare()
        found = tmp_path / ".modelwatch" / "authorizations.env"
        assert {line.partition("=")[0] for line in found.read_text().splitlines()} == expected
        assert found.stat().st_mode & 0o777 == 0o600
