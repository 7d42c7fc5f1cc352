"""Lay this Python, its packages and the libraries that they load into a folder: the root of an image from nothing.

Used by container_trial.sh, where no image can be pulled. Our own package is left out: the image brings it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

# Large, and of no use to what runs in a container.
UNUSED = ("test", "idlelib", "lib2to3", "config-*", "__pycache__", "playwright*", "mypy*", "*__mypyc*", "ruff*", "*.a")
OURS = ("*modelwatch*", "*.pth")


def libraries(files: list[Path]) -> set[Path]:
    """What the loader would open for these, wherever it is."""
    said = subprocess.run(["ldd", *files], capture_output=True, text=True, check=False).stdout
    return {Path(path) for path in re.findall(r"(?:=> |^\s+)(/\S+) \(0x", said, re.MULTILINE)}


def main(root: Path) -> None:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    stdlib, packages = Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("purelib"))
    local = root / "usr" / "local"
    (local / "bin").mkdir(parents=True)
    program = local / "bin" / version
    shutil.copy2(Path(sys.base_prefix) / "bin" / version, program)
    (local / "bin" / "python").symlink_to(version)
    pip = local / "bin" / "pip"
    pip.write_text("#!/usr/local/bin/python\nimport sys\nfrom pip._internal.cli.main import main\nsys.exit(main())\n")
    pip.chmod(0o755)
    inside = local / "lib" / version
    shutil.copytree(stdlib, inside, ignore=shutil.ignore_patterns("site-packages", *UNUSED), symlinks=True)
    shutil.copytree(packages, inside / "site-packages", ignore=shutil.ignore_patterns(*OURS, *UNUSED), symlinks=True)
    loaded = [program, *(path for path in local.rglob("*.so*") if path.is_file())]
    for path in libraries(loaded):
        if not path.is_relative_to(root):
            there = root / path.relative_to("/")
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, there)
    subprocess.run(["chroot", root, "/usr/local/bin/python", "-c", "import numpy, pyarrow, sklearn"], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
