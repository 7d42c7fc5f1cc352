"""The boards that exist and where they are: the generator of boards, alerts' links and the preview agree on these."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from modelwatch.telemetry.promql import ContractError


def uid(stem: str) -> str:
    """Stable over releases; Grafana allows 40 characters."""
    return f"modelwatch-{stem}"


@dataclass(frozen=True, slots=True)
class Board:
    """One board: ``stem`` of its file, ``title``, and the ``variables`` that a link may fill."""

    stem: str
    title: str
    variables: tuple[str, ...]

    @property
    def uid(self) -> str:
        return uid(self.stem)

    def path(self, **variables: str) -> str:
        """Path below Grafana's base URL, such as ``/d/modelwatch-slo?var-model=x&var-slo=y``. Raises ContractError."""
        for name in variables:
            if name not in self.variables:
                raise ContractError(f"board {self.stem} has no variable {name!r}; it has {', '.join(self.variables)}")
        query = urlencode({f"var-{name}": value for name, value in variables.items()})
        return f"/d/{self.uid}?{query}" if query else f"/d/{self.uid}"


FLEET = Board("fleet", "Fleet overview", ("datasource", "env", "team", "model"))
MODEL = Board("model", "Model", ("datasource", "env", "model", "version"))
BATCH = Board("batch", "Batch model", ("datasource", "env", "model", "version"))
SLO = Board("slo", "Service level objectives", ("datasource", "env", "model", "slo"))
DRIFT = Board("drift", "Drift and input data", ("datasource", "env", "model", "feature", "window"))
STAGES = Board("stages", "Stages, from traces", ("datasource", "env", "model", "stage"))
BOARDS = (FLEET, MODEL, BATCH, SLO, DRIFT, STAGES)
# A model that scores in batches answers no requests: nearly all panels of the other board would be empty for it.
OF_MODE = {"online": MODEL, "batch": BATCH}
