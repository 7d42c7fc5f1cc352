"""What may be a name: of a stage, a source of features, a kind of error. It is written in code and has few values.

A text that was made from data is told by its looks where that is possible: signs, many words or many digits.
"""

from __future__ import annotations

import re

OTHER = "other"
_WORDS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]*( [A-Za-z0-9][A-Za-z0-9_.:/-]*){0,3}")
_LONGEST, _DIGITS = 60, 4


def is_name(text: object) -> bool:
    """Up to four words of ASCII letters with a few digits."""
    return (
        isinstance(text, str)
        and len(text) <= _LONGEST
        and _WORDS.fullmatch(text) is not None
        and sum(character.isdigit() for character in text) <= _DIGITS
    )
