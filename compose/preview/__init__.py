"""Serves generated Grafana dashboards and runbooks to a browser where there is no Grafana."""
