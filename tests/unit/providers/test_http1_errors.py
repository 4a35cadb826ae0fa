"""Every exception of the layers below becomes one of ours, and says nothing it should not."""

import asyncio
import socket
import ssl

import pytest

from quorate.core.errors import Failure, Malformed, ProviderError, Rejected, Unavailable
from quorate.core.net import Blocked
from quorate.providers import http1_errors
from quorate.providers.http1_connection import Connection
from quorate.providers.http1_errors import RAISED, Cut, NoAnswer, NoSuchName, NotHttp, provider_error
from standard_errors import derived

OURS = [
    value
    for value in vars(http1_errors).values()
    if isinstance(value, type) and issubclass(value, Exception) and value.__module__ == http1_errors.__name__
]
LOWER = [
    *OURS,
    *(value for value in vars(ssl).values() if isinstance(value, type) and issubclass(value, Exception)),
    socket.gaierror,
    socket.herror,
    *derived(OSError, ConnectionError),
    ValueError,
    UnicodeError,
    TypeError,
    asyncio.TimeoutError,
    Blocked,
]


@pytest.mark.parametrize("in_body", [False, True])
@pytest.mark.parametrize("kind", sorted(set(LOWER), key=str), ids=str)
def test_every_lower_exception_has_a_meaning(kind: type[Exception], in_body: bool) -> None:
    assert issubclass(kind, RAISED), f"{kind} would escape"
    error = provider_error(kind.__new__(kind), in_body=in_body)
    assert isinstance(error, ProviderError)
    assert error.message


@pytest.mark.parametrize(
    ("error", "kind", "failure", "in_body"),
    [
        (ConnectionRefusedError(111, "Connection refused"), Unavailable, Failure.TRANSIENT, Failure.CUT_STREAM),
        (ConnectionResetError(104, "reset"), Unavailable, Failure.TRANSIENT, Failure.CUT_STREAM),
        (NoAnswer(), Unavailable, Failure.TRANSIENT, Failure.CUT_STREAM),
        (Cut(), Unavailable, Failure.TRANSIENT, Failure.CUT_STREAM),
        (NoSuchName("no"), Unavailable, Failure.TRANSIENT, Failure.CUT_STREAM),
        (ssl.SSLCertVerificationError("x"), Rejected, Failure.BLOCKED, Failure.BLOCKED),
        (ssl.SSLError("x"), Unavailable, Failure.TRANSIENT, Failure.CUT_STREAM),
        (NotHttp("x"), Malformed, Failure.MALFORMED, Failure.MALFORMED),
        (Blocked("no"), Rejected, Failure.BLOCKED, Failure.BLOCKED),
        (ValueError("Bearer sk-1"), Rejected, Failure.BLOCKED, Failure.BLOCKED),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_meanings(error: Exception, kind: type[ProviderError], failure: Failure, in_body: Failure) -> None:
    before = provider_error(error, in_body=False)
    assert (type(before), before.failure) == (kind, failure)
    assert provider_error(error, in_body=True).failure is in_body
    assert "sk-1" not in before.message


async def test_whatever_ends_a_connection_is_told() -> None:
    """An event loop may report an error of any class; none of them makes a cut body a whole one."""
    connection = Connection(asyncio.get_running_loop(), ("http", "127.0.0.1", 1), lambda _: None)
    connection.connection_made(asyncio.Transport())
    with pytest.raises(NotImplementedError):  # the bare transport cannot write, but the request has begun
        connection.send(b"", b"", bodiless=False)
    connection.data_received(b"HTTP/1.1 200 OK\r\n\r\nhello")
    connection.connection_lost(RuntimeError("of another kind"))
    assert isinstance(connection.failure, ConnectionError)
    assert not connection.response.complete
    assert connection.take() == b"hello"
