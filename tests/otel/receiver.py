"""A Collector's OTLP receiver over HTTP that keeps what it got, for tests that look at single spans."""

from __future__ import annotations

import gzip
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

HANG_UP = 0
"""An answer: none, after all has been taken."""


class Receiver(ThreadingHTTPServer):
    """``requests`` that were taken; answers once ``open`` is set, first as ``answers`` says: status and Retry-After."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.requests: list[ExportTraceServiceRequest] = []
        self.answers: deque[tuple[int, str]] = deque()
        self.closed = False
        self.open = threading.Event()
        self.open.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def resources(self) -> list[ResourceSpans]:
        return [resource for request in list(self.requests) for resource in request.resource_spans]

    @property
    def spans(self) -> list[Span]:
        return [span for resource in self.resources for scope in resource.scope_spans for span in scope.spans]

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.spans]

    @property
    def instances(self) -> set[str]:
        """The processes that sent something."""
        return {
            attribute.value.string_value
            for resource in self.resources
            for attribute in resource.resource.attributes
            if attribute.key == "service.instance.id"
        }


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.open.wait()
        if self.server.closed:  # a connection outlives the server that took it
            self.close_connection = True
            return
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        status, after = self.server.answers.popleft() if self.server.answers else (200, "")
        if status in {200, HANG_UP}:
            self.server.requests.append(ExportTraceServiceRequest.FromString(body))
        if status == HANG_UP:
            self.close_connection = True
            return
        self.send_response(status)
        if after:
            self.send_header("Retry-After", after)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Quiet."""


@contextmanager
def receiver(port: int = 0) -> Iterator[Receiver]:
    server = Receiver(port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.closed = True
    server.open.set()
    server.shutdown()
    thread.join()
    server.server_close()
