"""What a column is good for: a feature, the answer, the truth, or nothing to watch."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from modelwatch.model import defaults, words
from modelwatch.model.column import MOST_DISTINCT, Column
from modelwatch.model.schema import resolve

MOST_FEATURES = 100
MOST_CLASSES = 20
# Share of the spread that a range is wider than what was seen, on each side.
HEADROOM = Decimal("0.1")

# In so few rows whole numbers in a row are no sign of a counter.
_FEW_ROWS = 20
# A number of a spec has at most 40 digits.
_MOST_DIGITS = 20

_UNFIT = {
    "time": "a date or time, which always moves on; to watch it, add a number made of it, such as an hour or an age",
    "span": "a length of time or a time of day; to watch it, add it as a number, such as of seconds",
    "nested": "holds lists or structures",
    "binary": "holds bytes",
}
_PREDICTIONS = ("prediction", "predicted", "pred", "y_pred", "y_hat", "yhat")
_TARGETS = ("target", "label", "y", "y_true", "actual", "ground_truth", "outcome", "class")
_CONFIDENCES = ("confidence",)
# The likeliest first: of several times in a row, one is when it happened.
EVENT_TIMES = (
    *("timestamp", "event_timestamp", "event_time", "event_ts", "ts", "occurred_at", "happened_at", "event_date"),
    *("request_time", "requested_at", "prediction_time", "predicted_at", "scored_at", "logged_at", "created_at"),
    *("datetime", "date_time", "time", "date", "when", "day"),
)
_NUMERAL = re.compile(r"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?\Z")
_TIME_LIKE = re.compile(r"(?:.*[ _-])?(?:timestamp|ts|epoch|datetime|date|day|time|at|when)\Z", re.IGNORECASE)
# Numbers from 1990 to 2100, as seconds, milli-, micro- or nanoseconds since the epoch, or written as 20241231.
_EPOCHS = (*((631_152_000 * unit, 4_102_444_800 * unit) for unit in (1, 10**3, 10**6, 10**9)), (19_900_101, 21_001_231))
_POSITIVE = ("1", "true", "yes", "y", "positive", "late", "fraud", "churn", "churned", "leaves", "default", "spam")
_ID = re.compile(r"(?:.*[ _-])?(?:id|uuid|guid|pk|index|row)\Z|unnamed: ?\d+\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LeftOut:
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The task and the column that it was guessed from."""

    task: Mapping[str, Any]
    comment: str


def by_name(columns: Iterable[str], known: Iterable[str]) -> str | None:
    """The first column that has one of the known names, capitals ignored."""
    plain = {name.casefold(): name for name in columns if name}
    return next((plain[name] for name in known if name in plain), None)


def prediction_column(columns: Iterable[str]) -> str | None:
    return by_name(columns, _PREDICTIONS)


def target_column(columns: Iterable[str]) -> str | None:
    return by_name(columns, _TARGETS)


def confidence_column(columns: Iterable[str]) -> str | None:
    return by_name(columns, _CONFIDENCES)


def can_answer(column: Column, *, numeric: bool) -> bool:
    """Whether a column holds answers whose drift can be told: numbers, or a few classes."""
    if numeric:
        return column.kind == "numeric"
    return column.kind in ("numeric", "text", "boolean") and 0 < column.distinct <= MOST_CLASSES


def looks_headless(columns: Sequence[Column]) -> bool:
    """Whether the columns' names look like a row: every column of numbers is called like a number.

    Numbers in a row (0, 1, 2) and years are names that people give.
    """
    names = [column.name for column in columns if column.kind == "numeric"]
    if not names or not all(_NUMERAL.match(name) for name in names):
        return False
    whole = [int(name) for name in names if name.isdigit() and len(name) <= 4]
    counted = sorted(whole) in (list(range(len(names))), list(range(1, len(names) + 1)))
    return len(whole) < len(names) or not (counted or all(1900 <= year <= 2100 for year in whole))


def is_time(column: Column) -> bool:
    """Whether it holds dates or times. Numbers do where they are called so and can be."""
    if column.kind != "numeric":
        return column.kind == "time"
    return _TIME_LIKE.match(column.name) is not None and any(
        first <= column.low and column.high <= last for first, last in _EPOCHS
    )


def tells_hours(column: Column) -> bool:
    """Whether a profile can read it as times. Of numbers, it reads seconds and milliseconds."""
    if column.kind != "numeric":
        return column.kind == "time"
    return any(first <= column.low and column.high <= last for first, last in _EPOCHS[:2])


def event_time(columns: Iterable[Column]) -> str | None:
    """The column that tells when each row happened."""
    return by_name((column.name for column in columns if is_time(column)), EVENT_TIMES)


