"""What the first part of a reference profile says: its features, their types, and how much of them is missing.

The file of a profile begins with these; bins of hours, weekdays and segments follow, and can be many megabytes. They
are left unread of a large file, so that a check stays quick.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

FORMAT = "modelwatch.profile/2"
# The fewest rows of a reference that anything can be compared with.
LEAST_REFERENCE = 100
# A profile up to this size is read whole to see whether anybody edited it: some tenths of a second.
MOST_BYTES = 8 << 20
_CHUNK = 1 << 18
# The last two fields of a profile.
_NO_SEGMENTS = re.compile(r'"segments":\s*null\s*}\s*$')
_NO_SEASONS = re.compile(r'"seasons":\s*null,\s*"segments":\s*null\s*}\s*$')
_SPACE = " \t\r\n"


class NoProfileError(Exception):
    """A file that is no profile; the message says why."""


@dataclass(frozen=True, slots=True)
class KnownFeature:
    """``categories`` have a bin each; ``rest`` tells that there were more of them in the data.

    ``missing`` is the share of its values that the reference lacks; None where it does not say.
    """

    type: str
    categories: int = 0
    rest: bool = False
    missing: float | None = None


def profile_features(path: Path) -> Mapping[str, KnownFeature]:
    """Features by name. Raises NoProfileError, OSError."""
    try:
        with path.open(encoding="utf-8") as file:
            features = {str(item["name"]): _known(item) for item in _features(_Json(file))}
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        raise NoProfileError("this is no profile of modelwatch") from None
    if not _ends(path):
        raise NoProfileError("this profile is cut short")
    return features


def profile_rows(path: Path) -> int | None:
    """Of how many rows a profile was made, as far as it says. Raises OSError."""
    try:
        with path.open(encoding="utf-8") as file:
            rows = next((value for key, value in _before_features(_Json(file)) if key == "rows"), None)
    except (ValueError, RecursionError, TypeError):
        return None
    return rows if isinstance(rows, int) else None


def content_hash(document: Mapping[str, Any]) -> str:
    """SHA-256 of what a profile's file says, but for the hash itself."""
    content = {key: value for key, value in document.items() if key != "sha256"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def is_edited(path: Path) -> bool:
    """Whether a profile that is small enough to be read whole says something else than when it was made.

    Raises NoProfileError, OSError.
    """
    if path.stat().st_size > MOST_BYTES:
        return False
    try:
        document = json.loads(path.read_bytes())
        return bool(content_hash(document) != document.get("sha256"))
    except (ValueError, RecursionError, AttributeError):
        raise NoProfileError("this is no profile of modelwatch") from None


def lacking_parts(path: Path) -> frozenset[str]:
    """Which of hour, weekday and segment the profile has no parts for, as far as its end tells. Raises OSError."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 256), os.SEEK_SET)
        end = file.read().decode(errors="replace")
    if _NO_SEGMENTS.search(end) is None:
        return frozenset()
    return frozenset({"segment"} if _NO_SEASONS.search(end) is None else {"hour", "weekday", "segment"})


def _known(item: Mapping[str, Any]) -> KnownFeature:
    missing = _missing(item.get("counts"))
    if item["type"] == "numeric":
        return KnownFeature("numeric", missing=missing)
    rest = bool(item["others"]) or not item["complete"]
    return KnownFeature(str(item["type"]), len(item["categories"]), rest, missing)


def _missing(counts: Mapping[str, int] | None) -> float | None:
    """Of counts by bin."""
    rows = sum(counts.values()) if counts else 0
    return counts["missing"] / rows if counts and rows else None


def _features(text: _Json) -> Iterator[Mapping[str, Any]]:
    """The features; what comes before them is looked over, what comes after is not read. Raises ValueError."""
    for key, value in _before_features(text):
        if key == "format" and value != FORMAT:
            raise NoProfileError(f"it has the format {json.dumps(value)}, and this version reads {json.dumps(FORMAT)}")
    text.expect(":")
    text.expect("[")
    if text.peek() == "]":
        return
    while True:
        yield text.value()
        if text.peek() != ",":
            break
        text.expect(",")
    text.expect("]")


def _before_features(text: _Json) -> Iterator[tuple[str, Any]]:
    """What comes before the features. Raises ValueError."""
    text.expect("{")
    while (key := text.value()) != "features":
        text.expect(":")
        yield key, text.value()
        text.expect(",")


def _ends(path: Path) -> bool:
    """Whether the file ends as an object does: what was copied in part does not."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 64), os.SEEK_SET)
        return file.read().rstrip().endswith(b"}")


class _Json:
    """JSON from a file, as much as is asked for."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._text, self._at = file, "", 0
        self._decoder = json.JSONDecoder()

    def _more(self) -> bool:
        # As much again as could not be understood: a long value is tried a few times, not once a chunk.
        read = self._file.read(max(_CHUNK, len(self._text) - self._at))
        self._text, self._at = self._text[self._at :] + read, 0
        return bool(read)

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def expect(self, character: str) -> None:
        if self.peek() != character:
            raise ValueError(character)
        self._at += 1

    def value(self) -> Any:
        self.peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except ValueError:
                if not self._more():
                    raise
                continue
            # A number that ends with what was read may go on.
            if end == len(self._text) and self._more():
                continue
            self._at = end
            return value
