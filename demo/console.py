"""What the demo's service tells people on stderr, beside the JSON lines that its specs ask for."""

from __future__ import annotations

import logging

from modelwatch.telemetry.logs import INFERENCE_LOGGER


def install() -> None:
    """To be called when the specs have set the log up: a handler that was there first would be the only one."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s", datefmt="%H:%M:%S"))
    handler.addFilter(_for_people)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(min(root.level, logging.INFO))


def _for_people(record: logging.LogRecord) -> bool:
    """Neither the line of each inference nor that of each flight: they are some a second."""
    return record.name == "demo" or (record.name != INFERENCE_LOGGER and record.levelno >= logging.WARNING)
