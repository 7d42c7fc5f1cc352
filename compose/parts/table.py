"""Every real program of the stack: its pins, how each is had, what is lost without it and how to add it oneself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Age = Literal["oldest", "newest"]

_PROMETHEUS_VERSION = "github.com/prometheus/common/version.Version"
_JAEGER_VERSION = "github.com/jaegertracing/jaeger/internal/version.latestVersion"


class PartError(Exception):
    """Something about the programs that the caller can mend. Its text says what and how."""


@dataclass(frozen=True, kw_only=True)
class GoModule:
    """Programs built inside their own published module, where its replace directives and its go.sum hold."""

    module: str
    version: str
    sum: str
    """Hash of the module as in a go.sum; compared before anything of it is built."""
    packages: Mapping[str, str]
    """Program -> package, relative to the module."""
    tags: tuple[str, ...] = ("netgo",)
    variables: Mapping[str, str] = field(default_factory=dict)
    """String variables that the linker sets."""


@dataclass(frozen=True, kw_only=True)
class GoManifest:
    """Programs built from a go.mod and go.sum (and sources, if any) committed in ``manifests/<folder>/``."""

    folder: str
    packages: Mapping[str, str]
    tags: tuple[str, ...] = ("netgo",)
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Relocation:
    """A path below /usr that a program has compiled in, and no option moves."""

    program: str
    path: str


@dataclass(frozen=True, kw_only=True)
class DebianPackage:
    """A package of the distribution's signed archive, unpacked without installing it."""

    package: str
    files: Mapping[str, str]
    """Program -> its file in the package."""
    arguments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Program -> arguments that point it at its unpacked files; ``{root}`` is where they are."""
    relocation: Relocation | None = None
    unneeded: tuple[str, ...] = ()
    """Large folders that the programs never read."""


Recipe = GoModule | GoManifest | DebianPackage


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is fetched or built at one go. ``seconds`` is a rough cold time on two cores."""

    name: str
    version: str
    """What the programs must report; of a Debian package the least, since each release of Debian has its own."""
    age: Age
    recipe: Recipe
    seconds: int
    lost: str
    add: str

    @property
    def programs(self) -> tuple[str, ...]:
        return tuple(self.recipe.files if isinstance(self.recipe, DebianPackage) else self.recipe.packages)

    @property
    def origin(self) -> str:
        match self.recipe:
            case GoModule(module=module, version=version):
                return f"built from the Go module {module} {version}"
            case GoManifest(folder=folder):
                return f"built from the Go modules in manifests/{folder}/go.sum"
            case DebianPackage(package=package):
                return f"the distribution's package {package}, unpacked without installing it"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One program."""

    name: str
    does: str
    core: bool = False
    """The stack does not start without it."""
    file: str = ""
    """Name of the program's file, where it is not ``name``."""
    version_command: tuple[str, ...] = ("--version",)
    also_named: tuple[str, ...] = ()
    """Other file names on PATH."""
    folders: tuple[str, ...] = ()
    """Where else installers put it."""

    @property
    def binary(self) -> str:
        return self.file or self.name


PARTS: tuple[Part, ...] = (
    Part(name="prometheus", does="scrapes and stores metrics, evaluates rules", core=True),
    Part(name="promtool", does="checks Prometheus' config and runs the rules' unit tests"),
    Part(
        name="alertmanager",
        does="groups, routes, silences and sends alerts",
        core=True,
        also_named=("prometheus-alertmanager",),
    ),
    Part(name="amtool", does="checks Alertmanager's config and tells where an alert would go"),
    Part(name="pint", does="lints rules, alone and against a live Prometheus", version_command=("version",)),
    Part(name="otelcol", does="receives traces, logs and metrics, samples and redacts them", file="otelcol-modelwatch"),
    Part(name="jaeger", does="stores traces and shows them", version_command=("version",)),
    Part(
        name="docker-compose",
        does="checks and runs compose.yaml",
        version_command=("version",),
        folders=(
            "~/.docker/cli-plugins",
            "/usr/local/lib/docker/cli-plugins",
            "/usr/local/libexec/docker/cli-plugins",
            "/usr/lib/docker/cli-plugins",
            "/usr/libexec/docker/cli-plugins",
        ),
    ),
    Part(
        name="sloth", does="generates SLO rules: the peer that `make bench` compares with", version_command=("version",)
    ),
)

