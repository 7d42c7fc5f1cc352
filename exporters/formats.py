"""What other versions of modelwatch have written: read where it can be, and never taken for damage."""

from __future__ import annotations

from collections.abc import Collection


class OtherFormatError(ValueError):
    """Whole and sound, but of a format that this version cannot read."""


def checked_format(found: object, known: Collection[str]) -> None:
    """Raises OtherFormatError, and ValueError for what is no format at all."""
    if found in known:
        return
    if not isinstance(found, str):
        raise ValueError("does not say what format it has")
    raise OtherFormatError(
        f"was written by another version of modelwatch (format {found[:100]!r}; this one reads {' and '.join(known)})"
    )
