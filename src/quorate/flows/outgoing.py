"""The one way out for steps: HTTP requests through the outbound gate."""

from collections.abc import Mapping
from typing import Protocol

import msgspec


class OutgoingAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a server answered; `body` is at most as long as was asked for (`cut`: there was more)."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool = False


class Outgoing(Protocol):
    """Sends one request; redirects are not followed but checked anew by whoever asks."""

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
        """Return the answer. Raises `Rejected` for an address that the gate blocks, `Unavailable` if none came."""
        ...
