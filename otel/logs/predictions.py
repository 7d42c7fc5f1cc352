"""Rows of predictions, in files that the drift sidecar follows (`modelwatch exporter --logs FOLDER`)."""

from __future__ import annotations

import json
import logging
import os
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from prometheus_client import Counter

from modelwatch.model.types import Model
from modelwatch.otel.expected import Expected
from modelwatch.otel.logs.files import RotatedFiles
from modelwatch.otel.logs.outbox import Outbox
from modelwatch.telemetry import metrics as M
from modelwatch.telemetry.rows import document

log = logging.getLogger("modelwatch.otel")

FOLDER_VARIABLE = "MODELWATCH_PREDICTIONS"
LIMIT = 20_000


class _Row(NamedTuple):
    features: dict[str, Any]
    timestamp: Any
    prediction: Any
    confidence: Any
    id: Any


class PredictionRows:
    """Rows of one model. Only features that the spec lists are taken, and nothing without ``logging.predictions``."""

    def __init__(self, model: Model, lines: Counter, *, files: RotatedFiles | None = None, limit: int = LIMIT) -> None:
        """``lines`` has the labels model, kind and outcome."""
        spec = model.logging.predictions if model.logging is not None else None
        assert spec is not None
        self._model, self._features = model.name, tuple(feature.name for feature in model.features)
        self._expected, self._share = Expected(model), float(spec.sample)
        self._files = files or RotatedFiles.of(spec, model.name, os.environ.get(FOLDER_VARIABLE, ""))
        written, dropped = (lines.labels(model.name, "prediction", outcome) for outcome in M.LINE_OUTCOMES)
        self._dropped = dropped
        where = os.environ.get(FOLDER_VARIABLE, "") or spec.folder
        what = f"rows of {model.name} for {where} (logging.predictions.folder, or {FOLDER_VARIABLE})"
        self._outbox: Outbox[_Row] = Outbox(self._write, written, dropped, limit=limit, what=what)

    def put(self, features: Mapping[str, Any], timestamp: Any, prediction: Any, confidence: Any, id: Any) -> None:
        """Never waits and never raises; a row that cannot be read is dropped and counted."""
        try:
            if self._share < 1 and random.random() >= self._share:  # noqa: S311  # no secret
                return
            taken = {name: features[name] for name in self._features if name in features}
            now = time.time() if timestamp is None else timestamp
            self._outbox.put(_Row(taken, now, prediction, confidence, id))
        except Exception:  # features of the service's own may raise anything when they are read; it is counted
            self._dropped.inc()
            log.debug("a prediction of %s could not be taken", self._model, exc_info=True)

    def _write(self, rows: Sequence[_Row]) -> int:
        lines = []
        for row in rows:
            try:
                made = document(*row)
                self._expected.features(made["features"])
                text = json.dumps({"model": self._model, **made}, allow_nan=False)
            except Exception:  # an object of the service's own may raise anything when it is read
                log.debug("a prediction of %s could not be written as JSON", self._model, exc_info=True)
            else:
                lines.append(text.encode("ascii") + b"\n")
        return self._files.write(lines)
