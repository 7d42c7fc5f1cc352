"""The container way to run a stack: compose.yaml with the variables, image and files that it needs."""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import distribution, distributions, version
from pathlib import Path
from typing import cast

import modelwatch
from modelwatch.compose import containers, images, parts, service_files, service_mounts
from modelwatch.compose.backend import Change, Condition, Runtime, Say, Setup
from modelwatch.compose.config import CHECKS, Check
from modelwatch.compose.containers import Containers, project_name
from modelwatch.compose.docker import Docker
from modelwatch.compose.moved import as_flag
from modelwatch.compose.parts.machine import Machine
from modelwatch.compose.specs_copy import copy_specs
from modelwatch.compose.state import StackError, write_atomically
from modelwatch.compose.supervision import GRACE

_PULL = 3600.0
_OWN = ("exporter", "pagerduty", "preview", "demo", "replay")
COMPOSE_FILE = Path(__file__).with_name("compose.yaml")
DOCKERFILE = Path(__file__).with_name("Dockerfile")


@dataclass(frozen=True)
class ContainersBackend:
    setup: Setup
    say: Say

    @property
    def _docker(self) -> Docker:
        return Docker(self.setup.environ)

    @property
    def _profiles(self) -> tuple[str, ...]:
        loki = any(destination.type == "loki" for destination in self.setup.fleet.stack.logs)
        wanted = {"demo": self.setup.demo, "jaeger": "otel/jaeger.yaml" in self.setup.files, "loki": loki}
        return tuple(name for name, here in wanted.items() if here)

    @property
    def parts(self) -> tuple[str, ...]:
        demo = ("demo", "replay") if self.setup.demo else ()
        more = tuple(name for name in self._profiles if name != "demo")
        core = ("prometheus", "alertmanager", "exporter", "pagerduty")
        return (*core, *demo, "grafana", "preview", "collector", *more)

    @property
    def pending(self) -> Mapping[str, str]:
        return {}

    @property
    def builds(self) -> bool:
        return False

    @property
    def control(self) -> str:
        return project_name(self.setup.folder)

    @cached_property
    def _images(self) -> dict[str, str]:
        return images.variables(self.setup.environ)

    @property
    def versions(self) -> Mapping[str, str]:
        own = version("modelwatch")
        return {
            name: own if name in _OWN else images.version_of(self._images[f"MODELWATCH_IMAGE_{name.upper()}"])
            for name in self.parts
        }

    def checks(self) -> tuple[tuple[Check, Path], ...]:
        # The Collector's config names folders that are only in its container.
        machine = Machine(root=self.setup.folder.root, env=self.setup.environ)
        wanted = [check for check in CHECKS if check.part != "collector"]
        found = [(check, parts.find(check.program, machine=machine)) for check in wanted]
        return tuple((check, path) for check, path in found if path)

    @property
    def _archive(self) -> str:
        """The Collector's file of logs where the preview sees it: in the volume that both have."""
        kept = service_files.kept(self.setup.fleet.stack)
        return f"/collector/{kept}" if kept and not kept.startswith("/") else ""

    @property
    def _service_mounts(self) -> Path:
        return self.setup.folder.home / "compose.services.yaml"

    def variables(self) -> dict[str, str]:
        """What compose.yaml reads."""
        folder, stack = self.setup.folder, self.setup.fleet.stack
        found = {
            f"MODELWATCH_PORT_{name.upper()}": address.rpartition(":")[2]
            for name, address in self.setup.addresses.public.items()
        }
        return {
            **found,
            **self._images,
            "COMPOSE_PROFILES": ",".join(self._profiles),
            "MODELWATCH_AUTHORIZATIONS": str(folder.home / "authorizations.env"),
            "MODELWATCH_CONFIG": str(folder.config),
            "MODELWATCH_EXTRAS": "all" if self.setup.demo else "kit",
            "MODELWATCH_GRAFANA_PASSWORD": str(folder.home / "grafana-admin-password"),
            "MODELWATCH_LOG_ARCHIVE": self._archive,
            "MODELWATCH_IMAGE_CONTEXT": str(folder.home / "image"),
            "MODELWATCH_IMAGE_OWN": f"{self.control}:{digest_of(folder.home / 'image')}",
            "MODELWATCH_MODELS": copy_specs(folder.home / "specs", self.setup.models_dir, self.setup.fleet),
            "MODELWATCH_MOVED": as_flag(self.setup.moved),
            "MODELWATCH_RETENTION": stack.retention.text,
            "MODELWATCH_SCRAPE_INTERVAL": stack.scrape_interval.text,
            "MODELWATCH_SPECS": str(folder.home / "specs"),
            "MODELWATCH_TRACES": f"http://{self.setup.addresses.internal['jaeger']}"
            if "jaeger" in self._profiles
            else "",
        }

    def prepare(self) -> dict[str, str]:
        """Lay down all that compose.yaml refers to; its variables, which are also kept in a file for use by hand."""
        folder = self.setup.folder
        lay_context(folder.home / "image", folder.root / "demo" if self.setup.demo else None)
        password = folder.home / "grafana-admin-password"
        if not password.exists():
            write_atomically(password, secrets.token_urlsafe(24))
        stack = self.setup.fleet.stack
        # AWS' own library finds its credentials under its own names.
        aws = any(sent.type.startswith("aws") for sent in (*stack.traces, *stack.metrics, *stack.logs))
        wanted = ("MODELWATCH_AUTHORIZATION_", *(("AWS_",) if aws else ()))
        authorizations = {name: value for name, value in self.setup.environ.items() if name.startswith(wanted)}
        write_atomically(folder.home / "authorizations.env", env_text(authorizations), mode=0o600)
        for needed in ("grafana/provisioning", "grafana/dashboards", "runbooks", "otel"):
            (folder.config / needed).mkdir(parents=True, exist_ok=True)
        setup = self.setup
        service_mounts.make(service_mounts.folders(setup.fleet))
        reads = service_files.CONFIG in setup.files
        mounts = service_mounts.text(setup.fleet, COMPOSE_FILE, reads=reads, demo=setup.demo)
        write_atomically(self._service_mounts, mounts)
        found = self.variables()
        write_atomically(containers.variables_file(folder), env_text(found), mode=0o600)
        return found

    def _compose(self, variables: Mapping[str, str], *arguments: str) -> None:
        # Compose prefers the environment to a file: what the user has set by chance must not get in.
        client = Docker({**self.setup.environ, **variables})
        log = self.setup.folder.log / "compose.log"
        files = ("--file", str(COMPOSE_FILE), "--file", str(self._service_mounts))
        command = ("compose", "--project-name", self.control, *files, *arguments)
        client.run(*command, timeout=_PULL, log=log)

    def _up(self) -> dict[str, str]:
        variables = self.prepare()
        image = variables["MODELWATCH_IMAGE_OWN"]
        present = self._docker.images(self.control)
        if image not in present:
            log = self.setup.folder.log / "compose.log"
            self.say(f"pulling and building images: minutes at the first time ({log})")
        # Without --build an image that is there is taken: its tag is the digest of what it is built from.
        self._compose(variables, "up", "--detach", "--remove-orphans")
        for old in present - {image}:
            self._docker.remove_image(old)
        return variables

    def start(self) -> Runtime:
        self._up()
        return Containers(self.control, self._docker)

    def reconcile(self, runtime: Runtime, restart: Collection[str]) -> tuple[Change, ...]:
        before = cast("Containers", runtime).conditions()
        variables = self._up()
        again = sorted(name for name in restart if name in before and name in self.parts)
        if again:
            self._compose(variables, "restart", "--timeout", str(GRACE), *again)
        after = runtime.conditions()
        changed = [name for name in self.parts if name in after and after[name].run != _run(before, name)]
        return tuple(Change(name, "restarted" if _run(before, name) else "started") for name in changed)

    def stop(self) -> tuple[str, ...]:
        return containers.stop(self.control, data=False)


