"""How every real program of the stack is had, pinned, checked, cached and found. See the README of this folder."""

from modelwatch.compose.parts.install import all_names, core_names, describe, install, plan
from modelwatch.compose.parts.locate import Version, find
from modelwatch.compose.parts.status import Absent, Building, Failed, PartStatus, Ready, Unavailable, status
from modelwatch.compose.parts.table import PartError

__all__ = [
    "Absent",
    "Building",
    "Failed",
    "PartError",
    "PartStatus",
    "Ready",
    "Unavailable",
    "Version",
    "all_names",
    "core_names",
    "describe",
    "find",
    "install",
    "plan",
    "status",
]
