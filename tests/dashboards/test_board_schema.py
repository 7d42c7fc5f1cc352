"""The boards against Grafana's own typed model of its JSON: nothing unknown to Grafana, no value of a wrong type."""

from __future__ import annotations

import enum
import json
import types
import typing
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

with warnings.catch_warnings():
    # The SDK would rather have its next schema, which file provisioning does not take yet.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models import (
        bargauge,
        dashboard,
        gauge,
        heatmap,
        prometheus,
        stat,
        statetimeline,
        table,
        text,
        timeseries,
    )

from modelwatch.dashboards import generate
from modelwatch.model.types import Fleet

Json = dict[str, Any]

# The same list as in the boards' own documentation: what both Grafana and the preview draw, and no Angular plugin.
PANEL_TYPES = {"row", "timeseries", "stat", "gauge", "bargauge", "table", "state-timeline", "heatmap", "text"}
OPTIONS = {
    "timeseries": timeseries.Options,
    "stat": stat.Options,
    "gauge": gauge.Options,
    "bargauge": bargauge.Options,
    "table": table.Options,
    "state-timeline": statetimeline.Options,
    "heatmap": heatmap.Options,
    "text": text.Options,
}


@pytest.fixture(scope="module", autouse=True)
def _plugins() -> None:
    register_default_plugins()


def read(board: Json) -> dashboard.Dashboard:
    return dashboard.Dashboard.from_json(board)


def lost(before: Any, after: Any, path: str = "$") -> Iterator[str]:
    """Where ``after`` lacks or changes something of ``before``; additions are Grafana's defaults."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key not in after:
                # An encoder leaves out what is null; to Grafana that is the same.
                if value is not None:
                    yield f"{path}.{key} is lost"
            else:
                yield from lost(value, after[key], f"{path}.{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from lost(one, other, f"{path}[{index}]")
    elif before != after:
        yield f"{path} was {before!r} and is {after!r}"


def fits(value: Any, hint: Any) -> bool:
    """Whether a decoded value is of its declared type, as far as plain values go."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, arg) for arg in args)
    if origin is typing.Literal:
        return value in args
    if origin in (list, dict):
        items = value.values() if isinstance(value, dict) else value
        return isinstance(value, origin) and all(fits(item, args[-1]) for item in items)
    if isinstance(value, dict) and hasattr(hint, "from_json"):
        # The SDK leaves some models as they were read.
        return not list(misfits(hint.from_json(value)))
    return fits_plain(value, hint)


def fits_plain(value: Any, hint: Any) -> bool:
    if hint in (object, Any) or not isinstance(hint, type):
        return True
    if issubclass(hint, enum.Enum):
        return value in [member.value for member in hint]
    if hint in (int, float):
        # A boolean is an int to Python, and none to Grafana.
        return isinstance(value, int | hint) and not isinstance(value, bool)
    return isinstance(value, hint)


def misfits(value: Any, path: str = "$") -> Iterator[str]:
    """Fields of decoded objects whose value is not of the declared type."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from misfits(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from misfits(item, f"{path}.{key}")
    elif hasattr(value, "to_json"):
        for name, hint in typing.get_type_hints(type(value)).items():
            field = getattr(value, name)
            if not fits(field, hint):
                yield f"{path}.{name} is {field!r}, not {hint}"
            yield from misfits(field, f"{path}.{name}")


def test_no_key_is_unknown_to_grafana(boards: dict[str, Json]) -> None:
    """Decoded and encoded by Grafana's SDK, a board loses nothing."""
    for stem, board in boards.items():
        again = json.loads(JSONEncoder().encode(read(board)))
        assert list(lost(board, again, stem)) == []


def test_every_value_has_the_type_that_grafana_declares(boards: dict[str, Json]) -> None:
    for stem, board in boards.items():
        assert list(misfits(read(board), stem)) == []


def test_a_lost_key_or_a_wrong_type_would_be_seen(boards: dict[str, Json]) -> None:
    """The two checks above can fail."""
    board = boards["fleet"]
    board["rows"] = []
    board["panels"][0]["options"]["fieldOptions"] = {}
    board["panels"][0]["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["value"] = "null"
    found = list(lost(board, json.loads(JSONEncoder().encode(read(board)))))
    assert [text.split(" is ")[0] for text in found] == ["$.panels[0].options.fieldOptions", "$.rows"]
    assert len(list(misfits(read(board)))) == 1


def test_panels_are_of_known_types_with_complete_options(boards: dict[str, Json]) -> None:
    """No Angular plugin, and every option that Grafana requires of a type is there."""
    for board in boards.values():
        for panel in (item for top in board["panels"] for item in (top, *top.get("panels", ()))):
            assert panel["type"] in PANEL_TYPES
            if panel["type"] == "row":
                continue
            required = {
                name
                for name, hint in typing.get_type_hints(OPTIONS[panel["type"]]).items()
                if type(None) not in typing.get_args(hint)
            }
            decoded = OPTIONS[panel["type"]].from_json(panel["options"])
            keys = {name for name in required if _key(decoded, name) in panel["options"]}
            assert keys == required, (panel["title"], required - keys)


def _key(options: Any, name: str) -> str:
    """The JSON key of a field, by the SDK's rule: camelCase."""
    head, *tail = name.removesuffix("_val").split("_")
    return head + "".join(part.title() for part in tail)


def test_only_values_change_between_fleets(fleet: Fleet, boards: dict[str, Json]) -> None:
    """The number of boards does not grow with the fleet, and the same fleet gives the same bytes."""
    assert set(generate(Fleet(models=(), stack=fleet.stack))) == set(generate(fleet))
    assert generate(fleet) == generate(fleet)


def test_queries_decode_as_prometheus_queries(boards: dict[str, Json]) -> None:
    """Each target is a Prometheus query of Grafana's model, with a letter of its own in its panel."""
    for board in boards.values():
        for panel in (item for top in board["panels"] for item in (top, *top.get("panels", ()))):
            targets = panel.get("targets", [])
            letters = [target["refId"] for target in targets]
            assert len(letters) == len(set(letters))
            for target in targets:
                query = prometheus.Dataquery.from_json(target)
                assert query.expr
                assert list(misfits(query)) == []
