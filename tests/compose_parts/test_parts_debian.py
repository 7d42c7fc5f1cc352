"""Debian's packages, unpacked by scripts that stand for apt and dpkg; relocation and launchers for real."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.compose.parts.install import install
from modelwatch.compose.parts.locate import find
from modelwatch.compose.parts.machine import Machine
from modelwatch.compose.parts.relocate import RelocationError, launcher, relocate

Script = Callable[[Path, str], Path]
TEMPLATES = "/usr/share/prometheus/alertmanager"

# A "package" is a folder of files; unpacking copies it.
APT = r"""#!/bin/sh
printf '%s\n' "$*" >> "$REPO/calls"
for last; do :; done
case "$*" in
*" update") [ ! -f "$REPO/offline" ] || { echo "Could not resolve" >&2; exit 100; } ;;
*" download "*)
  while [ "$1" != download ]; do shift; done; shift
  for package; do
    [ -d "$REPO/$package" ] || { echo "E: Unable to locate package $package" >&2; exit 100; }
    printf '%s' "$package" > "${package}_1_all.deb"
  done ;;
esac
"""
DPKG_DEB = r"""#!/bin/sh
cat "$REPO/$(cat "$2").$3" 2>/dev/null || :
"""
DPKG = r"""#!/bin/sh
mkdir -p "$3" && cp -a "$REPO/$(cat "$2")/." "$3"
"""
SERVER = f"""#!/bin/sh
# {TEMPLATES}
case "$*" in
*--version) echo "program, version VERSION+ds" ;;
*) cat "{TEMPLATES}/default.tmpl"; echo "$@" ;;
esac
"""


@pytest.fixture
def repo(tmp_path: Path, script: Script, bare: Machine) -> Path:
    """A distribution with both packages; ``prometheus`` needs two packages for its pages."""
    folder = tmp_path / "repo"
    bin_ = tmp_path / "debian"
    for name, text in (("apt-get", APT), ("dpkg-deb", DPKG_DEB), ("dpkg", DPKG)):
        script(bin_ / name, text)
    (folder / "libjs-d3").mkdir(parents=True)
    (folder / "libjs-rickshaw" / "usr" / "share" / "javascript" / "rickshaw").mkdir(parents=True)
    (folder / "libjs-rickshaw.Depends").write_text("libjs-d3 (>= 3.3.6)\n")
    (folder / "prometheus.Depends").write_text("adduser, libjs-rickshaw, libc6 (>= 2.34)\n")
    (folder / "prometheus.Version").write_text("2.42.0+ds-5+deb12u1\n")
    (folder / "prometheus-alertmanager.Version").write_text("0.25.0-1+b4\n")
    for package, programs, version in (
        ("prometheus", ("prometheus", "promtool"), "2.42.0"),
        ("prometheus-alertmanager", ("prometheus-alertmanager", "amtool"), "0.25.0"),
    ):
        for program in programs:
            script(folder / package / "usr" / "bin" / program, SERVER.replace("VERSION", version))
    templates = folder / "prometheus-alertmanager" / TEMPLATES.lstrip("/")
    templates.mkdir(parents=True)
    (templates / "default.tmpl").write_text("the default template\n")
    return folder


@pytest.fixture
def debian(bare: Machine, repo: Path, tmp_path: Path) -> Machine:
    env = {**bare.env, "PATH": f"{tmp_path / 'debian'}:{bare.env['PATH']}", "REPO": str(repo)}
    return replace(bare, env=env)


def run(machine: Machine, *names: str) -> tuple[list[str], list[str]]:
    lines: list[str] = []
    outcomes = install(names, root=machine.root, progress=lines.append, machine=machine)
    return [outcome.state for outcome in outcomes], lines


def test_packages_are_unpacked_and_linked_without_root(debian: Machine) -> None:
    states, lines = run(debian, "prometheus-oldest", "alertmanager-oldest")
    assert states == ["ready", "ready"], lines
    for name in ("prometheus", "promtool", "alertmanager", "amtool"):
        path = find(name, "oldest", machine=debian)
        assert path is not None
        assert (debian.links / f"{name}-oldest").samefile(path) and (debian.links / name).samefile(path)


def test_apt_writes_only_to_our_folder_and_takes_nothing_unsigned(debian: Machine, repo: Path) -> None:
    run(debian, "prometheus-oldest")
    for call in (repo / "calls").read_text().splitlines():
        assert f"Dir::State={debian.cache}/tmp/" in call and f"Dir::Cache={debian.cache}/tmp/" in call
        assert "APT::Get::AllowUnauthenticated=false" in call and "Acquire::AllowInsecureRepositories=false" in call


def test_the_scripts_of_the_web_pages_come_along(debian: Machine) -> None:
    run(debian, "prometheus-oldest")
    path = find("prometheus", "oldest", machine=debian)
    assert path is not None
    assert (path.parent.parent / "root" / "usr" / "share" / "javascript" / "rickshaw").is_dir()


def test_a_page_package_that_is_gone_does_not_keep_the_program_away(debian: Machine, repo: Path) -> None:
    (repo / "prometheus.Depends").write_text("libjs-renamed, libjs-rickshaw\n")
    assert run(debian, "prometheus-oldest")[0] == ["ready"]


@pytest.mark.skipif(sys.platform != "linux", reason="Debian's programs run on Linux only")
def test_the_launched_alertmanager_reads_its_templates_from_the_unpacked_package(
    debian: Machine, tmp_path: Path
) -> None:
    run(debian, "alertmanager-oldest")
    said = subprocess.run(
        [debian.links / "alertmanager-oldest", "--config.file=a b.yaml", "--x"],
        cwd=tmp_path,
        env=dict(debian.env),
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "the default template\n--config.file=a b.yaml --x\n"


def test_the_launched_prometheus_is_given_its_pages_before_the_callers_arguments(
    debian: Machine, repo: Path, script: Script
) -> None:
    script(
        repo / "prometheus" / "usr" / "bin" / "prometheus",
        '#!/bin/sh\n[ "$1" = --version ] && echo 2.42.0\nfor a; do echo "$a"; done\n'.replace('"$1"', '"$4"'),
    )
    run(debian, "prometheus-oldest")
    path = find("prometheus", "oldest", machine=debian)
    assert path is not None
    said = subprocess.run([path, "--config.file=x"], env=dict(debian.env), capture_output=True, text=True, check=True)
    assets, _consoles, _libraries, given = said.stdout.splitlines()
    assert given == "--config.file=x"
    option, _, folder = assets.partition("=")
    assert option == "--web.local-assets"
    assert Path(folder).resolve() == path.parent.parent / "root" / "usr" / "share" / "prometheus" / "web"


def test_a_release_with_older_packages_is_refused(debian: Machine, repo: Path) -> None:
    (repo / "prometheus.Version").write_text("2.31.2+ds1-1\n")
    states, lines = run(debian, "prometheus-oldest")
    assert states == ["failed"]
    assert "this release of the distribution has 2.31.2+ds1-1, older than the oldest supported 2.42.0" in lines[-1]


def test_a_release_with_newer_packages_is_taken(debian: Machine, repo: Path, script: Script) -> None:
    (repo / "prometheus.Version").write_text("2.53.3+ds1-2\n")
    for name in ("prometheus", "promtool"):
        script(repo / "prometheus" / "usr" / "bin" / name, SERVER.replace("VERSION", "2.53.3"))
    assert run(debian, "prometheus-oldest")[0] == ["ready"]


def test_an_alertmanager_without_the_known_path_is_refused(debian: Machine, repo: Path, script: Script) -> None:
    script(
        repo / "prometheus-alertmanager" / "usr" / "bin" / "prometheus-alertmanager", "#!/bin/sh\necho version 0.25.0\n"
    )
    states, lines = run(debian, "alertmanager-oldest")
    assert states == ["failed"]
    assert f"does not hold the path {TEMPLATES}: this package differs" in lines[-1]


def test_a_broken_list_among_the_users_sources_is_no_failure_while_the_package_comes(
    debian: Machine, repo: Path
) -> None:
    (repo / "offline").touch()
    assert run(debian, "prometheus-oldest")[0] == ["ready"]


def test_a_package_that_cannot_be_had_is_a_failure_that_points_at_the_sources(debian: Machine, repo: Path) -> None:
    (repo / "prometheus").rename(repo / "other")
    states, lines = run(debian, "prometheus-oldest")
    assert states == ["failed"]
    assert "E: Unable to locate package prometheus" in lines[-1] and "apt's sources" in lines[-1]


PATHS = st.text("abcdefgh/", min_size=16, max_size=40).map(lambda text: f"/{text}")


@given(PATHS, st.binary(max_size=20), st.binary(max_size=20))
def test_relocation_keeps_the_length_of_a_program_and_everything_else_in_it(
    tmp_path_factory: pytest.TempPathFactory, path: str, before: bytes, after: bytes
) -> None:
    program = tmp_path_factory.mktemp("moved") / "program"
    program.write_bytes(before + path.encode() + after)
    relocate(program, path)
    content = program.read_bytes()
    assert len(content) == len(before) + len(path) + len(after)
    assert content.startswith(before) and content.endswith(after)
    assert content[len(before) : len(before) + len(path)].rstrip(b"/") == b"/proc/self/fd/9"


def test_a_path_too_short_to_be_replaced_is_refused(tmp_path: Path) -> None:
    (tmp_path / "program").write_bytes(b"/usr/share")
    with pytest.raises(RelocationError, match="too short"):
        relocate(tmp_path / "program", "/usr/share")


def test_a_launcher_works_from_any_folder_even_one_with_spaces(tmp_path: Path, script: Script) -> None:
    home = tmp_path / "a b"
    script(home / "root" / "usr" / "bin" / "x", '#!/bin/sh\nfor a; do echo "$a"; done\n')
    start = script(home / "bin" / "x", launcher(Path("../root/usr/bin/x"), ("--pages={root}/pages",), None))
    (tmp_path / "link").symlink_to(start)
    said = subprocess.run([tmp_path / "link", "given twice"], capture_output=True, text=True, check=True)
    assert said.stdout == f"--pages={home}/bin/../root/pages\ngiven twice\n"
