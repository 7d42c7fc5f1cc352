"""Fleet overview: which model needs someone now."""

from __future__ import annotations

from modelwatch.dashboards import panels as p
from modelwatch.dashboards import parts
from modelwatch.dashboards.layout import Section, Variable, cells, dashboard
from modelwatch.dashboards.queries import common
from modelwatch.dashboards.queries import fleet as q
from modelwatch.dashboards.tables import Column, table
from modelwatch.telemetry import boards
from modelwatch.telemetry import records as r
from modelwatch.telemetry.labels import PAGE

_SHOWN = 10


def board(runbooks: str) -> str:
    variables = (parts.ENV, Variable("team", "Team", q.teams()), Variable("model", "Model", q.models_of_team()))
    return dashboard(
        boards.FLEET,
        "All models at a glance: who pages, who fails, who is slow, who drifts. Start here, then open a model.",
        variables,
        [_now(), _alerts(runbooks), _models(), _trends(), _watch(runbooks)],
        since="3h",
        runbooks=runbooks,
        # Tickets of many models would colour every graph.
        marks=(PAGE,),
    )


def _now() -> Section:
    return Section(
        "",
        cells(
            *parts.TILE,
            p.stat(
                "Pages firing",
                "Alerts that woke someone and still fire.",
                p.SHORT,
                common.firing_count("page"),
                steps=parts.NONE_IS_GOOD,
            ),
            p.stat(
                "Tickets firing",
                "Alerts that wait for working hours.",
                p.SHORT,
                common.firing_count("ticket"),
                steps=p.above((1, p.ORANGE)),
            ),
            p.stat(
                "Targets down",
                "Services and parts of the stack that Prometheus cannot reach.",
                p.SHORT,
                q.targets_down(),
                steps=parts.NONE_IS_GOOD,
            ),
            p.stat(
                "Budgets spent",
                "Objectives that have no error budget left.",
                p.SHORT,
                q.budgets_spent(),
                steps=parts.NONE_IS_GOOD,
            ),
            p.stat(
                "Features drifting",
                "Features of all models whose newest values differ from the reference.",
                p.SHORT,
                q.drifted_count(),
                steps=p.above((1, p.ORANGE)),
                mappings=parts.DRIFT_COUNT,
            ),
            p.stat(
                "Predictions failing",
                "Share of all predictions that end in an error, over 5 minutes.",
                p.RATIO,
                q.fleet_error_ratio(),
                steps=p.above((0.01, p.ORANGE), (0.05, p.RED)),
                decimals=2,
                no_value="idle",
            ),
            p.stat(
                "Traffic",
                "Predictions per second that all models answer, over 5 minutes.",
                p.REQUESTS,
                common.traffic(),
                no_value="idle",
            ),
            p.stat("Models watched", "Models that have a spec.", p.SHORT, q.models_count()),
        ),
    )


def _models() -> Section:
    state = table(
        "State of each model",
        "One row a model, over the last 5 minutes. Click the name, the budget or the drifting features to go deeper. "
        "An empty cell means that the model reports no such thing, or is idle.",
        [
            p.Query(q.about_models()),
            p.Query(q.firing_by_model()),
            p.Query(common.by_model(r.TRAFFIC)),
            p.Query(common.by_model(r.ERROR_RATIO)),
            p.Query(common.by_model(r.LATENCY_P99)),
            p.Query(common.lowest_budget()),
            p.Query(common.drifted_by_model()),
        ],
        [
            Column("model", "Model", link=parts.to_board_of_row()),
            Column("B", "Alerts firing", p.SHORT, 0, steps=parts.NONE_IS_GOOD),
            Column("C", "Predictions/s", p.SHORT, 1),
            Column("D", "Failing", p.RATIO, 2, steps=p.above((0.01, p.ORANGE), (0.05, p.RED))),
            Column("E", "Slowest 1 %", p.SECONDS),
            Column(
                "F",
                "Lowest budget left",
                p.RATIO,
                1,
                steps=parts.BUDGET,
                mappings=parts.OVERSPENT,
                link=parts.to_slos(parts.ROW_MODEL),
            ),
            Column(
                "G",
                "Features drifting",
                p.SHORT,
                0,
                steps=p.above((1, p.ORANGE)),
                mappings=parts.DRIFT_COUNT,
                link=parts.to_drift(parts.ROW_MODEL),
            ),
            Column("team", "Team"),
            Column("env", "Environment"),
            Column("tier", "Tier"),
            Column("task", "Task"),
            Column("mode", "Mode"),
            parts.BOARD_OF_ROW,
        ],
        sort="Alerts firing",
        descending=True,
    )
    return Section("Models", cells(24, 8, state))


