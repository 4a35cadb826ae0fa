"""From a request to a principal."""

import re

from quorate.access.permission import Scope
from quorate.access.principal import OPERATOR, Principal
from quorate.core.errors import Forbidden
from quorate.server.inbound import Inbound
from quorate.server.services import Services

_LOOPBACK_HOST = re.compile(rb"(?:127\.\d{1,3}\.\d{1,3}\.\d{1,3}|localhost|\[::1\])(?::\d{1,5})?", re.IGNORECASE)

#: Who asks a gateway that runs without keys, which it does on a loopback address only.
ANYBODY = Principal(tenant=OPERATOR, scopes=frozenset(Scope))


def authenticate(services: Services, inbound: Inbound) -> Principal:
    """Return who asks; raises `Unauthenticated`, or `RateLimited` after too many wrong keys.

    Without keys the request has to name this machine: a web page whose host name was made to lead here (DNS rebinding)
    could otherwise spend the operator's money through a browser on it. Raises `Forbidden` for any other name.
    """
    keys = services.keys
    if keys is None:
        if not _names_this_machine(inbound.host):
            raise Forbidden("this gateway asks for no key, so it answers only under 127.0.0.1, localhost or [::1]")
        return ANYBODY
    return keys.authenticate(inbound.authorization, inbound.peer, inbound.api_key)


def _names_this_machine(host: bytes | None) -> bool:
    """Whether a Host header is one of this machine's own; none at all is, as no browser leaves it out."""
    return host is None or _LOOPBACK_HOST.fullmatch(host) is not None
