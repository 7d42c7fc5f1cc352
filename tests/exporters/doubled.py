"""A sidecar that is none: it keeps what it gets and answers as it is told."""

from __future__ import annotations

import http.server
import json
import threading

from modelwatch.exporters.client import Sending

FAST = Sending(interval=0.01, pause=0.01, longest_pause=0.02, timeout=5)


class Double:
    """A sidecar that answers as the test says: ``answers`` are (status, body, headers), the last one for ever."""

    def __init__(self, port: int = 0) -> None:
        self.rows: list[dict] = []
        self.requests: list[tuple[str, list[dict]]] = []
        self.answers: list[tuple[int, dict | None, dict[str, str]]] = [(200, None, {})]
        self.hold = threading.Event()
        self.hold.set()
        self.drop_next = 0
        double = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["rows"]
                if double.drop_next:
                    double.drop_next -= 1
                    self.close_connection = True
                    return
                double.hold.wait(30)
                double.requests.append((self.path, rows))
                status, body, headers = double.answers.pop(0) if len(double.answers) > 1 else double.answers[0]
                if status == 200 and body is None:
                    double.rows += rows
                    body = {"accepted": len(rows), "rejected": 0, "errors": []}
                text = json.dumps(body or {"error": "no"}).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(text)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None: ...

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
