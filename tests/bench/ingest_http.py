"""Rows over HTTP into the running sidecar, on one core: 30 numeric and 10 categorical features, every format.

Beside it, in the same run and on the same core, the least that a server could do: uvicorn with an application that
reads the body and parses it, and counts nothing. What is wanted stands beside what is found. On a machine where others
work too, look at rows per second of the sidecar's CPU; the clock and the latencies tell of the others as well.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from modelwatch.exporters.app import GIVE_BACK_SECONDS

NUMERIC, CATEGORICAL, CATEGORIES = 30, 10, 15
ROWS = 10_000
ARROW = "application/vnd.apache.arrow.stream"
SECONDS = float(os.environ.get("BENCH_SECONDS", "4"))
WANTED_ROWS = {"JSON": 100_000, "Arrow": 2_000_000}
WANTED_MIB = 100
SOAK = {"application/json": 1_000_000, ARROW: 10_000_000}
PATH = "/v1/models/wide/predictions"
PEER = """
import json, sys
import pyarrow as pa
import uvicorn

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    if b"arrow" in dict(scope["headers"]).get(b"content-type", b""):
        rows = sum(batch.num_rows for batch in pa.ipc.open_stream(pa.py_buffer(bytes(body))))
    else:
        rows = len(json.loads(bytes(body)))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})

uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", lifespan="off")
"""


@dataclass(frozen=True, slots=True)
class Payload:
    name: str
    kind: str
    body: bytes
    rows: int


def _columns(rows: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    names = np.array([f"category-{number}" for number in range(CATEGORIES)])
    found = {f"n{number:02}": rng.normal(100, 15, rows).round(3) for number in range(NUMERIC)}
    return found | {f"c{number}": names[rng.integers(0, CATEGORIES, rows)] for number in range(CATEGORICAL)}


def _answers(rows: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"prediction": np.array(["no", "yes"])[rng.integers(0, 2, rows)], "confidence": rng.random(rows).round(3)}


def _arrow(rows: int, narrow: bool) -> bytes:
    """Dictionary codes of one byte; ``narrow`` has numbers of four bytes instead of eight."""
    columns: dict[str, pa.Array] = {}
    for name, values in (_columns(rows, 2) | _answers(rows, 2)).items():
        if values.dtype.kind == "f":
            columns[name] = pa.array(values.astype(np.float32) if narrow else values)
        else:
            columns[name] = pa.array(values).dictionary_encode().cast(pa.dictionary(pa.int8(), pa.string()))
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def columns_document(rows: int, seed: int = 2) -> dict[str, object]:
    """What a request of JSON columns holds."""
    features = {name: values.tolist() for name, values in _columns(rows, seed).items()}
    return {"features": features} | {name: values.tolist() for name, values in _answers(rows, seed).items()}


def payloads(rows: int = ROWS) -> list[Payload]:
    features = {name: values.tolist() for name, values in _columns(rows, 2).items()}
    answers = {name: values.tolist() for name, values in _answers(rows, 2).items()}
    documents = [
        {"features": {name: values[row] for name, values in features.items()}}
        | {name: values[row] for name, values in answers.items()}
        for row in range(rows)
    ]
    compact = (",", ":")
    return [
        Payload("JSON rows", "application/json", json.dumps({"rows": documents}, separators=compact).encode(), rows),
        Payload(
            "JSON columns",
            "application/json",
            json.dumps({"columns": {"features": features, **answers}}, separators=compact).encode(),
            rows,
        ),
        Payload(
            "JSON Lines",
            "application/x-ndjson",
            "\n".join(json.dumps(row, separators=compact) for row in documents).encode(),
            rows,
        ),
        Payload("Arrow float64", ARROW, _arrow(5 * rows, narrow=False), 5 * rows),
        Payload("Arrow float32", ARROW, _arrow(8 * rows, narrow=True), 8 * rows),
    ]


def write_wide(root: Path) -> None:
    """The spec and the reference of the model that the benchmarks send rows to."""
    pq.write_table(pa.table(_columns(50_000, 1) | _answers(50_000, 1)), root / "reference.parquet")
    features = [f"  - {{name: n{number:02}, type: numeric}}" for number in range(NUMERIC)]
    features += [f"  - {{name: c{number}, type: categorical}}" for number in range(CATEGORICAL)]
    (root / "models").mkdir()
    (root / "models" / "wide.yaml").write_text(
        "apiVersion: modelwatch/v1\nkind: Model\nmetadata: {name: wide, owner: ml}\nserving: {job: wide}\n"
        'task: {type: classification, classes: ["no", "yes"], positive_class: "yes"}\n'
        "features:\n" + "\n".join(features) + "\nbaseline: {profile: ../reference.json}\n"
    )
    made = [str(Path(sys.executable).with_name("modelwatch")), "profile", "wide", "--models", str(root / "models")]
    made += ["--data", str(root / "reference.parquet"), "--output", str(root / "reference.json")]
    subprocess.run(made, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def sidecar(root: Path) -> Iterator[tuple[psutil.Process, int]]:
    """The sidecar as users run it, on core 0, from a saved profile: its process and its port."""
    write_wide(root)
    command = [sys.executable, "-m", "modelwatch.exporters", "--models", str(root / "models")]
    port = _free_port()
    with _pinned(
        [*command, "--state", str(root / "state"), "--listen", f"127.0.0.1:{port}"], port, b"/readyz"
    ) as found:
        yield found, port


@contextmanager
def _peer() -> Iterator[tuple[psutil.Process, int]]:
    port = _free_port()
    with _pinned([sys.executable, "-c", PEER, str(port)], port, None) as found:
        yield found, port


@contextmanager
def _pinned(command: list[str], port: int, ready: bytes | None) -> Iterator[psutil.Process]:
    with subprocess.Popen(["taskset", "-c", "0", *command], stderr=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + 120
            while time.monotonic() < end:
                try:
                    with socket.create_connection(("127.0.0.1", port)) as probe:
                        if ready is None:
                            break
                        probe.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % ready)
                        if b" 200 " in probe.recv(100):
                            break
                except OSError:
                    pass
                time.sleep(0.1)
            _settled(psutil.Process(process.pid))
            yield psutil.Process(process.pid)
        finally:
            process.terminate()


def _settled(process: psutil.Process) -> None:
    """Wait until a process that has just begun has nothing more to do: the sidecar works out critical values ahead."""
    used, end = -1.0, time.monotonic() + 120
    while sum(process.cpu_times()[:2]) - used > 0.05 and time.monotonic() < end:
        used = sum(process.cpu_times()[:2])
        time.sleep(1)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _request(payload: Payload) -> bytes:
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: {payload.kind}\r\nContent-Length: {len(payload.body)}\r\n\r\n"
    return head.encode() + payload.body


class Connection:
    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(self, request: bytes) -> bytes:
        """The answer to a whole request, as bytes. Raises RuntimeError when it is not 200."""
        self._socket.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._more()
        head, _, body = answer.partition(b"\r\n\r\n")
        if b" 200 " not in head[:20]:
            raise RuntimeError(answer[:500].decode())
        length = int(head.lower().partition(b"content-length: ")[2].split()[0])
        while len(body) < length:
            body += self._more()
        return body

    def _more(self) -> bytes:
        found = self._socket.recv(65536)
        if not found:
            raise RuntimeError("the connection was closed before the answer was complete")
        return found

    def close(self) -> None:
        self._socket.close()


def _rate(process: psutil.Process, port: int, payload: Payload) -> tuple[float, float]:
    """Rows per second of the wall clock, and per second of the server's CPU."""
    connection, request = Connection(port), _request(payload)
    connection.post(request)
    times = process.cpu_times()
    start, cpu, posts = time.perf_counter(), times.user + times.system, 0
    while time.perf_counter() - start < SECONDS:
        connection.post(request)
        posts += 1
    wall = time.perf_counter() - start
    times = process.cpu_times()
    connection.close()
    return posts * payload.rows / wall, posts * payload.rows / (times.user + times.system - cpu)


