"""Labels with a meaning of their own. Identity labels are set by the kit alone; a spec may not override them."""

from __future__ import annotations

MODEL = "model"
TEAM = "team"
ENV = "env"
SEVERITY = "severity"
CATEGORY = "category"
SLO = "slo"
FEATURE = "feature"

# On every alert, and so the only labels that Alertmanager may group and route by.
ALERT_LABELS = (MODEL, TEAM, ENV, SEVERITY, CATEGORY)

PAGE = "page"
TICKET = "ticket"
INFO = "info"
NONE = "none"
SEVERITIES = (PAGE, TICKET, INFO, NONE)

# Set by Prometheus on every scrape.
SCRAPE_LABELS = ("job", "instance")
RESERVED = frozenset((*ALERT_LABELS, *SCRAPE_LABELS, SLO, "alertname", "version", "le", "quantile", "__name__"))
