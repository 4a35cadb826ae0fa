"""Opens connections: to a checked address and no other, with TLS where the URL says so."""

import asyncio
import socket
import ssl
from collections.abc import Callable

from aiohappyeyeballs import start_connection  # pyright: ignore[reportUnknownVariableType] - its tuples are bare

from quorate.core.errors import Failure, Rejected
from quorate.providers.http1_connection import Connection
from quorate.providers.http1_names import GatedNames
from quorate.providers.http1_target import HttpTarget, read_address
from quorate.providers.transport import TransportSettings

#: How long one address may take before the next one is tried beside it (RFC 8305 section 5).
_NEXT_ADDRESS_S = 0.25
#: An address as `getaddrinfo` says it: family, type, protocol, name, and what `connect` takes.
_AddressInfo = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]


class TlsContexts:
    """A live holder of the one TLS context, which takes 30 ms to make, in a thread, when first needed."""

    def __init__(self, settings: TransportSettings) -> None:
        self._settings = settings
        self._made: ssl.SSLContext | None = None

    async def get(self) -> ssl.SSLContext:
        """Return the context; raise `Rejected` for a `ca_file` that cannot be read."""
        if self._made is None:
            made = await asyncio.to_thread(self._make)
            self._made = self._made or made
        return self._made

    def _make(self) -> ssl.SSLContext:
        path = self._settings.ca_file if self._settings.verify else None
        try:
            context = ssl.create_default_context(cafile=path)
        except OSError as error:
            raise Rejected(
                f"ca_file {path!r} cannot be read as certificates: {error}", failure=Failure.BLOCKED
            ) from None
        if not self._settings.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["http/1.1"])
        return context


async def connect(
    target: HttpTarget, names: GatedNames, tls: TlsContexts, on_lost: Callable[[Connection], None]
) -> Connection:
    """Return a connection that stands; raise `Blocked`, `NoSuchName`, `Rejected`, `OSError` or `ValueError`."""
    loop = asyncio.get_running_loop()
    context = await tls.get() if target.tls else None
    addresses = await names.addresses(target)
    infos = [_address_info(address, target.origin[2]) for address in addresses]
    try:
        stream = await start_connection(infos, happy_eyeballs_delay=_NEXT_ADDRESS_S, interleave=1, loop=loop)
    except RuntimeError as error:  # uvloop's word for some failed connections
        raise ConnectionError from error
    try:
        _, connection = await loop.create_connection(
            lambda: Connection(loop, target.origin, on_lost),
            sock=stream,
            ssl=context,
            server_hostname=target.host.rstrip(".").partition("%")[0] if context is not None else None,
        )
    except BaseException:
        stream.close()
        raise
    return connection


def _address_info(address: str, port: int) -> _AddressInfo:
    """Return what `getaddrinfo` would say of an address, without asking it."""
    text, _, zone = address.partition("%")
    read = read_address(text)
    if read is None or read.version == 4:  # noqa: PLR2004 - IPv4
        return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (text, port))
    scope = int(zone) if zone.isdigit() else socket.if_nametoindex(zone) if zone else 0
    return (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (text, port, 0, scope))