def _run(conditions: Mapping[str, Condition], name: str) -> str:
    return conditions[name].run if name in conditions else ""


def env_text(variables: Mapping[str, str]) -> str:
    """A file of variables for docker compose. Raises StackError for a value that cannot stand in one."""
    lines = []
    for name, value in sorted(variables.items()):
        if "'" in value or "\n" in value:
            raise StackError(f"docker compose cannot be told {name}={value!r}: it must have no quote in it")
        lines.append(f"{name}='{value}'" if re.search(r"[^\w./:,@+-]", value) else f"{name}={value}")
    return "".join(f"{line}\n" for line in lines)


def digest_of(folder: Path) -> str:
    """Of the names and contents below a folder, as a tag."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def lay_context(folder: Path, demo: Path | None) -> None:
    """The build context of our own image: this very package, its pins as they are installed here, and the demo."""
    if folder.exists():
        shutil.rmtree(folder)
    own = distribution("modelwatch")
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")
    shutil.copytree(Path(modelwatch.__file__).parent, folder / "package", ignore=ignore)
    metadata = folder / "metadata" / f"modelwatch-{own.version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(own.read_text("METADATA") or "", encoding="utf-8")
    pins = {f"{item.name}=={item.version}" for item in distributions() if item.name.lower() != "modelwatch"}
    (folder / "constraints.txt").write_text("".join(f"{pin}\n" for pin in sorted(pins)), encoding="utf-8")
    (folder / "app").mkdir()
    if demo:
        shutil.copytree(demo, folder / "app" / "demo", ignore=ignore)
    shutil.copy(DOCKERFILE, folder / "Dockerfile")
