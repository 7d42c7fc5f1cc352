"""`status` says of each model whether it drifts, and what its scores wait for."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from modelwatch.compose import drift_state
from modelwatch.compose.drift_state import Said, look


@contextmanager
def sidecar(answer: bytes) -> Iterator[str]:
    """A server that answers everything with ``answer``."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/v1/models" else 404)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/metrics"
        server.shutdown()


def feature(name: str, **inactive: str | None) -> dict[str, Any]:
    drift = {"score": 0.2, "critical_value": 0.01, "samples": 900}
    windows = [
        {"window": window, "detected": why == "drift", "inactive": why, **drift} for window, why in inactive.items()
    ]
    for window in windows:
        if window["inactive"] == "drift":
            window["inactive"] = None
    return {"name": name, "method": "psi", "warning": 0.1, "critical": 0.25, "windows": windows}


def told(**model: Any) -> list[tuple[str, str, str]]:
    answer = json.dumps({"models": [{"name": "m", "status": "ok", "problem": None, **model}]}).encode()
    with sidecar(answer) as url:
        return [(one.model, one.status, one.detail) for one in look(url).models]


def test_a_quiet_model_says_nothing_more() -> None:
    assert told(features=[feature("a", w15m=None, w1h=None)]) == [("m", "ok", "")]


def test_what_drifts_is_named_as_far_as_a_line_has_room() -> None:
    features = [feature(name, w1h="drift") for name in "abcdefg"]
    [(_, status, detail)] = told(status="drift", features=features)
    assert status == "drift"
    assert detail == "drift in " + ", ".join(f"{name} (psi 0.2 > warning 0.1 in w1h)" for name in "abc") + " and 4 more"


def test_a_score_that_waits_says_what_for_once() -> None:
    few = "needs 500 rows, has 120"
    features = [feature("a", w15m=few, w1h=None), feature("b", w15m=few, w1h=few), feature("c", w15m=None, w1h=None)]
    assert told(features=features) == [("m", "ok", f"no score for 2 of 3 in w15m, w1h: {few}")]


def test_a_model_that_is_loading_has_only_its_status() -> None:
    with sidecar(b'{"models": [{"name": "m", "status": "loading"}]}') as url:
        assert [(one.status, one.detail) for one in look(url).models] == [("loading", "")]


def test_a_sidecar_that_says_something_else_says_nothing() -> None:
    for answer in (b"no json", b"[]", b'{"models": [1]}'):
        with sidecar(answer) as url:
            assert look(url) == Said()
    assert look("http://127.0.0.1:1") == Said()


def without(name: str, samples: int) -> dict[str, Any]:
    why = f"the reference has no {name!r}: make it again from data that has this column"
    window = {"window": "1h", "detected": None, "inactive": why, "samples": samples}
    return {"name": name, "windows": [window, {**window, "window": "1d"}]}


def test_a_model_that_says_no_confidence_is_not_asked_for_one() -> None:
    assert told(features=[feature("a", w1h=None), without("confidence", 0)]) == [("m", "ok", "")]


def test_a_confidence_that_comes_and_cannot_be_compared_is_told() -> None:
    [(_, _, detail)] = told(features=[feature("a", w1h=None), without("confidence", 7)])
    assert detail.startswith("no score for 1 of 2 in 1h, 1d: the reference has no 'confidence'")
    [(_, _, detail)] = told(features=[without("age", 0)])
    assert "the reference has no 'age'" in detail


def test_rejected_rows_are_told_with_what_was_wrong() -> None:
    reasons = {"unknown_class": 12, "bad_confidence": 1200}
    assert told(features=[], rows={"accepted": 800, "rejected": 1212}, rejected_by_reason=reasons) == [
        ("m", "ok", "1,212 of 2,012 rows rejected (1,200 bad confidence, 12 unknown class)")
    ]
    assert told(features=[], rows={"accepted": 800, "rejected": 0}, rejected_by_reason={}) == [("m", "ok", "")]


def test_refused_requests_are_told_with_the_most_frequent_reason_first() -> None:
    assert told(features=[], refused_requests={"token": 2, "content_type": 1200}) == [
        ("m", "ok", "1,202 requests refused (1,200 content type, 2 token): its log says whose")
    ]
    assert told(features=[], refused_requests={}) == [("m", "ok", "")]


def test_requests_that_name_no_known_model_are_told_beside_the_models() -> None:
    with sidecar(b'{"models": [], "refused_requests": {"unknown_model": 1}}') as url:
        assert look(url) == Said((), ("1 request of no known model refused (1 unknown model): its log says whose",))


def test_specs_that_could_not_be_loaded_are_told_with_the_first_reason() -> None:
    reload = {"successful": False, "last_success": "2026-01-02T03:04:05+00:00", "problem": "m.yaml:1:1 MW001 a\nb\nc"}
    with sidecar(json.dumps({"models": [], "last_reload": reload}).encode()) as url:
        assert look(url).notes == (
            "the sidecar could not load the specs anew and goes on with those of 2026-01-02T03:04:05+00:00: "
            "m.yaml:1:1 MW001 a (and 2 more: `modelwatch check`)",
        )
    with sidecar(json.dumps({"models": [], "last_reload": {**reload, "problem": None}}).encode()) as url:
        assert look(url) == Said()


def test_a_sidecar_that_still_works_scores_out_is_told_and_asked_again() -> None:
    with sidecar(b'{"models": [], "warming": true}') as url:
        (note,) = look(url).notes
    assert "some scores are still being worked out; ask again" in note


def test_a_sidecar_that_does_not_answer_in_time_is_told_and_is_no_good_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift_state, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        said = look(f"http://127.0.0.1:{silent.getsockname()[1]}/")
    assert not said.whole
    assert "it is busy; ask again" in said.notes[0]


def test_lines_of_logs_that_count_nowhere_are_told_beside_the_models() -> None:
    with sidecar(b'{"models": [], "skipped_lines": {"not_json": 1, "no_model": 1200}}') as url:
        assert look(url).notes == (
            "1,201 lines of prediction logs not counted (1,200 no model, 1 not json): its log says where",
        )


def test_a_token_file_that_is_gone_is_told_as_nobody_can_send() -> None:
    with sidecar(b'{"models": [], "locked": "tokens: no such file or directory"}') as url:
        assert look(url).notes == ("nobody can send rows: tokens: no such file or directory",)


def test_what_ails_a_profile_is_told_once() -> None:
    why = "x.csv: cannot be read"
    assert told(problem=f"{why} (see there)", features=[feature("a", w1h=why)]) == [("m", "ok", f"{why} (see there)")]