def task(column: Column | None) -> Answer:
    """What kind of task has answers like these."""
    if column is None:
        help = "guessed: no column looks like an answer; regression and ranking are the others"
        return Answer({"type": "classification"}, help)
    shown = words.short(column.name)
    few = column.values is not None and 1 < len(column.values) <= MOST_CLASSES
    if column.kind == "numeric" and not (few and column.whole):
        return Answer({"type": "regression"}, f"guessed from the numbers in {shown}; unit: says of what")
    if column.kind == "empty" or not few or not all(_is_label(value) for value in column.values or ()):
        return Answer({"type": "classification"}, f"guessed from {shown}; list its classes")
    counts: Counter[str] = column.values or Counter()
    classes = sorted(counts, key=lambda value: (len(value), value) if column.kind == "numeric" else (0, value))
    found: dict[str, Any] = {"type": "classification", "classes": classes}
    if len(classes) == 2:
        usual = [name for name in classes if name.casefold() in _POSITIVE]
        # What a model is there to find is usually the rarer class.
        found["positive_class"] = usual[0] if len(usual) == 1 else min(classes, key=lambda name: (counts[name], name))
    return Answer(found, f"guessed from {shown}")


def feature(column: Column) -> Mapping[str, Any] | LeftOut:
    """The feature's fields, or why it is none."""
    reason = next(_reasons(column), None)
    if reason is not None:
        return LeftOut(column.name, reason)
    # Flags that are kept as numbers have two categories and no distribution.
    flag = column.kind == "numeric" and column.values is not None and set(column.values) <= {"0", "1"}
    numeric = column.kind == "numeric" and not flag
    found: dict[str, Any] = {"name": column.name, "type": "numeric" if numeric else "categorical"}
    seen = span(column.low, column.high, whole=column.whole) if numeric else None
    if seen is not None:
        found["range"] = list(seen)
    limit = missing_limit(column.missing_ratio)
    if limit is not None:
        found["missing"] = {"max_ratio": limit}
    return found


def _reasons(column: Column) -> Iterator[str]:
    """Why a column is no feature, the most telling reason first."""
    if not _is_label(column.name):
        yield "its name is empty, too long or has control characters; rename the column to watch it"
    if column.kind == "empty":
        yield "has no values"
    kind = "time" if is_time(column) else column.kind
    if kind in _UNFIT:
        yield _UNFIT[kind]
    if column.distinct == 1:
        only = words.short(next(iter(column.values or ())))
        yield f"is always {only if column.kind == 'numeric' else words.scalar(only)}"
    if column.kind == "numeric":
        counted = column.whole and not column.missing and column.high - column.low + 1 == column.rows
        if column.whole and _ID.match(column.name):
            yield "is called like an id"
        if counted and column.distinct > min(MOST_DISTINCT, column.rows - 1) and column.rows > _FEW_ROWS:
            yield "counts the rows"
        return
    if column.present / 2 < column.numerals < column.present:
        yield f"mixes numbers and text, such as {words.scalar(words.short(column.odd_text or ''))}"
    if column.distinct > MOST_DISTINCT:
        yield f"has over {MOST_DISTINCT:,} different values: an id or free text"
    if column.distinct > max(defaults.MAX_CATEGORIES, column.present / 2):
        yield f"has {column.distinct:,} different values in {column.present:,} rows: an id or free text"


def _is_label(text: str) -> bool:
    part = resolve("Model", {"$ref": "#/$defs/label"})
    return re.fullmatch(part["pattern"][1:-1], text) is not None and len(text) <= part["maxLength"]


def missing_limit(ratio: float) -> Decimal | None:
    """None where the default is enough."""
    limit = defaults.missing_room(ratio)
    return limit if limit > defaults.MISSING_MAX_RATIO else None


def span(low: float, high: float, *, whole: bool) -> tuple[Decimal, Decimal] | None:
    """What was seen, a tenth of the spread wider on each side and rounded outwards; signs and shares are kept.

    None for numbers that no spec can hold.
    """
    if low >= 0 and high <= 1 and not whole:
        return Decimal(0), Decimal(1)
    spread = Decimal(high) - Decimal(low)
    bottom, top = Decimal(low) - HEADROOM * spread, Decimal(high) + HEADROOM * spread
    if low >= 0:
        bottom = max(bottom, Decimal(0))
    if high <= 0:
        top = min(top, Decimal(0))
    # Two digits of the spread are exact enough for a limit, and easy to read.
    step = Decimal(1).scaleb(spread.adjusted() - 1)
    if whole:
        step = max(step, Decimal(1))
    if not -_MOST_DIGITS < step.adjusted() <= max(abs(bottom), abs(top)).adjusted() < _MOST_DIGITS:
        return None
    return _rounded(bottom, step, ROUND_FLOOR), _rounded(top, step, ROUND_CEILING)


def _rounded(number: Decimal, step: Decimal, direction: str) -> Decimal:
    # Adding zero turns -0 into 0.
    return (number / step).to_integral_value(direction) * step + 0
