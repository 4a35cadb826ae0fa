"""Addresses to listen on: who can reach them, and why one could not be had."""

import errno
import os
import socket
from ipaddress import ip_address

from quorate.core.errors import Misconfigured

_PORT_S_FAULT = frozenset({errno.EADDRINUSE, errno.EACCES})


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`, an address or `localhost`; other names are not looked up."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def cannot_listen(error: OSError, host: str, port: int, *, where: str) -> Misconfigured:
    """Return what to tell about an address that the system refused: its reason, and what to choose another of."""
    # The messages of `socket` and `asyncio` repeat the address, each in its own way. A failed look-up has no number
    # of the system's.
    if error.errno is None or isinstance(error, socket.gaierror):
        reason = error.strerror or str(error)
    else:
        reason = os.strerror(error.errno)
    flag = "--port" if error.errno in _PORT_S_FAULT else "--host"
    return Misconfigured(f"cannot listen on {host}:{port}: {reason}; choose another with {flag}", where=where)
