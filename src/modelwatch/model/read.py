"""Bytes of a file -> text with lines. Never raises for what is on the disk."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from modelwatch.model import codes
from modelwatch.model.diagnostics import Diagnostic
from modelwatch.model.tree import Span

# A spec of a thousand features takes 100 kB; what is larger was not written as a spec.
MAX_BYTES = 4 * 1024 * 1024

_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_NOT_PRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Text:
    """A decoded file. ``lines`` are without their ends."""

    file: str
    content: str
    lines: tuple[str, ...]

    def diagnostic(self, code: str, span: Span, message: str, help: str = "") -> Diagnostic:
        line = self.lines[span.line - 1] if 0 < span.line <= len(self.lines) else ""
        return Diagnostic(self.file, span.line, span.column, code, "error", message, help, line, span.length)


def read_file(path: Path) -> Text | Diagnostic:
    """The file's text, or why there is none."""
    file = str(path)
    try:
        if path.is_dir():
            return _unreadable(file, "this is a folder", "a spec is a file; give the folder another name")
        if path.exists() and not path.is_file():
            # A pipe would wait forever for someone to write to it.
            return _unreadable(file, "this is not a regular file", "a spec is a plain file")
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return _unreadable(file, f"cannot read this file: {reason.lower()}", "check its path and permissions")
    if len(raw) > MAX_BYTES:
        return _unreadable(file, f"this file is larger than {MAX_BYTES // 1024 // 1024} MiB", "a spec is a short file")
    return decode(file, raw)


_MARKS = (
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


def decode(file: str, raw: bytes) -> Text | Diagnostic:
    """UTF-8 with or without a byte order mark; UTF-16 and UTF-32 with one, as YAML allows."""
    encoding = next((name for mark, name in _MARKS if raw.startswith(mark)), "utf-8-sig")
    try:
        content = raw.decode(encoding)
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode(encoding, "replace")
        span, name = _end(before), encoding.removesuffix("-sig").upper()
        message = f"byte 0x{raw[error.start]:02x} is not {name} text"
        line = _LINE_BREAK.split(before)[-1]
        help = "save the file as UTF-8"
        return Diagnostic(file, span.line, span.column, codes.ENCODING, "error", message, help, line)
    text = Text(file, content, tuple(_LINE_BREAK.split(content)))
    strange = _NOT_PRINTABLE.search(content)
    if strange:
        message = f"control character U+{ord(strange.group()):04X}"
        return text.diagnostic(codes.ENCODING, _end(content[: strange.start()]), message, "remove it")
    return text


def _unreadable(file: str, message: str, help: str) -> Diagnostic:
    return Diagnostic(file, 1, 1, codes.UNREADABLE, "error", message, help)


def _end(text: str) -> Span:
    lines = _LINE_BREAK.split(text)
    return Span(len(lines), len(lines[-1]) + 1)
