"""What every exception of aiohttp, asyncio, the socket and the TLS layer means for the caller: one table."""

import ssl

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError, HttpProcessingError, TransferEncodingError

from quorate.core.errors import ProviderError
from quorate.core.net import Blocked
from quorate.providers import error_meaning as means
from quorate.providers.error_meaning import Meaning

#: What a request or a read may raise, and nothing of it reaches our callers. `RuntimeError`: a closed session.
RAISED = (aiohttp.ClientError, HttpProcessingError, OSError, EOFError, ValueError, TypeError, RuntimeError, Blocked)


#: First match wins, so a class stands before its bases.
MEANINGS: tuple[tuple[type[Exception], Meaning], ...] = (
    (Blocked, means.NOT_ALLOWED),
    (aiohttp.ClientConnectorCertificateError, means.BAD_CERTIFICATE),
    (ssl.SSLCertVerificationError, means.BAD_CERTIFICATE),
    (aiohttp.ServerFingerprintMismatch, means.blocked("the certificate is not the expected one")),
    (aiohttp.ClientSSLError, means.NO_TLS),
    (ssl.SSLError, means.NO_TLS),
    (aiohttp.ClientProxyConnectionError, means.unavailable("the proxy could not be reached")),
    (aiohttp.ClientHttpProxyError, means.unavailable("the proxy refused the connection")),
    (aiohttp.ClientConnectorDNSError, means.NO_NAME),
    (aiohttp.ClientConnectorError, means.NOT_CONNECTED),
    (aiohttp.InvalidURL, means.blocked("the URL cannot be used")),
    (aiohttp.NonHttpUrlClientError, means.blocked("the URL is neither http nor https")),
    (aiohttp.RedirectClientError, means.blocked("the provider redirected")),
    (aiohttp.TooManyRedirects, means.blocked("the provider redirected")),
    (aiohttp.ClientPayloadError, means.CUT_OFF),
    (aiohttp.ClientResponseError, means.NOT_HTTP),
    (HttpProcessingError, means.NOT_HTTP),
    (aiohttp.WSMessageTypeError, means.NOT_HTTP),
    (aiohttp.ServerDisconnectedError, means.NO_ANSWER),
    (TimeoutError, means.TIMED_OUT),
    (ConnectionError, means.RESET),
    (aiohttp.ClientError, means.NOT_CONNECTED),
    (OSError, means.NOT_CONNECTED),
    (EOFError, means.unavailable("the connection ended")),
    (ValueError, means.BAD_TEXT),
    (TypeError, means.BAD_HEADER),
    (RuntimeError, means.unavailable("the transport is closed or cannot be used here")),
)


def provider_error(error: Exception, *, in_body: bool) -> ProviderError:
    """Return our error for one of `RAISED`; `in_body` says whether the response's headers had arrived."""
    return _meaning(error).error(_detail(error), in_body=in_body)


def _meaning(error: Exception) -> Meaning:
    if isinstance(error, aiohttp.ClientPayloadError) and _undecodable(error):
        return means.NOT_DECODED
    return next(meaning for kind, meaning in MEANINGS if isinstance(error, kind))


def _undecodable(error: BaseException) -> bool:
    """Whether the body was wrong rather than cut; aiohttp wraps both into the same class."""
    cause = error.__cause__ or error.__context__
    return isinstance(cause, ContentEncodingError | TransferEncodingError) and "Not enough data" not in str(cause)


def _detail(error: Exception) -> str:
    """Return what is safe to show and helps: the gate's reason or the system's word for the error."""
    if isinstance(error, Blocked):
        return str(error)
    inner = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return (inner.strerror or "") if isinstance(inner, OSError) else ""
