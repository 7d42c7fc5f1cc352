"""What the rest of this package may know of the machine: folders, environment, clock and which tools it has."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from modelwatch.compose.parts.table import DebianPackage, Source

_NO_GO = "no Go on PATH to build it with: install Go 1.26 or newer"
_NO_APT = "no apt-get and dpkg here: it is unpacked from a Debian or Ubuntu package"


@dataclass(frozen=True)
class Machine:
    """``root`` is the working folder: links go to its .tools/bin. ``cache`` is the user's, for all working folders."""

    root: Path
    env: Mapping[str, str]
    clock: Callable[[], float] = time.time
    """Seconds since the epoch."""

    @classmethod
    def here(cls, root: Path | None = None) -> Machine:
        return cls(root=(root or Path.cwd()).absolute(), env=dict(os.environ))

    @property
    def cache(self) -> Path:
        base = self.env.get("XDG_CACHE_HOME") or Path(self.env.get("HOME") or Path.home()) / ".cache"
        return Path(base).absolute() / "modelwatch" / "tools"

    @property
    def links(self) -> Path:
        return self.root / ".tools" / "bin"

    def holds(self, path: Path) -> bool:
        """Whether a path, or what it links to, is in our cache."""
        return path.resolve().is_relative_to(self.cache.resolve())

    def which(self, name: str) -> Path | None:
        found = shutil.which(name, path=self.env.get("PATH", ""))
        return Path(found).absolute() if found else None

    def expand(self, folder: str) -> Path:
        """The folder, with ~ as the user's home."""
        return Path(folder.replace("~", self.env.get("HOME") or str(Path.home()), 1))

    def why_not(self, source: Source) -> str | None:
        """Why this machine cannot have the source at all, and what would mend it; None when it can be tried."""
        if isinstance(source.recipe, DebianPackage):
            return None if self.which("apt-get") and self.which("dpkg") and self.which("dpkg-deb") else _NO_APT
        return None if self.which("go") else _NO_GO

    def toolchain(self, source: Source) -> str:
        """What besides the recipe decides how the programs come out: Go's version, or the distribution's."""
        if isinstance(source.recipe, DebianPackage):
            try:
                release = platform.freedesktop_os_release()
            except OSError:
                return "unknown"
            # Debian's testing has no VERSION_ID.
            number = release.get("VERSION_ID") or release.get("VERSION_CODENAME") or "unknown"
            return f"{release.get('ID', 'unknown')}-{number}"
        try:
            answer = subprocess.run(
                ["go", "env", "GOVERSION"], env=dict(self.env), capture_output=True, text=True, timeout=60, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return "unknown"
        return answer.stdout.strip() or "unknown"

    @property
    def platform(self) -> str:
        return f"{sys.platform}-{platform.machine()}"
