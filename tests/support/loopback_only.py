"""Refuses what would leave this machine, for the whole process: an audit hook sees every connection and every look-up.

Nothing is patched, so it holds for asyncio, for threads and for C code alike. Unix sockets and literal addresses of the
loopback network pass. What was refused is remembered, because code under test may treat the refusal as an ordinary
connection error and carry on. Child processes are not covered.
"""

import ipaddress
import sys
from typing import cast

_LOOK_UPS = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"})
_CONNECTIONS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_WATCHED = _LOOK_UPS | _CONNECTIONS
_LOCAL_NAMES = frozenset({"", "localhost", "localhost.localdomain"})

_refused: list[str] = []
_state = {"on": False, "installed": False}


class LeftThisMachineError(RuntimeError):
    """A test tried to reach another machine."""


def start() -> None:
    """Refuse from now on. An audit hook cannot be taken out again, so it is installed once and switched."""
    if not _state["installed"]:
        sys.addaudithook(_hook)
        _state["installed"] = True
    _state["on"] = True


def stop() -> None:
    _state["on"] = False


def forget() -> list[str]:
    """What was refused since the last call."""
    refused = list(_refused)
    _refused.clear()
    return refused


def is_literal(host: str) -> bool:
    """An address in digits: looking it up asks nobody."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def is_local(host: str) -> bool:
    """A connection to it stays on this machine. The unspecified address reaches the machine itself."""
    if not is_literal(host):
        return host in _LOCAL_NAMES
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    address = mapped or address
    return address.is_loopback or address.is_unspecified


def _host(value: object) -> str | None:
    match value:
        case str():
            return value
        case bytes() | bytearray():
            return value.decode("ascii", "replace")
        case _:
            return None  # no host at all: bind to everything


def _destination(address: object) -> str | None:
    """The host of an internet socket's address; a Unix socket's (text or bytes) has none."""
    if not isinstance(address, tuple):
        return None
    return _host(cast("tuple[object, ...]", address)[0])


def _hook(event: str, args: tuple[object, ...]) -> None:
    if event not in _WATCHED or not _state["on"]:
        return
    if event in _LOOK_UPS:
        host = _host(args[0])
        allowed = host is None or is_literal(host) or host in _LOCAL_NAMES
    else:
        host = _destination(args[1])
        allowed = host is None or is_local(host)
    if not allowed:
        _refused.append(f"{event}({host!r})")
        msg = f"{event}({host!r}): tests stay on this machine"
        raise LeftThisMachineError(msg)
