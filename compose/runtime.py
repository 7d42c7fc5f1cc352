"""Which way a stack is run: containers where they can be had, this machine's own processes otherwise."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence

from modelwatch.compose.state import RuntimeName, StackError

VARIABLE = "MODELWATCH_RUNTIME"
_PROBES: tuple[tuple[str, ...], ...] = (("docker", "info"), ("docker", "compose", "version"))


def answers(command: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Whether a command ends well within the time that a working Docker needs."""
    try:
        done = subprocess.run(
            command,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


Probe = Callable[[Sequence[str], Mapping[str, str]], bool]


def choose(environ: Mapping[str, str], probe: Probe = answers) -> RuntimeName:
    """The runtime. Raises StackError for an override that is none or that this machine lacks."""
    wanted = environ.get(VARIABLE, "")
    if wanted not in ("", "native", "containers"):
        raise StackError(
            f"{VARIABLE}={wanted!r} is no way to run the stack: set it to native or containers, or unset it"
        )
    if wanted == "native":
        return "native"
    missing = next((command for command in _PROBES if not probe(command, environ)), None)
    if missing is None:
        return "containers"
    if wanted:
        raise StackError(
            f"{VARIABLE}=containers, but `{' '.join(missing)}` does not work here: start Docker and install its "
            "compose plugin, or unset the variable to run natively"
        )
    return "native"
