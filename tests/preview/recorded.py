"""What a real Jaeger has answered, told again; and readers of the pages that are made of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx2

SAMPLES = Path(__file__).parent / "traces"
FAILED = "db8533947522fe565d42a1c910dc1ff7"
BATCH = "ebeb792bc71db137df3b15f705bc8456"
JOINED = "f7f5d4b8fd7f0f98bd9db79c5f3ef860"
ANSWERED, LATE = "0cd4ecfa85f190e4c1b7cf5bf52420b7", "5d98de71e467b61fa3c0c8352078ea14"
SAMPLED = {"failed": FAILED, "batch": BATCH, "joined": JOINED, "answered": ANSWERED, "late": LATE}
Handler = Callable[[httpx2.Request], httpx2.Response]


def text(name: str) -> str:
    return (SAMPLES / f"{name}.json").read_text("utf-8")


def as_jaeger(body: str, status: int = 200) -> httpx2.Response:
    """It calls its JSON text."""
    return httpx2.Response(status, text=body)


def recorded(request: httpx2.Request) -> httpx2.Response:
    """What a real Jaeger has answered, and a Prometheus with one exemplar."""
    path, asked = request.url.path, request.url.params
    if request.url.host == "prometheus.test":
        listed = [{"labels": {"trace_id": FAILED}, "value": "0.0249", "timestamp": 1795643722.3}]
        found = [{"seriesLabels": {"version": "7"}, "exemplars": listed}]
        data: Any = found if path.endswith("query_exemplars") else {"version": "3.1.0", "alerts": []}
        return httpx2.Response(200, json={"status": "success", "data": data})
    if path == "/api/traces":
        failed = "modelwatch.outcome" in json.loads(asked["tags"])
        batch = asked["operation"].startswith("batch")
        return as_jaeger(text("found-batch" if batch else "found-failed" if failed else "found-unsure"))
    bodies = {"/api/v3/services": text("services"), "/api/v3/operations": text("operations")}
    for name, trace in SAMPLED.items():
        bodies[f"/api/v3/traces/{trace}"] = text(f"trace-{name}")
    missing = '{"error":{"httpCode":404,"message":"No traces found"}}'
    return as_jaeger(bodies[path]) if path in bodies else as_jaeger(missing, 404)


def refuses(_: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("Connection refused")


def hangs(_: httpx2.Request) -> httpx2.Response:
    raise httpx2.ReadTimeout("too slow")


class Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.found += data.split()


def words(html: str) -> str:
    parser = Words()
    parser.feed(html)
    return " ".join(parser.found)


def links(html: str) -> Iterator[str]:
    parser = Words()
    parser.feed(html)
    return (str(attributes["href"]) for tag, attributes in parser.tags if tag == "a" and "href" in attributes)