def _alerts(runbooks: str) -> Section:
    return Section(
        "Alerts",
        cells(
            12,
            6,
            parts.firing_table(
                runbooks, "Firing now", "Alerts of the chosen models. Click an alert to read its runbook."
            ),
            parts.firing_timeline(
                "When alerts fired", "Since when each alert fires.", "{{model}}: {{alertname}} {{slo}} {{feature}}"
            ),
        ),
    )


def _trends() -> Section:
    open_model = [parts.to_model(parts.SERIES_MODEL)]
    many = f"At most {_SHOWN} models at a time."
    return Section(
        "How it went",
        cells(
            12,
            8,
            p.timeseries(
                "Busiest models",
                f"Predictions per second of each model. {many}",
                p.REQUESTS,
                p.Query(common.top(_SHOWN, common.by_model(r.TRAFFIC)), "{{model}}"),
                links=open_model,
            ),
            p.timeseries(
                "Models that fail most",
                f"Share of predictions that end in an error. {many}",
                p.RATIO,
                p.Query(common.top(_SHOWN, common.by_model(r.ERROR_RATIO)), "{{model}}"),
                links=open_model,
            ),
            p.timeseries(
                "Slowest models",
                f"The slowest 1 % of answers take at least this long. {many}",
                p.SECONDS,
                p.Query(common.top(_SHOWN, common.by_model(r.LATENCY_P99)), "{{model}}"),
                links=open_model,
            ),
            p.timeseries(
                "Error budgets that are lowest",
                f"Share of the error budget that is left, of each model's worst objective; below 0 it is "
                f"overspent. {many}",
                p.RATIO,
                p.Query(common.drawable(common.bottom(_SHOWN, common.lowest_budget())), "{{model}}"),
                minimum=None,
                maximum=1,
                mappings=parts.OVERSPENT_LINE,
                lines=p.above((0, p.GREEN), base=p.RED),
                links=[parts.to_slos(parts.SERIES_MODEL)],
            ),
        ),
    )


def _watch(runbooks: str) -> Section:
    return Section(
        "Is the watch itself well?",
        cells(
            12,
            8,
            p.state_timeline(
                "Targets",
                "Whether Prometheus reaches each service and each part of the stack.",
                p.Query(q.targets_up(), "{{job}} {{instance}}"),
                mappings=parts.UP_DOWN,
                no_value="Prometheus has no targets.",
            ),
            parts.firing_table(
                runbooks, "Alerts about the stack", "Firing alerts about the parts that watch the models.", q.META
            ),
            p.timeseries(
                "Lost on the way to people",
                "Notifications that failed, alerts that never reached Alertmanager and rules that could not be "
                "evaluated, per second. Anything here may mean that a page did not arrive.",
                p.SHORT,
                p.Query(q.notifications_failed(), "failed by {{integration}}"),
                p.Query(q.alerts_dropped(), "dropped by Prometheus"),
                p.Query(q.rule_failures(), "rule failed: {{rule_group}}"),
                no_value="none",
            ),
            p.timeseries(
                "Notifications sent",
                "Notifications that Alertmanager tried to send within the hour before.",
                p.SHORT,
                p.Query(q.notifications(), "{{integration}}"),
                no_value="none",
            ),
            p.timeseries(
                "Spans and logs that are lost",
                "Per second: spans that services could not hand over or had no room for, lines and rows for the "
                "sidecar that they dropped, what the Collector refused for want of memory (services try that "
                "again), and what it gave up or had no room for. Traces have holes then; predictions go on.",
                p.SHORT,
                p.Query(q.spans_lost_by_services(), "{{outcome}} in {{job}}"),
                p.Query(q.lines_dropped_by_services(), "{{kind}} lines dropped in {{job}}"),
                p.Query(q.refused_by_collector(), "refused by the Collector: {{receiver}}"),
                p.Query(q.lost_by_collector(), "lost by the Collector: {{exporter}}"),
                no_value="none",
            ),
            p.timeseries(
                "Queues of the Collector",
                "How much of each queue on disk is taken. One that grows has a destination that is down or too slow; "
                "what comes after it is full is lost.",
                p.RATIO,
                p.Query(q.queues(), "{{exporter}}"),
                # A few requests that wait for a moment are not to fill the panel.
                maximum=1,
                lines=p.above((0.5, p.ORANGE), (0.9, p.RED)),
                no_value="no Collector",
            ),
        ),
    )
