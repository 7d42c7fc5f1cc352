"""modelwatch sampled: what the sidecar kept of a model's rows."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelwatch.cli import specs
from modelwatch.cli.command import OK, Command, Streams, format_flag, models_flag

if TYPE_CHECKING:
    from modelwatch.exporters.sampling.estimates import Estimates
    from modelwatch.model import types as t

Record = Mapping[str, Any]
_OUTPUTS = (".parquet", ".jsonl")
_WIDEST = 40
# Of the stack, and of a sidecar that was started alone as its README says.
_STATES = (Path(".modelwatch/data/exporter"), Path(".modelwatch/exporter"))


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="name of the model (metadata.name)")
    models_flag(parser)
    parser.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="the sidecar's --state (default: .modelwatch/data/exporter, which is that of `modelwatch up`, or "
        ".modelwatch/exporter, whichever was written to last)",
    )
    parser.add_argument("--newest", type=int, default=5, metavar="N", help="rows to show (default: 5)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="collect all rows in FILE, .parquet or .jsonl")
    format_flag(parser, "text", "json")


def _run(args: argparse.Namespace, streams: Streams) -> int:
    from modelwatch.exporters.sampling.estimates import estimate
    from modelwatch.exporters.sampling.reading import KeptError, folder_of, records

    chosen = specs.one(args, streams, baseline=False)
    if isinstance(chosen, int):
        return chosen
    model, _ = chosen
    if args.output is not None and args.output.suffix not in _OUTPUTS:
        return streams.fail(f"{args.output}: is neither .parquet nor .jsonl", "name the format by the file's ending")
    states = _STATES if args.state is None else (args.state,)
    # Where the spec says the folder, the state does not matter.
    asked = tuple(dict.fromkeys(kept for one in states if (kept := folder_of(model, streams.cwd / one)) is not None))
    there = sorted((one for one in asked if one.is_dir()), key=_written, reverse=True)
    if not there:
        return streams.fail(
            f"{' and '.join(map(str, asked))}: no rows of {model.name} are kept here",
            _why(model, args.state is None),
        )
    folder = there[0]
    for other in there[1:]:
        print(f"modelwatch: reading {folder}; {other} has older rows, which --state reads", file=streams.err)
    newest: deque[Record] = deque(maxlen=max(args.newest, 0))

    def seen() -> Iterator[Record]:
        for record in records(folder):
            newest.append(record)
            yield record

    try:
        found = estimate(seen())
        rows = _collect(records(folder), model, args.output) if args.output is not None else 0
    except KeptError as error:
        return streams.fail(str(error))
    if args.format == "json":
        streams.say(json.dumps(_document(model, folder, found, list(newest))))
    else:
        streams.say(*_told(model, folder, found, list(newest)))
        streams.say(*(["", f"{args.output}: {rows} rows"] if args.output is not None else []))
    return OK


def _written(folder: Path) -> float:
    """When a folder or one of its files was written last; files may go while this looks."""
    times = []
    for path in (folder, *folder.iterdir()):
        with contextlib.suppress(OSError):
            times.append(path.stat().st_mtime)
    return max(times, default=0.0)


def _why(model: t.Model, usual: bool) -> str:
    if model.sampling is None:
        return "its spec has no section sampling, so nothing is kept: add sampling: {rows_per_hour: 200}"
    folder = (
        "if the sidecar has another --state, name it by --state" if usual else "name the sidecar's folder by --state"
    )
    return f"{folder}; after the start the first rows come within seconds"


def _collect(found: Iterator[Record], model: t.Model, output: Path) -> int:
    """Whole or not at all."""
    from modelwatch.exporters.sampling import parquet

    beside = output.with_name(f".{output.name}.new")
    try:
        if output.suffix == ".parquet":
            rows = parquet.write(found, parquet.schema(model), beside)
        else:
            rows = 0
            with beside.open("w", encoding="utf-8") as file:
                for record in found:
                    file.write(json.dumps(record, ensure_ascii=False) + "\n")
                    rows += 1
        beside.replace(output)
    finally:
        beside.unlink(missing_ok=True)
    return rows


def _document(model: t.Model, folder: Path, found: Estimates, newest: list[Record]) -> dict[str, Any]:
    from dataclasses import asdict

    return {"model": model.name, "folder": str(folder), **asdict(found), "newest": newest}


def _told(model: t.Model, folder: Path, found: Estimates, newest: list[Record]) -> Iterator[str]:
    if found.first is None or found.last is None:
        yield f"{model.name}: no rows are kept yet in {folder}"
        return
    yield f"{model.name}: {found.all.rows} rows kept from {_time(found.first)} to {_time(found.last)} in {folder}"
    yield ""
    yield f"{'':10}{'kept':>8}{'stand for':>14}{'standard error':>16}{'share':>8}"
    for name, total in (*found.strata.items(), ("all", found.all)):
        share = f"{total.total / found.all.total:.1%}"
        yield f"{name:10}{total.rows:>8}{total.total:>14,.0f}{total.error:>16,.0f}{share:>8}"
    yield "A row with several reasons is in several lines, and once in the last."
    if found.lost:
        yield f"{found.lost} chosen rows were lost (full disk or queue), so the totals are too low."
    for record in newest[::-1]:
        yield ""
        yield (
            f"{_time(record['arrival'])}  {_text(record.get('prediction'))}  confidence {_text(record.get('confidence'))}  "
            f"{', '.join(record['strata'])}  weight {record['weight']:.6g}  id {_text(record.get('id'))}"
        )
        yield "  " + "  ".join(f"{name}={_text(value)}" for name, value in record["features"].items())


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}Z"


def _text(value: object) -> str:
    """For a terminal: short, and no control characters from a request."""
    text = "-" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return shown if len(shown) <= _WIDEST else f"{shown[: _WIDEST - 3]}..."


COMMAND = Command(
    "sampled",
    "Show the rows that the sidecar kept for review, and what they stand for; collect them for labelling or retraining.",
    _configure,
    _run,
    ("modelwatch sampled flight-delay", "modelwatch sampled flight-delay --output to-label.parquet"),
)
