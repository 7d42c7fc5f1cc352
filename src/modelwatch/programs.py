"""Let the real programs judge generated files: promtool, amtool, pint and the Collector, oldest and newest."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import yaml

from modelwatch.compose import parts
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.otel.collector import lines
from modelwatch.otel.collector.destinations import CONTRIB_ONLY

REFUSED = "MW901"
_SECRETS = re.compile(r"(?:routing_key_file|api_url_file): (\S+)")


@dataclass(frozen=True, slots=True)
class Judgement:
    """``summary``: one line for each program that was asked, or that is missing."""

    diagnostics: tuple[Diagnostic, ...]
    summary: tuple[str, ...]


@dataclass
class _Bench:
    root: Path
    diagnostics: list[Diagnostic] = field(default_factory=list)
    summary: list[str] = field(default_factory=list)

    def ask(
        self, program: Path, what: str, *arguments: str, cwd: str = ".", env: Mapping[str, str] | None = None
    ) -> bool:
        done = subprocess.run(
            [str(program), *arguments],
            cwd=self.root / cwd,
            capture_output=True,
            text=True,
            env={**os.environ, **(env or {})},
            check=False,
        )
        if done.returncode != 0:
            message = "\n".join((done.stdout + done.stderr).strip().splitlines()[-30:])
            self.diagnostics.append(Diagnostic(cwd, 1, 1, REFUSED, "error", f"{what} refuses it: {message}"))
        self.summary.append(f"{what}: {'ok' if done.returncode == 0 else 'REFUSED'}")
        return done.returncode == 0


def judge(files: Mapping[str, str]) -> Judgement:
    """Ask every program that is here about these files; programs that are missing are named in the summary."""
    with tempfile.TemporaryDirectory(prefix="modelwatch-check-") as folder:
        bench = _Bench(Path(folder))
        _lay_out(bench.root, files)
        versions: tuple[Literal["oldest", "newest"], ...] = ("oldest", "newest")
        # promtool's unit tests take nearly all of the time: both versions at once.
        with ThreadPoolExecutor(max_workers=2) as pool:
            list(pool.map(lambda version: _each("promtool", version, bench, _promtool), versions))
        for version in versions:
            _each("amtool", version, bench, _amtool)
        _each("pint", "any", bench, _pint)
        if "otel/collector.yaml" in files:
            _each("otelcol-modelwatch", "any", bench, _collector)
        return Judgement(tuple(bench.diagnostics), tuple(bench.summary))


def _lay_out(root: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    # amtool wants the key files of the receivers to be there; what is in them does not matter to a check.
    for name in _SECRETS.findall(files.get("alertmanager/alertmanager.yaml", "")):
        secret = root / "alertmanager" / name
        if not secret.is_absolute() or secret.is_relative_to(root):
            secret.parent.mkdir(parents=True, exist_ok=True)
            secret.write_text("http://127.0.0.1:9/", encoding="utf-8")


def _each(
    name: str, version: Literal["any", "oldest", "newest"], bench: _Bench, ask: Callable[[Path, str, _Bench], None]
) -> None:
    program = parts.find(name, version)
    if program is None:
        bench.summary.append(f"{name} ({version}): not here; `modelwatch tools` has it")
    else:
        ask(program, f"{name} ({version})" if version != "any" else name, bench)


def _names(bench: _Bench, folder: str) -> list[str]:
    return sorted(path.name for path in (bench.root / folder).glob("*.yaml"))


def _promtool(program: Path, what: str, bench: _Bench) -> None:
    rules = [f"rules/{name}" for name in _names(bench, "prometheus/rules")]
    bench.ask(program, f"{what} check config", "check", "config", "prometheus.yaml", cwd="prometheus")
    if bench.ask(program, f"{what} check rules ({len(rules)} files)", "check", "rules", *rules, cwd="prometheus"):
        tests = _names(bench, "prometheus/tests")
        bench.ask(program, f"{what} test rules ({len(tests)} files)", "test", "rules", *tests, cwd="prometheus/tests")


def _amtool(program: Path, what: str, bench: _Bench) -> None:
    bench.ask(program, f"{what} check-config", "check-config", "alertmanager.yaml", cwd="alertmanager")


def _pint(program: Path, what: str, bench: _Bench) -> None:
    """Every check of pint, on one group at a time.

    pint takes a recording's name for its identity, so in one run it would say of each model that it reads the others'
    recordings; crosscheck holds that a rule reads only what its own group records.
    """
    folder = bench.root / "pint"
    folder.mkdir()
    groups = 0
    for name in _names(bench, "prometheus/rules"):
        text = (bench.root / "prometheus/rules" / name).read_text(encoding="utf-8")
        for group in yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["groups"]:  # noqa: S506 - a safe loader
            groups += 1
            (folder / f"{groups}.yaml").write_text(
                yaml.safe_dump({"groups": [group]}, sort_keys=False), encoding="utf-8"
            )

    def lint(number: int) -> str:
        command = [
            str(program),
            "--no-color",
            "--offline",
            "lint",
            "--min-severity=info",
            "--fail-on=info",
            f"{number}.yaml",
        ]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        return "" if done.returncode == 0 else (done.stdout + done.stderr).strip()

    with ThreadPoolExecutor(max_workers=2) as pool:
        refused = [text for text in pool.map(lint, range(1, groups + 1)) if text]
    bench.diagnostics += [
        Diagnostic("prometheus/rules", 1, 1, REFUSED, "error", f"{what} warns: {text}") for text in refused
    ]
    bench.summary.append(
        f"{what} ({groups} groups): {'no finding' if not refused else f'{len(refused)} groups REFUSED'}"
    )


def _collector(program: Path, what: str, bench: _Bench) -> None:
    state = bench.root / "collector-state"
    state.mkdir()
    environment = {
        "MODELWATCH_COLLECTOR_STATE": str(state),
        "MODELWATCH_GATEWAY": "127.0.0.1:4317",
        lines.VARIABLE: str(state / "*.jsonl"),
    }
    # What reads log lines is no config by itself: it is given after that of either role.
    more: list[tuple[str, ...]] = [(), ("logs",)] if (bench.root / "otel" / "logs.yaml").exists() else [()]
    for role in ("collector", "agent"):
        missing = lacking(program, bench.root / "otel" / f"{role}.yaml")
        if missing:
            bench.summary.append(f"{what} validate ({role}): not asked, it has no exporter for {', '.join(missing)}")
            continue
        for beside in more:
            names = (role, *beside)
            given = [f"--config=otel/{name}.yaml" for name in names]
            bench.ask(program, f"{what} validate ({' with '.join(names)})", "validate", *given, env=environment)


def lacking(program: Path, config: Path) -> list[str]:
    """Exporters in the config that only the contrib distribution has, and this program has not."""
    exporters = yaml.safe_load(config.read_text("utf-8"))["exporters"]
    wanted = sorted({name.partition("/")[0] for name in exporters} & CONTRIB_ONLY)
    if not wanted:
        return []
    done = subprocess.run([str(program), "components"], capture_output=True, text=True, check=False)
    has = {entry["name"] for entry in (yaml.safe_load(done.stdout) or {}).get("exporters", ())}
    return [name for name in wanted if name not in has]
