"""Who may send rows, and how much one sender can take of the sidecar: tokens, connections, heads, requests."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
import specs

from modelwatch.exporters import connections
from modelwatch.exporters.access import TokenError, TokenFile
from modelwatch.exporters.client import PredictionLog
from modelwatch.exporters.intake import Limits
from modelwatch.exporters.sidecar import Sidecar

PATH = f"/v1/models/{specs.NAME}/predictions"
GOOD = {"rows": [{"features": {"hour": 7}}]}


@pytest.fixture
def sidecar() -> Sidecar:
    found = Sidecar(specs.fleet(specs.model()))
    found.load()
    return found


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("one\ntwo\n")
    return path


def rewrite(path: Path, text: str) -> None:
    """As a mounted secret changes: another file takes the name."""
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.replace(path)


def test_rows_need_a_token_of_the_file_and_health_never_does(
    sidecar: Sidecar, token: Path, serve_app: Callable[..., httpx2.Client]
) -> None:
    client = serve_app(sidecar, tokens=TokenFile(token))
    for header in (
        {},
        {"Authorization": "Bearer three"},
        {"Authorization": "Basic one"},
        {"Authorization": "one"},
    ):
        for path in (PATH, "/v1/cloudevents", "/v1/models/nobody/predictions"):
            answer = client.post(path, json=GOOD, headers=header)
            assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
            wrong = "the token is none of the sidecar's --token-file"
            assert (
                wrong if header.get("Authorization") == "Bearer three" else "Authorization: Bearer"
            ) in answer.json()["error"]
    for header in ("Bearer one", "bearer two", "Bearer  one"):
        assert client.post(PATH, json=GOOD, headers={"Authorization": header}).status_code == 200
    for path in ("/metrics", "/healthz", "/readyz", "/v1/models", "/openapi.json"):
        assert client.get(path).status_code == 200


def test_metrics_and_scores_may_be_protected_too(
    sidecar: Sidecar, token: Path, serve_app: Callable[..., httpx2.Client]
) -> None:
    client = serve_app(sidecar, tokens=TokenFile(token), protect_metrics=True)
    for path in ("/metrics", "/v1/models", f"/v1/models/{specs.NAME}"):
        assert client.get(path).status_code == 401
        assert client.get(path, headers={"Authorization": "Bearer two"}).status_code == 200
    for path in ("/healthz", "/readyz", "/openapi.json"):
        assert client.get(path).status_code == 200


def test_a_file_that_changes_is_read_again_and_one_that_is_gone_lets_nobody_in(
    token: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = TokenFile(token)
    assert tokens.judge("Bearer one") == "good"
    rewrite(token, "three\n")
    assert tokens.judge("Bearer one") == "wrong"
    assert tokens.judge("Bearer three") == "good"
    assert tokens.problem() is None
    token.unlink()
    assert tokens.judge("Bearer three") == "no_tokens"
    assert tokens.problem() == f"{token}: no such file or directory"
    rewrite(token, "")
    assert tokens.judge("Bearer ") == "no_tokens"
    assert "holds no token" in str(tokens.problem())
    rewrite(token, "four")
    assert tokens.judge("Bearer ") == "none_sent"
    assert tokens.judge("Bearer four") == "good"
    assert tokens.problem() is None
    written = caplog.text
    assert "nobody can send rows until it can be read" in written
    for word in ("one", "three", "four"):
        assert f"{word}\n" not in written.replace("Bearer", "")


def test_no_token_a_wrong_one_and_a_file_that_is_gone_are_told_apart(
    sidecar: Sidecar, token: Path, serve_app: Callable[..., httpx2.Client]
) -> None:
    client = serve_app(sidecar, tokens=TokenFile(token))
    client.post(PATH, json=GOOD)
    client.post(PATH, json=GOOD, headers={"Authorization": "Bearer old"})
    assert client.get("/v1/models").json()["locked"] is None
    token.unlink()
    answer = client.post(PATH, json=GOOD, headers={"Authorization": "Bearer one"})
    assert "nobody is let in while the sidecar cannot read its --token-file" in answer.json()["error"]
    told = client.get("/v1/models").json()
    assert told["locked"] == f"{token}: no such file or directory"
    assert told["models"][0]["refused_requests"] == {"token": 1, "wrong_token": 1, "token_file": 1}


@pytest.mark.parametrize(
    ("text", "reason"), [(None, "cannot be read"), ("", "holds no token"), (" \n\n", "holds no token")]
)
def test_a_token_file_without_a_token_is_an_error_at_the_start(tmp_path: Path, text: str | None, reason: str) -> None:
    path = tmp_path / "token"
    if text is not None:
        path.write_text(text)
    with pytest.raises(TokenError, match=reason):
        TokenFile(path)


def test_no_token_is_ever_logged_or_answered(
    sidecar: Sidecar, token: Path, serve_app: Callable[..., httpx2.Client], caplog: pytest.LogCaptureFixture
) -> None:
    rewrite(token, "hush-hush")
    client = serve_app(sidecar, tokens=TokenFile(token))
    for word in ("hush-hush", "wrong-guess"):
        answer = client.post(PATH, content=b"{", headers={"Authorization": f"Bearer {word}"})
        assert word not in answer.text
        assert word not in caplog.text
    assert "hush" not in client.get("/metrics").text


def test_the_python_client_sends_the_token_of_its_file_and_takes_up_a_new_one(
    sidecar: Sidecar, token: Path, serve_app: Callable[..., httpx2.Client], wait: Callable[..., None]
) -> None:
    client = serve_app(sidecar, tokens=TokenFile(token))
    with PredictionLog(specs.NAME, url=str(client.base_url), token_file=token) as log:
        log.record({"hour": 1})
        wait(lambda: log.counts["sent"] == 1)
        rewrite(token, "three")
        log.record({"hour": 1})
        wait(lambda: log.counts["sent"] == 2)
    with PredictionLog(specs.NAME, url=str(client.base_url)) as log:
        log.record({"hour": 1})
    assert log.counts == {"sent": 0, "rejected": 1, "dropped": 0}


# --- limits ---


def _open(client: httpx2.Client) -> socket.socket:
    found = socket.create_connection((client.base_url.host, client.base_url.port))
    found.settimeout(10)
    return found


def test_a_connection_beyond_the_limit_is_429_at_once(
    sidecar: Sidecar,
    serve_app: Callable[..., httpx2.Client],
    monkeypatch: pytest.MonkeyPatch,
    wait: Callable[..., None],
) -> None:
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 5)
    client = serve_app(sidecar)
    held = [_open(client) for _ in range(5)]
    with _open(client) as more:
        assert more.recv(1000).startswith(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\n")
    for connection in held:
        connection.close()
    wait(lambda: client.post(PATH, json=GOOD).status_code == 200)


@pytest.mark.parametrize("sent", [b"", b"POST ", b"POST / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_a_head_that_does_not_arrive_ends_the_connection(
    sidecar: Sidecar, serve_app: Callable[..., httpx2.Client], monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)
    with _open(serve_app(sidecar)) as slow:
        start = time.monotonic()
        slow.sendall(sent)
        try:
            while time.monotonic() < start + 5:
                slow.sendall(b"a" if sent else b"")
                slow.settimeout(0.1)
                try:
                    if slow.recv(1000) == b"":
                        break
                except TimeoutError:
                    continue
        except ConnectionError:
            pass
        assert 0.4 < time.monotonic() - start < 4


def test_a_head_is_slow_only_as_long_as_it_is_not_complete(
    sidecar: Sidecar, serve_app: Callable[..., httpx2.Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)
    body = json.dumps(GOOD).encode()
    with _open(serve_app(sidecar)) as slow:
        for _ in range(2):
            slow.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode())
            for part in (body[:5], body[5:]):
                time.sleep(0.4)
                slow.sendall(part)
            answer = b""
            while not answer.endswith(b"}\n"):
                answer += slow.recv(1000)
            assert b" 200 " in answer


def test_a_head_of_any_size_is_cut_off(sidecar: Sidecar, serve_app: Callable[..., httpx2.Client]) -> None:
    with _open(serve_app(sidecar)) as large:
        large.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n")
        with pytest.raises(ConnectionError):
            for _ in range(1000):
                large.sendall(b"X-Large: " + b"x" * 10_000 + b"\r\n")
                time.sleep(0.002)


def test_more_requests_than_are_taken_at_once_are_429(
    sidecar: Sidecar, serve_app: Callable[..., httpx2.Client], wait: Callable[..., None]
) -> None:
    client = serve_app(sidecar, Limits(requests=3))
    held = [_open(client) for _ in range(3)]
    for connection in held:
        connection.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{{".encode())
    wait(lambda: client.post(PATH, json=GOOD).status_code == 429)
    assert client.post(PATH, json=GOOD).headers["Retry-After"] == "1"
    assert client.get("/metrics").status_code == 200
    for connection in held:
        connection.close()
    wait(lambda: client.post(PATH, json=GOOD).status_code == 200)


def test_a_body_that_does_not_arrive_is_408(sidecar: Sidecar, serve_app: Callable[..., httpx2.Client]) -> None:
    client = serve_app(sidecar, Limits(body_seconds=0.3))
    with _open(client) as slow:
        slow.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{{".encode())
        assert b" 408 " in slow.recv(1000)
