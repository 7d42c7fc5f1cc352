"""Quantiles that were worked out once, for whoever asks again: of this process, and of the next one by a file's text.

They hang on nothing but a method, the reference's filled bins, a power of 2 of the window's rows and a rate, and on the
code that works them out, which ``made_by`` names.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson

FORMAT = "modelwatch.critical_values/1"
# References that are held at the most: those of some hundred models.
MOST_REFERENCES = 20_000


class Reference(NamedTuple):
    """Rows in each bin that has any, as bytes of int64, and the rate that chance may pass at."""

    rows: bytes
    rate: float


class Asked(NamedTuple):
    """A method by its name, and the power of 2 of the window's rows."""

    method: str
    power: int


Key = tuple[Reference, Asked]


class Quantiles:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self._known: dict[Reference, dict[Asked, float]] = {}
        # Who asks for what somebody else is working out waits for it: two at a time would both take twice as long.
        self._working_out = threading.Lock()
        # Grows with each one that is worked out here, and not with those that are read.
        self.worked_out = 0

    def known(self, keys: Iterable[Key]) -> bool:
        """Whether all of them are here."""
        return None not in self._found(keys)

    def of(self, keys: Sequence[Key], work_out: Callable[[list[int]], Sequence[float]]) -> list[float]:
        """Those of ``keys``; ``work_out`` gives those that are unknown, by their places."""
        found = self._found(keys)
        if None in found:
            with self._working_out:
                found = self._found(keys)
                # Each once, however many windows ask for it.
                unknown = list({key: i for i, key in enumerate(keys) if found[i] is None}.values())
                new = {keys[i]: value for i, value in zip(unknown, work_out(unknown), strict=True)} if unknown else {}
                self.worked_out += len(new)
                for key, value in new.items():
                    self._keep(key, value)
                found = [new.get(key, value) for key, value in zip(keys, found, strict=True)]
        return [value for value in found if value is not None]

    def _found(self, keys: Iterable[Key]) -> list[float | None]:
        nothing: dict[Asked, float] = {}
        return [self._known.get(reference, nothing).get(asked) for reference, asked in keys]

    def _keep(self, key: Key, value: float) -> None:
        reference, asked = key
        if reference not in self._known and len(self._known) >= MOST_REFERENCES:
            del self._known[next(iter(self._known))]
        self._known.setdefault(reference, {})[asked] = value

    def text(self, references: Collection[Reference]) -> bytes:
        """What is known of ``references``: the SHA-256 of all that follows on the first line, then JSON."""
        with self._working_out:
            kept = [
                {
                    "reference": np.frombuffer(one.rows, dtype=np.int64).tolist(),
                    "rate": one.rate,
                    "values": [[*asked, value] for asked, value in self._known[one].items()],
                }
                for one in dict.fromkeys(references)
                if one in self._known
            ]
        content = orjson.dumps({"format": FORMAT, "made_by": made_by(), "kept": kept})
        return hashlib.sha256(content).hexdigest().encode() + b"\n" + content

    def read(self, text: bytes) -> int:
        """Take up what ``text`` of an earlier process says; how many quantiles. Raises ValueError.

        What other code has worked out is not taken up.
        """
        digest, _, content = text.partition(b"\n")
        if hashlib.sha256(content).hexdigest().encode() != digest:
            raise ValueError("is damaged: its content does not match its checksum")
        found: Any = orjson.loads(content)
        if found.get("format") != FORMAT or found.get("made_by") != made_by():
            return 0
        count = 0
        with self._working_out:
            for one in found["kept"]:
                reference = Reference(np.array(one["reference"], dtype=np.int64).tobytes(), one["rate"])
                for method, power, value in one["values"]:
                    if math.isfinite(value):
                        self._keep((reference, Asked(method, power)), value)
                        count += 1
        return count


@cache
def made_by() -> str:
    """What changes with the code that works quantiles out, numpy's generators included."""
    digest = hashlib.sha256(np.__version__.encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


QUANTILES = Quantiles()
