"""What every exception of our own client, the socket and the TLS layer means for the caller: one table."""

import ssl

from quorate.core.errors import Failure, ProviderError, Rejected
from quorate.core.net import Blocked
from quorate.providers import error_meaning as means
from quorate.providers.error_meaning import Meaning


class NotHttp(Exception):
    """What arrived is not a valid HTTP/1.1 response, or more of it than is accepted."""


class Undecodable(Exception):
    """The body's compression is unknown or broken."""


class NoAnswer(Exception):
    """The provider closed the connection before the response's headers were there."""


class Cut(Exception):
    """The provider closed the connection before the body had ended."""


class NoSuchName(Exception):
    """The look-up of a host name failed."""


class TransportClosed(Exception):
    """Our side was closed while the request was under way, or before."""


#: What a request or a read may raise, and nothing of it reaches our callers.
RAISED = (NotHttp, Undecodable, NoAnswer, Cut, NoSuchName, TransportClosed, Blocked, OSError, ValueError, TypeError)


#: First match wins, so a class stands before its bases.
MEANINGS: tuple[tuple[type[Exception], Meaning], ...] = (
    (Blocked, means.NOT_ALLOWED),
    (NotHttp, means.NOT_HTTP),
    (Undecodable, means.NOT_DECODED),
    (NoAnswer, means.NO_ANSWER),
    (Cut, means.CUT_OFF),
    (NoSuchName, means.NO_NAME),
    (TransportClosed, means.unavailable("the transport was closed")),
    (ssl.SSLCertVerificationError, means.BAD_CERTIFICATE),
    (ssl.SSLError, means.NO_TLS),
    (TimeoutError, means.TIMED_OUT),
    (ConnectionRefusedError, means.NOT_CONNECTED),
    (ConnectionError, means.RESET),
    (OSError, means.NOT_CONNECTED),
    (ValueError, means.BAD_TEXT),
    (TypeError, means.BAD_HEADER),
)


def provider_error(error: Exception, *, in_body: bool) -> ProviderError:
    """Return our error for one of `RAISED`; `in_body` says whether the response's headers had arrived."""
    meaning = next(meaning for kind, meaning in MEANINGS if isinstance(error, kind))
    return meaning.error(_detail(error), in_body=in_body)


def refuse_redirect(status: int, target: str) -> Rejected:
    """Return the error for a redirect to `target`, a scheme and a host or empty for another path."""
    where = target or "another path of the same server"
    return Rejected(
        f"HTTP {status}: the provider redirects to {where!r}; redirects are not followed, correct base_url",
        failure=Failure.BLOCKED,
        upstream_status=status,
    )


def _detail(error: Exception) -> str:
    """Return what is safe to show and helps: our own reason or the system's word for the error."""
    if isinstance(error, (Blocked, NotHttp, Undecodable, NoSuchName)):
        return str(error)
    return (error.strerror or "") if isinstance(error, OSError) else ""
