"""What make says to a newcomer."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_first_make_says_how_long_it_takes_before_it_begins(tmp_path: Path) -> None:
    """With a Python that ends before anything is made."""
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\n[ "$1" = -c ]\n')
    python.chmod(0o755)
    environment = tmp_path / "environment"
    command = ["make", f"PYTHON={python}", f"VENV={environment}", f"{environment}/.ready"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert "once: a minute, or several" in done.stdout
    assert "install python3-venv" in done.stdout
    assert done.returncode == 2 and not environment.exists()
