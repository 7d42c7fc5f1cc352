"""Logging of a service, as its specs say: a handler on the root logger unless the service has set one."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
from typing import TextIO

from modelwatch.model.types import LineFiles, Logging, Model
from modelwatch.otel.logs.files import RotatedFiles
from modelwatch.otel.logs.formatter import Ended, JsonFormatter, Policies
from modelwatch.otel.logs.reasons import reason
from modelwatch.telemetry import logs as L

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

FOLDER_VARIABLE = "MODELWATCH_LOG_FILES"
_SETTING = f"logging.files.folder, or {FOLDER_VARIABLE}"
_OURS = "modelwatch."
_NOT_APPLIED = (
    "%s: the spec's section logging is not applied to this process's log, neither its redaction nor its files: "
    "the root logger has a handler already, a %s. Remove it (logging.basicConfig, or a logging.info before setup, sets "
    "one), make it a JsonHandler(), or say setup(..., logs=False) if it is meant"
)

log = logging.getLogger("modelwatch.otel")
POLICIES = Policies()


class JsonHandler(logging.Handler):
    """Writes lines to a stream, stdout unless told, or to files of the process.

    That lines cannot be written is told once on stderr, without their text: the standard library's own handlers quote
    the call. Warnings of this library go there as well then, redacted: else nobody could read what it has to say.
    """

    def __init__(self, out: TextIO | RotatedFiles | None = None, policies: Policies = POLICIES) -> None:
        super().__init__()
        self._out = out
        self._complained = False
        self.setFormatter(JsonFormatter(policies))

    def emit(self, record: logging.LogRecord) -> None:
        line = ""
        try:
            line = self.format(record) + "\n"
            self._write(line)
        except Exception as error:  # a full disk or a closed pipe is no failure of the service
            self._lost(record, line, error)

    def _write(self, line: str) -> None:
        if not isinstance(self._out, RotatedFiles):
            out = self._out or sys.stdout
            out.write(line)
            out.flush()
        elif not self._out.write([line.encode("ascii")]):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # it took a part only, as it does when it is full

    def _lost(self, record: logging.LogRecord, line: str, error: Exception) -> None:
        ended = record.__dict__.get(L.INFERENCE_EVENT)
        if isinstance(ended, Ended):
            ended.lost = True
        if not self._complained:
            self._complained = True
            where = f" for {self._out.folder} ({_SETTING})" if isinstance(self._out, RotatedFiles) else ""
            _tell(f"modelwatch: log lines{where} are dropped while they cannot be written: {reason(error)}\n")
        if record.levelno >= logging.WARNING and str(record.name).startswith(_OURS) and ended is None:
            _tell(line)


def _tell(text: str) -> None:
    with contextlib.suppress(Exception):
        sys.stderr.write(text)
        sys.stderr.flush()


def install(model: Model, spec: Logging) -> None:
    """Have this process log as the spec says.

    Handlers that the service has set on the root logger stay, and then nothing is added to them, which is told unless
    one of them is a `JsonHandler`. Of several models' levels the lowest holds.
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
    elif not any(isinstance(handler.formatter, JsonFormatter) for handler in root.handlers):
        log.warning(_NOT_APPLIED, model.name, type(root.handlers[0]).__name__)


def _files(model: Model, spec: LineFiles) -> RotatedFiles:
    return RotatedFiles.of(spec, f"{model.serving.job}-log", os.environ.get(FOLDER_VARIABLE, ""))


_INSTALLED: list[JsonHandler] = []
