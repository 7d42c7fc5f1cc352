"""Whether the sidecar gets what it is sent."""

from __future__ import annotations

from modelwatch.alert_rules.rules import Alert, Runbook, Scenario, stack_labels
from modelwatch.alert_rules.series import flat, grow, series, then
from modelwatch.telemetry import promql as q
from modelwatch.telemetry.jobs import EXPORTER_JOB
from modelwatch.telemetry.metrics import (
    EXPORTER_REFUSED,
    EXPORTER_RELOAD,
    EXPORTER_RELOADED,
    EXPORTER_ROWS,
    EXPORTER_SKIPPED_LINES,
)

# SidecarStateFailing tells of these.
_TOLD_ELSEWHERE = 'reason!="not_kept"'


def rules() -> tuple[Alert, ...]:
    return (_refusing(), _skipping(), _not_reloaded())


def _refusing() -> Alert:
    def refused(reason: str, model: str = "m") -> str:
        return series(EXPORTER_REFUSED, model=model, reason=reason, job=EXPORTER_JOB, instance="a:9180")

    recent = q.increase(q.selector(EXPORTER_REFUSED, _TOLD_ELSEWHERE), "10m")
    every = q.increase(q.selector(EXPORTER_REFUSED), "1h")
    return Alert(
        name="SidecarRefusingRequests",
        expr=f"{q.total(recent, 'instance', 'reason')} > 0",
        # Longer than the range of the expression: one request that somebody tried by hand is nobody's ticket.
        wait="15m",
        labels=stack_labels("ticket"),
        summary="The drift sidecar refuses what it is sent",
        description=(
            "{{ $labels.instance }} refused {{ $value | humanize }} requests as a whole in 10 minutes "
            "({{ $labels.reason }}), and it goes on."
        ),
        runbook=Runbook(
            meaning=(
                "Senders post requests that the sidecar cannot take, so no row in them is looked at. "
                "The label reason says why; model is empty where a request names none that a spec has."
            ),
            impact="What those senders predict is not watched: no drift, no missing values, no rows for review.",
            look=(
                ("Requests refused in the last hour", q.total(every, "model", "reason")),
                (
                    "Rows taken in the last hour",
                    q.total(q.increase(q.selector(EXPORTER_ROWS), "1h"), "model", "outcome"),
                ),
            ),
            act=(
                "`modelwatch logs exporter` names the model, the sender's address and the size, and nothing of the content.",
                "not_readable, content_type, compressed, no_rows: the sender's answer says what is wrong; "
                "the sidecar's README has the formats.",
                "token: the sender brings none. wrong_token: an old one; the file of `--token-file` may hold both while it is changed. "
                "token_file: that file cannot be read, so nobody can send.",
                "unknown_model, unknown_path: compare the sender's URL with `curl 127.0.0.1:9180/v1/models`.",
                "too_large: send fewer rows at once. full, too_slow, disconnected: "
                "the sidecar or the way to it is too slow, so look at its CPU.",
                "loading: the reference profile is built for longer than a start should take; `/readyz` says of which model.",
            ),
        ),
        scenarios=(
            Scenario(
                "fires while requests are refused",
                {refused("content_type"): grow(1, 60), refused("token"): flat(0, 60)},
                "40m",
                ({"instance": "a:9180", "reason": "content_type"},),
            ),
            Scenario(
                "fires for models that no spec has",
                {refused("unknown_model", model=""): grow(1, 60)},
                "40m",
                ({"instance": "a:9180", "reason": "unknown_model"},),
            ),
            Scenario(
                "stays quiet when one was tried by hand",
                {refused("not_readable"): then(flat(0, 10), flat(1, 50))},
                "19m",
            ),
            Scenario("stays quiet where SidecarStateFailing tells it", {refused("not_kept"): grow(1, 60)}, "40m"),
            Scenario("stays quiet while it takes all", {refused("content_type"): flat(3, 60)}, "40m"),
            Scenario(
                "stays quiet when the sidecar starts anew", {refused("token"): then(flat(7, 20), flat(0, 40))}, "40m"
            ),
            Scenario("stays quiet without data", {}, "40m"),
        ),
    )


