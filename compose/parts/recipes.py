"""The recipes as steps: what is run to make the programs of a source in an empty folder.

A step either does its work or raises StepError. Programs end up in ``bin/`` of the folder.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from modelwatch.compose.parts.cache import manifest_files
from modelwatch.compose.parts.machine import Machine
from modelwatch.compose.parts.relocate import RelocationError, launcher, relocate
from modelwatch.compose.parts.table import DebianPackage, GoManifest, GoModule, Part, Source

_NICENESS = "10"
"""A build must not starve the stack that runs beside it."""


class StepError(Exception):
    """A step that failed: ``command`` as one would type it, ``reason`` in a few words."""

    def __init__(self, command: str, reason: str) -> None:
        super().__init__(f"{command}: {reason}")
        self.command, self.reason = command, reason


@dataclass(frozen=True)
class Workshop:
    """Where a source is made: an empty ``folder`` and a ``log`` that gets all that the commands print."""

    machine: Machine
    folder: Path
    log: Path

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    def run(self, *command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
        """Run a command to its end and give what it printed on stdout. Raises StepError unless it exits with 0."""
        words = [str(word) for word in command]
        shown = " ".join(words)
        nice = ["nice", "-n", _NICENESS] if self.machine.which("nice") else []
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ {shown}\n")
            log.flush()
            try:
                process = subprocess.Popen(
                    [*nice, *words],
                    cwd=cwd or self.folder,
                    env={**self.machine.env, **(env or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    errors="replace",
                )
            except OSError as error:
                raise StepError(shown, f"could not be started: {error.strerror}") from error
            try:
                printed, _ = process.communicate()
            except BaseException:
                process.terminate()
                process.wait()
                raise
            log.write(printed)
            if process.returncode:
                raise StepError(shown, f"exit code {process.returncode}")
        return printed


@dataclass(frozen=True)
class Step:
    doing: str
    do: Callable[[Workshop], None]


def _go_environment() -> dict[str, str]:
    # Whatever the user has set for their own projects (a workspace, -mod=mod, cgo) must not reach these builds.
    return {"GOFLAGS": "-buildvcs=false", "GOWORK": "off", "CGO_ENABLED": "0"}


def _go_build(recipe: GoModule | GoManifest, program: str, file: str, source_of: Callable[[Workshop], Path]) -> Step:
    variables = [f"-X {name}={value}" for name, value in recipe.variables.items()]
    flags = [
        "-mod=readonly",
        "-trimpath",
        "-tags",
        ",".join(recipe.tags),
        "-ldflags",
        " ".join(["-s", "-w", *variables]),
    ]

    def build(work: Workshop) -> None:
        target = work.bin / file
        work.run(
            "go", "build", *flags, "-o", target, recipe.packages[program], cwd=source_of(work), env=_go_environment()
        )

    return Step(f"build {program}", build)


def _module_steps(recipe: GoModule, files: Mapping[str, str]) -> tuple[Step, ...]:
    pin = f"{recipe.module}@{recipe.version}"

    def download(work: Workshop) -> None:
        command = ("go", "mod", "download", "-json", pin)
        said = json.loads(work.run(*command, env=_go_environment()))
        if said.get("Sum") != recipe.sum:
            reason = f"the module's hash is {said.get('Sum')}, the pin says {recipe.sum}: it is other code"
            raise StepError(" ".join(command), reason)
        (work.folder / "module").write_text(said["Dir"], encoding="utf-8")

    def unpacked(work: Workshop) -> Path:
        return Path((work.folder / "module").read_text(encoding="utf-8"))

    builds = (_go_build(recipe, program, file, unpacked) for program, file in files.items())
    return (Step(f"download {pin}", download), *builds)


def _manifest_steps(recipe: GoManifest, files: Mapping[str, str]) -> tuple[Step, ...]:
    def folder(work: Workshop) -> Path:
        return work.folder / "source"

    def lay_out(work: Workshop) -> None:
        # A copy: an installed wheel may be read-only, and Go must not write to a folder under version control.
        folder(work).mkdir()
        for name, content in manifest_files(recipe.folder).items():
            (folder(work) / name).write_bytes(content)
        work.run("go", "version", env=_go_environment())

    builds = (_go_build(recipe, program, file, folder) for program, file in files.items())
    return (Step("lay out the manifest", lay_out), *builds)


def _apt(work: Workshop) -> tuple[str, ...]:
    """apt's options for an ordinary user: lists and packages in our folder, nothing unsigned, the system only read."""
    return (
        "-q",
        "-o", f"Dir::State={work.folder}/apt/state",
        "-o", "Dir::State::status=/var/lib/dpkg/status",
        "-o", f"Dir::Cache={work.folder}/apt/cache",
        "-o", "APT::Sandbox::User=",
        "-o", "APT::Get::AllowUnauthenticated=false",
        "-o", "Acquire::AllowInsecureRepositories=false",
    )  # fmt: skip


