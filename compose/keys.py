"""Key files of the receivers: the user's own, or stand-ins that lead to the local PagerDuty double."""

from __future__ import annotations

import secrets
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from modelwatch.compose.state import Folder, RuntimeName, StackError, write_atomically
from modelwatch.model.addresses import Addresses
from modelwatch.model.types import Receiver

VARIABLE = "MODELWATCH_SECRETS_DIR"
_KEY_LENGTH = 32
_ALPHABET = string.ascii_lowercase + string.digits


@dataclass(frozen=True)
class RuntimeSecrets:
    """Where notifications go in this stack. Holds no secret.

    ``doubles`` maps a receiver's name to the URL that its notifications go to instead of the real service's, because
    the user has given no key: for a PagerDuty receiver the double's Events API, for others a webhook that is in their
    ``url_file`` already. A receiver that is not in it reaches the real service.
    """

    doubles: Mapping[str, str]
    notes: tuple[str, ...] = ()
    """One sentence for each receiver with a key: where it leads."""

    def pagerduty_url(self, receiver: str) -> str | None:
        """The Events API that a PagerDuty receiver's ``url`` must name, or None for the real one."""
        return self.doubles.get(receiver)


@dataclass(frozen=True)
class _KeyFile:
    receiver: Receiver
    path: PurePosixPath
    """As the spec has it: relative to Alertmanager's config."""
    own: Path
    """Where the user would put the real one."""


def _key_files(receivers: Iterable[Receiver], folder: Folder, environ: Mapping[str, str]) -> list[_KeyFile]:
    base = Path(environ[VARIABLE]).expanduser() if environ.get(VARIABLE) else folder.root / "secrets"
    found = []
    for receiver in receivers:
        text = receiver.key_file or receiver.url_file
        if text is None:
            continue
        path = PurePosixPath(text)
        if path.is_absolute() or ".." in path.parts or path.parts[0] != "secrets" or len(path.parts) < 2:
            raise StackError(
                f"receiver {receiver.name}: {text} is not below secrets/: this stack hands Alertmanager only files "
                f"that are, so write secrets/{path.name} in the spec and put the file into {base}"
            )
        found.append(_KeyFile(receiver, path, base.joinpath(*path.parts[1:])))
    return found


def _read(path: Path) -> str | None:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise StackError(f"cannot read {path}: {error}") from error
    if not text:
        raise StackError(f"{path} is empty: put the key there, or remove the file for the local double")
    return text


def _shown(path: Path, folder: Folder) -> str:
    return str(path.relative_to(folder.root)) if path.is_relative_to(folder.root) else str(path)


def _stand_in(file: _KeyFile, folder: Folder, url: str) -> str:
    """A key that stays the same from one start to the next, so that the double's open incidents are resolved."""
    if file.receiver.type != "pagerduty":
        return url
    kept = folder.home.joinpath("standins", *file.path.parts[1:])
    if (text := _read(kept)) is None:
        text = "".join(secrets.choice(_ALPHABET) for _ in range(_KEY_LENGTH))
        write_atomically(kept, text, mode=0o600)
    return text


def settle(
    receivers: Iterable[Receiver],
    folder: Folder,
    *,
    environ: Mapping[str, str],
    addresses: Addresses,
    runtime: RuntimeName,
) -> RuntimeSecrets:
    """Put a key file beside Alertmanager's config for each receiver that needs one, and say where each leads.

    Containers run as other users: for them a file is readable, inside a folder that only this user can enter.
    Raises StackError for a path that the stack cannot serve and for a file that it cannot read.
    """
    double, shown = f"http://{addresses.internal['pagerduty']}", f"http://{addresses.public['pagerduty']}"
    mode = 0o600 if runtime == "native" else 0o644
    doubles: dict[str, str] = {}
    notes = []
    wanted = set()
    for file in _key_files(receivers, folder, environ):
        name, kind = file.receiver.name, file.receiver.type
        text = _read(file.own)
        if text is None:
            path = "/v2/enqueue" if kind == "pagerduty" else f"/webhooks/{name}"
            doubles[name] = double + path
            text = _stand_in(file, folder, doubles[name])
            what = "No PagerDuty key" if kind == "pagerduty" else "No URL"
            goes = "pages go" if kind == "pagerduty" else "its notifications go"
            notes.append(f"{what} in {_shown(file.own, folder)} ({name}): {goes} to the local double at {shown}")
        elif kind == "pagerduty":
            odd = (
                ""
                if len(text) == _KEY_LENGTH
                else f" (it has {len(text)} characters; integration keys have {_KEY_LENGTH})"
            )
            notes.append(f"{_shown(file.own, folder)} ({name}): pages go to the real PagerDuty{odd}")
        else:
            notes.append(f"{_shown(file.own, folder)} ({name}): notifications go to the URL in it")
        target = folder.config.joinpath("alertmanager", *file.path.parts)
        wanted.add(target)
        if not _same(target, text, mode):
            write_atomically(target, text, mode=mode)
    for old in folder.secrets.rglob("*"):
        if old.is_file() and old not in wanted:
            old.unlink()
    return RuntimeSecrets(doubles, tuple(notes))


def _same(path: Path, text: str, mode: int) -> bool:
    try:
        return path.read_text(encoding="utf-8") == text and (path.stat().st_mode & 0o777) == mode
    except OSError:
        return False
