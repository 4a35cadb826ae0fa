"""What every exception of aiohttp, asyncio, the socket and the TLS layer means for the caller: one table."""

import ssl
from dataclasses import dataclass

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError, HttpProcessingError, TransferEncodingError

from quorate.core.errors import Failure, Malformed, ProviderError, Rejected, Unavailable
from quorate.core.net import Blocked

#: What a request or a read may raise, and nothing of it reaches our callers. `RuntimeError`: a closed session.
RAISED = (aiohttp.ClientError, HttpProcessingError, OSError, EOFError, ValueError, TypeError, RuntimeError, Blocked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """The error to raise; `text` says what happened. A `cuts` meaning becomes CUT_STREAM once the body has begun."""

    kind: type[ProviderError]
    failure: Failure
    text: str
    cuts: bool = False


def _unavailable(text: str) -> Meaning:
    return Meaning(kind=Unavailable, failure=Failure.TRANSIENT, text=text, cuts=True)


def _blocked(text: str) -> Meaning:
    return Meaning(kind=Rejected, failure=Failure.BLOCKED, text=text)


def _malformed(text: str) -> Meaning:
    return Meaning(kind=Malformed, failure=Failure.MALFORMED, text=text)


#: First match wins, so a class stands before its bases.
MEANINGS: tuple[tuple[type[Exception], Meaning], ...] = (
    (Blocked, _blocked("the address is not allowed")),
    (aiohttp.ClientConnectorCertificateError, _blocked("the certificate was not accepted; set ca_file if it is yours")),
    (ssl.SSLCertVerificationError, _blocked("the certificate was not accepted; set ca_file if it is yours")),
    (aiohttp.ServerFingerprintMismatch, _blocked("the certificate is not the expected one")),
    (aiohttp.ClientSSLError, _unavailable("the TLS connection failed")),
    (ssl.SSLError, _unavailable("the TLS connection failed")),
    (aiohttp.ClientProxyConnectionError, _unavailable("the proxy could not be reached")),
    (aiohttp.ClientHttpProxyError, _unavailable("the proxy refused the connection")),
    (aiohttp.ClientConnectorDNSError, _unavailable("the host name could not be looked up")),
    (aiohttp.ClientConnectorError, _unavailable("the connection failed")),
    (aiohttp.InvalidURL, _blocked("the URL cannot be used")),
    (aiohttp.NonHttpUrlClientError, _blocked("the URL is neither http nor https")),
    (aiohttp.RedirectClientError, _blocked("the provider redirected")),
    (aiohttp.TooManyRedirects, _blocked("the provider redirected")),
    (aiohttp.ClientPayloadError, _unavailable("the connection ended before the answer did")),
    (aiohttp.ClientResponseError, _malformed("the response is not valid HTTP")),
    (HttpProcessingError, _malformed("the response is not valid HTTP")),
    (aiohttp.WSMessageTypeError, _malformed("the response is not valid HTTP")),
    (aiohttp.ServerDisconnectedError, _unavailable("the provider closed the connection without an answer")),
    (TimeoutError, _unavailable("the connection timed out")),
    (ConnectionError, _unavailable("the connection was reset")),
    (aiohttp.ClientError, _unavailable("the connection failed")),
    (OSError, _unavailable("the connection failed")),
    (EOFError, _unavailable("the connection ended")),
    (ValueError, _blocked("the request cannot be sent: its URL, headers or key hold characters that HTTP forbids")),
    (TypeError, _blocked("the request cannot be sent: a header is not text")),
    (RuntimeError, _unavailable("the transport is closed or cannot be used here")),
)


def provider_error(error: Exception, *, in_body: bool) -> ProviderError:
    """Return our error for one of `RAISED`; `in_body` says whether the response's headers had arrived."""
    meaning = _meaning(error)
    failure = Failure.CUT_STREAM if in_body and meaning.cuts else meaning.failure
    detail = _detail(error)
    return meaning.kind(f"{meaning.text} ({detail})" if detail else meaning.text, failure=failure)


def _meaning(error: Exception) -> Meaning:
    if isinstance(error, aiohttp.ClientPayloadError) and _undecodable(error):
        return _malformed("the body cannot be decoded")
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
