"""What is told of a value that its schema refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from modelwatch.model import codes, suggest, words
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.tree import Document, Mapped, Node, Scalar, Sequence, Step, data
from modelwatch.model.units import DURATION_PATTERN
from modelwatch.model.violations import Violation

# Title of a schema -> how to write such text.
_HELP = {
    "name": "use up to 63 letters, digits, '-' and '_', and start and end with a letter or digit",
    "label name": "use up to 63 letters, digits and '_', and do not start with a digit",
    "job": "use up to 128 letters, digits and '_', '-', '.', '/', ':', and start and end with a letter or digit",
    "target": "write host:port, such as 127.0.0.1:8000, without http:// and without a path",
    "version": "write major.minor in quotes, such as '2.42'",
    "URL": "write it in full, such as https://example.com/path, without spaces",
    "text on one line": "use 1 to 128 characters on one line",
    "path": "write a path on one line, of at most 1000 characters",
    "path of a URL": "start with '/', such as /metrics, without a query",
    "Slack channel": "write it as Slack does, such as '#models', in quotes",
    "text": "use fewer characters",
}


def key(document: Document, violation: Violation, name: str) -> Diagnostic:
    """A key of a mapping whose keys are names."""
    title = violation.schema.get("title", "name")
    span = document.key_span(*violation.path, name)
    return document.diagnostic(codes.MALFORMED, span, f"'{words.short(name)}' is no {title}", _HELP[title])


def value(document: Document, violation: Violation, node: Node) -> Diagnostic:
    """The value at the violation's path."""
    match violation.keyword:
        case "type":
            code, message, help = _type(violation, node)
        case "enum" | "const" | "anyOf":
            code, message, help = _choice(violation, node)
        case "format" | "pattern" | "maxLength" | "minLength":
            code, message, help = _text(violation, node)
        case "uniqueItems":
            return _twice(document, violation, node)
        case _:
            code, message, help = _bounds(violation, node)
    return document.diagnostic(code, document.span(*violation.path), message, help)


def _label(path: tuple[Step, ...]) -> str:
    """The field in words: ``'window'``, or ``an item of 'windows'``."""
    name = next((step for step in reversed(path) if isinstance(step, str)), "spec")
    return f"an item of '{name}'" if path and isinstance(path[-1], int) else f"'{name}'"


def _such_as(violation: Violation) -> str:
    shown = words.example(violation.schema)
    if shown is None:
        return ""
    last = violation.path[-1] if violation.path else 0
    return f"such as {shown}" if isinstance(last, int) else f"such as {last}: {shown}"


def _type(violation: Violation, node: Node) -> tuple[str, str, str]:
    message = f"{_label(violation.path)} wants {words.wanted(violation.schema)}, found {words.found(node)}"
    help = _conversion(violation.schema, node) or _such_as(violation)
    return codes.WRONG_TYPE, message, help


def _conversion(wanted: Mapping[str, Any], node: Node) -> str | None:
    """How to write the same value in the right type, where it can be guessed."""
    kind = wanted.get("type")
    if not isinstance(node, Scalar):
        return "start each item with '- '" if kind == "array" and isinstance(node, Mapped) else None
    text, number = words.short(node.text), isinstance(node.value, Decimal)
    match kind:
        case _ if node.value is None:
            help = None
        case "array":
            help = _list_meant(node.text, wanted)
        case "string" if number and wanted.get("title") == "duration":
            help = f"give it a unit: {text}ms, {text}s, {text}m, {text}h or {text}d"
        case "string":
            help = f"write '{text}', in quotes"
        case "integer" if number:
            help = f"write {Decimal(text).to_integral_value():f}"
        case "number" | "integer" if isinstance(node.value, str):
            help = _number_meant(node.value, wanted)
        case _:
            help = None
    return help


_BOUNDS = re.compile(
    r"[\s(\[]*([-+]?[0-9]+(?:\.[0-9]+)?)\s*(?:-|\u2013|\.\.+|to|and|[,;:/|~]|\s)\s*([-+]?[0-9]+(?:\.[0-9]+)?)[\s)\]]*\Z"
)


def _list_meant(text: str, wanted: Mapping[str, Any]) -> str | None:
    """What to write for ``0-120`` where two numbers are wanted, or for ``a, b`` where texts are."""
    least = wanted.get("minItems", 0)
    if wanted["items"].get("type") == "number":
        bounds = _BOUNDS.match(text.strip("'\""))
        return f"write it as a list: [{bounds[1]}, {bounds[2]}]" if bounds and least <= 2 else None
    items = [words.scalar(words.short(item.strip().strip("'\""))) for item in re.split("[,;]", text)]
    return f"write it as a list: [{', '.join(items)}]" if all(items) and len(items) >= least else None


def _number_meant(text: str, wanted: Mapping[str, Any]) -> str | None:
    """What to write for ``5%``, ``'0.1'`` or ``0,1``."""
    bare = text.strip().removesuffix("%").strip().replace(",", ".")
    if not bare.isascii() or not bare.replace(".", "", 1).isdigit() or len(bare) > 20:
        return None
    if wanted.get("title") == "ratio" and (text.strip().endswith("%") or Decimal(bare) > 1):
        bare = f"{(Decimal(bare) / 100).normalize():f}"
    return f"write {bare}"


