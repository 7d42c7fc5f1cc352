"""Other tools, each in an environment of its own below .tools/bench, made when it is first asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / ".tools" / "bench"
# Evidently breaks with pandas 3, scouter-ml does not know its frames, and NannyML imports a package that it does not declare.
PACKAGES = {
    "evidently": ("evidently==0.7.23", "pandas<3"),
    "nannyml": ("nannyml==0.13.1", "statsmodels"),
    "openinference": ("openinference-instrumentation==0.1.72", "opentelemetry-sdk==1.45.2"),
    "mlflow": ("mlflow-tracing==3.17.2", "opentelemetry-exporter-otlp-proto-http==1.45.2"),
    "scouter": ("scouter-ml==0.25.0", "numpy", "pandas<3", "polars", "pyarrow"),
}


def python(name: str) -> Path | None:
    """The interpreter of the environment with ``name``, or None where it cannot be made."""
    folder = FOLDER / name
    found = folder / "bin" / "python"
    done = folder / ".ready"
    if done.exists():
        return found
    print(f"making {folder} (once, some minutes)", file=sys.stderr)
    try:
        venv.create(folder, with_pip=True)
        subprocess.run(
            [found, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES[name]],
            check=True,
            timeout=1800,
        )
    except (OSError, subprocess.SubprocessError) as error:
        print(f"{name}: left out, its environment cannot be made ({error})", file=sys.stderr)
        return None
    done.touch()
    return found


def run(name: str, script: str, data: Path) -> dict[str, Any] | None:
    """What ``script``, beside this file, prints about ``data`` in the environment with ``name``; None if it fails."""
    interpreter = python(name)
    if interpreter is None:
        return None
    # One core each, like ours.
    alone = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [interpreter, "-W", "ignore", Path(__file__).with_name(script), data]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=3600, env={**os.environ, **alone}
    )
    if done.returncode:
        print(f"{name}: left out: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found
