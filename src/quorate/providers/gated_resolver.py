"""Name look-ups that pass the outbound gate: a connection goes to an address that was checked, never to another."""

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import replace

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver
from yarl import URL

from quorate.core.net import Origin, OutboundGate, origin_of


def host_key(host: str, port: int) -> tuple[str, int]:
    """Return what two spellings of the same host and port have in common: IDNA form, lower case, no final dot."""
    return (URL.build(scheme="http", host=host).raw_host or host).rstrip(".").lower(), port


class GatedResolver(AbstractResolver):
    """Looks names up through `inner` and refuses (`Blocked`) any name with an address that the gate does not allow.

    One refused address refuses the name: a name that leads to a public and a private address is an attempt to get
    past the gate. The connector connects to the returned addresses, so a later look-up with another answer (DNS
    rebinding) changes nothing. `also_trusted` are further URLs that the operator wrote down (a proxy).
    """

    def __init__(
        self, gate: OutboundGate, *, inner: AbstractResolver | None = None, also_trusted: Iterable[str] = ()
    ) -> None:
        extra = frozenset(origin_of(url) for url in also_trusted)
        self._gate = replace(gate, trusted=gate.trusted | extra)
        # The connector says host and port but not the scheme; what the operator trusts is one service behind both.
        self._trusted: dict[tuple[str, int], Origin] = {
            host_key(host, port): (scheme, host, port) for scheme, host, port in self._gate.trusted
        }
        self._inner = inner
        self._made: AbstractResolver | None = None

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of `host`, all of them allowed; raise `Blocked` or `OSError`."""
        found = await self._resolver().resolve(host, port, family)
        key = host_key(host, port)
        origin = self._trusted.get(key, ("https", *key))
        for result in found:
            self._gate.check_address(origin, ipaddress.ip_address(result["host"].partition("%")[0]))
        return found

    async def close(self) -> None:
        """Close the resolver that was made here, if any; one that was passed in belongs to its maker."""
        if self._made is not None:
            await self._made.close()
            self._made = None

    def _resolver(self) -> AbstractResolver:
        if self._inner is not None:
            return self._inner
        if self._made is None:
            self._made = DefaultResolver()
        return self._made
