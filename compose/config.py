"""The stack's copy of the generated config: checked before anything reads it, put back when a part refuses it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from modelwatch.compose import web
from modelwatch.compose.state import Folder, StackError, write_atomically

# First match wins; the value is the part that reads the file, None for files that no part of a stack reads.
_READERS: tuple[tuple[str, str | None], ...] = (
    ("prometheus/tests/", None),
    ("prometheus/", "prometheus"),
    ("alertmanager/", "alertmanager"),
    ("otel/collector.yaml", "collector"),
    ("otel/logs.yaml", "collector"),
    ("otel/jaeger.yaml", "jaeger"),
    ("grafana/provisioning/", "grafana"),
    ("grafana/dashboards/", "preview"),
    ("runbooks/", "preview"),
)


def reader(path: str) -> str | None:
    """The part that reads a generated file."""
    return next((part for prefix, part in _READERS if path.startswith(prefix)), None)


def for_the_stack(files: Mapping[str, str]) -> dict[str, str]:
    return {path: text for path, text in files.items() if reader(path)}


@contextmanager
def staged(folder: Folder, files: Mapping[str, str]) -> Iterator[Path]:
    """The files in a folder of their own, to be checked there."""
    path = Path(tempfile.mkdtemp(prefix="staging.", dir=folder.home))
    try:
        for name, text in files.items():
            write_atomically(path / name, text)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@dataclass(frozen=True)
class Check:
    """A program that reads a file as the part would. ``path`` is below config/, ``cwd`` where the part runs.

    ``beside`` are more files that the part is given after it, each behind the last of ``arguments`` once more.
    """

    part: str
    program: str
    arguments: tuple[str, ...]
    path: str
    cwd: Path | None = None
    env: Mapping[str, str] | None = None
    beside: tuple[str, ...] = ()


CHECKS: tuple[Check, ...] = (
    Check("prometheus", "promtool", ("check", "config"), "prometheus/prometheus.yaml"),
    Check("alertmanager", "amtool", ("check-config",), "alertmanager/alertmanager.yaml"),
    Check("collector", "otelcol", ("validate", "--config"), "otel/collector.yaml"),
)


def run_check(check: Check, program: Path, config: Path) -> None:
    """Raises StackError with the program's words."""
    try:
        answer = subprocess.run(
            [program, *check.arguments, config / check.path, *_more(check, config)],
            stdin=subprocess.DEVNULL,
            cwd=check.cwd,
            env={**os.environ, **(check.env or {})},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=120,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StackError(f"{check.program} could not check {check.path}: {error}") from error
    if answer.returncode:
        words = (answer.stdout + answer.stderr).replace(f"{config}/", "").strip().splitlines()
        what = " with ".join((check.path, *check.beside))
        excerpt = "\n".join(f"  {line.strip()}" for line in words[-12:] if line.strip())
        raise StackError(
            f"{check.program} refuses {what}, so {check.part} was not given it:\n{excerpt}\n"
            "help: `modelwatch check` looks for what the spec is missing; what runs was left as it was"
        )


def _more(check: Check, config: Path) -> list[str | Path]:
    return [word for path in check.beside for word in (check.arguments[-1], config / path)]


@dataclass(frozen=True)
class Applied:
    """What was replaced: path -> the text before, None for a file that is new."""

    before: Mapping[str, str | None]

    @property
    def parts(self) -> frozenset[str]:
        return frozenset(part for path in self.before if (part := reader(path)))


def differences(folder: Folder, files: Mapping[str, str]) -> dict[str, str | None]:
    """Path -> the text that stands there now, of every file that is to be written or removed."""
    present = {
        path.relative_to(folder.config).as_posix(): path
        for path in folder.config.rglob("*")
        if path.is_file() and not path.is_relative_to(folder.secrets)
    }
    texts = {name: path.read_text(encoding="utf-8") for name, path in present.items()}
    return {name: texts.get(name) for name in sorted({*files, *texts}) if files.get(name) != texts.get(name)}


def apply(folder: Folder, files: Mapping[str, str]) -> Applied:
    """Make config/ hold exactly these files."""
    before = differences(folder, files)
    try:
        _put(folder, {name: files.get(name) for name in before})
    except BaseException:
        # On a full disk that may fail too, and the first error is the one to tell.
        with suppress(OSError):
            _put(folder, before)
        raise
    return Applied(before)


def undo(folder: Folder, applied: Applied) -> None:
    _put(folder, applied.before)


def _put(folder: Folder, texts: Mapping[str, str | None]) -> None:
    for name, text in texts.items():
        path = folder.config / name
        if text is not None:
            write_atomically(path, text)
            continue
        path.unlink(missing_ok=True)
        for parent in path.parents:
            if parent == folder.config or any(parent.iterdir()):
                break
            parent.rmdir()


def reload(part: str, public: Mapping[str, str]) -> None:
    """Tell Prometheus or Alertmanager to read its config again, and make sure that it did. Raises StackError."""
    base = f"http://{public[part]}"
    answer = web.ask(f"{base}/-/reload", method="POST", timeout=60)
    if not answer.good:
        raise StackError(f"{part} refuses its new config: {answer.text.strip()}")
    metric = f"{part}_config_last_reload_successful"
    if web.sample(web.ask(f"{base}/metrics", timeout=10).text, metric) != 1:
        raise StackError(f"{part} did not take its new config: {metric} at {base}/metrics is not 1; see its log")