# In the order in which they are had: what others wait for comes first.
SOURCES: tuple[Source, ...] = (
    Source(
        name="debian-prometheus",
        version="2.42.0",
        age="oldest",
        recipe=DebianPackage(
            package="prometheus",
            files={"prometheus": "usr/bin/prometheus", "promtool": "usr/bin/promtool"},
            # Debian keeps the pages out of the program and looks for them below /usr.
            arguments={
                "prometheus": (
                    "--web.local-assets={root}/usr/share/prometheus/web/",
                    "--web.console.templates={root}/etc/prometheus/consoles",
                    "--web.console.libraries={root}/etc/prometheus/console_libraries",
                )
            },
            unneeded=("usr/share/javascript/moment-timezone/data",),
        ),
        seconds=12,
        lost="the Prometheus that starts in seconds and has a web UI, and rules tried with the oldest version",
        add="put prometheus and promtool 2.42 or newer on PATH, as prometheus-oldest in .tools/bin, "
        "or set MODELWATCH_PROMETHEUS_OLDEST and MODELWATCH_PROMTOOL_OLDEST",
    ),
    Source(
        name="debian-alertmanager",
        version="0.25.0",
        age="oldest",
        recipe=DebianPackage(
            package="prometheus-alertmanager",
            files={"alertmanager": "usr/bin/prometheus-alertmanager", "amtool": "usr/bin/amtool"},
            # It reads its default templates from here at every start, whatever its config says.
            relocation=Relocation(program="alertmanager", path="/usr/share/prometheus/alertmanager"),
        ),
        seconds=8,
        lost="the Alertmanager that starts in seconds (without web UI), and routing tried with the oldest version",
        add="put alertmanager and amtool 0.25 or newer on PATH, as alertmanager-oldest in .tools/bin, "
        "or set MODELWATCH_ALERTMANAGER_OLDEST and MODELWATCH_AMTOOL_OLDEST",
    ),
    Source(
        name="prometheus",
        version="3.15.0",
        age="newest",
        recipe=GoModule(
            module="github.com/prometheus/prometheus",
            version="v0.315.0",
            sum="h1:sFGZWmC2Hk9N1NBJGCnXYZb5hyLCq8yuAMoEjLAg6ac=",
            packages={"prometheus": "./cmd/prometheus", "promtool": "./cmd/promtool"},
            # File and HTTP discovery stay. The web UI is not in the module: its API is whole, its pages answer 500.
            tags=("netgo", "remove_all_sd"),
            variables={_PROMETHEUS_VERSION: "3.15.0"},
        ),
        seconds=145,
        lost="rules, queries and the stack tried with the newest Prometheus",
        add="put prometheus and promtool 3.15.0 on PATH, or set MODELWATCH_PROMETHEUS and MODELWATCH_PROMTOOL",
    ),
    Source(
        name="amtool",
        version="0.34.0",
        age="newest",
        recipe=GoModule(
            module="github.com/prometheus/alertmanager",
            version="v0.34.0",
            sum="h1:z75n0NoypggESmt3HD4JlTXOaOZj1EBz1ACHO4Z6EUk=",
            packages={"amtool": "./cmd/amtool"},
            variables={_PROMETHEUS_VERSION: "0.34.0"},
        ),
        seconds=56,
        lost="Alertmanager's config checked as the newest version would",
        add="put amtool 0.34.0 on PATH, or set MODELWATCH_AMTOOL",
    ),
    Source(
        name="alertmanager",
        # From 0.32 on the module lacks the built web UI, and the server does not build without it.
        version="0.31.1",
        age="newest",
        recipe=GoModule(
            module="github.com/prometheus/alertmanager",
            version="v0.31.1",
            sum="h1:eAmIC42lzbWslHkMt693T36qdxfyZULswiHr681YS3Q=",
            packages={"alertmanager": "./cmd/alertmanager"},
            variables={_PROMETHEUS_VERSION: "0.31.1"},
        ),
        seconds=31,
        lost="an Alertmanager with a web UI, and UTF-8 matchers tried",
        add="put alertmanager 0.31.1 on PATH, or set MODELWATCH_ALERTMANAGER",
    ),
    Source(
        name="pint",
        version="0.87.0",
        age="newest",
        recipe=GoManifest(
            folder="pint",
            packages={"pint": "github.com/cloudflare/pint/cmd/pint"},
            variables={"main.version": "0.87.0"},
        ),
        seconds=38,
        lost="rules linted by pint, alone and against the running Prometheus",
        add="put pint 0.87.0 on PATH, or set MODELWATCH_PINT",
    ),
    Source(
        name="otelcol",
        version="0.158.0",
        age="newest",
        recipe=GoManifest(folder="otelcol", packages={"otelcol": "."}, tags=("netgo", "remove_all_sd")),
        seconds=300,
        lost="traces, span metrics and sampled, redacted logs: no Collector receives what the services send",
        add="put a Collector 0.158.0 with the components of manifests/otelcol/manifest.yaml on PATH "
        "as otelcol-modelwatch, or set MODELWATCH_OTELCOL",
    ),
    Source(
        name="jaeger",
        version="1.76.0",
        age="newest",
        recipe=GoModule(
            module="github.com/jaegertracing/jaeger",
            # Jaeger 2 is published under this number of the v1 module.
            version="v1.76.0",
            sum="h1:sWCOOF1dr+NL0PLil7mFo3BqqQL8k4WiM7aguFbc14g=",
            packages={"jaeger": "./cmd/jaeger"},
            variables={_JAEGER_VERSION: "v1.76.0"},
        ),
        seconds=190,
        # Its UI is not in the module: the query API is whole, its pages are a placeholder.
        lost="traces are received and sampled, but nothing stores and answers them",
        add="put jaeger 2 on PATH, or set MODELWATCH_JAEGER",
    ),
    Source(
        name="docker-compose",
        version="2.40.3",
        age="newest",
        recipe=GoManifest(
            folder="docker_compose",
            packages={"docker-compose": "github.com/docker/compose/v2/cmd"},
            variables={"github.com/docker/compose/v2/internal.Version": "v2.40.3"},
        ),
        seconds=95,
        lost="compose.yaml checked by the real docker compose; the stack itself also runs without containers",
        add="install Docker's compose plugin, or set MODELWATCH_DOCKER_COMPOSE",
    ),
    Source(
        name="sloth",
        version="0.16.0",
        age="newest",
        recipe=GoManifest(
            folder="sloth",
            packages={"sloth": "github.com/slok/sloth/cmd/sloth"},
            variables={"github.com/slok/sloth/internal/info.Version": "v0.16.0"},
        ),
        seconds=120,
        lost="the peer that `make bench` measures SLO rules against",
        add="put sloth 0.16.0 on PATH, or set MODELWATCH_SLOTH",
    ),
)


def part_named(name: str, parts: Iterable[Part] = PARTS) -> Part:
    """The part of that name or file name. Raises PartError, naming all there are."""
    parts = tuple(parts)
    for part in parts:
        if name in (part.name, part.binary):
            return part
    raise PartError(f"no part is called {name!r}: there are {', '.join(part.name for part in parts)}")


def sources_of(part: Part, sources: Iterable[Source] = SOURCES) -> tuple[Source, ...]:
    """The pins of a part, newest first."""
    return tuple(sorted((s for s in sources if part.name in s.programs), key=lambda s: s.age == "oldest"))
