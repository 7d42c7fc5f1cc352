"""One page per alert: what it means, who is hurt, where to look, what to do, and where its numbers come from."""

from __future__ import annotations

from modelwatch.alert_rules.prometheus import links_and_texts, runbook_path
from modelwatch.alert_rules.rules import Alert, RuleFile
from modelwatch.emit import MARK
from modelwatch.model.types import Fleet
from modelwatch.telemetry import labels as L

_NEEDS = {
    "page": "Someone is woken: users notice now.",
    "ticket": "Within working hours: nobody is woken.",
    "info": "For knowledge: nothing must be done at once.",
    "none": "Nobody is told: other parts of the stack use it.",
}


def page(alerts: tuple[Alert, ...], file: RuleFile, fleet: Fleet) -> str:
    """The page of one alert name; an SLO's alert exists once per SLO, and all share the page."""
    first = alerts[0]
    book, labels = first.runbook, first.labels
    links = links_and_texts(first, fleet)
    lines = [
        f"<!-- {MARK} from {file.model.source if file.model else fleet.stack.source or 'the stack'}: edit the spec, not this file. -->",
        f"# {first.name}: {labels[L.MODEL]}",
        "",
        f"**{first.summary}.** {_NEEDS[first.severity]}",
        "",
        f"| severity | team | environment | category |\n|---|---|---|---|\n| {first.severity} | {labels[L.TEAM]} | {labels[L.ENV]} | {labels[L.CATEGORY]} |",
        "",
        "## What it means",
        "",
        book.meaning,
        "",
        "## Who is hurt",
        "",
        book.impact,
        "",
        "## Where to look",
        "",
        f"[Dashboard]({links['dashboard_url']})",
        "",
    ]
    seen: dict[str, str] = {}
    for alert in alerts:
        suffix = f" ({alert.labels[L.SLO]})" if L.SLO in alert.labels else ""
        for question, query in alert.runbook.look:
            seen.setdefault(query, question + suffix)
    for query, question in seen.items():
        lines += [f"{question}:", "", "```promql", query, "```", ""]
    lines += ["## What to do", ""]
    lines += [f"{number}. {step}" for number, step in enumerate(book.act, start=1)]
    own = file.model.links.runbook if file.model else None
    if own:
        lines += ["", f"The team's own runbook: <{own}>"]
    lines += ["", "## When it fires", ""]
    for alert in alerts:
        title = f"SLO {alert.labels[L.SLO]}, " if L.SLO in alert.labels else ""
        wait = f"held for {alert.wait}" if alert.wait else "at once"
        origin = f", limit {alert.threshold}" if alert.threshold else ""
        field = (
            f" (`{alert.spec_field}` in {file.model.source})"
            if alert.spec_field and file.model and file.model.source
            else ""
        )
        lines += [f"{title}{wait}{origin}{field}:", "", "```promql", alert.expr, "```", ""]
    lines += [
        "## To silence it",
        "",
        "```sh",
        f"amtool silence add alertname={first.name} model={labels[L.MODEL]} --duration=2h --comment='why'",
        "```",
        "",
    ]
    return "\n".join(lines)


def generate(fleet: Fleet, files: tuple[RuleFile, ...]) -> dict[str, str]:
    out: dict[str, str] = {}
    for file in files:
        by_name: dict[str, list[Alert]] = {}
        for alert in file.alerts:
            by_name.setdefault(alert.name, []).append(alert)
        for alerts in by_name.values():
            out[f"runbooks/{runbook_path(alerts[0])}.md"] = page(tuple(alerts), file, fleet)
    return out
