"""Run-time helpers for a model's service: one timing becomes the span, the histogram, the counter and the exemplar.

Names load on first use, so importing this package costs a service nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelwatch.otel.carry import carried, run_in_executor, submit
    from modelwatch.otel.inference import Inference, Stage
    from modelwatch.otel.instruments import exposition
    from modelwatch.otel.logs.install import JsonHandler
    from modelwatch.otel.sdk import setup
    from modelwatch.otel.watch import BatchRun, Watch

__all__ = [
    "BatchRun",
    "Inference",
    "JsonHandler",
    "Stage",
    "Watch",
    "carried",
    "exposition",
    "run_in_executor",
    "setup",
    "submit",
]

_HOME = {
    "BatchRun": "watch",
    "Inference": "inference",
    "JsonHandler": "logs.install",
    "Stage": "inference",
    "Watch": "watch",
    "carried": "carry",
    "exposition": "instruments",
    "run_in_executor": "carry",
    "setup": "sdk",
    "submit": "carry",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
