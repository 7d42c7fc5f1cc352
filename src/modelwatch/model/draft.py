"""A first spec, drafted from a table: short, commented, and ready to generate from."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelwatch.model import guess, suggest, words
from modelwatch.model.checks.names import is_reserved
from modelwatch.model.column import Column
from modelwatch.model.guess import LeftOut
from modelwatch.model.likeness import Evidence, Likely, agreement
from modelwatch.model.parse import parse
from modelwatch.model.read import Text, read_file
from modelwatch.model.table import InitError, Progress, Table
from modelwatch.model.tree import Document, Mapped

__all__ = ["Draft", "InitError", "draft"]

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?\Z")
_LONGEST_NAME = 63
_OWNER = "ml-team"


@dataclass(frozen=True, slots=True)
class Draft:
    """``text`` is the spec. ``features`` were found in ``rows`` rows; ``left_out`` says why of every other column.

    ``headless``: the file's first line, taken for the columns' names, looks like a row. ``likely`` is a feature that
    may be the truth. ``unanswered``: no column was taken for the answer or the truth. ``time`` is the column that tells
    a profile the hour and weekday of each row. ``answers`` are the columns of ``prediction`` and ``confidence`` where
    the data calls them otherwise.
    """

    name: str
    text: str
    rows: int
    features: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    headless: bool = False
    likely: Likely | None = None
    unanswered: bool = False
    time: str | None = None
    answers: Mapping[str, str] = field(default_factory=dict)


def _quiet(share: float) -> None:
    """Progress that nobody watches."""


def draft(
    data: Path,
    *,
    name: str | None = None,
    prediction: str | None = None,
    target: str | None = None,
    time: str | None = None,
    output: Path | None = None,
    progress: Progress | None = None,
) -> Draft:
    """A spec for a model whose features are in ``data``, a CSV or Parquet file; it is read once, in fixed memory.

    ``prediction`` and ``target`` name the columns of the answer and of the truth, ``time`` that of when a row happened;
    without them, columns with usual names are taken. ``output`` is where the text will be written
    (``models/NAME.yaml``): paths in it start from there.
    ``progress`` gets the share of the file that has been read. Raises InitError.
    """
    model = _model_name(name, data)
    output = output or Path("models") / f"{model}.yaml"
    table = Table(data)
    _known(table, "prediction", prediction)
    _known(table, "target", target)
    _known(table, "time", time)
    columns = [Column(column, typed=table.parquet) for column in table.names]
    alike: Mapping[str, float] | None = None
    for batch in table.batches(progress or _quiet):
        for column, array in zip(columns, batch.columns, strict=True):
            column.add(array)
        alike = _alike(batch, _Roles.of(columns, prediction, target, time)) if alike is None else alike
    rows = columns[0].rows
    if not rows:
        raise InitError(f"{data} has no rows", "a baseline shows what the features usually look like")
    roles = _Roles.of(columns, prediction, target, time)
    evidence = _evidence(columns, roles, alike or {})
    return _drafted(model, columns, roles, evidence, data=data, output=output)


def _alike(batch: Any, roles: _Roles) -> Mapping[str, float]:
    """How each column of some rows agrees with the answers, where there are answers and no known truth."""
    names = batch.schema.names
    if roles.prediction is None or roles.target is not None or names.count(roles.prediction) > 1:
        return {}
    answers = batch.column(names.index(roles.prediction))
    others = ((name, column) for name, column in zip(names, batch.columns, strict=True) if name != roles.prediction)
    return {name: agreement(answers, column) for name, column in others}


def _known(table: Table, flag: str, column: str | None) -> None:
    if column is not None and column not in table.names:
        near = suggest.close(column, table.names)
        listed = ", ".join(words.short(name) for name in table.names[:10]) + (", ..." if len(table.names) > 10 else "")
        help = f"did you mean {near!r}?" if near else f"its columns are {listed}"
        raise InitError(f"{table.path} has no column {column!r} for --{flag}", help)


def _model_name(name: str | None, data: Path) -> str:
    if name is not None:
        if not _NAME.match(name) or len(name) > _LONGEST_NAME:
            help = "use up to 63 letters, digits, '-' and '_', and start and end with a letter or digit"
            raise InitError(f"{name!r} cannot be a model's name", help)
        if is_reserved(name):
            raise InitError(f"the name {name!r} is reserved", "add what the model predicts")
        return name
    stem = data.name.split(".", 1)[0]
    slug = words.slug(stem)[:_LONGEST_NAME].strip("-_") or "model"
    return f"{slug}-model" if is_reserved(slug) else slug


@dataclass(frozen=True, slots=True)
class _Roles:
    prediction: str | None
    target: str | None
    confidence: str | None
    event_time: str | None

    @classmethod
    def of(cls, columns: list[Column], prediction: str | None, target: str | None, time: str | None) -> _Roles:
        names = tuple(column.name for column in columns)
        return cls(
            prediction or guess.prediction_column(name for name in names if name != target),
            target or guess.target_column(name for name in names if name != prediction),
            guess.confidence_column(names),
            time or guess.event_time(columns),
        )

    def watched(self, columns: Mapping[str, Column], task: str) -> Mapping[str, str]:
        """The columns of answers by what they answer, as far as their drift can be told."""
        prediction, confidence = columns.get(self.prediction or ""), columns.get(self.confidence or "")
        named = (("prediction", prediction, task == "regression"), ("confidence", confidence, True))
        return {name: one.name for name, one, numeric in named if one and guess.can_answer(one, numeric=numeric)}

    def reason(self, name: str, watched: Mapping[str, str]) -> str | None:
        """Why a column is no feature, if it has a role. ``watched`` are the answers whose drift can be told."""
        if name == self.prediction:
            if name not in ("prediction", watched.get("prediction")):
                return "the prediction, whose drift is not watched: it holds no answers of this type of task"
            return "the prediction, watched as such"
        if name in ("prediction", "confidence") and name != self.confidence:
            return f"is called like the {name}, which is another column"
        if name == self.target:
            return "the target, which no request holds"
        if name == self.event_time:
            return "when it happened, and no feature; rows sent to the sidecar may carry it as their timestamp"
        return "the confidence, watched as such" if name == self.confidence else None


def _evidence(columns: list[Column], roles: _Roles, alike: Mapping[str, float]) -> Evidence:
    answers = next((column.values for column in columns if column.name == roles.prediction), None)
    same = [column.name for column in columns if answers and column.values and set(column.values) == set(answers)]
    return Evidence(alike, frozenset(same))


def _drafted(
    model: str, columns: list[Column], roles: _Roles, evidence: Evidence, *, data: Path, output: Path
) -> Draft:
    names = [column.name for column in columns]
    features: list[Mapping[str, Any]] = []
    left_out: list[LeftOut] = []
    by_name = {column.name: column for column in columns}
    # Not get(... or ""): a column may have no name.
    answered = roles.target or roles.prediction
    answer = guess.task(by_name[answered] if answered else None)
    answers = roles.watched(by_name, answer.task["type"])
    for column in columns:
        role = roles.reason(column.name, answers)
        found = LeftOut(column.name, role) if role else guess.feature(column)
        if names.count(column.name) > 1:
            found = LeftOut(column.name, "is there more than once; rename the columns")
        elif not isinstance(found, LeftOut) and len(features) >= guess.MOST_FEATURES:
            found = LeftOut(column.name, f"is beyond the first {guess.MOST_FEATURES} features; watch those that matter")
        if isinstance(found, LeftOut):
            left_out.append(found)
        else:
            features.append(found)
    rows = columns[0].rows
    watched = tuple(str(feature["name"]) for feature in features)
    likely = evidence.truth(watched) if roles.target is None else None
    lines = [
        "# yaml-language-server: $schema=../generated/schema/model.schema.json",
        f"# Drafted by modelwatch init from {words.short(data.name)}, {rows:,} rows. Look over what is guessed.",
        "apiVersion: modelwatch/v1",
        "kind: Model",
        "metadata:",
        f"  name: {words.scalar(model)}",
        f"  owner: {words.scalar(_owner(output))} # guessed: the team that is told",
        "serving:",
        f"  job: {words.scalar(model)} # guessed: the job's name in Prometheus",
        '  # targets: ["127.0.0.1:8000"] # host:port of the service, unless Prometheus finds it',
        f"task: {words.flow(answer.task)} # {answer.comment}",
        *_feature_lines(features, likely),
        f"baseline: {{data: {words.scalar(_relative(data, output))}}}",
        *_left_out_lines(left_out),
    ]
    text = "\n".join(lines) + "\n"
    headless = guess.looks_headless(columns)
    happened = by_name.get(roles.event_time) if roles.event_time is not None else None
    time = happened.name if happened is not None and guess.tells_hours(happened) else None
    renamed = {name: column for name, column in answers.items() if name != column and names.count(column) == 1}
    return Draft(model, text, rows, watched, tuple(left_out), headless, likely, answered is None, time, renamed)


def _feature_lines(features: list[Mapping[str, Any]], likely: Likely | None) -> list[str]:
    if not features:
        return ["features: [] # no column can be watched, see below"]
    explained = []
    if any("range" in feature for feature in features):
        explained = ["# Ranges are what was seen, a tenth wider on each side; narrow them to what makes sense."]
    lines = []
    for feature in features:
        doubt = " # the truth? No request holds that" if likely and feature["name"] == likely.name else ""
        lines.append(f"  - {words.flow(dict(feature))}{doubt}")
    return [*explained, "features:", *lines]


def _left_out_lines(left_out: list[LeftOut]) -> list[str]:
    if not left_out:
        return []
    return ["# Not features:", *(f"#   {words.short(one.name) or '(no name)'}: {one.reason}" for one in left_out)]


def _relative(data: Path, output: Path) -> str:
    path = os.path.relpath(data.absolute(), output.absolute().parent)
    if not path.isprintable():
        raise InitError(f"the path {path!r} has characters that no spec can hold", "rename the file or its folder")
    return Path(path).as_posix()


def _owner(output: Path) -> str:
    """The first team of the stack beside the draft, so that the draft fits in; a placeholder without one."""
    for name in ("stack.yaml", "stack.yml"):
        text = read_file(output.parent / name)
        root = parse(text).root if isinstance(text, Text) else None
        if isinstance(root, Mapped):
            teams = Document(name, "Stack", root).keys("teams")
            if teams and _NAME.match(teams[0]):
                return teams[0]
    return _OWNER
