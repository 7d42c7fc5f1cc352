"""A document against its JSON Schema: fields, types, choices and bounds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from modelwatch.model import codes, suggest, words
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.schema import Kind, resolve, schema, validator
from modelwatch.model.tree import Document, Mapped, Node, Scalar, Sequence, Step, child, data

if TYPE_CHECKING:
    from jsonschema import ValidationError

# When several keywords refuse one node, the first of these speaks for all.
_ORDER = ("type", "anyOf", "enum", "const", "maxLength", "minLength", "format", "pattern")
_ABOUT_FIELDS = ("additionalProperties", "required", "dependentRequired")


def check(document: Document) -> Iterator[Diagnostic]:
    """Every difference from the schema; nodes that are told of are condemned."""
    if id(document.root) in document.wrong:
        return
    if not isinstance(document.root, Mapped):
        message = f"a spec is a mapping of fields, found {words.found(document.root)}"
        help = f"start with apiVersion: modelwatch/v1 and kind: {document.kind}"
        yield document.diagnostic(codes.WRONG_TYPE, document.root.span, message, help)
        document.condemn(document.root)
        return
    errors = list(_flatten(validator(document.kind).iter_errors(data(document.root))))
    errors.sort(key=lambda error: _ORDER.index(error.validator) if error.validator in _ORDER else len(_ORDER))
    told: set[tuple[Step, ...]] = set()
    for error in errors:
        path: tuple[Step, ...] = tuple(error.absolute_path)
        if "propertyNames" in error.absolute_schema_path:
            # Both the pattern and the length of a name may be wrong; the path is the mapping's.
            path = (*path, error.instance, "a key")
            if path not in told:
                told.add(path)
                yield _key(document, path[:-1], error)
            continue
        node = _node(document.root, path)
        if node is None or _beneath_wrong(document, path):
            continue
        if error.validator in _ABOUT_FIELDS:
            yield from _fields(document, path, node, error)
            continue
        if path in told:
            continue
        told.add(path)
        yield _value(document, path, node, error)
        document.condemn(node)


def _flatten(errors: Iterable[ValidationError]) -> Iterator[ValidationError]:
    """A choice between alternatives is told as the alternative that was meant: the one for mappings, if it is one."""
    for error in errors:
        if error.validator != "anyOf":
            yield error
            continue
        meant = [below for below in error.context or () if below.validator != "enum"]
        if isinstance(error.instance, dict):
            yield from _flatten(meant)
        else:
            yield error


def _node(root: Node, path: tuple[Step, ...]) -> Node | None:
    node: Node | None = root
    for step in path:
        node = child(node, step) if node is not None else None
    return node


def _beneath_wrong(document: Document, path: tuple[Step, ...]) -> bool:
    return document.find(*path) is None


def _label(path: tuple[Step, ...]) -> str:
    """The field in words: ``'window'``, or ``an item of 'windows'``."""
    names = [step for step in path if isinstance(step, str)]
    if not names:
        return "the spec"
    return f"an item of '{names[-1]}'" if isinstance(path[-1], int) else f"'{names[-1]}'"


def _key(document: Document, path: tuple[Step, ...], error: ValidationError) -> Diagnostic:
    title = resolve(document.kind, error.schema).get("title", "name")
    message = f"'{words.short(str(error.instance))}' is no {title}"
    return document.diagnostic(codes.MALFORMED, document.key_span(*path), message, _NAMES[title])


_NAMES = {
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
}


def _fields(document: Document, path: tuple[Step, ...], node: Node, error: ValidationError) -> Iterator[Diagnostic]:
    if not isinstance(node, Mapped):
        return
    # Fields may be required beside a $ref that holds them.
    part = resolve(document.kind, {**error.schema})
    known: Mapping[str, Any] = part.get("properties", {})
    closed = part.get("additionalProperties") is False
    unknown = [key for key in node.entries if key not in known] if closed else []
    meant = {key: suggest.field(key, (name for name in known if name not in node.entries)) for key in unknown}
    if error.validator == "additionalProperties":
        for key in unknown:
            help = f"did you mean '{meant[key]}'?" if meant[key] else _elsewhere(document.kind, key, path, known)
            yield document.diagnostic(
                codes.UNKNOWN_FIELD, node.entries[key].key, f"unknown field '{words.short(key)}'", help
            )
        return
    for name in _missing(node, error):
        # A misspelt field is told once, as misspelt.
        if name not in meant.values():
            shown = words.example({**resolve(document.kind, known.get(name, {}))})
            where = f"'{path[-1]}'" if path and isinstance(path[-1], str) else "this item" if path else "the spec"
            help = f"add {name}: {shown}" if shown else f"add {name}: {_choices(document.kind, known.get(name, {}))}"
            yield document.diagnostic(codes.MISSING_FIELD, document.span(*path), f"{where} lacks '{name}'", help)


def _missing(node: Mapped, error: ValidationError) -> list[str]:
    # jsonschema makes one error a field and names it only in its prose.
    if error.validator == "dependentRequired":
        return sorted(
            {name for key, names in error.validator_value.items() if key in node.entries for name in names}
            - set(node.entries)
        )
    return [name for name in error.validator_value if name not in node.entries and f"'{name}'" in error.message]


def _choices(kind: Kind, part: Mapping[str, Any]) -> str:
    found = resolve(kind, part)
    choices = found.get("enum", [found["const"]] if "const" in found else [])
    return ", ".join(choices[:-1]) + (" or " if len(choices) > 1 else "") + choices[-1] if choices else "..."


def _elsewhere(kind: Kind, key: str, path: tuple[Step, ...], known: Mapping[str, Any]) -> str:
    """Where a field belongs that is right but in the wrong place, else what may stand here."""
    places = [
        place for place in _places(kind, schema(kind), key, ()) if place != tuple(s for s in path if isinstance(s, str))
    ]
    if places:
        place = min(places, key=len)
        return f"'{key}' belongs under '{'.'.join(place)}'" if place else f"'{key}' belongs at the top of the file"
    return "known here: " + ", ".join(known)


def _places(kind: Kind, part: Mapping[str, Any], key: str, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    part = resolve(kind, part)
    properties = part.get("properties", {})
    if key in properties:
        yield path
    for name, below in properties.items():
        yield from _places(kind, below, key, (*path, name))
    for keyword in ("items", "additionalProperties"):
        if isinstance(part.get(keyword), dict):
            yield from _places(kind, part[keyword], key, path)
    for below in part.get("anyOf", ()):
        yield from _places(kind, below, key, path)


def _value(document: Document, path: tuple[Step, ...], node: Node, error: ValidationError) -> Diagnostic:
    wanted = {**error.schema}
    label = _label(path)
    span = document.span(*path)
    match error.validator:
        case "type":
            message = f"{label} wants {words.wanted(wanted)}, found {words.found(node)}"
            return document.diagnostic(codes.WRONG_TYPE, span, message, _type_help(path, node, wanted))
        case "enum" | "const" | "anyOf":
            return _choice(document, path, node, error)
        case "format" | "pattern" | "maxLength" | "minLength":
            return _text(document, path, node, error)
        case "uniqueItems":
            return _twice(document, path, node)
        case _:
            return _bounds(document, path, node, error)


def _type_help(path: tuple[Step, ...], node: Node, wanted: Mapping[str, Any]) -> str:
    kind, title = wanted.get("type"), wanted.get("title")
    text = words.short(node.text) if isinstance(node, Scalar) else ""
    value = node.value if isinstance(node, Scalar) else None
    if kind == "string" and value is not None:
        if title == "duration" and isinstance(value, Decimal):
            return f"give it a unit: {text}s, {text}m, {text}h or {text}d"
        return f"write '{text}', in quotes"
    if kind in ("number", "integer") and isinstance(value, str):
        number = _number_meant(value, wanted)
        if number is not None:
            return f"write {number}"
    if kind == "integer" and isinstance(value, Decimal):
        return f"write {value.to_integral_value()}"
    if kind == "array" and value is not None:
        return f"write it as a list: [{text}]"
    if kind == "array" and isinstance(node, Mapped):
        return "start each item with '- '"
    name = next((step for step in reversed(path) if isinstance(step, str)), "")
    shown = words.example(wanted)
    if shown is None:
        return ""
    return f"such as {shown}" if path and isinstance(path[-1], int) else f"such as {name}: {shown}"


def _number_meant(text: str, wanted: Mapping[str, Any]) -> str | None:
    """The number in ``5%``, ``'0.1'`` or ``0,1``."""
    bare = text.strip().removesuffix("%").strip().replace(",", ".")
    if not bare or len(bare) > 20 or not bare.replace(".", "", 1).isdigit() or not bare.isascii():
        return None
    share = text.strip().endswith("%") and wanted.get("title") == "ratio"
    return f"{(Decimal(bare) / 100).normalize():f}" if share else bare


def _choice(document: Document, path: tuple[Step, ...], node: Node, error: ValidationError) -> Diagnostic:
    part = {**error.schema}
    choices: list[str] = part.get("enum") or ([part["const"]] if "const" in part else [])
    extra = ""
    if error.validator == "anyOf":
        choices = next(below["enum"] for below in part["anyOf"] if "enum" in below)
        extra = " or a mapping such as {latency: 250ms}"
    label, span = _label(path), document.span(*path)
    listed = ", ".join(choices) + extra
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        one = "one of " if len(choices) > 1 else ""
        message = f"{label} wants {one}{listed}, found {words.found(node)}"
        return document.diagnostic(codes.WRONG_TYPE, span, message, f"write {choices[0]}")
    guess = choices[0] if len(choices) == 1 else suggest.choice(node.value, choices)
    if guess is None and error.validator == "anyOf" and suggest.duration(node.value):
        help = f"did you mean {{latency: {suggest.duration(node.value)}}}?"
    elif guess is None and error.validator == "anyOf" and node.value.casefold().startswith("latency"):
        help = "did you mean {latency: 250ms}?"
    else:
        help = f"did you mean '{guess}'?" if guess else f"choose one of {listed}"
    message = f"{label} cannot be '{words.short(node.value)}'"
    return document.diagnostic(codes.NOT_ONE_OF, span, message, help)


def _text(document: Document, path: tuple[Step, ...], node: Node, error: ValidationError) -> Diagnostic:
    value = node.value if isinstance(node, Scalar) and isinstance(node.value, str) else ""
    part, span, label = {**error.schema}, document.span(*path), _label(path)
    title = part.get("title", "text")
    if title == "duration":
        meant = suggest.duration(value)
        if meant is None or (meant == value and error.validator == "format"):
            help = "write a number and a unit, such as 250ms, 30s, 5m, 6h or 30d"
        else:
            help = f"did you mean {meant}?"
        if error.validator == "format" and meant == value:
            message = (
                f"{label} must be longer than nothing and shorter than a hundred years, found {words.short(value)}"
            )
            return document.diagnostic(codes.OUT_OF_BOUNDS, span, message, help)
        return document.diagnostic(codes.DURATION, span, f"'{words.short(value)}' is no duration", help)
    if error.validator in ("maxLength", "minLength") and title == "text":
        bound = f"more than {part['maxLength']} characters" if error.validator == "maxLength" else "no text"
        return document.diagnostic(
            codes.OUT_OF_BOUNDS, span, f"{label} has {bound}", "say it in fewer words" if value else "write some"
        )
    code = codes.TARGET if title == "target" else codes.MALFORMED
    article = "" if title.startswith("text") else "a "
    message = f"{label} wants {article}{title}, found '{words.short(value)}'"
    return document.diagnostic(code, span, message, _name_help(title, value))


def _name_help(title: str, value: str) -> str:
    if title == "name":
        slug = "-".join("".join(c if c.isascii() and (c.isalnum() or c in "-_") else " " for c in value).split()).strip(
            "-_"
        )
        if slug and slug != value and len(slug) <= 63:
            return f"did you mean '{slug}'? {_NAMES[title]}"
    if title == "target" and "://" in value:
        bare = value.split("://", 1)[1].split("/", 1)[0]
        if ":" in bare:
            return f"did you mean {bare}? the path belongs into metrics_path"
    return _NAMES[title]


def _twice(document: Document, path: tuple[Step, ...], node: Node) -> Diagnostic:
    seen: list[Any] = []
    items = node.items if isinstance(node, Sequence) else ()
    for index, item in enumerate(items):
        value = data(item)
        if value in seen:
            message = f"{words.flow(value)} is in {_label(path)} twice"
            return document.diagnostic(codes.DUPLICATE_ITEM, document.span(*path, index), message, "keep one of them")
        seen.append(value)
    raise AssertionError("jsonschema saw two equal items where there are none")


def _bounds(document: Document, path: tuple[Step, ...], node: Node, error: ValidationError) -> Diagnostic:
    part, span, label = {**error.schema}, document.span(*path), _label(path)
    bound = error.validator_value
    if isinstance(node, Scalar) and isinstance(node.value, Decimal):
        if part.get("title") == "objective":
            return _objective(document, span_path=path, value=node.value, text=node.text)
        says = {
            "minimum": f"at least {bound}",
            "exclusiveMinimum": f"above {bound}",
            "maximum": f"at most {bound}",
            "exclusiveMaximum": f"below {bound}",
        }[str(error.validator)]
        help = "such as " + (words.example(part) or str(bound))
        if part.get("title") == "ratio" and 1 < node.value <= 100:
            help = f"it is a share, from 0 to 1: {node.text} % is {(node.value / 100).normalize():f}"
        return document.diagnostic(
            codes.OUT_OF_BOUNDS, span, f"{label} must be {says}, found {words.short(node.text)}", help
        )
    says = {
        "minItems": f"at least {bound} items",
        "maxItems": f"at most {bound} items",
        "minProperties": "at least one field",
    }[str(error.validator)]
    shown = words.example(part)
    help = f"such as {shown}" if shown else "remove the rest"
    return document.diagnostic(codes.OUT_OF_BOUNDS, span, f"{label} wants {says}", help)


def _objective(document: Document, span_path: tuple[Step, ...], value: Decimal, text: str) -> Diagnostic:
    span = document.span(*span_path)
    shown = words.short(text)
    if 0 < value < 1:
        help = f"did you mean {(value * 100).normalize():f}? An objective is a percentage"
        return document.diagnostic(codes.OBJECTIVE, span, f"an objective of {shown} is a fraction", help)
    if value == 100:
        help = "an objective of 100 leaves no error budget: every error would page; choose 99.9, say"
        return document.diagnostic(codes.OBJECTIVE, span, "an objective of 100 can never be met for long", help)
    help = "write the percentage of events that must be good, above 1 and below 100, such as 99.9"
    return document.diagnostic(codes.OBJECTIVE, span, f"an objective cannot be {shown}", help)
