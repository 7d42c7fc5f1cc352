"""Rows as every format hands them on: columns, not yet checked against a spec, and the rows that are none."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from modelwatch.exporters.ingest.columns import Column
from modelwatch.exporters.subjects import Role

MOST_ROWS = 100_000
# Rejected rows that get a sentence of their own. Beyond, a sentence for each would take more memory than the rows did.
TOLD_ROWS = 100

Reason = Literal[
    "not_json",
    "not_a_row",
    "no_values",
    "unknown_features",
    "wrong_type",
    "unknown_class",
    "bad_confidence",
    "wrong_length",
    "bad_timestamp",
    "unpaired",
]
REASONS: tuple[Reason, ...] = get_args(Reason)


class Rejection(NamedTuple):
    """Why a row counts nowhere: ``reason`` for counters, ``sentence`` for people."""

    reason: Reason
    sentence: str


# What further rows of a reason share.
_UNTOLD: dict[Reason, Rejection] = {
    reason: Rejection(reason, f"{reason.replace('_', ' ')} (more rows are wrong than are told one by one)")
    for reason in REASONS
}


class MalformedError(Exception):
    """A request that cannot be read as rows at all. The message says what and how to mend it."""


class TooManyRowsError(Exception):
    """A request of more rows than are looked at in one go."""

    def __init__(self, rows: int) -> None:
        super().__init__(f"{rows} rows are more than {MOST_ROWS} at once: send fewer rows at once")


def checked_rows(rows: int) -> int:
    """``rows``. Raises TooManyRowsError: millions of rows can be short, but the reasons why they are wrong are not."""
    if rows > MOST_ROWS:
        raise TooManyRowsError(rows)
    return rows


class Table(Protocol):
    @property
    def rows(self) -> int:
        """Number of rows, rejected ones included."""

    @property
    def places(self) -> Sequence[int] | None:
        """Where each row stood in what was sent, for people; None where they came one after the other."""

    def rejected(self, names: Mapping[str, bool]) -> dict[int, Rejection]:
        """Rows that are no rows of a model with the features ``names``; the caller may add to what is returned.

        ``names`` says which features are numeric. Called before any column is asked for.
        """

    def column(self, role: Role, name: str) -> Column | None:
        """Values of a feature, or of ``prediction`` or ``confidence``, one for each row; None when no row has it."""

    def ids(self) -> Sequence[object] | None:
        """What identifies each row's prediction, as it was sent; None when no row says."""

    def timestamps(self) -> NDArray[np.float64]:
        """When each row was predicted, in seconds since the epoch, shape (rows,); NaN where the row does not say."""


def add(errors: dict[int, Rejection], index: int, reason: Reason, sentence: str) -> None:
    """Note one more thing that is wrong with a row: the first one's reason counts, all are told."""
    before = errors.get(index)
    if before is not None:
        errors[index] = Rejection(before.reason, f"{before.sentence}; {sentence}")
    elif len(errors) < TOLD_ROWS:
        errors[index] = Rejection(reason, sentence)
    else:
        errors[index] = _UNTOLD[reason]


def untold(reason: Reason) -> Rejection:
    """For rows that nobody is going to be told of one by one."""
    return _UNTOLD[reason]


def unknown_features(sent: Collection[str], names: Collection[str]) -> str:
    """The sentence about a row none of whose features is in the spec."""
    some = ", ".join(json.dumps(name[:40]) for name in list(sent)[:5])
    known = ", ".join(json.dumps(name) for name in sorted(names)[:20])
    return f"none of its features ({some}) is in the spec, which has {known}"


NO_VALUES = "it holds no feature, no prediction and no confidence"
