"""What the client library's collectors say of the process, Python and its memory.

Its own writer looks at each name and label anew at every scrape: for these 30 lines, a tenth of what all takes here.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from modelwatch.exporters.exposition.page import head, single


class Process:
    """Its series; those of the contract are on the page."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)

    def lines(self, openmetrics: bool) -> list[str]:
        """In either of Prometheus' text formats, with what stands above each metric's."""
        found = []
        for family in self._registry.collect():
            found.append(head(family.name, family.type, family.documentation, openmetrics))
            found += [
                single(sample.name, tuple(sample.labels), tuple(sample.labels.values())) + repr(float(sample.value))
                for sample in family.samples
            ]
        return found
