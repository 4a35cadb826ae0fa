"""Pouring a body out: what arrives in which moment, without sockets."""

import asyncio
import gc

import pytest

from quorate.core.clock import Deadline, SystemClock
from quorate.providers.http1_connection import HIGH_WATER_BYTES, Connection
from quorate.providers.http1_errors import NoAnswer
from quorate.providers.http1_response import Http1Response
from quorate.providers.transport import PhaseLimits, PhaseTimer
from raw_server import STREAM_HEAD, chunk


class Wire(asyncio.Transport):
    """A live transport to nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.reading = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


def began() -> tuple[Connection, Wire, Http1Response]:
    """A connection whose response has begun."""
    connection, wire = Connection(asyncio.get_running_loop(), ("http", "up.test", 80), lambda _: None), Wire()
    connection.connection_made(wire)
    connection.send(b"GET / HTTP/1.1\r\n\r\n", b"", bodiless=False)
    connection.data_received(STREAM_HEAD)
    timer = PhaseTimer(PhaseLimits(), Deadline(clock=SystemClock()))
    return connection, wire, Http1Response(connection, timer, 10 * HIGH_WATER_BYTES)


async def test_what_comes_before_the_task_wakes_waits_for_it() -> None:
    connection, _, response = began()
    told: list[bytes] = []

    def into(data: bytes) -> bool:
        told.append(data)
        return not data.startswith(b"a")

    pouring = asyncio.create_task(response.pour(into))
    await asyncio.sleep(0)
    for piece in (b"1", b"a", b"b", b"c"):  # a loop may read several times before it wakes a task
        connection.data_received(chunk(piece))
    assert await pouring
    assert told == [b"1", b"a"]
    pouring = asyncio.create_task(response.pour(into))
    await asyncio.sleep(0)
    connection.data_received(chunk(b"d") + chunk(b""))
    assert not await pouring
    assert b"".join(told) == b"1abcd"


async def test_an_error_ends_it_whatever_comes_after() -> None:
    connection, _, response = began()
    told: list[bytes] = []

    def into(data: bytes) -> bool:
        told.append(data)
        raise LookupError

    pouring = asyncio.create_task(response.pour(into))
    await asyncio.sleep(0)
    for piece in (b"a", b"b"):
        connection.data_received(chunk(piece))
    with pytest.raises(LookupError):
        await pouring
    assert told == [b"a"]


async def test_a_connection_lost_before_its_answer_leaves_nothing_to_the_garbage_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        before = connections()
        connection = Connection(asyncio.get_running_loop(), ("http", "up.test", 80), lambda _: None)
        connection.connection_made(Wire())
        connection.send(b"GET / HTTP/1.1\r\n\r\n", b"", bodiless=False)
        connection.connection_lost(None)
        assert isinstance(connection.failure, NoAnswer)
        del connection
        assert connections() <= before
    finally:
        gc.enable()


def connections() -> set[int]:
    return {id(each) for each in gc.get_objects() if type(each) is Connection}


async def test_while_nobody_takes_the_provider_waits() -> None:
    connection, wire, response = began()
    size = 0

    def into(data: bytes) -> bool:
        nonlocal size
        size += len(data)
        return size > 1

    pouring = asyncio.create_task(response.pour(into))
    await asyncio.sleep(0)
    connection.data_received(chunk(b"x"))
    connection.data_received(chunk(b"x" * HIGH_WATER_BYTES))
    connection.data_received(chunk(b"x"))
    assert not wire.reading
    assert await pouring
    pouring = asyncio.create_task(response.pour(into))
    await asyncio.sleep(0)
    assert wire.reading
    connection.data_received(chunk(b"x" * 2 * HIGH_WATER_BYTES))
    assert wire.reading  # taken in that moment
    connection.data_received(chunk(b""))
    assert not await pouring
    assert size == 3 * HIGH_WATER_BYTES + 2
