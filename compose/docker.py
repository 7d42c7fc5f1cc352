"""The docker command, and what it says of a project's containers."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from modelwatch.compose.backend import Condition
from modelwatch.compose.state import StackError
from modelwatch.compose.supervision import GRACE

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"


@dataclass(frozen=True)
class Docker:
    """``environ`` is what docker sees: its host, its context, its config."""

    environ: Mapping[str, str]

    def run(self, *arguments: str, timeout: float = 120, log: Path | None = None) -> str:
        """Output of a docker command; with ``log`` it goes to that file. Raises StackError with its last words."""
        command = ["docker", *arguments]
        said = " ".join(command[:3])
        try:
            if log is None:
                done = self._go(command, timeout, subprocess.PIPE, subprocess.PIPE)
                words = (done.stderr or done.stdout).splitlines()
            else:
                with log.open("w", encoding="utf-8") as file:
                    done = self._go(command, timeout, file, subprocess.STDOUT)
                words = log.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError as error:
            raise StackError("docker is not on PATH: install it, or set MODELWATCH_RUNTIME=native") from error
        except subprocess.TimeoutExpired as error:
            raise StackError(f"`{said} ...` took longer than {timeout:.0f} s: does Docker answer?") from error
        if done.returncode:
            last = "\n".join(f"    {line}" for line in words[-12:] if line.strip())
            more = f"\nall of it: {log}" if log else ""
            raise StackError(f"`{said} ...` failed:\n{last}{more}")
        return done.stdout or ""

    def _go(self, command: Sequence[str], timeout: float, out: Any, err: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env=dict(self.environ),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )

    def containers(self, project: str) -> dict[str, Mapping[str, Any]]:
        """Service -> what docker inspect says of its container."""
        ids = self.run("ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={PROJECT}={project}").split()
        if not ids:
            return {}
        found: Iterable[Mapping[str, Any]] = json.loads(self.run("inspect", "--type", "container", *ids))
        return {item["Config"]["Labels"][SERVICE]: item for item in found}

    def images(self, project: str) -> set[str]:
        """The images that were built for a project."""
        return set(self.run("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", project).split())

    def remove_image(self, image: str) -> None:
        """Best effort: one that a container still uses stays."""
        with contextlib.suppress(StackError):
            self.run("image", "rm", image)

    def down(self, project: str, *, data: bool) -> None:
        """Remove a project's containers and networks; with ``data`` also its volumes and images."""
        volumes = ("--volumes",) if data else ()
        self.run("compose", "--project-name", project, "down", "--remove-orphans", "--timeout", str(GRACE), *volumes)
        for image in self.images(project) if data else ():
            self.remove_image(image)


def condition(item: Mapping[str, Any]) -> Condition:
    """How a container stands, from docker inspect."""
    state = item["State"]
    run = f"{item['Id']}/{item.get('RestartCount', 0)}/{state['StartedAt']}"
    if state["Status"] == "running":
        return Condition("running", run, _seconds(state["StartedAt"]))
    if state["Status"] == "created":
        return Condition("stopped", run, detail=state.get("Error", ""))
    return Condition("ended", run, detail=state.get("Error") or f"exit status {state['ExitCode']}")


def _seconds(text: str) -> float:
    """Docker writes nanoseconds, which Python's parser does not take."""
    whole, _, _ = text.partition(".")
    return datetime.fromisoformat(whole.removesuffix("Z") + "+00:00").timestamp()


def here() -> Docker:
    return Docker(dict(os.environ))
