"""Keeps numpy's linear algebra to one thread: products are small here, and threads that wait cost more."""

from __future__ import annotations

import os


def one_thread() -> None:
    """To be called before numpy is imported; what somebody has set stays."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
