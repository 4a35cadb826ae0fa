"""Addresses of host names: looked up, passed through the outbound gate, kept for ten seconds."""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from quorate.core.net import Origin, OutboundGate
from quorate.providers.http1_errors import NoSuchName
from quorate.providers.http1_target import HttpTarget, read_address, same_host

_KEPT_S = 10.0
_MOST_KEPT = 1024


class Resolver(Protocol):
    """Looks a name up."""

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of `host`, a link-local one with its zone; raise `OSError`."""
        ...


class SystemResolver:
    """The machine's own look-up, in a thread."""

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """See `Resolver`."""
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
        return [_text(sockaddr) for _, _, _, _, sockaddr in found]


def _text(sockaddr: Sequence[object]) -> str:
    """Return a socket's address with its zone; only IPv6 has one (RFC 3493)."""
    zone = sockaddr[3] if len(sockaddr) == 4 else 0  # noqa: PLR2004 - address, port, flow, zone
    return f"{sockaddr[0]}%{zone}" if zone else str(sockaddr[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    until: float
    addresses: tuple[str, ...]


class GatedNames:
    """A live object: look-ups of one event loop, each made once for all who ask at the same time.

    One refused address refuses the name: a name that leads to a public and a private address is an attempt to get
    past the gate. Connections go to the returned addresses, so a later look-up with another answer (DNS rebinding)
    changes nothing.
    """

    def __init__(self, gate: OutboundGate, resolver: Resolver) -> None:
        self._gate = replace(gate, trusted=gate.trusted | {same_host(origin) for origin in gate.trusted})
        self._resolver = resolver
        self._kept: dict[Origin, _Kept] = {}
        self._flying: dict[Origin, asyncio.Future[None]] = {}

    async def addresses(self, target: HttpTarget) -> tuple[str, ...]:
        """Return the addresses of a target, all of them allowed; raise `Blocked`, `NoSuchName` or `ValueError`."""
        if target.literal:
            self._check(target, (target.host,))
            return (target.host,)
        loop = asyncio.get_running_loop()
        while True:
            kept = self._kept.get(target.origin)
            if kept is not None and loop.time() < kept.until:
                return kept.addresses
            flying = self._flying.get(target.origin)
            if flying is None:
                return await self._look_up(target, loop)
            await asyncio.shield(flying)

    async def _look_up(self, target: HttpTarget, loop: asyncio.AbstractEventLoop) -> tuple[str, ...]:
        """Look up, and let those who wait look at the result: after a failure or a cancellation one of them tries."""
        flying = self._flying[target.origin] = loop.create_future()
        try:
            found = tuple(await self._resolver.addresses(target.host, target.origin[2]))
            self._check(target, found)
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[target.origin] = _Kept(until=loop.time() + _KEPT_S, addresses=found)
        except OSError as error:
            raise NoSuchName(error.strerror or "") from error
        finally:
            del self._flying[target.origin]
            flying.set_result(None)
        return found

    def _check(self, target: HttpTarget, addresses: Sequence[str]) -> None:
        if not addresses:
            raise NoSuchName("it has no address")
        origin = same_host(target.origin)
        for address in addresses:
            read = read_address(address)
            if read is None:
                raise NoSuchName("its address cannot be read")
            self._gate.check_address(origin, read)
