"""Circuits of several processes: what one finds out about a provider, the others hear through Redis within seconds.

Decisions stay local. Once a second each process tells what it has opened or closed and reads what the others told.
"""

import asyncio
import logging
import random
from typing import Any, cast

import msgspec
from redis.asyncio import Redis

from quorate.core.clock import Clock
from quorate.resilience.breaker import Breaker, Circuit
from quorate.resilience.gate import EndpointGate
from quorate.resilience.gates import Gates
from quorate.storage.redis_pool import AWAY, redis_pool

#: A hash: provider, account and model as a JSON list -> when the circuit may be probed, in seconds of Redis' clock.
_CIRCUITS = "quorate:circuits"
_EVERY_S = 1.0
#: The watch asks one thing after the other.
_CONNECTIONS = 1
_ANSWER_S = 0.5
_QUEUE_S = 5.0
_WARN_EVERY_S = 60.0
#: Whoever has opened a circuit and is gone does not keep it in Redis for longer.
_FORGOTTEN_S = 3600.0
#: Others come back later than who opened it, by up to this share of the wait: they are not to probe all at once.
_SPREAD = 0.25

_log = logging.getLogger(__name__)
_encode = msgspec.json.encode


class SharedCircuits:
    """A live link between the circuits of this process and a Redis; made inside the event loop that uses it.

    No request waits for it. While Redis is away the circuits go on by themselves.
    """

    def __init__(self, url: str, gates: Gates, clock: Clock, *, every_s: float = _EVERY_S) -> None:
        self._pool = redis_pool(url, connections=_CONNECTIONS, answer_s=_ANSWER_S, queue_s=_QUEUE_S)
        self._redis = Redis(connection_pool=self._pool)
        self._gates = gates
        self._clock = clock
        self._every_s = every_s
        self._rng = random.Random()
        self._known: dict[bytes, float | None] = {}
        self._read: dict[bytes, bytes] = {}
        self._offset_s = 0.0
        self._warned_s = float("-inf")

    async def watch(self) -> None:
        """Tell and hear, for ever."""
        while True:
            try:
                await self.sync()
            except AWAY as error:
                self._warn(error)
            await asyncio.sleep(self._every_s)

    async def sync(self) -> None:
        """Tell and hear once: one round trip, and one more if there is something to tell.

        Raises what redis-py raises when Redis does not answer.
        """
        pipeline: Any = self._redis.pipeline(transaction=False)  # redis-py's types say less than its documentation
        pipeline.time()
        pipeline.hgetall(_CIRCUITS)
        (seconds, micros), told = cast("tuple[tuple[int, int], dict[bytes, bytes]]", await pipeline.execute())
        self._offset_s = seconds + micros / 1_000_000 - self._clock.monotonic()
        openings, known = dict[bytes, bytes](), dict[bytes, float | None]()
        closings = [field for field, until in told.items() if self._is_forgotten(until)]
        for gate in self._gates.all():
            breaker = gate.breaker
            if breaker is None:
                continue
            field = _field(gate)
            if not self._has_news(field, breaker):
                self._hear(field, breaker, told.get(field))
            elif breaker.state is Circuit.CLOSED:
                closings.append(field)
            else:
                openings[field] = repr(breaker.until_s + self._offset_s).encode()
            known[field] = _open_until(breaker)
        await self._tell(openings, closings)
        # Only now: what could not be told is told the next time. A gate that is made later has heard nothing yet.
        self._known = known
        self._read = {field: until for field, until in {**told, **openings}.items() if field in known}

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()
        await self._pool.aclose()

    def _has_news(self, field: bytes, breaker: Breaker) -> bool:
        """Return whether it opened, opened again or closed by itself since the last time."""
        return breaker.state is not Circuit.HALF_OPEN and _open_until(breaker) != self._known.get(field)

    def _hear(self, field: bytes, breaker: Breaker, until: bytes | None) -> None:
        """Do as the others did, once; a failure elsewhere does not disturb a probe of our own."""
        if until == self._read.get(field):
            return
        if until is None:
            breaker.close()
        elif breaker.state is not Circuit.HALF_OPEN:
            self._open(breaker, until)

    def _open(self, breaker: Breaker, until: bytes) -> None:
        now_s = self._clock.monotonic()
        until_s = float(until) - self._offset_s
        if until_s > now_s:
            breaker.open_until(until_s + (until_s - now_s) * _SPREAD * self._rng.random())

    def _is_forgotten(self, until: bytes) -> bool:
        return float(until) - self._offset_s < self._clock.monotonic() - _FORGOTTEN_S

    async def _tell(self, openings: dict[bytes, bytes], closings: list[bytes]) -> None:
        if not openings and not closings:
            return
        pipeline: Any = self._redis.pipeline(transaction=False)
        if closings:
            pipeline.hdel(_CIRCUITS, *closings)
        if openings:
            pipeline.hset(_CIRCUITS, mapping=openings)
            pipeline.expire(_CIRCUITS, int(_FORGOTTEN_S))
        await pipeline.execute()

    def _warn(self, error: BaseException) -> None:
        now_s = self._clock.monotonic()
        if now_s - self._warned_s >= _WARN_EVERY_S:
            self._warned_s = now_s
            told = "Redis does not answer (%s); this process learns by itself which providers are down"
            _log.warning(told, type(error).__name__)


def _open_until(breaker: Breaker) -> float | None:
    return None if breaker.state is Circuit.CLOSED else breaker.until_s


def _field(gate: EndpointGate) -> bytes:
    return _encode([gate.key.provider, gate.key.account, gate.key.model])
