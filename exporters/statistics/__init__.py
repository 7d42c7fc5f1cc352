"""The drift methods, by the name that a spec and the label ``method`` give them. One file each."""

from __future__ import annotations

from collections.abc import Mapping

from modelwatch.exporters.statistics.jensen_shannon import JensenShannon
from modelwatch.exporters.statistics.method import Counts, Method
from modelwatch.exporters.statistics.psi import Psi

METHODS: Mapping[str, Method] = {method.name: method for method in (Psi(), JensenShannon())}

__all__ = ["METHODS", "Counts", "Method"]