def _choice(violation: Violation, node: Node) -> tuple[str, str, str]:
    part, label = violation.schema, _label(violation.path)
    either = violation.keyword == "anyOf"
    choices: list[str] = part.get("enum") or ([part["const"]] if "const" in part else [])
    if either:
        choices = next(below["enum"] for below in part["anyOf"] if "enum" in below)
    listed = ", ".join(choices) + (" or a mapping such as {latency: 250ms}" if either else "")
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        message = f"{label} wants {'one of ' if len(choices) > 1 else ''}{listed}, found {words.found(node)}"
        return codes.WRONG_TYPE, message, f"such as {choices[0]}"
    message = f"{label} cannot be '{words.short(node.value)}'"
    if len(choices) == 1:
        return codes.NOT_ONE_OF, message, f"write {choices[0]}"
    guess = suggest.choice(node.value, choices)
    threshold = suggest.duration(node.value) or ("250ms" if "latency" in node.value.casefold() else None)
    if guess is None and either and threshold:
        return codes.NOT_ONE_OF, message, f"did you mean {{latency: {threshold}}}?"
    return codes.NOT_ONE_OF, message, f"did you mean '{guess}'?" if guess else f"choose one of {listed}"


def _text(violation: Violation, node: Node) -> tuple[str, str, str]:
    text = node.value if isinstance(node, Scalar) and isinstance(node.value, str) else ""
    title, label = violation.schema.get("title", "text"), _label(violation.path)
    if title == "duration":
        return _duration(label, text)
    if title == "text":
        bound = f"at most {violation.bound} characters" if violation.keyword == "maxLength" else "some text"
        return codes.OUT_OF_BOUNDS, f"{label} wants {bound}", _such_as(violation)
    article = "" if title.startswith("text") else "a "
    message = f"{label} wants {article}{title}, found '{words.short(text)}'"
    if title == "name":
        message = f"{label} cannot be '{words.short(text)}'"
    return codes.TARGET if title == "target" else codes.MALFORMED, message, _text_help(title, text)


def _duration(label: str, text: str) -> tuple[str, str, str]:
    help = "write a number and a unit, such as 250ms, 30s, 5m, 6h or 30d"
    meant = suggest.duration(text)
    if re.match(DURATION_PATTERN, text):
        # Well spelt, so it is its length that is refused.
        message = f"{label} must be above zero and at most a hundred years, found {words.short(text)}"
        return codes.OUT_OF_BOUNDS, message, help
    return codes.DURATION, f"'{words.short(text)}' is no duration", f"did you mean {meant}?" if meant else help


def _text_help(title: str, text: str) -> str:
    help = _HELP[title]
    if title == "name":
        slug = words.slug(text)
        if slug and slug != text and len(slug) <= 63:
            return f"did you mean '{slug}'? {help[0].upper()}{help[1:]}"
    if title == "target" and "://" in text:
        bare = text.split("://", 1)[1].split("/", 1)[0]
        return f"did you mean {words.short(bare)}? A path goes into metrics_path" if ":" in bare else help
    return help


def _twice(document: Document, violation: Violation, node: Node) -> Diagnostic:
    """Points at the second of two equal items."""
    seen: list[Any] = []
    at = 0
    for index, item in enumerate(node.items if isinstance(node, Sequence) else ()):
        if data(item) in seen:
            at = index
            break
        seen.append(data(item))
    message = f"an item of {_label(violation.path)} is there twice"
    span = document.span(*violation.path, at)
    return document.diagnostic(codes.DUPLICATE_ITEM, span, message, "keep one of them")


# How the description of a field says what holds without it.
_LEFT_OUT = re.compile(r"\bLeft out, ([^.:;]+)\.(?:\s|\Z)")
_NUMBER_BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}


def _bounds(violation: Violation, node: Node) -> tuple[str, str, str]:
    label, keyword, bound = _label(violation.path), violation.keyword, violation.bound
    if isinstance(node, Scalar) and isinstance(node.value, Decimal):
        if violation.schema.get("title") == "objective":
            return _objective(node.value, node.text)
        message = f"{label} must be {_NUMBER_BOUNDS[keyword]} {bound}, found {words.short(node.text)}"
        without = _LEFT_OUT.search(violation.schema.get("description", ""))
        help = "; ".join(filter(None, (_such_as(violation), f"left out, {without[1]}" if without else "")))
        if violation.schema.get("title") == "ratio" and 1 < node.value <= 100:
            help = f"it is a share from 0 to 1: {node.text} % is {(node.value / 100).normalize():f}"
        return codes.OUT_OF_BOUNDS, message, help
    says = {
        "minItems": f"at least {bound} item{'s' if bound != 1 else ''}",
        "maxItems": f"at most {bound} items",
        "minProperties": "at least one field",
    }[keyword]
    return codes.OUT_OF_BOUNDS, f"{label} wants {says}", _such_as(violation)


def _objective(objective: Decimal, text: str) -> tuple[str, str, str]:
    shown = words.short(text)
    if 0 < objective < 1:
        percent = f"{(objective * 100).normalize():f}"
        return codes.OBJECTIVE, f"the objective {shown} is a fraction", f"did you mean {percent}, in percent?"
    if objective == 100:
        help = "leave some room for errors, such as 99.9; no alert can say how fast an empty budget is spent"
        return codes.OBJECTIVE, "an objective of 100 leaves no error budget", help
    help = "write the percentage of events that must be good, above 1 and below 100, such as 99.9"
    return codes.OBJECTIVE, f"an objective cannot be {shown}", help
