"""modelwatch explain: one alert, or one diagnostic code, in full."""

from __future__ import annotations

import argparse
import difflib

from modelwatch.cli import specs
from modelwatch.cli.command import FINDINGS, OK, Command, Streams, models_flag
from modelwatch.telemetry import labels as L


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "alert", metavar="ALERT|CODE", help="name of an alert, such as ModelDown, or a code, such as MW012"
    )
    models_flag(parser)
    parser.add_argument("--model", help="only for this model")


def _run(args: argparse.Namespace, streams: Streams) -> int:
    from modelwatch import crosscheck, programs
    from modelwatch.alert_rules import families, prometheus, routing, simulate
    from modelwatch.model import codes

    code = args.alert.upper()
    if code in codes.TITLES:
        streams.say(f"{code}: {codes.TITLES[code]}", f"See docs/diagnostics/{code}.md")
        return OK
    if code in (crosscheck.DISAGREES, programs.REFUSED):
        streams.say(f"{code}: what is generated is wrong, not the spec", "See docs/generated.md")
        return OK
    fleet = specs.fleet_or_none(args, streams)
    if fleet is None:
        return FINDINGS
    alerts = [alert for file in families.rule_files(fleet) for alert in file.alerts]
    wanted = [
        alert
        for alert in alerts
        if alert.name.lower() == args.alert.lower() and args.model in (None, alert.labels[L.MODEL])
    ]
    if not wanted:
        names = sorted({alert.name for alert in alerts})
        near = difflib.get_close_matches(args.alert, names, n=1, cutoff=0.5)
        where = f" for model {args.model}" if args.model else ""
        return streams.fail(
            f"there is no alert {args.alert!r}{where}",
            f"did you mean {near[0]}?" if near else f"the alerts are {', '.join(names)}",
        )
    tree = routing.tree(fleet)
    book = wanted[0].runbook
    streams.say(f"{wanted[0].name}", "", book.meaning, book.impact, "")
    for alert in wanted:
        slo = f", SLO {alert.labels[L.SLO]}" if L.SLO in alert.labels else ""
        to = " and ".join(simulate.receivers(tree, {"alertname": alert.name, **alert.labels}))
        streams.say(
            f"{alert.labels[L.MODEL]}{slo}",
            f"  {alert.severity} to {to} ({alert.labels[L.ENV]}, team {alert.labels[L.TEAM]})",
            f"  fires {'after ' + alert.wait if alert.wait else 'at once'} when",
            f"    {alert.expr}",
        )
        if alert.threshold:
            streams.say(f"  limit {alert.threshold}, from {alert.spec_field}")
        streams.say(
            f"  runbook runbooks/{prometheus.runbook_path(alert)}.md",
            "  tested: it " + "; it ".join(s.title for s in alert.scenarios),
            "",
        )
    streams.say("What to do:", *(f"  {number}. {step}" for number, step in enumerate(book.act, start=1)))
    return OK


COMMAND = Command(
    "explain",
    "Show one alert in full: what it means, when it fires, whom it reaches, what to do.",
    _configure,
    _run,
    (
        "modelwatch explain ModelDown",
        "modelwatch explain ErrorBudgetBurnFast --model flight-delay",
        "modelwatch explain MW012",
    ),
)
