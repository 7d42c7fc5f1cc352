"""Availability of the targets: all down, some down, none found, or up without this model in it."""

from __future__ import annotations

from modelwatch.alert_rules.rules import Alert, Recording, Runbook, Scenario, Scope
from modelwatch.alert_rules.series import flat, series
from modelwatch.telemetry import promql as q
from modelwatch.telemetry.metrics import MODEL_INFO, UP


def rules(scope: Scope) -> tuple[Recording | Alert, ...]:
    model, job = scope.model, scope.model.serving.job
    up = q.selector(UP, job=job)
    first = series(UP, job=job, instance="a:8000")
    second = series(UP, job=job, instance="b:8000")
    loaded = series(MODEL_INFO, model=model.name, version="1", task=model.task.type)
    look = (("Which targets are down", f"{up} == 0"), ("Since when", f"min_over_time({up}[1h])"))
    online = model.serving.mode == "online"
    return (
        Alert(
            name="ModelDown",
            expr=f"max({up}) == 0",
            wait="30s",
            labels=scope.labels("page" if online else "ticket", "availability"),
            summary=f"{model.name} is down",
            description=f"No target of job {job} answers its scrape.",
            runbook=Runbook(
                meaning=f"Prometheus can reach none of the targets of job {job}: the service is down or cannot be reached.",
                impact="No predictions are answered at all." if online else "The next scoring run will not happen.",
                look=look,
                act=(
                    "Is the process running? Start it, or roll back the deploy that stopped it.",
                    "Running but not scraped: look at the network, the port and the metrics path.",
                ),
            ),
            scenarios=(
                Scenario("fires when every target is down", {first: flat(0, 10), second: flat(0, 10)}, "5m", ({},)),
                Scenario("stays quiet while one target answers", {first: flat(0, 10), second: flat(1, 10)}, "5m"),
                Scenario("stays quiet without data", {}, "5m"),
            ),
        ),
        Alert(
            name="ModelInstanceDown",
            expr=f"count({up} == 0) and max({up}) == 1",
            wait="5m",
            labels=scope.labels("ticket", "availability"),
            summary=f"{model.name} lost some of its instances",
            description=f"{{{{ $value }}}} of the targets of job {job} do not answer.",
            runbook=Runbook(
                meaning="Some instances are down, others still answer.",
                impact="Less capacity; no errors yet if the load balancer noticed.",
                look=look,
                act=("Look at the log of the instance that is down; restart it or take it out of service discovery.",),
            ),
            scenarios=(
                Scenario(
                    "fires when one of two targets stays down", {first: flat(0, 20), second: flat(1, 20)}, "15m", ({},)
                ),
                Scenario("stays quiet while all targets answer", {first: flat(1, 20), second: flat(1, 20)}, "15m"),
                Scenario(
                    "stays quiet when all are down, which pages", {first: flat(0, 20), second: flat(0, 20)}, "15m"
                ),
            ),
        ),
        Alert(
            name="ModelTargetsMissing",
            expr=f"absent({up})",
            wait="10m",
            labels=scope.labels("ticket", "availability"),
            summary=f"{model.name} is not scraped at all",
            description=f"Prometheus has no target of job {job}, so nothing here watches the model.",
            runbook=Runbook(
                meaning=f"Service discovery finds no target of job {job}.",
                impact="The model may work, but nobody would notice if it did not.",
                look=(("Targets that Prometheus knows", f"count by (job) ({q.selector(UP)})"),),
                act=(
                    "Compare serving.job in the spec with the job in Prometheus' configuration.",
                    "Look at Prometheus' targets page.",
                ),
            ),
            scenarios=(
                Scenario("fires when the job has no target", {}, "15m", ({"job": job},)),
                Scenario("stays quiet while a target exists, even a dead one", {first: flat(0, 20)}, "15m"),
            ),
        ),
        Alert(
            name="ModelNotReporting",
            expr=f"absent({q.selector(MODEL_INFO, model=model.name)}) and on () max({up}) == 1",
            wait="10m",
            labels=scope.labels("ticket", "availability"),
            summary=f"{model.name} is not in the service that should serve it",
            description=f"Targets of job {job} answer, but none of them exposes model {model.name}.",
            runbook=Runbook(
                meaning="The service is up without this model: it failed to load, or reports another name.",
                impact="Requests for the model fail or go unwatched.",
                look=(("Models that are loaded", f"count by (model, version) ({q.selector(MODEL_INFO)})"),),
                act=(
                    "Look for a load error in the service's log.",
                    "Compare metadata.name in the spec with the name given to modelwatch.otel.",
                ),
            ),
            scenarios=(
                Scenario("fires when the service is up without the model", {first: flat(1, 20)}, "15m", ({},)),
                Scenario("stays quiet while the model is loaded", {first: flat(1, 20), loaded: flat(1, 20)}, "15m"),
                Scenario("stays quiet when the service is down", {first: flat(0, 20)}, "15m"),
            ),
        ),
    )
