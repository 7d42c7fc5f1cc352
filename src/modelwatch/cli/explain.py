"""modelwatch explain: one alert, or one diagnostic code, in full."""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from modelwatch.cli import page, specs
from modelwatch.cli.command import FINDINGS, OK, Command, Streams, models_flag
from modelwatch.model import suggest
from modelwatch.model.types import Fleet
from modelwatch.telemetry import labels as L

if TYPE_CHECKING:
    from modelwatch.alert_rules.rules import Alert, Condition

_CODE = re.compile(r"MW ?-?([0-9]{1,4})\Z")


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "alert", metavar="ALERT|CODE", help="name of an alert, such as ModelDown, or a code, such as MW012"
    )
    models_flag(parser)
    parser.add_argument("--model", help="only for this model")


def _run(args: argparse.Namespace, streams: Streams) -> int:
    code = args.alert.upper()
    if match := _CODE.match(code):
        return _explain_code(f"MW{int(match[1]):03}", streams)
    fleet = specs.fleet_or_none(args, streams)
    if fleet is None:
        return FINDINGS
    models = [model.name for model in fleet.models]
    if args.model not in (None, *models):
        return streams.fail(f"there is no model {args.model!r} in {args.models}", _meant(args.model, models, "models"))
    return _explain_alert(args.alert, args.model, fleet, streams)


def _explain_code(code: str, streams: Streams) -> int:
    from modelwatch import crosscheck, programs
    from modelwatch.model import codes

    if code in codes.TITLES:
        streams.say(page.of_spec(code))
        return OK
    if code in (crosscheck.DISAGREES, programs.REFUSED):
        streams.say(page.of_generated(code))
        return OK
    return streams.fail(f"there is no code {code}", f"the codes are {min(codes.TITLES)} to {max(codes.TITLES)}")


def _explain_alert(written: str, only: str | None, fleet: Fleet, streams: Streams) -> int:
    """``only`` is the one model that is asked about, or None."""
    from modelwatch.alert_rules import families

    alerts = [alert for file in families.rule_files(fleet) for alert in file.alerts]
    conditions = families.conditions()
    names = {name.lower(): name for name in (*conditions, *(alert.name for alert in alerts))}
    name = names.get(written.lower())
    if name is None:
        return streams.fail(f"there is no alert {written!r}", _meant(written, names.values(), "alerts"))
    wanted = [alert for alert in alerts if alert.name == name and only in (None, alert.labels[L.MODEL])]
    if wanted:
        _show(wanted, fleet, streams)
    elif name in conditions:
        _how_to_get(name, conditions[name], fleet, only, streams)
    else:
        return streams.fail(f"{name} is about the stack and belongs to no model", f"modelwatch explain {name}")
    return OK


def _meant(word: str, known: Iterable[str], what: str) -> str:
    near = suggest.close(word, known)
    return f"did you mean {near}?" if near else f"the {what} are {', '.join(sorted(known))}"


def _show(alerts: Sequence[Alert], fleet: Fleet, streams: Streams) -> None:
    from modelwatch.alert_rules import prometheus, routing, simulate

    tree = routing.tree(fleet)
    book = alerts[0].runbook
    streams.say(f"{alerts[0].name}", "", book.meaning, book.impact, "")
    for alert in alerts:
        slo = f", SLO {alert.labels[L.SLO]}" if L.SLO in alert.labels else ""
        to = " and ".join(simulate.receivers(tree, {"alertname": alert.name, **alert.labels}))
        streams.say(
            f"{alert.labels[L.MODEL]}{slo}",
            f"  {alert.severity} to {to} ({alert.labels[L.ENV]}, team {alert.labels[L.TEAM]})",
            f"  fires {'after ' + alert.wait if alert.wait else 'at once'} when",
            f"    {alert.expr}",
        )
        if alert.threshold:
            # Some limits are modelwatch's own: no field of a spec moves them.
            origin = alert.spec_field or "the default: no field of the spec moves it"
            streams.say(f"  limit {alert.threshold}, from {origin}")
        streams.say(
            f"  runbook runbooks/{prometheus.runbook_path(alert)}.md",
            "  tested: it " + "; it ".join(s.title for s in alert.scenarios),
            "",
        )
    streams.say("What to do:", *(f"  {number}. {step}" for number, step in enumerate(book.act, start=1)))


def _how_to_get(name: str, condition: Condition, fleet: Fleet, only: str | None, streams: Streams) -> None:
    """An alert that none of the models has: what it needs, and what each of them lacks."""
    models = [model for model in fleet.models if only in (None, model.name)]
    streams.say(
        f"{name} is not generated for {'any of these models' if len(models) > 1 else models[0].name}.",
        "",
        f"It needs {_listed([need.what for need in condition.needs])}. In the spec:",
        textwrap.indent(condition.example, "  "),
        "",
        *(f"{model.name} lacks {_listed(condition.unmet(model))}" for model in models),
    )


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


COMMAND = Command(
    "explain",
    "Show one alert in full: what it means, when it fires, whom it reaches, what to do; or how a model gets it.",
    _configure,
    _run,
    (
        "modelwatch explain ModelDown",
        "modelwatch explain ErrorBudgetBurnFast --model flight-delay",
        "modelwatch explain MW012",
    ),
)
