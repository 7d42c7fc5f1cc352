"""What ``/metrics`` says, in Prometheus' text format and in OpenMetrics."""

from __future__ import annotations

from modelwatch.exporters.exposition.accepted import wants_openmetrics
from modelwatch.exporters.exposition.page import Page
from modelwatch.exporters.exposition.scrape import Scrape
from modelwatch.exporters.exposition.sheet import Sheet

__all__ = ["Page", "Scrape", "Sheet", "wants_openmetrics"]
