"""Model -> Prometheus rules by family, their promtool tests, runbooks, and Alertmanager's routes and inhibition."""