def _page_packages(work: Workshop, packages: Path) -> set[str]:
    """The scripts and fonts that the downloaded packages' web pages load; libraries of programs are not among them."""
    depends = [work.run("dpkg-deb", "-f", deb, "Depends") for deb in sorted(packages.glob("*.deb"))]
    return {name for text in depends for name in re.findall(r"\b(?:libjs|fonts)-[a-z0-9.+-]+", text)}


def _upstream(version: str) -> tuple[int, int, int]:
    """The upstream numbers of a Debian version: 1:2.42.0+ds-5 -> (2, 42, 0)."""
    found = re.match(r"(?:\d+:)?(\d+)\.(\d+)(?:\.(\d+))?", version)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else (0, 0, 0)


def _debian_steps(source: Source, recipe: DebianPackage, files: Mapping[str, str]) -> tuple[Step, ...]:
    def update(work: Workshop) -> None:
        for part in ("state/lists/partial", "cache/archives/partial", "packages"):
            (work.folder / "apt" / part).mkdir(parents=True)
        # One broken source of the user's among many is no reason to stop: the download tells what is missing.
        with suppress(StepError):
            work.run("apt-get", *_apt(work), "update")

    def download(work: Workshop) -> None:
        packages = work.folder / "apt" / "packages"
        work.run("apt-get", *_apt(work), "download", recipe.package, cwd=packages)
        have = {recipe.package}
        while wanted := _page_packages(work, packages) - have:
            have |= wanted
            try:
                work.run("apt-get", *_apt(work), "download", *sorted(wanted), cwd=packages)
            except StepError:
                # Another release may have renamed one: pages that lack a script are better than no program.
                for package in sorted(wanted):
                    with suppress(StepError):
                        work.run("apt-get", *_apt(work), "download", package, cwd=packages)

    def unpack(work: Workshop) -> None:
        debs = sorted((work.folder / "apt" / "packages").glob("*.deb"))
        main = next(deb for deb in debs if deb.name.startswith(f"{recipe.package}_"))
        version = work.run("dpkg-deb", "-f", main, "Version").strip()
        if _upstream(version) < _upstream(source.version):
            reason = f"this release of the distribution has {version}, older than the oldest supported {source.version}"
            raise StepError(f"apt-get download {recipe.package}", reason)
        for deb in debs:
            work.run("dpkg", "-x", deb, work.folder / "root")
        for folder in ("apt", *(f"root/{unneeded}" for unneeded in recipe.unneeded)):
            shutil.rmtree(work.folder / folder, ignore_errors=True)

    def set_up(work: Workshop) -> None:
        work.bin.mkdir()
        for program, file in files.items():
            inside, start = Path("..") / "root" / recipe.files[program], work.bin / file
            moved = recipe.relocation.path if recipe.relocation and recipe.relocation.program == program else None
            if moved:
                try:
                    relocate(work.bin / inside, moved)
                except RelocationError as error:
                    raise StepError(f"set up {program}", str(error)) from error
            if moved or program in recipe.arguments:
                start.write_text(launcher(inside, recipe.arguments.get(program, ()), moved), encoding="utf-8")
                start.chmod(0o755)
            else:
                start.symlink_to(inside)

    return (
        Step("update the package lists (own folder)", update),
        Step(f"download {recipe.package}", download),
        Step("unpack it", unpack),
        Step("set it up", set_up),
    )


def steps_of(source: Source, parts: Mapping[str, Part]) -> tuple[Step, ...]:
    """The steps that make a source's programs. ``parts`` is every part by name."""
    files = {name: parts[name].binary for name in source.programs}
    match source.recipe:
        case GoModule() as recipe:
            return _module_steps(recipe, files)
        case GoManifest() as recipe:
            return _manifest_steps(recipe, files)
        case DebianPackage() as recipe:
            return _debian_steps(source, recipe, files)


def reported_version(printed: str) -> str | None:
    """The version in what a program prints about itself: the first that looks like 1.2.3."""
    found = re.search(r"(?<![\d.])v?(\d+\.\d+\.\d+)", printed)
    return found[1] if found else None


def is_wanted(source: Source, version: str | None) -> bool:
    """Whether a reported version is the pin (of a Debian package: the pin or newer)."""
    if version is None:
        return False
    if isinstance(source.recipe, DebianPackage):
        return _upstream(version) >= _upstream(source.version)
    return version == source.version
