"""A kept row as it is written: one JSON object on one line. README.md lists its fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson

from modelwatch.exporters.layout import Layout
from modelwatch.exporters.sampling.drifting import LIKELY, Drifting
from modelwatch.exporters.sampling.rows import Rows, bins
from modelwatch.exporters.sampling.sampler import Kept
from modelwatch.exporters.sampling.strata import STRATA, names
from modelwatch.exporters.subjects import CONFIDENCE, PREDICTION, Subject
from modelwatch.model import types as t


class Line(NamedTuple):
    stratum: t.Stratum
    text: bytes


def lines(layout: Layout, rows: Rows, kept: Kept, drifting: Sequence[Drifting], arrival: float) -> list[Line]:
    """The kept rows, each as a line. Only features that the spec names and does not exclude are in them."""
    hidden = layout.model.sampling.exclude if layout.model.sampling else ()
    subjects = {watched.name: watched.subject for watched in layout.watched}
    values = {
        name: _values(subject, rows, kept)
        for name, subject in subjects.items()
        if subject.role != "feature" or name not in hidden
    }
    features = [name for name in values if subjects[name].role == "feature"]
    answers = {subject.role: name for name, subject in subjects.items() if subject.role != "feature"}
    ids, times = rows.ids(), rows.timestamps()
    drifts = _drifts(layout, rows, kept, drifting)
    reference = layout.profile.sha256 if layout.profile else None
    found = []
    for place, row in enumerate(kept.where.tolist()):
        stratum, probability = STRATA[int(kept.charged[place])], float(kept.probabilities[place])
        record = {
            "id": _id(ids[row]) if ids is not None else None,
            "timestamp": None if times is None or np.isnan(times[row]) else float(times[row]),
            "arrival": arrival,
            "model": layout.model.name,
            "features": {name: values[name][place] for name in features},
            "prediction": values[answers[PREDICTION]][place] if PREDICTION in answers else None,
            "confidence": values[answers[CONFIDENCE]][place] if CONFIDENCE in answers else None,
            "stratum": stratum,
            "strata": names(int(kept.masks[place])),
            "probability": probability,
            "weight": 1 / probability,
            "drift": drifts[place] if drifts else {},
            "reference": reference,
        }
        found.append(Line(stratum, orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)))
    return found


def _id(value: object) -> object:
    """Ids are texts or whole numbers; whatever else was sent is not repeated."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and not isinstance(value, bool):
        return value if -(1 << 63) <= value < 1 << 64 else str(value)
    return None


def _values(subject: Subject, rows: Rows, kept: Kept) -> list[Any]:
    if subject.numeric:
        numbers = rows.numbers(subject)[kept.where].tolist()
        return [None if number != number else number for number in numbers]  # noqa: PLR0124 -- NaN alone differs from itself
    codes, distinct = rows.texts(subject)
    texts = (*(text.encode("utf-8", "replace").decode() for text in distinct), None)
    return [texts[code] for code in codes[kept.where].tolist()]


def _drifts(layout: Layout, rows: Rows, kept: Kept, drifting: Sequence[Drifting]) -> list[Mapping[str, object]]:
    """For each kept row: the features in drift that its values are typical of, with score, window and ratio."""
    by_name = {watched.name: watched for watched in layout.watched}
    found: list[dict[str, object]] = [{} for _ in kept.where] if drifting else []
    for drift in drifting:
        watched = by_name.get(drift.name)
        if watched is None or len(watched.bins.labels) != len(drift.ratios):
            continue
        codes = bins(watched, rows, kept.where)
        for place, ratio in enumerate(drift.ratios[codes].tolist()):
            if ratio >= LIKELY:
                found[place][drift.name] = {"window": drift.window, "score": drift.score, "ratio": ratio}
    return list(found)
