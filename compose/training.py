"""The demo's models and their baselines, made before anything reads them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from modelwatch.compose.backend import Say
from modelwatch.compose.state import Folder, StackError
from modelwatch.model.types import Fleet

_PATIENCE = 900


def train(folder: Folder, fleet: Fleet, environ: Mapping[str, str], say: Say) -> None:
    """Let the demo make its baselines where a spec names one that is not there. Raises StackError."""
    named = [model.baseline.data for model in fleet.models if model.baseline and model.baseline.data]
    if all(Path(path).exists() for path in named):
        return
    say("training the demo's models, once")
    log = folder.log / "train.log"
    try:
        with log.open("w", encoding="utf-8") as file:
            done = subprocess.run(
                [sys.executable, "-m", "demo", "train"],
                cwd=folder.root,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=_PATIENCE,
                check=False,
            )
    except subprocess.TimeoutExpired as error:
        raise StackError(f"training the demo's models took longer than {_PATIENCE} s: see {log}") from error
    if done.returncode:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:]
        said = "\n".join(f"    {line}" for line in lines)
        raise StackError(f"the demo's models could not be trained:\n{said}\nall of it: {log}")
