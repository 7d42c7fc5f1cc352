"""Fleet -> Grafana's dashboards, and what Grafana needs to find them. See the README of this folder."""

from modelwatch.dashboards.generator import generate
from modelwatch.dashboards.provisioning import provisioning

__all__ = ["generate", "provisioning"]
