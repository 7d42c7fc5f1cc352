"""The published JSON Schemas, and the validators made of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

from modelwatch.model.units import Duration

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

Kind = Literal["Model", "Stack"]
API_VERSION = "modelwatch/v1"
KINDS: tuple[Kind, ...] = ("Model", "Stack")
# The longest duration that means anything; Prometheus itself overflows at 292 years.
LONGEST = Duration.parse("100y")


def _text(kind: Kind) -> str:
    return resources.files(__package__).joinpath(f"{kind.lower()}.schema.json").read_text(encoding="utf-8")


def schema_files() -> dict[str, str]:
    """The schemas as published for editors: path below generated/ -> text."""
    return {f"schema/{kind.lower()}.schema.json": _text(kind) for kind in KINDS}


@cache
def schema(kind: Kind) -> dict[str, Any]:
    """The schema with numbers as Decimal."""
    found: dict[str, Any] = json.loads(_text(kind), parse_float=Decimal)
    return found


def resolve(kind: Kind, part: Mapping[str, Any]) -> dict[str, Any]:
    """``part`` of a schema with its $ref followed; its own words win."""
    target = part.get("$ref")
    if not isinstance(target, str):
        return dict(part)
    found: Any = schema(kind)
    for step in target.removeprefix("#/").split("/"):
        found = found[step]
    return {**found, **{key: value for key, value in part.items() if key != "$ref"}}


def at(kind: Kind, path: Iterable[str | int]) -> dict[str, Any]:
    """The schema of the value at ``path``, with what stands beside a $ref; {} where there is none."""
    part: dict[str, Any] = schema(kind)
    for step in path:
        part = resolve(kind, part)
        # Only one of several alternatives has fields.
        part = next((below for below in part.get("anyOf", ()) if "properties" in below), part)
        other = part.get("additionalProperties")
        below = part.get("items") if isinstance(step, int) else part.get("properties", {}).get(step, other)
        if not isinstance(below, dict):
            return {}
        part = below
    return resolve(kind, part)


def _is_number(_: object, value: object) -> bool:
    return isinstance(value, Decimal)


def _is_integer(_: object, value: object) -> bool:
    return isinstance(value, Decimal) and value == value.to_integral_value()


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    # JSON Schema's $ is the very end; Python's would let a newline follow.
    return re.compile(pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern)


def is_duration(value: object) -> bool:
    """A duration above zero and below a hundred years."""
    if not isinstance(value, str):
        return True
    try:
        return Duration(0) < Duration.parse(value) <= LONGEST
    except ValueError:
        return False


@cache
def validator(kind: Kind) -> Validator:
    """The validator of one kind of file, for values whose numbers are Decimals."""
    from jsonschema import (  # noqa: PLC0415 -- a service that is given a ready Model never pays for this import
        Draft202012Validator,
        FormatChecker,
        ValidationError,
        validators,
    )

    def pattern(_: Validator, wanted: str, instance: object, __: Mapping[str, Any]) -> Iterator[ValidationError]:
        if isinstance(instance, str) and not _pattern(wanted).search(instance):
            yield ValidationError("does not match")

    formats = FormatChecker(formats=())
    formats.checks("prometheus-duration")(is_duration)
    types = Draft202012Validator.TYPE_CHECKER.redefine_many({"number": _is_number, "integer": _is_integer})
    # The stubs leave extend untyped.
    make: type[Validator] = validators.extend(Draft202012Validator, {"pattern": pattern}, type_checker=types)  # type: ignore[no-untyped-call]
    return make(schema(kind), format_checker=formats)
