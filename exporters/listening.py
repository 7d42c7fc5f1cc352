"""The address to listen on: parsed and bound before anything else is started."""

from __future__ import annotations

import ipaddress
import socket


class ListenError(Exception):
    """An address that is none or cannot be had. The message says how to mend it."""


def parse_listen(text: str) -> tuple[str, int]:
    """``127.0.0.1:9180`` or ``[::1]:9180`` as host and port; port 0 lets the system choose. Raises ListenError."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise ListenError(f"--listen {text!r}: is no address; write host:port, such as 127.0.0.1:9180")
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def bind(text: str) -> socket.socket:
    """A listening socket for ``text``. Raises ListenError."""
    host, port = parse_listen(text)
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind, protocol)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind(address)
            # From here on connections wait until they are taken.
            found.listen(2048)
        except OSError:
            found.close()
            raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ListenError(f"cannot listen on {text}: {reason}; choose another address with --listen") from None
    return found
