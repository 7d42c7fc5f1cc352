"""The real Alertmanager, oldest and newest, with its pagerduty_url at the double."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette

from modelwatch.compose.pagerduty.app import create_app
from modelwatch.compose.pagerduty.desk import Desk
from modelwatch.compose.pagerduty.journal import Journal

pytestmark = pytest.mark.real("alertmanager")

KEY = "0123456789abcdef0123456789ab7f3c"
CONFIG = """
global:
  pagerduty_url: {url}/v2/enqueue
route:
  receiver: pager
  group_by: [alertname, model]
  group_wait: 0s
  group_interval: 1s
  routes:
    - {{matchers: ['severity="ticket"'], receiver: triage}}
    - {{matchers: ['severity="info"'], receiver: chat}}
receivers:
  - name: pager
    pagerduty_configs:
      - routing_key_file: {folder}/pager.key
        severity: critical
        source: '{source}'
        class: '{{{{ .GroupLabels.alertname }}}}'
        component: '{{{{ .GroupLabels.model }}}}'
        links: [{{href: 'http://127.0.0.1:3000/runbooks', text: Runbook}}]
  - name: triage
    webhook_configs: [{{url: '{url}/webhooks/triage'}}]
  - name: chat
    slack_configs: [{{api_url: '{url}/webhooks/chat', channel: '#models', send_resolved: true}}]
"""


@pytest.fixture
def serve(state: Path) -> Iterator[Callable[..., str]]:
    """Starts the double's real server in this process; gives its base URL."""
    with contextlib.ExitStack() as stack:

        def start(rate_limit: int = 0) -> str:
            journal = Journal(state)
            app: Starlette = create_app(Desk(journal, rate_limit=rate_limit))
            listener = socket.create_server(("127.0.0.1", 0))
            server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
            thread.start()

            def stop() -> None:
                server.should_exit = True
                thread.join()
                journal.close()

            stack.callback(stop)
            return f"http://127.0.0.1:{listener.getsockname()[1]}"

        yield start


@contextlib.contextmanager
def alertmanager(program: Path, folder: Path, url: str, source: str = "modelwatch") -> Iterator[str]:
    (folder / "pager.key").write_text(f"{KEY}\n")
    config = folder / "alertmanager.yaml"
    config.write_text(CONFIG.format(url=url, folder=folder, source=source))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    flags = [f"--config.file={config}", f"--storage.path={folder}/data", f"--web.listen-address={address}"]
    log = folder / "alertmanager.log"
    with log.open("wb") as output:
        process = subprocess.Popen([program, *flags, "--cluster.listen-address="], stdout=output, stderr=output)
    try:
        until(lambda: reachable(f"http://{address}/-/ready"), log)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait()


def until(condition: Callable[[], Any], log: Path | None = None) -> Any:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    pytest.fail(f"waited in vain\n{log.read_text() if log else ''}")


def reachable(url: str) -> bool:
    with contextlib.suppress(urllib.error.URLError, ConnectionError):
        return urllib.request.urlopen(url).status == 200
    return False


def get(url: str) -> Any:
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


