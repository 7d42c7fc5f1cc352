"""What /metrics says of the process, beside what the client library's own writer says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from prometheus_client import CollectorRegistry, GCCollector, Metric, PlatformCollector, ProcessCollector
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from modelwatch.exporters.exposition.process import Process


@pytest.mark.parametrize("openmetrics", [False, True])
def test_the_process_has_the_series_that_the_librarys_own_writer_writes(openmetrics: bool) -> None:
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    write: Callable[..., bytes] = generate_openmetrics if openmetrics else generate_latest
    read: Callable[[str], Iterable[Metric]] = parse_openmetrics if openmetrics else parse
    ours = "\n".join([*Process().lines(openmetrics), *(["# EOF"] if openmetrics else []), ""])

    def known(families: Iterable[Metric]) -> list[object]:
        return [(f.name, f.type, f.documentation, [(s.name, s.labels) for s in f.samples]) for f in families]

    assert known(read(ours)) == known(read(write(registry).decode()))
    # Of numbers, those that do not change from one moment to the next.
    values = {(s.name, *s.labels.values()): s.value for f in read(ours) for s in f.samples}
    theirs = {(s.name, *s.labels.values()): s.value for f in read(write(registry).decode()) for s in f.samples}
    lasting = [key for key in values if key[0] in ("process_start_time_seconds", "process_max_fds", "python_info")]
    assert len(lasting) == 3
    for key in lasting:
        assert values[key] == pytest.approx(theirs[key])
