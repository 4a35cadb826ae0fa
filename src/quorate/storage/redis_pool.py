"""Connections to the one Redis of an installation, as everything that shares something through it makes them."""

import asyncio
from typing import Any

from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from quorate.core.errors import Misconfigured

#: What is raised when Redis is away, slow, or answers with an error of its own.
AWAY: tuple[type[Exception], ...] = (RedisError, OSError, asyncio.TimeoutError)
_CONNECT_S = 0.5


def redis_pool(url: str, *, connections: int, answer_s: float, queue_s: float) -> BlockingConnectionPool:
    """Return a pool of at most so many connections; made inside the event loop that uses it.

    A command fails after `answer_s` without an answer, and after `queue_s` without a connection. Raises `Misconfigured`
    for what is no URL of a Redis.
    """
    pools: Any = BlockingConnectionPool  # redis-py does not say what its keyword arguments are
    try:
        pool: BlockingConnectionPool = pools.from_url(
            url,
            max_connections=connections,
            timeout=queue_s,
            socket_connect_timeout=_CONNECT_S,
            socket_timeout=answer_s,
            retry=Retry(NoBackoff(), 1),  # once, for a connection that was closed while it was idle
            driver_info=None,  # to name itself, redis-py would read its package's metadata with every connection
        )
    except ValueError:  # what it says may repeat a part of the URL, which may hold a password
        raise Misconfigured(
            "this is no URL of a Redis; write redis://host:6379/0, rediss:// for TLS, or unix:///path",
            where="rate_limits.redis",
        ) from None
    return pool
