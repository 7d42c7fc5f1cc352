"""jsonschema's findings as plain typed data: one for each node, the most telling one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from modelwatch.model.schema import Kind, at, resolve, validator
from modelwatch.model.tree import Step

if TYPE_CHECKING:
    from jsonschema import ValidationError

# When several keywords refuse one value, the first of these speaks for all.
_ORDER = ("type", "anyOf", "enum", "const", "maxLength", "minLength", "format", "pattern")
ABOUT_FIELDS = ("additionalProperties", "required", "dependentRequired")


@dataclass(frozen=True, slots=True)
class Violation:
    """``keyword`` of ``schema`` refuses the value at ``path``; with ``key``, that key of the mapping there."""

    path: tuple[Step, ...]
    keyword: str
    schema: Mapping[str, Any]
    key: str | None = None

    @property
    def bound(self) -> Any:
        return self.schema[self.keyword]


def violations(kind: Kind, instance: Any) -> Iterator[Violation]:
    """In the order of the file's fields; at most one about each value, besides those about its fields."""
    found = [_violation(kind, error) for error in _flatten(validator(kind).iter_errors(instance))]
    found.sort(key=lambda item: _ORDER.index(item.keyword) if item.keyword in _ORDER else len(_ORDER))
    told: set[tuple[object, ...]] = set()
    for item in found:
        # jsonschema makes one error a missing field; one violation stands for all of them.
        about = (item.path, item.key, item.keyword if item.keyword in ABOUT_FIELDS else "value")
        if about not in told:
            told.add(about)
            yield item


def _flatten(errors: Iterable[ValidationError]) -> Iterator[ValidationError]:
    """A choice between alternatives is told as the alternative that was meant: for a mapping, the one for mappings."""
    for error in errors:
        if error.validator == "anyOf" and isinstance(error.instance, dict):
            yield from _flatten(below for below in error.context or () if below.validator != "enum")
        else:
            yield error


def _violation(kind: Kind, error: ValidationError) -> Violation:
    path = tuple(cast("Iterable[Step]", error.absolute_path))
    schema = resolve(kind, cast("Mapping[str, Any]", error.schema))
    if "propertyNames" in error.absolute_schema_path:
        return Violation(path, str(error.validator), schema, str(error.instance))
    # The example of a field stands beside its $ref, which jsonschema does not show.
    beside = {key: value for key, value in at(kind, path).items() if key in ("examples", "default")}
    return Violation(path, str(error.validator), {**schema, **beside})
