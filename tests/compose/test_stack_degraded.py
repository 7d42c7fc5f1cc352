"""A model whose reference profile cannot be used costs only that: `up` starts the rest, and says what to mend."""

from __future__ import annotations

import http.server
import io
import itertools
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from modelwatch.compose.backend import Condition
from modelwatch.compose.readiness import NotReadyError, wait_ready
from modelwatch.compose.report import Progress
from modelwatch.compose.sidecar_ready import Readiness

WHY = "models/m.profile.json: is damaged: make it again with `modelwatch profile`"


def test_up_starts_everything_else_and_says_what_to_mend(fake_stack):
    fake_stack.parts["exporter"] = {"lacks": {"flights": WHY}}
    shown = fake_stack.up()
    assert shown.count("  ready  ") == len(fake_stack.parts) - 1
    assert f"  flights: {WHY}\n" in shown
    assert "help: mend the baseline of these models, then run `modelwatch up` again" in shown
    status = fake_stack.run("status")
    told = {part["part"]: part for part in json.loads(status.stdout)["parts"]}
    assert (told["exporter"]["state"], told["exporter"]["detail"]) == ("degraded", f"flights: {WHY}")
    assert {part["state"] for name, part in told.items() if name != "exporter"} == {"ready"}
    assert status.returncode == 1


def test_a_second_up_warns_again_and_stops_nothing(fake_stack):
    fake_stack.parts["exporter"] = {"lacks": {"flights": WHY}}
    fake_stack.up()
    before = fake_stack.notes
    assert f"  flights: {WHY}\n" in fake_stack.up()
    assert fake_stack.notes == before


class Running:
    """A runtime in which everything runs and says nothing."""

    name = "native"

    def conditions(self) -> dict[str, Condition]:
        return {name: Condition("running", "1") for name in ("exporter", "pagerduty")}

    def tail(self, name: str, lines: int) -> list[str]:
        return []

    def log(self, name: str) -> str:
        return "its log"

    def hang_up(self, name: str) -> None: ...


@contextmanager
def answering(status: int, bodies: Iterator[str]) -> Iterator[Mapping[str, str]]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(next(bodies).encode())

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield dict.fromkeys(("exporter", "pagerduty"), f"127.0.0.1:{server.server_port}")
        server.shutdown()


def body(*loading: str, **missing: str) -> str:
    return json.dumps({"ready": False, "loading": loading, "missing": missing})


def waited(public: Mapping[str, str], name: str = "exporter") -> tuple[dict[str, Readiness], int]:
    """What is degraded, and how many seconds were waited: one at each look."""
    seconds = itertools.count()
    progress = Progress(io.StringIO(), clock=lambda: next(seconds))
    found = wait_ready([name], Running(), public, progress, pause=lambda _: None)  # type: ignore[arg-type]
    return found, next(seconds)


def test_what_is_missing_is_not_waited_for() -> None:
    with answering(503, itertools.repeat(body(m="no file"))) as public:
        found, seconds = waited(public)
    assert found == {"exporter": Readiness(False, (), ("m: no file",))}
    assert seconds < 10


def test_profiles_that_are_being_built_are_waited_for_before_others_are_given_up() -> None:
    bodies = (*[body("slow", m="no file")] * 20, *[body(m="no file")] * 2)
    with answering(503, iter(bodies)) as public:
        found, seconds = waited(public)
    assert found == {"exporter": Readiness(False, (), ("m: no file",))}
    assert seconds >= 10


def test_a_build_that_outlasts_the_patience_goes_on_in_a_stack_that_runs() -> None:
    with answering(503, itertools.repeat(body("slow"))) as public:
        found, seconds = waited(public)
    assert found == {"exporter": Readiness(False, ("slow",), ())}
    assert seconds >= 120


@pytest.mark.parametrize("said", ["no json", "[]", "{}"])
def test_a_sidecar_that_says_nothing_of_the_kind_is_a_failure(said: str) -> None:
    with answering(503, itertools.repeat(said)) as public, pytest.raises(NotReadyError, match="within 120 s"):
        waited(public)


def test_no_other_part_can_be_degraded() -> None:
    with answering(503, itertools.repeat(body(m="x"))) as public, pytest.raises(NotReadyError, match="within 60 s"):
        waited(public, "pagerduty")
