"""What a load of specs and profiles has changed, in one line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def changes(before: Mapping[str, object], now: Mapping[str, object], missing: Iterable[str]) -> str:
    """Layouts by model; ``missing`` are models without the profile that their spec names."""
    lists = {
        "new": [name for name in now if name not in before],
        "changed": [name for name in now if name in before and now[name] is not before[name]],
        "no longer watched": [name for name in before if name not in now],
    }
    parts = [f"{what}: {', '.join(names)}" for what, names in lists.items() if names] or ["nothing changed"]
    if lacking := sorted(missing):
        parts.append(f"without the profile that the spec names: {', '.join(lacking)}")
    return f"{len(now)} model{'s' * (len(now) != 1)}, {'; '.join(parts)}"
