"""Where parts listened before they were moved: what was said then, as a page's links, still names those places."""

from __future__ import annotations

import json
from collections.abc import Mapping

from modelwatch.compose.state import Folder, write_atomically

_LINKED = ("prometheus", "alertmanager", "jaeger", "demo", "preview")
"""Where links lead. Grafana's are not among them: what a page names is the preview, which natively has its port."""


def _file(folder: Folder) -> dict[str, str]:
    """Address -> the part that was there last. What cannot be read is as if it had never been."""
    try:
        said = json.loads((folder.home / "addresses.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(address): str(name) for address, name in said.items()} if isinstance(said, dict) else {}


def remember(folder: Folder, public: Mapping[str, str]) -> None:
    """Keep where the parts are now, beside where they were."""
    known = _file(folder)
    now = known | {public[name]: name for name in _LINKED}
    if now != known:
        write_atomically(folder.home / "addresses.json", json.dumps(now, indent=1, sort_keys=True) + "\n")


def moved(folder: Folder, public: Mapping[str, str]) -> dict[str, str]:
    """Old address -> where that part is now. An address that another part has now means that part."""
    taken = {address for name, address in public.items() if name != "grafana"}
    return {
        address: public[name]
        for address, name in sorted(_file(folder).items())
        if address not in taken and name in public
    }


def as_flag(found: Mapping[str, str]) -> str:
    """As the PagerDuty double takes it: OLD=NEW,OLD=NEW."""
    return ",".join(f"{old}={new}" for old, new in found.items())