def _skipping() -> Alert:
    def skipped(reason: str) -> str:
        return series(EXPORTER_SKIPPED_LINES, reason=reason, job=EXPORTER_JOB, instance="a:9180")

    recent, every = (q.increase(q.selector(EXPORTER_SKIPPED_LINES), window) for window in ("10m", "1h"))
    return Alert(
        name="SidecarSkippingLines",
        expr=f"{q.total(recent, 'instance', 'reason')} > 0",
        wait="15m",
        labels=stack_labels("ticket"),
        summary="The drift sidecar skips lines of prediction logs",
        description=(
            "{{ $labels.instance }} skipped {{ $value | humanize }} lines of prediction logs in 10 minutes "
            "({{ $labels.reason }}), and it goes on."
        ),
        runbook=Runbook(
            meaning="Lines in the folders of `--logs` are no rows of any model, so nobody's drift counts them.",
            impact="What those lines tell is not watched. Other lines of the same files are.",
            look=(
                ("Lines skipped in the last hour", q.total(every, "reason")),
                (
                    "Rows taken in the last hour",
                    q.total(q.increase(q.selector(EXPORTER_ROWS), "1h"), "model", "outcome"),
                ),
            ),
            act=(
                "`modelwatch logs exporter` names the file, the byte where the first one begins, and what is wrong with it.",
                "not_json: another program writes into that folder, or a line was cut. no_model: the writer leaves out `model`.",
                "unknown_model: no spec has that name; compare it with `curl 127.0.0.1:9180/v1/models`.",
                "too_long: a line holds more than a row.",
            ),
        ),
        scenarios=(
            Scenario(
                "fires while lines without a model come",
                {skipped("no_model"): grow(5, 60), skipped("not_json"): flat(0, 60)},
                "40m",
                ({"instance": "a:9180", "reason": "no_model"},),
            ),
            Scenario("stays quiet on one broken line", {skipped("not_json"): then(flat(0, 10), flat(1, 50))}, "19m"),
            Scenario("stays quiet on what was skipped long ago", {skipped("too_long"): flat(40, 60)}, "40m"),
            Scenario(
                "stays quiet when the sidecar starts anew", {skipped("no_model"): then(flat(7, 20), flat(0, 40))}, "40m"
            ),
            Scenario("stays quiet without data", {}, "40m"),
        ),
    )


def _not_reloaded() -> Alert:
    loaded = series(EXPORTER_RELOAD, job=EXPORTER_JOB, instance="a:9180")
    return Alert(
        name="SidecarReloadFailed",
        expr=f"{q.selector(EXPORTER_RELOAD)} == 0",
        wait="5m",
        labels=stack_labels("ticket"),
        summary="The drift sidecar could not load its specs or profiles",
        description="{{ $labels.instance }} could not load all specs and profiles and goes on with those before.",
        runbook=Runbook(
            meaning=(
                "At its start, or when it was last told to load them anew (SIGHUP), a spec could not be read or the "
                "reference profile of a model could not be had."
            ),
            impact="What was changed in the specs is not in use; a model without a profile has no drift scores.",
            look=(
                ("Sidecars that could not load", f"{q.selector(EXPORTER_RELOAD)} == 0"),
                ("Seconds since all was loaded", f"time() - {q.selector(EXPORTER_RELOADED)}"),
            ),
            act=(
                "`curl 127.0.0.1:9180/v1/models` says why, under last_reload for the specs and under problem for a model; "
                "`modelwatch status` shows it in words.",
                "`modelwatch check` in the folder that the sidecar reads shows every problem with its line.",
                "Mend it, then `kill -HUP` the sidecar, or `modelwatch up` again.",
            ),
        ),
        scenarios=(
            Scenario(
                "fires when specs cannot be loaded",
                {loaded: then(flat(1, 10), flat(0, 30))},
                "20m",
                ({"job": EXPORTER_JOB, "instance": "a:9180"},),
            ),
            Scenario(
                "stays quiet when it is mended at once", {loaded: then(flat(1, 10), flat(0, 2), flat(1, 30))}, "14m"
            ),
            Scenario("stays quiet while all is loaded", {loaded: flat(1, 40)}, "20m"),
            Scenario("stays quiet without data", {}, "20m"),
        ),
    )
