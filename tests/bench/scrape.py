"""What a scrape costs the sidecar: a model of 40 features, whose windows have changed since the last one.

Beside it, in the same run, what the client library needs to write the same series from objects that a collector hands
it, which is how exporters are usually written. Where others work on the machine too, some rounds cost half as much again
by the same code: the quietest round tells of the code, and the median of all of the machine too.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable
from itertools import cycle
from pathlib import Path
from statistics import median

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families as parse
from prometheus_client.registry import Collector

from modelwatch.exporters import memory
from modelwatch.exporters.exposition import Scrape
from modelwatch.exporters.ingest.json_columns import columns_table
from modelwatch.exporters.sidecar import Sidecar
from modelwatch.model.load import load_fleet
from tests.bench import ingest_http as wide

ROUNDS, SCRAPES, ROWS = 5, 40, 500
WANTED_MS = 3.0


def _cpu(work: Callable[[], object], before: Callable[[], object] = lambda: None) -> tuple[float, float, float]:
    """Milliseconds of CPU of ``work``, after ``before`` each time: the lowest of the rounds' medians, the median of all
    and the most."""
    rounds = []
    for _ in range(ROUNDS):
        found = []
        for _ in range(SCRAPES):
            before()
            start = time.process_time()
            work()
            found.append((time.process_time() - start) * 1e3)
        rounds.append(found)
    every = [one for found in rounds for one in found]
    return min(map(median, rounds)), median(every), max(every)


class _Same(Collector):
    """Hands on what has been parsed."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._series = [
            (family.name, family.documentation, [(s.labels, s.value) for s in family.samples]) for family in families
        ]

    def collect(self) -> Iterable[Metric]:
        for name, text, series in self._series:
            family = GaugeMetricFamily(name, text, labels=sorted(series[0][0]) if series else ())
            for labels, value in series:
                family.add_metric([labels[key] for key in sorted(labels)], value)
            yield family


def main() -> None:
    memory.hold_little()  # as the sidecar does
    with tempfile.TemporaryDirectory() as folder:
        wide.write_wide(Path(folder))
        sidecar = Sidecar(load_fleet(Path(folder) / "models").unwrap())
        sidecar.load()
        sidecar.warm()
        scrape = Scrape(sidecar)
        # The same rows again and again would drift from the reference.
        tables = cycle([columns_table(wide.columns_document(ROWS, seed)) for seed in range(3 * SCRAPES)])

        def come() -> None:
            sidecar.ingest("wide", next(tables))

        come()
        text = scrape.page().text()
        series = sum(1 for line in text.splitlines() if not line.startswith("#"))
        registry = CollectorRegistry()
        registry.register(_Same(parse(text)))
        print(
            f"\na scrape of {series:,} series, 40 features, {len(sidecar.snapshots()[0].layout.windows)} windows, ms of CPU "
            f"(wanted: {WANTED_MS} for 4,000 series, so {WANTED_MS * series / 4000:.2f})"
        )
        print(f"{'':<44}{'quietest round':>16}{'median':>8}{'most':>8}")
        for what, (quietest, usual, most) in {
            "after rows came: judged and written": _cpu(lambda: scrape.answer(openmetrics=False), come),
            "nothing new": _cpu(lambda: scrape.answer(openmetrics=False)),
            "the client library, writing alone": _cpu(lambda: generate_latest(registry)),
        }.items():
            print(f"{what:<44}{quietest:>16.2f}{usual:>8.2f}{most:>8.2f}")


if __name__ == "__main__":
    main()
