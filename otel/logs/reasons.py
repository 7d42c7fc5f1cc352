"""Why lines cannot be written, in words for the one who mends it."""

from __future__ import annotations

import os
from pathlib import Path


def reason(error: BaseException) -> str:
    """What the system says. Of an error that is not its own only the type: a message may quote the line."""
    if not isinstance(error, OSError) or not error.strerror:
        return type(error).__name__
    if isinstance(error, FileExistsError | NotADirectoryError) and isinstance(
        error.filename, str | bytes | os.PathLike
    ):
        path = Path(os.fsdecode(error.filename))
        file = next((one for one in (path, *path.parents) if one.exists() and not one.is_dir()), None)
        if file is not None:
            return f"{file} is a file where a folder is wanted"
    return error.strerror.lower()
