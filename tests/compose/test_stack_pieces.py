"""The small pieces of the stack: which runtime, supervisor's config, tables, config on disk."""

from __future__ import annotations

import configparser
import io
import os
import stat
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelwatch.compose import config, occupied, report, runtime, service_files, supervision, web
from modelwatch.compose import moved as moves
from modelwatch.compose.backend import Setup
from modelwatch.compose.launch import Launch, read_launch, write_launch
from modelwatch.compose.programs import Plan
from modelwatch.compose.state import Folder, Record, StackError, read_record, write_atomically, write_record
from modelwatch.compose.supervision import Job, control_path, supervisord_conf
from modelwatch.model import types as t
from modelwatch.model.addresses import Addresses


def says(*good: str):
    return lambda command, environ: " ".join(command) in good


def test_containers_are_chosen_where_docker_and_its_compose_answer():
    assert runtime.choose({}, says("docker info", "docker compose version")) == "containers"
    assert runtime.choose({}, says("docker info")) == "native"
    assert runtime.choose({}, says()) == "native"


def test_the_runtime_can_be_chosen_by_hand():
    everything = says("docker info", "docker compose version")
    assert runtime.choose({"MODELWATCH_RUNTIME": "native"}, everything) == "native"
    with pytest.raises(StackError, match="`docker compose version` does not work here"):
        runtime.choose({"MODELWATCH_RUNTIME": "containers"}, says("docker info"))
    with pytest.raises(StackError, match="'podman' is no way to run the stack"):
        runtime.choose({"MODELWATCH_RUNTIME": "podman"}, everything)


def test_a_docker_that_is_not_there_does_not_answer():
    assert runtime.answers(("docker", "info"), {"PATH": "/nowhere"}) is False


def test_supervisord_conf_starts_nothing_and_ends_whole_groups():
    parsed = configparser.RawConfigParser()
    parsed.read_string(supervisord_conf([Job("a"), Job("b", "failed"), Job("c", "never")], "/x/s.sock"))
    restarts = {name: parsed[f"program:{name}"]["autorestart"] for name in "abc"}
    assert restarts == {"a": "true", "b": "unexpected", "c": "false"}
    for name in "abc":
        section = parsed[f"program:{name}"]
        assert section["autostart"] == "false"
        assert section["stopasgroup"] == section["killasgroup"] == "true"
        assert section["stdout_logfile"] == f"log/{name}.log"
    assert parsed["unix_http_server"]["chmod"] == "0700"
    assert "inet_http_server" not in parsed


@pytest.mark.parametrize("name", ["x" * 120, "a #b", "a ;b"])
def test_a_folder_that_cannot_hold_the_socket_gets_a_private_one(tmp_path, name):
    path = Path(control_path(Folder(tmp_path / name)))
    assert len(os.fsencode(path)) < 104
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.parent.rmdir()


def test_a_private_folder_that_others_may_enter_is_refused(tmp_path):
    folder = Folder(tmp_path / ("x" * 120))
    path = Path(control_path(folder)).parent
    path.chmod(0o755)
    with pytest.raises(StackError, match="is not a private folder of yours"):
        control_path(folder)
    path.rmdir()


def test_a_launch_is_read_as_it_was_written(tmp_path):
    launch = Launch(("/bin/x", "a b", "'\"%#;"), "/", {"A": "%(b)s"}, needs="x", nice=3)
    write_launch(tmp_path, "x", launch)
    assert read_launch(tmp_path, "x") == launch
    assert not launch.waits
    assert Launch(("",), "/").waits


