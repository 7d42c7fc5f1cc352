"""Shared by the sidecar's tests: data sets, specs and a clock that tests turn."""

from __future__ import annotations

import sys
from pathlib import Path

# Tests are imported without packages; this folder's helpers are plain modules beside them.
sys.path.insert(0, str(Path(__file__).parent))
