"""Serves the preview on a socket until it is told to stop."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

import uvicorn

from modelwatch.compose.preview.app import Settings, create_app
from modelwatch.model.units import Duration


class PreviewError(Exception):
    """What keeps the preview from starting, in words for the person who started it."""


def serve(
    *,
    dashboards: Path,
    prometheus: str,
    runbooks: Path | None = None,
    listen: str = "127.0.0.1:3000",
    scrape_interval: str = "15s",
    traces: str | None = None,
    logs: str | None = None,
    out: TextIO = sys.stdout,
) -> None:
    """Serve ``dashboards`` (a folder of Grafana JSON) until interrupted. Raises PreviewError if it cannot start.

    ``traces`` and ``logs`` may be empty, where a compose file cannot leave an option out.
    """
    host, port = _address(listen)
    traces = traces or None
    for option, url, example in (("prometheus", prometheus, 9090), ("traces", traces, 16686)):
        if url is not None and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
            raise PreviewError(f"--{option} {url!r} is no address: give one such as http://127.0.0.1:{example}")
    if not dashboards.is_dir():
        raise PreviewError(
            f"--dashboards {dashboards} is no folder: `modelwatch generate` writes generated/grafana/dashboards"
        )
    try:
        Duration.parse(scrape_interval)
    except ValueError as error:
        raise PreviewError(f"--scrape-interval: {error}") from error
    archive = Path(logs) if logs else None
    app = create_app(Settings(dashboards, prometheus, runbooks, host, scrape_interval, traces, archive))
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise PreviewError(
            f"cannot listen on {listen}: {error.strerror or error}; choose another with --listen"
        ) from error
    with listener:
        shown = f"[{host}]" if ":" in host else host
        out.write(f"modelwatch preview: http://{shown}:{listener.getsockname()[1]} (data from {prometheus})\n")
        out.flush()
        config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, ws="none")
        uvicorn.Server(config).run(sockets=[listener])


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    if not host or not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise PreviewError(f"--listen {listen!r} is no HOST:PORT: give one such as 127.0.0.1:3000")
    return host, int(port)