def test_a_record_is_read_as_it_was_written_and_rubbish_is_none(tmp_path):
    folder = Folder(tmp_path)
    assert read_record(folder) is None
    record = Record("native", {"a": "b"}, {"a": "c"}, ("a",), "digest", control="s", versions={"a": "1"}, started=1.5)
    write_record(folder, record)
    assert read_record(folder) == record
    folder.record.write_text("{")
    assert read_record(folder) is None


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a" / "b"
    write_atomically(path, "one", mode=0o600)
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "\ud800")
    assert path.read_text() == "one"
    assert [found.name for found in path.parent.iterdir()] == ["b"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


texts = st.dictionaries(
    st.sampled_from(["prometheus/p.yaml", "prometheus/rules/a.yaml", "runbooks/m/A.md"]), st.text("ab")
)


@settings(deadline=None)  # files: a busy disk takes its time
@given(before=texts, after=texts)
def test_config_becomes_exactly_what_is_given_and_can_be_put_back(tmp_path_factory, before, after):
    folder = Folder(tmp_path_factory.mktemp("root"))
    folder.make()
    write_atomically(folder.secrets / "k", "secret")

    def there() -> dict[str, str]:
        found = (path for path in folder.config.rglob("*") if path.is_file() and path.parent != folder.secrets)
        return {path.relative_to(folder.config).as_posix(): path.read_text() for path in found}

    config.apply(folder, before)
    assert there() == before
    applied = config.apply(folder, after)
    assert there() == after
    assert config.apply(folder, after).before == {}
    config.undo(folder, applied)
    assert there() == before
    assert (folder.secrets / "k").read_text() == "secret"


def test_what_no_part_reads_is_not_put_beside_the_config():
    files = {"prometheus/tests/a.yaml": "", "schema/x.json": "", "otel/collector.yaml": ""}
    assert list(config.for_the_stack(files)) == ["otel/collector.yaml"]


def test_files_that_a_part_reads_together_are_checked_together(tmp_path):
    program = tmp_path / "otelcol"
    program.write_text('#!/bin/sh\necho "$@"\nexit 1\n')
    program.chmod(0o755)
    check = next(check for check in config.CHECKS if check.part == "collector")
    with pytest.raises(StackError) as refused:
        config.run_check(replace(check, beside=("otel/logs.yaml",)), program, tmp_path)
    assert "refuses otel/collector.yaml with otel/logs.yaml" in str(refused.value)
    assert "validate --config otel/collector.yaml --config otel/logs.yaml" in str(refused.value)


def public(**ports: int) -> dict[str, str]:
    environ = {f"MODELWATCH_PORT_{name.upper()}": str(port) for name, port in ports.items()}
    return dict(Addresses.native(environ).public)


def test_where_a_part_was_before_leads_to_where_it_is_and_back_again(tmp_path):
    folder = Folder(tmp_path)
    folder.make()
    assert moves.moved(folder, public()) == {}
    moves.remember(folder, public())
    moves.remember(folder, public(preview=4000))
    there = public(preview=5000, prometheus=9999)
    assert moves.moved(folder, there) == {
        "127.0.0.1:3000": "127.0.0.1:5000",
        "127.0.0.1:4000": "127.0.0.1:5000",
        "127.0.0.1:9090": "127.0.0.1:9999",
    }
    assert moves.moved(folder, public()) == {"127.0.0.1:4000": "127.0.0.1:3000"}


def test_an_address_that_another_part_has_now_means_that_part(tmp_path):
    folder = Folder(tmp_path)
    folder.make()
    moves.remember(folder, public())
    assert "127.0.0.1:9090" not in moves.moved(folder, public(prometheus=9999, demo=9090))


def test_a_torn_file_of_addresses_is_as_if_there_were_none(tmp_path):
    folder = Folder(tmp_path)
    folder.make()
    (folder.home / "addresses.json").write_text('{"127.0.0.1:3000": ')
    assert moves.moved(folder, public()) == {}
    moves.remember(folder, public())
    assert moves.moved(folder, public(preview=4000)) == {"127.0.0.1:3000": "127.0.0.1:4000"}


def test_ports_that_are_wanted_twice_are_told():
    with pytest.raises(StackError, match="b and a are both to have port 1234: set MODELWATCH_PORT_B to another"):
        occupied.check_ports({"a": "127.0.0.1:1234", "b": "127.0.0.1:1234"}, ["a", "b"])


def test_nobody_answering_is_no_error():
    answer = web.ask("http://127.0.0.1:1/")
    assert (answer.status, answer.good) == (0, False)


def test_a_sample_is_read_from_a_metrics_page():
    page = '# HELP a b\na_total 3\na 1\nb{x="1"} 4\n'
    assert web.sample(page, "a") == 1
    assert web.sample(page, "c") is None


def test_plain_output_has_a_line_for_each_part_and_no_control_characters():
    out = io.StringIO()
    progress = report.Progress(out, iter([0.0, 1.5, 2.0]).__next__)
    progress.waiting(["Prometheus"])
    progress.ready("prometheus")
    assert out.getvalue() == "  ready  Prometheus         1.5 s  stores metrics, evaluates rules\n"


def test_a_terminal_shows_what_is_waited_for_and_clears_it():
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    progress = report.Progress(out, lambda: 0.0)
    progress.waiting(["Prometheus"])
    progress.clear()
    assert out.getvalue() == "\r\x1b[K  0 s  waiting for Prometheus\r\x1b[K"


@pytest.mark.parametrize(("seconds", "text"), [(0, "0 s"), (61, "1 min"), (3700, "1 h 1 min"), (90000, "1 d 1 h")])
def test_spans_are_told_as_people_say_them(seconds, text):
    assert report.ago(seconds) == text


def plan(tmp_path: Path, stack, **changes) -> Plan:
    fields = {
        "folder": Folder(tmp_path),
        "models_dir": tmp_path / "models",
        "stack": stack,
        "addresses": Addresses().internal,
        "demo": True,
        "jaeger": True,
        "find": lambda name: Path("/bin") / name,
        "environ": {"MODELWATCH_DEMO_SPEED": "60", "HOME": "/h"},
        "build": True,
    }
    return Plan(**{**fields, **changes})


def test_the_sidecar_follows_the_folders_that_specs_have_rows_written_to(tmp_path, stack):
    (exporter,) = (one for one in plan(tmp_path, stack, rows=("/a", "/b c")).programs() if one.name == "exporter")
    assert [exporter.launch.argv[at + 1] for at, flag in enumerate(exporter.launch.argv) if flag == "--logs"] == [
        "/a",
        "/b c",
    ]


def launch(name: str, programs):
    return next(program.launch for program in programs if program.name == name)


def test_the_collector_reads_the_log_lines_of_services_where_specs_have_them_written_to_files(tmp_path, stack):
    silent = launch("collector", plan(tmp_path, stack).programs())
    assert len(silent.argv) == 2 and "MODELWATCH_LOGS" not in silent.env
    reads = launch("collector", plan(tmp_path, stack, lines="/a/*.jsonl").programs())
    assert [word.rpartition("/")[2] for word in reads.argv[1:]] == ["collector.yaml", "logs.yaml"]
    assert reads.env["MODELWATCH_LOGS"] == "/a/*.jsonl"


def test_the_preview_shows_the_lines_that_the_collector_keeps_in_a_file(tmp_path, stack):
    argv = launch("preview", plan(tmp_path, stack).programs()).argv
    assert argv[argv.index("--logs") + 1] == str(tmp_path / ".modelwatch" / "data" / "collector" / "logs.jsonl")
    elsewhere = replace(stack, logs=(t.Destination("loki", "loki", "http://127.0.0.1:3100"),))
    assert "--logs" not in launch("preview", plan(tmp_path, elsewhere).programs()).argv


def test_up_tells_where_the_log_lines_of_services_are(tmp_path, fleet):
    addresses = Addresses.native({})
    files = {"otel/logs.yaml": "", "otel/jaeger.yaml": ""}
    to_files = t.Logging("info", Decimal("0.1"), (), (), (), t.LineFiles("/var/log/flights", 16, 256))
    logs = replace(fleet, models=(replace(fleet.models[0], logging=to_files), *fleet.models[1:]))
    setup = Setup(Folder(tmp_path), tmp_path / "models", logs, addresses, {}, files, False)
    kept = tmp_path / ".modelwatch" / "data" / "collector" / "logs.jsonl"
    traces = f"http://{addresses.public['preview']}/traces"
    assert service_files.told(setup, "native") == f"log lines of services: {kept}, and below their trace at {traces}"
    assert "/state/logs.jsonl in the Collector" in service_files.told(setup, "containers")
    to_stdout = replace(logs, models=(replace(logs.models[0], logging=replace(to_files, files=None)),))
    for silent in (replace(setup, fleet=fleet, files={}), replace(setup, fleet=to_stdout)):
        assert service_files.told(silent, "native") == ""


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        ((), ""),
        (("/var/log/flights",), "/var/log/flights/*.jsonl"),
        (("/a b", "/c"), "/{a b,c}/*.jsonl"),
        (("/a[1],{2}*\\",), "/a\\[1\\]?\\{2\\}\\*\\\\/*.jsonl"),
    ],
)
def test_the_collector_s_pattern_takes_folders_by_their_letters(folders, expected):
    assert service_files.pattern(folders, {}) == expected


