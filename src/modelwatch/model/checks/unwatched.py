"""What a right fleet leaves unwatched: models that nothing scrapes, drift without a baseline, alerts to nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from modelwatch.model import codes, words
from modelwatch.model import types as t
from modelwatch.model.checks.folder import Folder
from modelwatch.model.diagnostics import Diagnostic, Severity
from modelwatch.model.tree import Document, Step

_SEVERITIES: tuple[t.Severity, ...] = ("page", "ticket", "info")
# What is lost with each severity.
_WORDS: dict[t.Severity, str] = {
    "page": "pages reach nobody",
    "ticket": "tickets reach nobody",
    "info": "alerts of severity info, such as ModelFeatureDrift, reach nobody",
}


def of_fleet(folder: Folder, fleet: t.Fleet, models_dir: Path) -> Iterator[Diagnostic]:
    """Only of a fleet without errors: before that, everything is unwatched."""
    models = {model.name: model for model in fleet.models}
    scraped = {model.serving.job for model in fleet.models if model.serving.targets}
    for document in folder.models:
        model = models[document.text("metadata", "name") or ""]
        yield from _targets(document, model, scraped)
        yield from _baseline(document, model)
        yield from _receivers(folder, document, model, fleet.stack, models_dir)


def _targets(document: Document, model: t.Model, scraped: set[str]) -> Iterator[Diagnostic]:
    """An empty list that is written says that Prometheus finds the job itself."""
    job = model.serving.job
    if job in scraped or document.has("serving", "targets"):
        return
    message = f"no targets, so the generated prometheus.yaml scrapes nothing of job '{words.short(job)}'"
    help = 'add targets: ["host:port"], or targets: [] if your own Prometheus finds the job by service discovery'
    yield document.diagnostic(codes.NO_TARGETS, document.key_span("serving"), message, help, "note")


def _baseline(document: Document, model: t.Model) -> Iterator[Diagnostic]:
    if model.baseline is not None:
        return
    path: tuple[Step, ...] = ("features",) if model.features else ("metadata", "name")
    span = document.key_span(*path) if model.features else document.span(*path)
    profile = f"{model.name}.profile.json"
    message = "no baseline, so neither drift of features and predictions nor new categories can be told"
    help = (
        f"modelwatch profile {model.name} --data DATA --output {Path(document.file).with_name(profile)} "
        f"makes one of training data; then add baseline: {{profile: {profile}}}"
    )
    yield document.diagnostic(codes.NO_REFERENCE, span, message, help, "note")


def route(model: t.Model, stack: t.Stack, severity: t.Severity) -> tuple[str, tuple[Step, ...]]:
    """The receiver of a model's alerts of one severity, and the field that says so: the routing tree in short."""
    environment, team = stack.environments.get(model.serving.environment), stack.teams.get(model.owner)
    if environment is not None and not environment.pages:
        return stack.routes["info"], ("routes", "info")
    if severity in model.routes:
        return model.routes[severity], ("alerting", "routes", severity)
    if team is not None and severity in team.routes:
        return team.routes[severity], ("teams", team.name, severity)
    return stack.routes[severity], ("routes", severity)


def _receivers(
    folder: Folder, document: Document, model: t.Model, stack: t.Stack, models_dir: Path
) -> Iterator[Diagnostic]:
    pages = model.tier != "low" and stack.pages_in(model.serving.environment)
    for severity in _SEVERITIES if pages else _SEVERITIES[1:]:
        name, path = route(model, stack, severity)
        if stack.receivers[name].type != "none":
            continue
        graded: Severity = "warning" if severity == "page" else "note"
        said = _WORDS[severity]
        where = document if path[0] == "alerting" else folder.stack
        if where is None:
            message = f"{said}: without a stack file they only show on the boards"
            help = "to be told, write a file with kind: Stack that names a receiver in routes.info"
            yield Diagnostic(str(models_dir), 1, 1, codes.NOBODY_TOLD, graded, message, help)
        elif not where.has(path[0]):
            message = f"{said}: without routes in the stack's file they only show on the boards"
            help = "to be told, declare receivers here and name one in routes.info"
            yield where.diagnostic(codes.NOBODY_TOLD, where.span("kind"), message, help, graded)
        else:
            message = f"{said}: the receiver '{words.short(name)}' is of type none"
            help = f"name another receiver for {path[-1]} here, unless that is meant"
            yield where.diagnostic(codes.NOBODY_TOLD, where.span(*path), message, help, graded)
