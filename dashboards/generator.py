"""Fleet -> Grafana's dashboards. Their number does not grow with the fleet: variables choose the model."""

from __future__ import annotations

from modelwatch.dashboards import batch, drift, model, slo, stages
from modelwatch.dashboards import fleet as overview
from modelwatch.model.types import Fleet
from modelwatch.telemetry import boards

_BOARDS = {
    boards.FLEET: overview.board,
    boards.MODEL: model.board,
    boards.BATCH: batch.board,
    boards.SLO: slo.board,
    boards.DRIFT: drift.board,
    boards.STAGES: stages.board,
}


def generate(fleet: Fleet) -> dict[str, str]:
    """``grafana/dashboards/<board>.json`` -> classic dashboard JSON, for Grafana 10 and newer."""
    runbooks = fleet.addresses.translate_public(fleet.stack.runbooks.rstrip("/"))
    return {f"grafana/dashboards/{board.stem}.json": make(runbooks) for board, make in _BOARDS.items()}