def fire(alertmanager_url: str, *, ended: bool = False, **labels: str) -> None:
    now = datetime.now(UTC)
    alert: dict[str, Any] = {
        "labels": {"alertname": "ModelDown", "model": "flight-delay", "severity": "page", **labels},
        "annotations": {"summary": "No replica answers", "description": "two\nlines = many"},
        "generatorURL": "http://127.0.0.1:9090/graph?g0.expr=up",
        "startsAt": (now - timedelta(minutes=1)).isoformat(),
    }
    if ended:
        alert["endsAt"] = (now - timedelta(seconds=1)).isoformat()
    request = urllib.request.Request(
        f"{alertmanager_url}/api/v2/alerts", json.dumps([alert]).encode(), {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request).close()


@pytest.mark.parametrize("version", ["oldest", "newest"])
def test_a_page_opens_and_resolves(part: Any, version: str, tmp_path: Path, serve: Callable[..., str]) -> None:
    program = part("alertmanager", version)
    url = serve()
    with alertmanager(program, tmp_path, url) as sender:
        fire(sender, version="3")
        query = "status=open&model=flight-delay&alert=ModelDown"
        (page,) = until(lambda: get(f"{url}/incidents?{query}")["incidents"])
        (alert,) = page["latest_trigger"]["firing"]
        assert alert["labels"]["version"] == "3"
        assert alert["annotations"] == {"summary": "No replica answers", "description": "two\nlines = many"}
        assert alert["source"] == "http://127.0.0.1:9090/graph?g0.expr=up"
        assert page["routing_key"] == "…7f3c"
        assert page["latest_trigger"]["links"] == [{"href": "http://127.0.0.1:3000/runbooks", "text": "Runbook"}]
        assert page["timeline"][0]["by"].startswith("Alertmanager/")

        fire(sender, ended=True, version="3")
        (resolved,) = until(lambda: get(f"{url}/incidents?status=resolved&model=flight-delay")["incidents"])
        assert resolved["number"] == page["number"]
        assert resolved["dedup_key"] == page["dedup_key"]
        assert resolved["resolution"]["resolved"][0]["labels"]["alertname"] == "ModelDown"
    assert get(f"{url}/refused")["refused"] == []
    assert get(f"{url}/orphans")["orphans"] == []


@pytest.mark.parametrize("version", ["oldest", "newest"])
def test_a_source_that_is_not_grouped_by_loses_the_page_when_a_second_alert_joins(
    part: Any, version: str, tmp_path: Path, serve: Callable[..., str]
) -> None:
    """The mistake that this double is for: PagerDuty answers 400, and Alertmanager gives up."""
    program = part("alertmanager", version)
    url = serve()
    with alertmanager(program, tmp_path, url, source="{{ .CommonLabels.replica }}") as sender:
        fire(sender, replica="a")
        until(lambda: get(f"{url}/incidents")["incidents"])
        fire(sender, replica="b")
        (refused, *_) = until(lambda: get(f"{url}/refused")["refused"])
        assert refused["problems"][0]["message"] == "'payload.source' is missing or blank"
        assert refused["sender"].startswith("Alertmanager/")


def test_alertmanager_tries_again_after_a_429(part: Any, tmp_path: Path, serve: Callable[..., str]) -> None:
    program = part("alertmanager", "newest")
    url = serve(rate_limit=1)
    with alertmanager(program, tmp_path, url) as sender:
        fire(sender)
        until(lambda: get(f"{url}/incidents")["incidents"])
        fire(sender, ended=True)
        refused = until(lambda: found if len(found := get(f"{url}/refused")["refused"]) > 1 else None)
        assert {record["status"] for record in refused} == {429}


@pytest.mark.parametrize("version", ["oldest", "newest"])
def test_tickets_and_chat_arrive_in_the_inbox(
    part: Any, version: str, tmp_path: Path, serve: Callable[..., str]
) -> None:
    program = part("alertmanager", version)
    url = serve()
    with alertmanager(program, tmp_path, url) as sender:
        fire(sender, severity="ticket")
        fire(sender, severity="info", alertname="ModelInfo")
        notices = until(lambda: found if len(found := get(f"{url}/webhooks")["notices"]) == 2 else None)
        message, ticket = sorted(notices, key=lambda notice: notice["webhook"])
        assert (ticket["webhook"], ticket["status"], ticket["title"]) == ("triage", "firing", "No replica answers")
        assert (message["webhook"], message["status"]) == ("chat", "firing")
        assert "ModelInfo" in message["title"]

        fire(sender, severity="ticket", ended=True)
        until(lambda: get(f"{url}/webhooks?status=resolved&model=flight-delay")["notices"])
        fire(sender, severity="info", alertname="ModelInfo", ended=True)
        until(lambda: len(get(f"{url}/webhooks?status=resolved")["notices"]) == 2)
        assert len(get(f"{url}/webhooks")["notices"]) == 2
        with urllib.request.urlopen(f"{sender}/metrics") as answer:
            failed = [
                line
                for line in answer.read().decode().splitlines()
                if line.startswith("alertmanager_notifications_failed_total") and not line.endswith(" 0")
            ]
        assert failed == []
    assert get(f"{url}/incidents")["incidents"] == []
