"""A whole scrape: every model's page, the sidecar's own health, and what the client library says of the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwatch.exporters.exposition.page import OPENMETRICS, TEXT, Page
from modelwatch.exporters.exposition.process import Process
from modelwatch.exporters.exposition.sheet import Sheet
from modelwatch.exporters.layout import Layout
from modelwatch.exporters.refusals import NO_MODEL
from modelwatch.telemetry import metrics as m

if TYPE_CHECKING:
    from modelwatch.exporters.sidecar import Sidecar


class Scrape:
    """Answers scrapes of ``sidecar``. A model that is no longer watched is gone from the next one."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self._sheets: dict[str, tuple[Layout, Sheet]] = {}
        self._process = Process()

    def answer(self, openmetrics: bool) -> tuple[bytes, str]:
        """The body and its content type."""
        more = self._process.lines(openmetrics)
        if openmetrics:
            more.append("# EOF")
        return self.page().text(openmetrics, more).encode(), OPENMETRICS if openmetrics else TEXT

    def page(self) -> Page:
        page = Page()
        sheets = {}
        for snapshot, judgements in self._sidecar.judged():
            layout = snapshot.layout
            known, sheet = self._sheets.get(layout.model.name, (None, None))
            if sheet is None or known is not layout:
                sheet = Sheet(self._sidecar.comparison(layout))
            sheet.fill(page, snapshot, judgements)
            sheets[layout.model.name] = (layout, sheet)
        self._sheets = sheets
        health = self._sidecar.health()
        for operation, count in health.failures.items():
            page.add(m.EXPORTER_STATE_FAILURES, count, operation)
        page.add(m.EXPORTER_JOURNAL_BYTES, health.journal_bytes)
        if health.last_snapshot is not None:
            page.add(m.EXPORTER_LAST_SNAPSHOT, health.last_snapshot)
        reload = self._sidecar.reload
        page.add(m.EXPORTER_RELOAD, reload.successful)
        if reload.at is not None:
            page.add(m.EXPORTER_RELOADED, reload.at)
        for model in (NO_MODEL, *self._sidecar.names):
            for reason, count in self._sidecar.refusals.of(model).items():
                page.add(m.EXPORTER_REFUSED, count, model, reason)
        for why, lines in self._sidecar.skipped.counts().items():
            page.add(m.EXPORTER_SKIPPED_LINES, lines, why)
        sampled = (m.EXPORTER_SAMPLED_ROWS, m.EXPORTER_SAMPLED_ROWS_LOST)
        for metric, counts in zip(sampled, self._sidecar.samples.counts(), strict=True):
            for found in counts:
                page.add(metric, found.rows, found.model, found.reason)
        return page
