"""A server that is told something: where it is, how it is reached, what messages to it are signed with."""

from dataclasses import dataclass

from quorate.core.secret import Secret
from quorate.flows.outgoing import Outgoing

#: Seconds that sending one message may take.
USUAL_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageTarget:
    """Where messages go. Without a `secret` they are not signed. `outgoing` says what may be reached."""

    url: str
    outgoing: Outgoing
    secret: Secret | None = None
    timeout_s: float = USUAL_TIMEOUT_S
