"""From a request to a principal."""

import re
from collections.abc import Container

from quorate.access.permission import Scope
from quorate.access.principal import OPERATOR, Principal
from quorate.core.errors import Forbidden
from quorate.server.inbound import Inbound
from quorate.server.services import Services

_LOOPBACK_HOST = re.compile(rb"(?:127\.\d{1,3}\.\d{1,3}\.\d{1,3}|localhost|\[::1\])(?::\d{1,5})?", re.IGNORECASE)

#: Of an origin so much is repeated: it may be of any length.
_SHOWN = 100

#: Who asks a gateway that runs without keys, which it does on a loopback address only.
ANYBODY = Principal(tenant=OPERATOR, scopes=frozenset(Scope))


def authenticate(services: Services, inbound: Inbound) -> Principal:
    """Return who asks; raises `Unauthenticated`, or `RateLimited` after too many wrong keys.

    Without keys the request has to name this machine: a web page whose host name was made to lead here (DNS rebinding)
    could otherwise spend the operator's money through a browser on it. So could a page that sends a form, which no
    browser asks about before: what comes from another origin is refused. Raises `Forbidden` for both.
    """
    keys = services.keys
    if keys is None:
        if not _names_this_machine(inbound.host):
            raise Forbidden("this gateway asks for no key, so it answers only under 127.0.0.1, localhost or [::1]")
        _require_no_strange_page(inbound, services.settings.cors_origins)
        return ANYBODY
    return keys.authenticate(inbound.authorization, inbound.peer, inbound.api_key)


def _names_this_machine(host: bytes | None) -> bool:
    """Whether a Host header is one of this machine's own; none at all is, as no browser leaves it out."""
    return host is None or _LOOPBACK_HOST.fullmatch(host) is not None


def _require_no_strange_page(inbound: Inbound, allowed: Container[str]) -> None:
    """Raise `Forbidden` for what a browser sends on behalf of a page that is neither ours nor allowed.

    Other programs send neither of the two headers. `null` is the origin of pages that hide theirs.
    """
    if inbound.origin is not None:
        origin = inbound.origin.decode("latin-1")
        host = "" if inbound.host is None else inbound.host.decode("latin-1").lower()
        strange = origin not in {f"http://{host}", f"https://{host}"} and origin not in allowed
        page = f"a page of {origin[:_SHOWN]!r}"
    else:
        strange = inbound.sec_fetch_site == b"cross-site"
        page = "a page of another site"
    if strange:
        raise Forbidden(
            f"this gateway asks for no key, so {page} may not use it; list its origin in server.cors_origins, or ask "
            "for keys"
        )
