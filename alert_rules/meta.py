"""Who watches the watchers: Watchdog, and the parts of the stack itself."""

from __future__ import annotations

from modelwatch.alert_rules.rules import Alert, Runbook, Scenario, stack_labels
from modelwatch.alert_rules.series import flat, grow, series, then
from modelwatch.model.types import Fleet
from modelwatch.telemetry import promql as q
from modelwatch.telemetry.jobs import COLLECTOR_JOB, EXPORTER_JOB
from modelwatch.telemetry.metrics import (
    ALERTMANAGER_NOTIFICATIONS_FAILED,
    EXPORTER_JOURNAL_BYTES,
    EXPORTER_STATE_FAILURES,
    PROMETHEUS_NOTIFICATIONS_DROPPED,
    PROMETHEUS_RULE_FAILURES,
    UP,
)

WATCHDOG = "Watchdog"


def rules(_: Fleet) -> tuple[Alert, ...]:
    exporter = series(UP, job=EXPORTER_JOB, instance="a:9180")
    state = series(EXPORTER_STATE_FAILURES, operation="save", job=EXPORTER_JOB, instance="a:9180")
    collector = series(UP, job=COLLECTOR_JOB, instance="a:8888")
    failures = series(PROMETHEUS_RULE_FAILURES, rule_group="x", job="prometheus", instance="a")
    dropped = series(PROMETHEUS_NOTIFICATIONS_DROPPED, job="prometheus", instance="a")
    failed = series(
        ALERTMANAGER_NOTIFICATIONS_FAILED,
        integration="pagerduty",
        reason="serverError",
        job="alertmanager",
        instance="a",
    )
    return (
        Alert(
            name=WATCHDOG,
            # The comparison only tells linters that always firing is meant.
            expr="vector(1) == 1",
            labels=stack_labels("none"),
            summary="Alerting works from end to end",
            description="This alert always fires; whoever receives it raises the alarm when it stops.",
            runbook=Runbook(
                meaning="A heartbeat: Prometheus evaluates rules and Alertmanager delivers.",
                impact="None while it fires. When it stops, no other alert can be trusted to arrive.",
                look=(("Rule evaluations that fail", q.increase(q.selector(PROMETHEUS_RULE_FAILURES), "15m")),),
                act=(
                    "Nothing to do while it fires.",
                    "Stopped: look at Prometheus, then at Alertmanager, then at the way to the receiver.",
                ),
            ),
            scenarios=(Scenario("always fires", {}, "5m", ({},)),),
        ),
        Alert(
            name="SidecarDown",
            expr=f"{q.selector(UP, job=EXPORTER_JOB)} == 0",
            wait="5m",
            labels=stack_labels("ticket"),
            summary="The drift sidecar is down",
            description="{{ $labels.instance }} does not answer its scrape.",
            runbook=Runbook(
                meaning="Prometheus cannot reach the drift exporter sidecar.",
                impact="Drift and data quality are not watched. Models go on answering.",
                look=(("Sidecars", q.selector(UP, job=EXPORTER_JOB)),),
                act=(
                    "Look at `modelwatch logs exporter`, then restart it: counters and windows go on from its state folder.",
                ),
            ),
            scenarios=(
                Scenario(
                    "fires when the sidecar is down",
                    {exporter: flat(0, 20)},
                    "15m",
                    ({"job": EXPORTER_JOB, "instance": "a:9180"},),
                ),
                Scenario("stays quiet while it answers", {exporter: flat(1, 20)}, "15m"),
                Scenario("stays quiet without data", {}, "15m"),
            ),
        ),
        Alert(
            name="SidecarStateFailing",
            expr=f"{q.total(q.increase(q.selector(EXPORTER_STATE_FAILURES), '15m'), 'instance', 'operation')} > 0",
            wait="5m",
            labels=stack_labels("ticket"),
            summary="The drift sidecar cannot keep its counts",
            description="{{ $labels.instance }}: {{ $value | humanize }} times in 15 minutes its state failed to {{ $labels.operation }}.",
            runbook=Runbook(
                meaning="The sidecar's state folder cannot be written, or what is in it cannot be read.",
                impact="Rows that cannot be kept are refused with 429, so drift is told late; nothing acknowledged is lost.",
                look=(
                    (
                        "Failures by operation",
                        q.total(q.increase(q.selector(EXPORTER_STATE_FAILURES), "15m"), "operation"),
                    ),
                    ("Journals that wait for a snapshot, in bytes", q.selector(EXPORTER_JOURNAL_BYTES)),
                ),
                act=(
                    "`modelwatch logs exporter` names the file and the reason.",
                    "Make room on the disk, or give the folder back to the sidecar's user: it goes on by itself.",
                    "A damaged snapshot is kept beside as *.corrupt; the one before it and the journal were read instead.",
                ),
            ),
            scenarios=(
                Scenario(
                    "fires while state cannot be saved",
                    {state: grow(1, 40)},
                    "30m",
                    ({"instance": "a:9180", "operation": "save"},),
                ),
                Scenario("stays quiet while it can", {state: flat(3, 40)}, "30m"),
                Scenario("stays quiet without data", {}, "30m"),
            ),
        ),
        Alert(
            name="CollectorDown",
            expr=f"{q.selector(UP, job=COLLECTOR_JOB)} == 0 and max_over_time({q.selector(UP, job=COLLECTOR_JOB)}[6h]) == 1",
            wait="5m",
            labels=stack_labels("ticket"),
            summary="The OpenTelemetry Collector is down",
            description="{{ $labels.instance }} answered within the last six hours and no longer does.",
            runbook=Runbook(
                meaning="The Collector stopped. One that was never there does not fire this.",
                impact="No traces and no span metrics; services drop spans once their queues are full. Predictions go on.",
                look=(("Collectors", q.selector(UP, job=COLLECTOR_JOB)),),
                act=(
                    "Look at `modelwatch logs collector`. One that died is started again with its queues on disk; one that was stopped, `modelwatch up` starts.",
                ),
            ),
            scenarios=(
                Scenario(
                    "fires when the Collector stops",
                    {collector: then(flat(1, 20), flat(0, 20))},
                    "35m",
                    ({"job": COLLECTOR_JOB, "instance": "a:8888"},),
                ),
                Scenario("stays quiet when it was never there", {collector: flat(0, 40)}, "35m"),
                Scenario("stays quiet without data", {}, "35m"),
            ),
        ),
        Alert(
            name="RuleEvaluationFailing",
            expr=f"{q.total(q.increase(q.selector(PROMETHEUS_RULE_FAILURES), '15m'), 'instance')} > 0",
            wait="5m",
            labels=stack_labels("ticket"),
            summary="Prometheus fails to evaluate rules",
            description="{{ $value | humanize }} rule evaluations failed in 15 minutes.",
            runbook=Runbook(
                meaning="Some rules end in an error, so their alerts cannot fire.",
                impact="Whatever those rules watch goes unwatched.",
                look=(
                    ("Which groups", q.total(q.increase(q.selector(PROMETHEUS_RULE_FAILURES), "15m"), "rule_group")),
                ),
                act=("Open Prometheus' rules page: it prints each error.",),
            ),
            scenarios=(
                Scenario("fires while evaluations fail", {failures: grow(1, 40)}, "30m", ({"instance": "a"},)),
                Scenario("stays quiet while none fails", {failures: flat(3, 40)}, "30m"),
            ),
        ),
        Alert(
            name="NotificationsFailing",
            expr=(
                f"{q.total(q.increase(q.selector(ALERTMANAGER_NOTIFICATIONS_FAILED), '5m'), 'integration')} > 0"
                f" or {q.total(q.increase(q.selector(PROMETHEUS_NOTIFICATIONS_DROPPED), '5m'), 'instance')} > 0"
            ),
            # One that is lost when a part starts again is no outage: losses have to go on.
            wait="10m",
            labels=stack_labels("page"),
            summary="Alerts do not reach their receivers",
            description="{{ $value | humanize }} notifications were lost in 5 minutes, and it goes on.",
            runbook=Runbook(
                meaning="Alertmanager cannot deliver to a receiver, or Prometheus cannot hand alerts to Alertmanager.",
                impact="People may not be paged.",
                look=(
                    (
                        "Failed notifications",
                        q.total(
                            q.increase(q.selector(ALERTMANAGER_NOTIFICATIONS_FAILED), "15m"), "integration", "reason"
                        ),
                    ),
                ),
                act=(
                    "clientError: a wrong key or URL in the secret file.",
                    "serverError or other: the receiver is down or out of reach.",
                ),
            ),
            scenarios=(
                Scenario(
                    "fires when notifications fail", {failed: grow(1, 40)}, "30m", ({"integration": "pagerduty"},)
                ),
                Scenario("fires when alerts are dropped", {dropped: grow(1, 40)}, "30m", ({"instance": "a"},)),
                Scenario("stays quiet when one is lost in a restart", {dropped: then(flat(0, 5), flat(1, 35))}, "15m"),
                Scenario("stays quiet while all arrive", {failed: flat(2, 40), dropped: flat(1, 40)}, "30m"),
            ),
        ),
    )
