"""Whether a column looks like the truth, which no request holds: by its name, or since it says what the answers say."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Rows of the first batch that are compared, evenly taken.
_ROWS = 10_000
_MOST_CLASSES = 20
# Cohen's kappa of answers and truth, or the share of the truth's variance that answers explain. Features that agree
# so well with a model's answers are rare, models that do not are poor.
_ALIKE = 0.4
_NAMED = re.compile(
    r"(?:.*[ _.-])?(?:label|labels|target|truth|actual|outcome|y_?true|ground_?truth)(?:[ _.-].*)?\Z"
    # What models are there to find.
    r"|(?:is[ _.-]?|has[ _.-]?)?(?:churn|churned|fraud|fraudulent|default|defaulted|spam|late|converted|clicked)\Z",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Likely:
    """A column that may be the truth, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """``alike`` is how each column agrees with the answers; ``same`` are those that have the answers' very values."""

    alike: Mapping[str, float]
    same: frozenset[str]

    def truth(self, features: Sequence[str]) -> Likely | None:
        """The column among ``features`` that is most likely the truth."""
        best = max(features, key=lambda name: self.alike.get(name, 0.0), default=None)
        if best is not None and self.alike.get(best, 0.0) >= _ALIKE:
            return Likely(best, "it says nearly what the prediction says")
        named = next((name for name in features if _NAMED.match(name)), None)
        if named is not None:
            return Likely(named, "it is called like one")
        # Among several flags nothing tells which one it is.
        twins = [name for name in features if name in self.same]
        return Likely(twins[0], "it has the values that the prediction has") if len(twins) == 1 else None


def agreement(answers: Any, values: Any) -> float:
    """How well two pyarrow arrays agree beyond chance: 1 is the same, 0 is unrelated or cannot be told."""
    step = max(1, len(answers) // _ROWS)
    pairs = [
        (one, other)
        for one, other in zip(_plain(answers[::step]), _plain(values[::step]), strict=True)
        if one is not None and other is not None
    ]
    if len(pairs) < 2:
        return 0.0
    if len({one for one, _ in pairs}) <= _MOST_CLASSES:
        return _kappa(Counter(pairs), len(pairs))
    numbers = [pair for pair in pairs if isinstance(pair[0], float) and isinstance(pair[1], float)]
    return _explained(numbers) if len(numbers) == len(pairs) else 0.0


def _plain(array: Any) -> list[float | str | None]:
    return [_value(item) for item in array.to_pylist()]


def _value(item: object) -> float | str | None:
    """Numbers and flags as numbers, however a file spells them."""
    if item is None or item == "":
        return None
    if isinstance(item, str) and item.lower() in ("true", "false"):
        return float(item.lower() == "true")
    try:
        number = float(item)  # type: ignore[arg-type]  # whatever is no number raises
    except (TypeError, ValueError):
        return str(item)
    return None if math.isnan(number) else number


def _kappa(pairs: Counter[tuple[Any, Any]], rows: int) -> float:
    one, other = Counter[Any](), Counter[Any]()
    for (left, right), count in pairs.items():
        one[left] += count
        other[right] += count
    same = sum(count for (left, right), count in pairs.items() if left == right) / rows
    chance = sum(one[value] * other[value] for value in one) / rows**2
    return (same - chance) / (1 - chance) if chance < 1 else 0.0


def _explained(pairs: list[tuple[Any, Any]]) -> float:
    mean = sum(value for _, value in pairs) / len(pairs)
    spread = sum((value - mean) ** 2 for _, value in pairs)
    return 1 - sum((value - answer) ** 2 for answer, value in pairs) / spread if spread > 0 else 0.0
