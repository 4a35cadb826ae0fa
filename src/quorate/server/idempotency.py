"""`Idempotency-Key`: a request that is sent again gets the first answer, and nothing happens twice."""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any, Protocol, assert_never, runtime_checkable

import msgspec

from quorate.core.errors import Conflict, InvalidRequest, Unprocessable
from quorate.core.tasks import background
from quorate.server.route import Answer, Exchange, Route
from quorate.storage.answer_store import Begun, DifferentBody, InProgress, Replay
from quorate.storage.errors import StorageUnavailable

_log = logging.getLogger(__name__)

_REPLAYED = {"Idempotency-Replayed": "true"}
_MOST_CHARACTERS = 255
_NO_QUERY = b"{}"
#: How long noting that a request failed may take: as long as SQLite is waited for.
_NOTED_S = 10.0


class StillRunning(Conflict):
    """The same request is under way; its answer can be had in a moment."""

    code = "still_running"
    default_retryable = True


@runtime_checkable
class Forgetful(Protocol):
    """An answer that holds what must not be kept."""

    def for_replay(self) -> msgspec.Struct:
        """Return the answer without it."""
        ...


async def once(
    exchange: Exchange, route: Route, key: str, body_bytes: bytes, work: Callable[[], Awaitable[Answer]]
) -> Answer:
    """Return what `work` answers, or what it answered when it was first asked with this key within 24 hours.

    Keys are told apart by tenant and route. Raises `StillRunning` (409, worth a retry) while the first is under way,
    `Unprocessable` for the same key with another path or body, `InvalidRequest` for a malformed key. Only successes
    are kept; what failed may be sent again. Two writes to the database, in threads.
    """
    if not 1 <= len(key) <= _MOST_CHARACTERS or not key.isascii() or not key.isprintable():
        raise InvalidRequest(
            f"the Idempotency-Key {key[:40]!r} does not fit; use 1 to {_MOST_CHARACTERS} printable ASCII characters",
            param="Idempotency-Key",
        )
    answers, now = exchange.services.database.answers, exchange.services.clock.now()
    tenant, name = exchange.principal.tenant, f"{route.method} {route.path}"
    begun = await asyncio.to_thread(answers.begin, tenant, name, key, _digest(exchange, body_bytes), now)
    match begun:
        case Begun():
            return await _to_the_end(_first(exchange, begun, work))
        case Replay(status=status, body=body):
            return Answer(value=body, status=status, headers=_REPLAYED)
        case InProgress():
            raise StillRunning(
                f"the request with the Idempotency-Key {key!r} is under way; ask again", retry_after_s=1.0
            )
        case DifferentBody():
            raise Unprocessable(
                f"the Idempotency-Key {key!r} was used for another request; use a new one", param="Idempotency-Key"
            )
        case _:
            assert_never(begun)


async def _first(exchange: Exchange, begun: Begun, work: Callable[[], Awaitable[Answer]]) -> Answer:
    answers, tenant = exchange.services.database.answers, exchange.principal.tenant
    try:
        answer = await work()
    except BaseException:
        with _survived():
            async with asyncio.timeout(_NOTED_S):  # who was interrupted does not wait for a database that hangs
                await asyncio.to_thread(answers.abandon, tenant, begun)
        raise
    with _survived():
        await asyncio.to_thread(answers.finish, tenant, begun, status=answer.status, body=_kept(answer.value))
    return answer


@contextmanager
def _survived() -> Generator[None]:
    """What was done is done: a database that is away now must not hide the answer, or the error, from the caller."""
    try:
        yield
    except (StorageUnavailable, TimeoutError):
        _log.warning("how a request ended could not be noted; repeating it will be refused for a while", exc_info=True)


async def _to_the_end(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Wait for the work; when the waiting is cancelled, the work ends first."""
    async with background(work) as task:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task])
            raise


def _digest(exchange: Exchange, body_bytes: bytes) -> bytes:
    path = msgspec.json.encode(sorted(exchange.path.items()))
    query = msgspec.json.encode(exchange.query)
    asked = b"" if query == _NO_QUERY else query + b"\0"
    return hashlib.sha256(path + b"\0" + asked + body_bytes).digest()


def _kept(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return msgspec.json.encode(value.for_replay() if isinstance(value, Forgetful) else value)
