"""Builds the reference profile of a model in one pass over its data, in bounded memory, on one machine or on many.

On one machine, ``build_profile`` reads files. On many, each makes a ``partial_profile`` of its share of the rows, and
``merge_partials`` makes of these the profile of the whole: the same, byte for byte, however the rows were shared out.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from modelwatch.exporters.reading import DataFile, Progress
from modelwatch.exporters.reference import FORMAT, Profile, ProfileError, load_profile, profile_to_json
from modelwatch.exporters.summary import arrow, file
from modelwatch.exporters.summary.summary import Plan, Summary
from modelwatch.model import types as t

__all__ = [
    "FORMAT",
    "Profile",
    "ProfileError",
    "build_partial",
    "build_profile",
    "combine_partials",
    "load_profile",
    "merge_partials",
    "partial_profile",
    "profile_to_json",
]

# Columns are summarised side by side; more threads than this would wait for memory.
MOST_THREADS = 4


def _quiet(share: float) -> None:
    """Progress that nobody watches."""


def build_profile(
    model: t.Model,
    data: Path | Sequence[Path],
    progress: Progress | None = None,
    *,
    time: str | None = None,
    segment: str | None = None,
    answers: Mapping[str, str] | None = None,
) -> Profile:
    """The profile of ``model`` on ``data``: its features, and the columns ``prediction`` and ``confidence`` if present.

    ``time`` and ``segment`` are the columns for seasonal references and for segments; the spec's baseline names them
    where they are None. ``answers`` are columns for ``prediction`` and ``confidence`` that are called otherwise in the
    data: ``{"prediction": "decision"}``. ``progress`` gets the share done, 0 to 1. Raises ProfileError when a file
    cannot be read or lacks a feature.
    """
    files = [data] if isinstance(data, Path) else list(data)
    summary = _summarised(model, _files(model, files, answers), progress or _quiet, time, segment)
    return _profile(summary, ", ".join(map(str, files)))


def build_partial(
    model: t.Model,
    data: Sequence[Path],
    progress: Progress | None = None,
    *,
    time: str | None = None,
    segment: str | None = None,
    answers: Mapping[str, str] | None = None,
) -> bytes:
    """The partial profile of files; see ``build_profile`` and ``merge_partials``."""
    return file.to_bytes(_summarised(model, _files(model, data, answers), progress or _quiet, time, segment))


def partial_profile(
    model: t.Model, batches: Iterable[Any], *, time: str | None = None, segment: str | None = None
) -> bytes:
    """The partial profile of some of the rows: ``batches`` are pyarrow's record batches or tables.

    Without any batch it is empty, and adds nothing to a whole. Raises ProfileError.
    """
    summary: Summary | None = None
    for number, batch in enumerate(batches):
        where = f"batch {number}"
        if summary is None:
            summary = Summary(_plan(model, batch.schema.names, where, time, segment))
        _check_columns(summary.plan, batch.schema.names, where)
        summary.add(arrow.batch(summary.plan, batch, where))
    return file.to_bytes(summary or Summary(Plan(model.name, ())))


def combine_partials(parts: Iterable[bytes]) -> bytes:
    """One partial profile of all the rows of ``parts``. Raises ProfileError."""
    return file.to_bytes(_merged((f"part {number}", part) for number, part in enumerate(parts, 1)))


def merge_partials(parts: Iterable[bytes], names: Sequence[str] = (), *, once: bool = False) -> Profile:
    """The profile of all the rows of ``parts``; errors call the parts by ``names``. Raises ProfileError.

    With ``once``, a part that is the same as another is refused: its rows would count twice.
    """
    named = ((names[i] if i < len(names) else f"part {i + 1}", part) for i, part in enumerate(parts))
    return _profile(_merged(_once(named) if once else named), "the partial profiles")


def _once(parts: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    seen: dict[bytes, str] = {}
    for name, content in parts:
        digest = hashlib.sha256(content).digest()
        # Parts without rows are all the same, and add nothing.
        if digest in seen and file.from_bytes(content, name).plan.watched:
            what = "is given twice" if seen[digest] == name else f"is the same as {seen[digest]}"
            raise ProfileError(f"{name}: {what}, and its rows would count twice; give each part once")
        seen[digest] = name
        yield name, content


def _merged(parts: Iterable[tuple[str, bytes]]) -> Summary:
    whole: Summary | None = None
    first = ""
    for name, content in parts:
        part = file.from_bytes(content, name)
        if whole is None:
            whole, first = part, name
            continue
        _check_same(whole.plan, part.plan, first, name)
        if not part.plan.watched:
            continue
        if not whole.plan.watched:
            whole, first = part, name
        else:
            whole.merge(part)
    if whole is None:
        raise ProfileError("there are no partial profiles to merge")
    return whole


def _check_same(one: Plan, other: Plan, first: str, second: str) -> None:
    if one.model != other.model:
        raise ProfileError(f"{second}: is of model {other.model!r}, {first} of {one.model!r}")
    # An empty part saw no columns, so it agrees with every other.
    if one == other or not one.watched or not other.watched:
        return
    mine, its = ({watched.name: watched for watched in plan.watched} for plan in (one, other))
    for name in {**mine, **its}:
        if name not in mine or name not in its:
            there, lacking = (first, second) if name in mine else (second, first)
            raise ProfileError(f"{lacking}: has no {name!r}, {there} has; make all parts from the same columns")
        if mine[name] != its[name]:
            raise ProfileError(
                f"{second}: {name!r} has another type or max_categories than in {first}; make all parts with one spec"
            )
    raise ProfileError(
        f"{second}: its features stand in another order, or its time or segment is another, than in {first}; "
        "make all parts with one spec and the same options"
    )


def _plan(model: t.Model, columns: Sequence[str], where: str, time: str | None, segment: str | None) -> Plan:
    baseline = model.baseline
    return arrow.plan(
        model,
        columns,
        where,
        time=(baseline.time if baseline else None) if time is None else time,
        segment=(baseline.segment if baseline else None) if segment is None else segment,
    )


def _check_columns(plan: Plan, columns: Sequence[str], where: str) -> None:
    for name in arrow.wanted(plan):
        if name not in columns:
            raise ProfileError(f"{where}: has no column {name!r}, the data before it has; give all the same columns")


def _profile(summary: Summary, where: str) -> Profile:
    try:
        return summary.profile()
    except ProfileError as error:
        raise ProfileError(f"{where}: {error}") from None


def _files(model: t.Model, data: Sequence[Path], answers: Mapping[str, str] | None) -> list[DataFile]:
    for feature in model.features:
        if answers and feature.name in answers:
            raise ProfileError(f"a feature of model {model.name} is called {feature.name!r}: it is watched instead")
    if not data:
        raise ProfileError("there is no data file to read")
    return [DataFile(path, answers) for path in data]


def _summarised(
    model: t.Model,
    files: Sequence[DataFile],
    progress: Progress,
    time: str | None,
    segment: str | None,
) -> Summary:
    summary = Summary(_plan(model, files[0].columns, str(files[0].path), time, segment))
    answered = {watched.name for watched in summary.plan.watched if watched.answer}
    for one in files[1:]:
        plan = _plan(model, one.columns, str(one.path), time, segment)
        if plan != summary.plan:
            differing = answered ^ {watched.name for watched in plan.watched if watched.answer}
            raise ProfileError(
                f"{one.path}: the columns {', '.join(sorted(differing))} are in some files only; "
                "give files of the same columns"
            )
    sizes = [max(one.path.stat().st_size, 1) for one in files]
    with ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1)) as pool:
        for number, one in enumerate(files):
            before, size, whole = sum(sizes[:number]), sizes[number], sum(sizes)

            def watch(share: float, before: int = before, size: int = size, whole: int = whole) -> None:
                progress(min((before + share * size) / whole, 1.0))

            for batch in _ahead(one.batches(arrow.wanted(summary.plan), watch), pool):
                summary.add(arrow.batch(summary.plan, batch, str(one.path)), pool.map)
    progress(1.0)
    return summary


def _ahead(batches: Iterator[Any], pool: ThreadPoolExecutor) -> Iterator[Any]:
    """The same batches; while one is worked on, the next is read."""
    step: Callable[[], Any] = lambda: next(batches, None)  # noqa: E731
    waiting = pool.submit(step)
    while (batch := waiting.result()) is not None:
        waiting = pool.submit(step)
        yield batch
