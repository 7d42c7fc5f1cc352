"""Logging of a service, as its specs say: a handler on the root logger unless the service has set one."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from typing import TextIO

from modelwatch.model.types import LineFiles, Logging, Model
from modelwatch.otel.logs.files import RotatedFiles
from modelwatch.otel.logs.formatter import JsonFormatter, Policies

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

FOLDER_VARIABLE = "MODELWATCH_LOG_FILES"
POLICIES = Policies()


class JsonHandler(logging.Handler):
    """Writes lines to a stream, stdout unless told, or to files of the process.

    What cannot be written is told once on stderr, without its text: the standard library's own handlers quote the call.
    """

    def __init__(self, out: TextIO | RotatedFiles | None = None, policies: Policies = POLICIES) -> None:
        super().__init__()
        self._out = out
        self._complained = False
        self.setFormatter(JsonFormatter(policies))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record) + "\n"
            if isinstance(self._out, RotatedFiles):
                self._out.write([line.encode("ascii")])
            else:
                out = self._out or sys.stdout
                out.write(line)
                out.flush()
        except Exception as error:  # a full disk or a closed pipe is no failure of the service
            self._complain(error)

    def _complain(self, error: Exception) -> None:
        if not self._complained:
            self._complained = True
            with contextlib.suppress(Exception):
                print(f"modelwatch: log lines cannot be written: {type(error).__name__}", file=sys.stderr)  # noqa: T201


def install(model: Model, spec: Logging) -> None:
    """Have this process log as the spec says.

    Handlers that the service has set on the root logger stay, and then nothing is added to them: give one of them a
    `JsonHandler`. Of several models' levels the lowest holds.
    """
    root = logging.getLogger()
    level = _LEVELS[spec.level]
    if not root.handlers:
        out = None if spec.files is None else _files(model, spec.files)
        handler = JsonHandler(out)
        root.addHandler(handler)
        root.setLevel(level)
        _INSTALLED.append(handler)
    elif any(handler in _INSTALLED for handler in root.handlers):
        root.setLevel(min(root.level, level))


def _files(model: Model, spec: LineFiles) -> RotatedFiles:
    return RotatedFiles.of(spec, f"{model.serving.job}-log", os.environ.get(FOLDER_VARIABLE, ""))


_INSTALLED: list[JsonHandler] = []
