"""A drift sidecar that no stack of this folder has started: `modelwatch exporter`, here or on another machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from modelwatch.compose import drift_state, sidecar_ready, web
from modelwatch.compose.occupied import holder


class UrlError(ValueError):
    """No address of a sidecar. The text says how to write one."""


@dataclass(frozen=True, slots=True)
class Lone:
    """``state`` is ready, starting (profiles are being built), degraded (a model has no profile) or stopped."""

    url: str
    state: Literal["ready", "starting", "degraded", "stopped"]
    detail: str = ""
    said: drift_state.Said = field(default_factory=drift_state.Said)


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
    detail = "; ".join(part for part in (_whose(url), found.said) if part)
    return Lone(url, state, detail, drift_state.look(f"{url}/"))


def _whose(url: str) -> str:
    """Which process it is, as far as that can be known of one on this machine."""
    parts = urlsplit(url)
    found = holder(parts.port) if parts.hostname in ("127.0.0.1", "localhost", "::1") and parts.port else None
    if found is None:
        return ""
    return f"part of the stack of {found.stack}" if found.stack else f"process {found.pid}"