def _latency(port: int, small: Payload, load: Payload) -> list[float]:
    """Seconds of posts of ``small``, one every 10 ms, while ``load`` is sent four times a second."""
    stop = threading.Event()

    def send() -> None:
        connection, request = Connection(port), _request(load)
        while not stop.wait(0.25):
            connection.post(request)
        connection.close()

    thread = threading.Thread(target=send)
    thread.start()
    connection, request, found = Connection(port), _request(small), []
    end = time.perf_counter() + 2 * SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter()
        connection.post(request)
        found.append(time.perf_counter() - start)
        time.sleep(max(0.0, 0.01 - found[-1]))
    stop.set()
    thread.join()
    connection.close()
    return found


def _soak(process: psutil.Process, port: int, payload: Payload, rows: int) -> tuple[list[float], float, float]:
    """Resident MiB after each tenth of ``rows``, at the worst moment, and once what is free has been given back."""
    connection, request, found = Connection(port), _request(payload), []
    Path(f"/proc/{process.pid}/clear_refs").write_text("5")  # the kernel forgets the worst moment up to now
    for _ in range(10):
        for _ in range(0, rows // 10, payload.rows):
            connection.post(request)
        found.append(process.memory_info().rss / 2**20)
    connection.close()
    status = Path(f"/proc/{process.pid}/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    time.sleep(GIVE_BACK_SECONDS + 2)
    return found, peak, process.memory_info().rss / 2**20


def _quantiles(seconds: list[float]) -> str:
    cuts = statistics.quantiles(seconds, n=100)
    return f"p50 {cuts[49] * 1e3:6.2f} ms   p99 {cuts[98] * 1e3:6.2f} ms   max {max(seconds) * 1e3:6.2f} ms"


def main() -> None:
    every = payloads()
    print(f"\nrows over HTTP, {NUMERIC} numeric and {CATEGORICAL} categorical features, one core")
    with (
        tempfile.TemporaryDirectory() as folder,
        sidecar(Path(folder)) as (process, port),
        _peer() as (other, peer_port),
    ):
        print(f"resident at the start: {process.memory_info().rss / 2**20:.0f} MiB (wanted: below {WANTED_MIB})")
        print(f"{'':<16}{'bytes/row':>10}{'rows/s':>13}{'rows/s CPU':>13}{'wanted':>13}{'peer CPU':>13}")
        for payload in every:
            wall, cpu = _rate(process, port, payload)
            wanted = WANTED_ROWS["Arrow" if payload.kind == ARROW else "JSON"]
            lines = payload.name == "JSON Lines"
            _, least = (0, 0) if lines else _rate(other, peer_port, payload)
            print(
                f"{payload.name:<16}{len(payload.body) / payload.rows:>10.0f}{wall:>13,.0f}{cpu:>13,.0f}{wanted:>13,}"
                + ("" if lines else f"{least:>13,.0f}  (parses, and counts nothing)")
            )
        small, load = payloads(100)[0], payloads(2500)[1]
        print(f"a post of 100 rows, alone         {_quantiles(_latency(port, small, small))}")
        print(f"a post of 100 rows, 10,000 rows/s {_quantiles(_latency(port, small, load))}")
        for payload in (payloads(2500)[1], *every[3:]):
            during, peak, after = _soak(process, port, payload, SOAK[payload.kind])
            print(
                f"resident while {SOAK[payload.kind]:,} rows come as {payload.name}, {len(payload.body) / 2**20:.1f} MiB each: "
                f"{min(during):.0f} to {max(during):.0f} MiB, {peak:.0f} at the worst moment, {after:.0f} soon after "
                f"(wanted: below {WANTED_MIB})"
            )


if __name__ == "__main__":
    main()
