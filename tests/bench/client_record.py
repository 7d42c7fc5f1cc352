"""What one ``record()`` of the Python client costs the service that calls it, whatever state the sidecar is in."""

from __future__ import annotations

import logging
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from modelwatch.exporters.client import PredictionLog

RECORDS = 20_000
FEATURES = {f"n{number:02}": number * 1.5 for number in range(30)} | {f"c{number}": "category" for number in range(10)}
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@contextmanager
def _sidecar(answer: str) -> Iterator[int]:
    """A listener that takes all, waits for ever, refuses with 429, or hangs up every other time; its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:

        def serve() -> None:
            held, turn = [], 0
            while True:
                try:
                    connection = server.accept()[0]
                except OSError:
                    return
                turn += 1
                if answer == "hangs up":
                    connection.close()
                elif answer == "waits for ever":
                    held.append(connection)
                else:
                    threading.Thread(target=_take, args=(connection, answer), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def _take(connection: socket.socket, answer: str) -> None:
    try:
        while True:
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(65536) or b"\r\n\r\n\0"
            if head.endswith(b"\0"):
                return
            left = int(head.lower().partition(b"content-length: ")[2].split(b"\r")[0])
            left -= len(head.partition(b"\r\n\r\n")[2])
            while left > 0:
                left -= len(connection.recv(min(left, 1 << 20))) or left
            busy = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\n{}"
            connection.sendall(busy if answer == "is full" else _OK)
    except OSError:
        return


def _measure(port: int) -> tuple[list[float], dict[str, int]]:
    log = PredictionLog("m", url=f"http://127.0.0.1:{port}")
    found = []
    for _ in range(RECORDS):
        start = time.perf_counter_ns()
        log.record(FEATURES, prediction="yes", confidence=0.9)
        found.append(float(time.perf_counter_ns() - start))
    log.close(2)
    return found, dict(log.counts)


def main() -> None:
    logging.getLogger("modelwatch").setLevel(logging.ERROR)
    print(f"\none record() of 40 features, {RECORDS:,} in a row, by what the sidecar does")
    print(f"{'':<18}{'median':>10}{'p99':>10}{'max':>12}   counted as")
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    for answer in ("takes them", "is dead", "waits for ever", "is full", "hangs up"):
        with _sidecar(answer) as open_port:
            times, counts = _measure(port if answer == "is dead" else open_port)
        cuts = statistics.quantiles(times, n=100)
        print(
            f"{answer:<18}{statistics.median(times):>7,.0f} ns{cuts[98]:>7,.0f} ns{max(times) / 1e6:>9.2f} ms"
            f"   {counts}, {sum(counts.values()):,} in all"
        )


if __name__ == "__main__":
    main()
