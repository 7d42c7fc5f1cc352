"""Writes the reference pages from their sources, so that they cannot differ: `make golden` runs it, a test compares.

commands.md from --help, telemetry.md from the contract, spec.md from the JSON Schemas, ports.md from the addresses.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from modelwatch.cli.main import COMMANDS, build_parser
from modelwatch.model.addresses import DEFAULT_PORTS, LISTENERS, variable
from modelwatch.model.schema import schema_files
from modelwatch.telemetry import spans
from modelwatch.telemetry.logs import LINE
from modelwatch.telemetry.metrics import CONTRACT
from modelwatch.telemetry.records import RECORDS

HERE = Path(__file__).parent
_NOTE = "<!-- Written by docs/reference.py: `make golden`. -->\n"


def commands() -> str:
    # argparse wraps at the terminal's width.
    os.environ["COLUMNS"] = "100"
    out = [_NOTE, "# Commands\n"]
    for name in COMMANDS:
        parser = build_parser(name)
        choices = next(action.choices for action in parser._actions if isinstance(action.choices, dict))
        out += [f"## modelwatch {name}\n", "```text", choices[name].format_help().rstrip(), "```\n"]
    return "\n".join(out)


def telemetry() -> str:
    out = [
        _NOTE,
        "# The telemetry contract\n",
        "Every metric that a generated rule or board may read. `job` and `instance` come with every scrape.\n",
    ]
    out += [
        "| metric | type | unit | labels | emitted by | series of one model | meaning |",
        "|---|---|---|---|---|---|---|",
    ]
    out += [
        f"| `{m.name}` | {m.type} | {m.unit} | {', '.join(m.labels)} | {m.emitter} | {m.cardinality} | {m.help} |"
        for m in CONTRACT
    ]
    out += ["\n## Recorded series\n", "| series | unit | labels | meaning |", "|---|---|---|---|"]
    out += [f"| `{r.name}` | {r.unit} | {', '.join(r.labels)} | {r.help} |" for r in RECORDS]
    out += ["\n## Span and resource attributes\n", "| attribute | type | meaning |", "|---|---|---|"]
    out += [f"| `{a.key}` | {a.type} | {a.help} |" for a in spans.CONTRACT]
    out += [f"| `{spans.FEATURE_PREFIX}<name>` | the feature's | a feature that `tracing.features` of the spec lists |"]
    out += ["\n## Fields of a log line\n", "| field | type | meaning |", "|---|---|---|"]
    out += [f"| `{field.key}` | {field.type} | {field.help} |" for field in LINE]
    return "\n".join(out) + "\n"


def _cell(text: object) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


# Keyword of a schema -> how it is said.
_LOW, _HIGH = (
    {"minimum": "{}", "exclusiveMinimum": "above {}"},
    {"maximum": "to {}", "exclusiveMaximum": "and below {}"},
)


def _bounds(node: Mapping[str, Any]) -> str:
    """What a number may be: ``0 to 1``, ``above 0 to 0.5``, ``from 2``."""
    low, high = ([says.format(node[key]) for key, says in words.items() if key in node] for words in (_LOW, _HIGH))
    return f"from {low[0]}" if low and not high and "minimum" in node else " ".join([*low, *high])


def _fields(node: Mapping[str, Any], root: Mapping[str, Any], path: str, seen: tuple[str, ...] = ()) -> Iterator[str]:
    while "$ref" in node:
        ref = node["$ref"]
        if ref in seen:
            return
        seen = (*seen, ref)
        target: Any = root
        for step in ref.removeprefix("#/").split("/"):
            target = target[step]
        node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
    if path:
        kind = node.get("type") or ("one of" if "enum" in node else "")
        values = ", ".join(f"`{value}`" for value in node.get("enum", ())) or _bounds(node)
        default = f"`{json.dumps(node['default'])}`" if "default" in node else ""
        yield f"| `{path}` | {_cell(kind if isinstance(kind, str) else ' or '.join(kind))} {values} | {_cell(default)} | {_cell(node.get('description', ''))} |"
    for name, child in node.get("properties", {}).items():
        yield from _fields(child, root, f"{path}.{name}" if path else name, seen)
    if isinstance(node.get("items"), dict):
        yield from _fields(node["items"], root, f"{path}[]", seen)
    if isinstance(node.get("additionalProperties"), dict):
        yield from _fields(node["additionalProperties"], root, f"{path}.<name>", seen)
    for branch in (*node.get("oneOf", ()), *node.get("anyOf", ())):
        if "properties" in branch or "$ref" in branch:
            for line in _fields(branch, root, path, seen):
                if not line.startswith(f"| `{path}` |"):
                    yield line


def spec() -> str:
    out = [_NOTE, "# The spec, field by field\n"]
    for path, title in (
        ("schema/model.schema.json", "A model (`models/<name>.yaml`)"),
        ("schema/stack.schema.json", "The stack (`models/stack.yaml`)"),
    ):
        schema = json.loads(schema_files()[path])
        out += [
            f"## {title}\n",
            "| field | type | default | meaning |",
            "|---|---|---|---|",
            *_fields(schema, schema, ""),
            "",
        ]
    return "\n".join(out)


def ports() -> str:
    out = [
        _NOTE,
        "# Ports\n",
        "Everything listens on 127.0.0.1. A variable moves a port, for `modelwatch up` and for each command that asks there:\n",
        "    MODELWATCH_PORT_PROMETHEUS=9091 modelwatch up\n",
        "`up` remembers what it was told for the next time, in `.modelwatch/ports.json`; `modelwatch status` shows where each part is.\n",
        "| variable | default | what listens |",
        "|---|---|---|",
    ]
    out += [f"| `{variable(part)}` | {port} | {LISTENERS[part]} |" for part, port in DEFAULT_PORTS.items()]
    return "\n".join(out) + "\n"


def pages() -> dict[str, str]:
    return {"commands.md": commands(), "telemetry.md": telemetry(), "spec.md": spec(), "ports.md": ports()}


if __name__ == "__main__":
    for name, text in pages().items():
        (HERE / name).write_text(text, encoding="utf-8")
    sys.exit(0)
