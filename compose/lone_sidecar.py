"""A drift sidecar that no stack of this folder has started: `modelwatch exporter`, here or on another machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from modelwatch.compose import drift_state, sidecar_ready, web
from modelwatch.compose.occupied import Holder, holder


class UrlError(ValueError):
    """No address of a sidecar. The text says how to write one."""


@dataclass(frozen=True, slots=True)
class Lone:
    """``state`` is ready, starting (profiles are being built), degraded (a model has no profile) or stopped.

    ``stack`` is the folder of the stack that it is part of, as far as that can be known.
    """

    url: str
    state: Literal["ready", "starting", "degraded", "stopped"]
    detail: str = ""
    said: drift_state.Said = field(default_factory=drift_state.Said)
    stack: str = ""


def parse(text: str) -> str:
    """``127.0.0.1:9180`` or an http URL, as a URL without a path. Raises UrlError."""
    url = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good:
        raise UrlError(f"{text[:200]!r} is no address of a sidecar: write it as http://127.0.0.1:9180")
    return f"{parts.scheme}://{parts.netloc}"


def look(url: str) -> Lone:
    """How the sidecar at ``url`` stands."""
    answer = web.ask(f"{url}/readyz")
    if answer.status == 0:
        return Lone(url, "stopped", f"nobody answers: {answer.text}")
    found = sidecar_ready.read(answer)
    if found is None:
        return Lone(url, "stopped", "something else than a sidecar answers there")
    state: Literal["ready", "starting", "degraded"]
    state = "ready" if found.ready else "starting" if found.loading else "degraded"
    process = _process(url)
    stack = process.stack if process else ""
    whose = f"part of the stack of {stack}" if stack else f"process {process.pid}" if process else ""
    detail = "; ".join(part for part in (whose, found.said) if part)
    return Lone(url, state, detail, drift_state.look(f"{url}/"), stack)


def _process(url: str) -> Holder | None:
    """Which it is, as far as that can be known of one on this machine."""
    parts = urlsplit(url)
    return holder(parts.port) if parts.hostname in ("127.0.0.1", "localhost", "::1") and parts.port else None
