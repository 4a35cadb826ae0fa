"""The way out for steps, over the transport that providers are reached with: the same gate, the same caps."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from quorate.core.clock import Clock, Deadline, SystemClock
from quorate.core.errors import Failure, Rejected
from quorate.core.net import OutboundGate
from quorate.flows.outgoing import OutgoingAnswer
from quorate.providers.transport import HttpRequest, HttpResponse, PhaseLimits, Transport, TransportSettings

#: Makes the transport: `Http1Transport`, `AiohttpTransport`, or whatever chooses between them.
MakeTransport = Callable[[OutboundGate, TransportSettings], Transport]

#: Nothing that a step asks for is longer, whatever it says itself; counted after decompression.
MOST_BYTES = 64 * 1024 * 1024
_ADVICE = "whoever runs this can allow the address for steps"
#: Ports of services that could take an HTTP request for a command of their own (the Fetch standard's "bad ports").
_OTHER_SERVICES = frozenset(
    (
        *(1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95),
        *(101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179),
        *(389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636),
        *(989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6379, 6566),
        *(6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080, 11211),
    )
)


class GatedOutgoing:
    """`Outgoing` over a transport of its own; a live object, closed by whoever made it.

    Public addresses only, and those of `allowed`, which the operator wrote down; never a metadata service. A name is
    looked up once and connected to where it led, no cookie is kept, no redirect followed, and no proxy is taken from
    the environment unless `settings` say so.
    """

    def __init__(
        self,
        make: MakeTransport,
        *,
        allowed: Iterable[str] = (),
        settings: TransportSettings | None = None,
        clock: Clock | None = None,
    ) -> None:
        given = settings or TransportSettings()
        most = min(given.max_response_bytes, MOST_BYTES)
        gate = OutboundGate(trusted=OutboundGate.for_base_urls(allowed).trusted, advice=_ADVICE)
        self._transport = make(gate, replace(given, max_response_bytes=most, give_redirects=True))
        self._clock = clock or SystemClock()

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        timeout_s: float,
        max_bytes: int,
    ) -> OutgoingAnswer:
        """Return the answer, its body cut at `max_bytes`.

        Raises `Rejected` for what is not sent, `Unavailable` if no answer came within `timeout_s`.
        """
        _refuse_other_services(url)
        request = HttpRequest(url=url, method=method, headers=headers, body=body)
        limits = PhaseLimits(connect_s=None, headers_s=None, idle_s=None, total_s=timeout_s)
        async with self._transport.send(request, limits, Deadline(clock=self._clock)) as response:
            kept, cut = await _read(response, min(max_bytes, MOST_BYTES))
            shown = {name.lower(): value for name, value in response.headers.items()}
            return OutgoingAnswer(status=response.status, headers=shown, body=kept, cut=cut)

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()


async def _read(response: HttpResponse, most: int) -> tuple[bytes, bool]:
    kept = bytearray()
    async for chunk in response:
        response.began()
        kept += chunk
        if len(kept) > most:
            return bytes(kept[:most]), True
    return bytes(kept), False


def _refuse_other_services(url: str) -> None:
    try:
        port = urlsplit(url).port
    except ValueError:
        return  # the gate says what is wrong with it
    if port in _OTHER_SERVICES:
        raise Rejected(
            f"port {port} belongs to a service that does not speak HTTP; nothing is sent there", failure=Failure.BLOCKED
        )