def test_a_pattern_of_the_user_s_own_is_what_is_read():
    assert service_files.pattern(("/a",), {"MODELWATCH_LOGS": "/b/*"}) == "/b/*"


def test_the_double_is_told_what_was_moved(tmp_path, stack):
    def flags(**changes) -> list[str]:
        programs = plan(tmp_path, stack, **changes).programs()
        return next(list(program.launch.argv) for program in programs if program.name == "pagerduty")

    assert "--moved" not in flags()
    assert flags(moved={"a:1": "a:2", "b:1": "b:2"})[-2:] == ["--moved", "a:1=a:2,b:1=b:2"]


def test_every_program_of_the_stack_is_told_to_listen_on_the_loopback(tmp_path, stack):
    for program in plan(tmp_path, stack).programs():
        assert "0.0.0.0" not in " ".join(program.launch.argv)
    by_name = {program.name: " ".join(program.launch.argv) for program in plan(tmp_path, stack).programs()}
    assert "--web.listen-address=127.0.0.1:9090" in by_name["prometheus"]
    assert "--storage.tsdb.retention.time=45d" in by_name["prometheus"]
    assert "--cluster.listen-address= " in by_name["alertmanager"] + " "
    assert "--listen 127.0.0.1:9180" in by_name["exporter"]


