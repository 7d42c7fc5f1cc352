"""What the sidecar's ``/readyz`` says: whether every reference profile is there, and why one is not."""

from __future__ import annotations

import json
from dataclasses import dataclass

from modelwatch.compose import web


@dataclass(frozen=True, slots=True)
class Readiness:
    """``loading`` are models whose profile is being built; ``missing`` are sentences on those that have none."""

    ready: bool
    loading: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def said(self) -> str:
        """Empty when there is nothing to say."""
        loading = (f"builds the reference profile of {', '.join(self.loading)}",) if self.loading else ()
        return "; ".join((*loading, *self.missing))


def read(answer: web.Answer) -> Readiness | None:
    """None for what no sidecar answers."""
    try:
        said = json.loads(answer.text)
        missing = tuple(f"{model}: {why}" for model, why in said["missing"].items())
        return Readiness(bool(said["ready"]), tuple(map(str, said["loading"])), missing)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
