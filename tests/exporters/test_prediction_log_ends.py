"""The service's client at its two ends: how it is made, and what it says and sends when it or its process ends."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest
from doubled import FAST, Double

from modelwatch.exporters.client import PredictionLog, Sending


@pytest.mark.parametrize("url", ["", "127.0.0.1:9180", "ftp://x", "http://"])
def test_what_is_no_url_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="write http://host:port"):
        PredictionLog("m", url)


def test_the_address_of_rows_is_refused_with_the_base_url_that_is_wanted() -> None:
    with pytest.raises(ValueError, match=r"base URL.*write http://h:9180/proxy$"):
        PredictionLog("m", "http://h:9180/proxy/v1/models/m/predictions")


def test_each_kind_of_loss_is_told_once_and_all_of_them_are_summed_up_at_the_end(
    double: Double, caplog: pytest.LogCaptureFixture
) -> None:
    double.answers = [
        (200, {"accepted": 0, "rejected": 1, "errors": [{"index": 0, "reason": "bad"}]}, {}),
        (200, {"accepted": 0, "rejected": 1, "errors": [{"index": 0, "reason": "bad"}]}, {}),
        (401, {"error": "no token"}, {}),
    ]
    one_each = Sending(batch_rows=1, interval=0.01, pause=0.01)
    with PredictionLog("m", double.url, sending=one_each) as log:
        for number in range(3):
            log.record({"i": number})
        log.record({"i": object()}, prediction={1, 2})
    log.close()
    told = [text.removeprefix("modelwatch: m: ") for text in caplog.messages]
    assert told[:2] == [
        "the sidecar rejected 1 rows (status 200): bad",
        "the sidecar rejected 1 rows (status 401): no token",
    ]
    assert (
        told[-1] == f"closed: 0 rows sent, {log.counts['rejected']} rows rejected, {log.counts['dropped']} rows dropped"
    )
    assert sum(text.startswith("closed:") for text in told) == 1


def test_a_log_that_lost_nothing_ends_without_a_word(double: Double, caplog: pytest.LogCaptureFixture) -> None:
    with PredictionLog("m", double.url, sending=FAST) as log:
        log.record({"i": 1})
    assert caplog.messages == []


def _script(double: Double, text: str) -> subprocess.CompletedProcess[str]:
    code = f"url = {double.url!r}\n" + textwrap.dedent(text)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


def test_rows_are_flushed_when_the_process_ends(double: Double) -> None:
    done = _script(
        double,
        """
        from modelwatch.exporters.client import PredictionLog
        log = PredictionLog("m", url)
        for i in range(500):
            log.record({"i": i})
        """,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(double.rows) == 500


def test_a_process_ends_in_time_without_a_sidecar(dead: str) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"from modelwatch.exporters.client import PredictionLog\nPredictionLog('m', {dead!r}).record({{'i': 1}})",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_sends_its_own_rows_and_not_its_parents(double: Double) -> None:
    done = _script(
        double,
        """
        import os
        from modelwatch.exporters.client import PredictionLog, Sending
        log = PredictionLog("m", url, sending=Sending(interval=0.3))
        for i in range(100):
            log.record({"who": "parent", "i": i})
        child = os.fork()
        if child == 0:
            log.record({"who": "child", "i": 0})
            log.close()
            os._exit(0 if log.counts == {"sent": 1, "rejected": 0, "dropped": 0} else 1)
        assert os.waitpid(child, 0)[1] == 0
        log.close()
        assert log.counts["sent"] == 100, log.counts
        """,
    )
    assert (done.returncode, done.stderr) == (0, "")
    whose = [row["features"]["who"] for row in double.rows]
    assert (whose.count("parent"), whose.count("child")) == (100, 1)


def test_importing_the_client_brings_in_no_third_party_package() -> None:
    code = """
        import sys
        from modelwatch.exporters.client import PredictionLog
        PredictionLog("m").close()
        heavy = {name.partition(".")[0] for name in sys.modules}
        heavy &= {"numpy", "starlette", "uvicorn", "orjson", "pyarrow", "prometheus_client", "yaml", "jsonschema"}
        assert not heavy, heavy
        """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert done.stderr == ""