def test_what_is_missing_waits_and_is_built_only_where_it_can_be(tmp_path, stack):
    def find(name: str) -> Path | None:
        return None if name == "otelcol" else Path("/bin") / name

    building = plan(tmp_path, stack, find=find).programs()
    assert [program.name for program in building if program.launch.waits] == ["collector"]
    assert [program.name for program in building][-2:] == ["joiner", "tools"]
    # The same while the parts come one by one: a second start must not restart the build.
    later = plan(tmp_path, stack, find=lambda name: None if name == "jaeger" else Path("/bin") / name).programs()
    assert building[-1] == later[-1]
    assert building[-1].launch.argv[-2:] == ("otelcol", "jaeger")
    alone = plan(tmp_path, stack, find=find, build=False).programs()
    assert [program.name for program in alone][-1] == "joiner"
    assert {"joiner", "tools"}.isdisjoint(program.name for program in plan(tmp_path, stack).programs())


def test_a_stack_without_the_demo_or_its_own_jaeger_starts_neither(tmp_path, stack):
    names = {program.name for program in plan(tmp_path, stack, demo=False, jaeger=False).programs()}
    assert names == {"prometheus", "alertmanager", "exporter", "pagerduty", "preview", "collector"}


def test_the_demo_is_started_again_when_its_variables_change(tmp_path, stack):
    def replay(**environ: str) -> Launch:
        programs = plan(tmp_path, stack, environ=environ).programs()
        return next(program.launch for program in programs if program.name == "replay")

    assert replay(MODELWATCH_DEMO_SPEED="60") != replay(MODELWATCH_DEMO_SPEED="600")
    assert replay(TERM="x") == replay(TERM="y")


def test_a_process_of_another_stack_is_no_leftover(tmp_path):
    assert supervision.leftovers(Folder(tmp_path)) == []
