"""A response of events: begun late, kept awake, ended once. In virtual time."""

import asyncio
import json
from collections.abc import Iterable

import pytest

from asgi import Exchange, scope_of
from quorate.core.errors import Unavailable
from quorate.server.event_stream import PING, EventStream
from quorate.server.hangup import Hangup
from quorate.server.inbound import Message
from quorate.server.outbound import AnswersAtOnce, Header
from quorate.testing import run_virtual
from quorate.wire.sse import END


class Stream:
    """A live stream and what its caller got."""

    def __init__(self, heartbeat_s: float = 15.0, *, at_once: AnswersAtOnce | None = None) -> None:
        self.exchange = Exchange()
        self.hangup = Hangup(scope_of("POST", "/"), self.exchange.receive)
        self.out = EventStream(
            self.exchange.send, [(b"x-a", b"b")], self.hangup, heartbeat_s=heartbeat_s, at_once=at_once
        )

    @property
    def got(self) -> list[bytes]:
        return self.exchange.answer.pieces


def test_nothing_is_sent_before_the_first_event() -> None:
    async def work() -> None:
        stream = Stream()
        async with stream.out as out:
            await asyncio.sleep(14.9)
            assert not out.begun
            assert stream.exchange.answer.status == 0
            await out.write(b"data: 1\n\n")
            await out.end()
        answer = stream.exchange.answer
        assert (answer.status, answer.complete, answer.body) == (200, True, b"data: 1\n\n")
        assert answer.headers == {
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-store",
            "x-accel-buffering": "no",
            "x-a": "b",
        }

    run_virtual(work())


def test_silence_is_filled_and_begins_the_response() -> None:
    async def work() -> None:
        stream = Stream()
        async with stream.out as out:
            await asyncio.sleep(46)
            assert stream.got == [PING] * 3
            assert out.begun
            await out.write(b"data: 1\n\n")
            await asyncio.sleep(14)
            assert stream.got[3:] == [b"data: 1\n\n"]
            await asyncio.sleep(2)
            assert stream.got[4:] == [PING]
        await asyncio.sleep(100)
        assert len(stream.got) == 5

    run_virtual(work())


def test_a_stream_that_speaks_needs_no_heartbeat() -> None:
    async def work() -> None:
        stream = Stream()
        async with stream.out as out:
            for _ in range(20):
                await asyncio.sleep(10)
                await out.write(b"data: 1\n\n")
        assert PING not in stream.got

    run_virtual(work())


def test_posted_events_come_at_once_and_in_order() -> None:
    async def work() -> None:
        stream = Stream()
        async with stream.out as out:
            out.post(b": 1\n\n")
            out.post(b": 2\n\n")
            await asyncio.sleep(0.001)
            assert stream.got == [b": 1\n\n: 2\n\n"]
            out.post(b": 3\n\n")
            await out.write(b"data: 4\n\n")
            out.post(b": 5\n\n")
            await out.end()
        assert stream.exchange.answer.body == b": 1\n\n: 2\n\n: 3\n\ndata: 4\n\n: 5\n\n"

    run_virtual(work())


def test_an_end_without_events_is_a_response() -> None:
    async def work() -> None:
        stream = Stream()
        async with stream.out as out:
            await out.end()
        assert stream.exchange.answer.status == 200
        assert stream.exchange.answer.complete
        assert stream.out.ended

    run_virtual(work())


def test_a_failure_is_the_last_event() -> None:
    async def work() -> None:
        stream = Stream()
        async with stream.out as out:
            await out.write(b"data: 1\n\n")
            await out.fail(Unavailable("gone"))
        last = stream.got[-1]
        assert last.startswith(b"data: ")
        assert json.loads(last[6:])["error"]["code"] == "provider_unavailable"
        assert END not in stream.exchange.answer.body
        assert stream.exchange.answer.complete

    run_virtual(work())


def test_a_failure_after_the_end_is_not_told() -> None:
    async def work(last: bytes, *, end: bool) -> bytes:
        stream = Stream()
        async with stream.out as out:
            await out.write(last)
            if end:
                await out.end()
            await out.fail(Unavailable("gone"))
        assert stream.exchange.answer.complete
        return stream.exchange.answer.body

    for last, end in ((END, False), (END, True), (b"data: 1\n\n", True)):
        assert run_virtual(work(last, end=end)) == last


@pytest.mark.parametrize(("last", "over"), [(b"data: 1\n\n", False), (END, True), (b"data: 1\n\n" + END, True)])
def test_whoever_has_the_end_mark_has_everything(last: bytes, over: bool) -> None:
    """Clients hang up when they have read it, before the response itself has ended."""

    async def work() -> None:
        stream = Stream()
        async with stream.out as out:
            await out.write(last)
            assert stream.hangup.over is over

    run_virtual(work())


def test_whoever_reads_slowly_gets_everything_in_order_and_nothing_after_the_end() -> None:
    """While the caller is awaited there is more to say, and the heartbeat is due."""

    async def work() -> None:
        exchange, turn = Exchange(), asyncio.Lock()

        async def slow(message: Message) -> None:
            async with turn:
                await asyncio.sleep(20)
                await exchange.send(message)

        out = EventStream(slow, [], Hangup(scope_of("POST", "/"), exchange.receive), heartbeat_s=15)
        async with out:
            out.post(b": 1\n\n")
            await asyncio.sleep(1)
            await out.write(b"data: 1\n\n")
            await out.end()
        assert exchange.answer.body.replace(PING, b"") == b": 1\n\ndata: 1\n\n"
        assert exchange.answer.complete

    run_virtual(work())


class Short:
    """A short way out that can be closed, and keeps what was written."""

    def __init__(self) -> None:
        self.open = True
        self.written: list[bytes] = []

    def send(self, status: int, headers: Iterable[Header], body: bytes) -> bool:
        raise AssertionError("a stream is no whole answer")

    def begin(self, status: int, headers: Iterable[Header], piece: bytes) -> bool:
        if self.open:
            self.written += [b"%d" % status, *(name for name, _ in headers), piece]
        return self.open

    def piece(self, piece: bytes) -> bool:
        if self.open:
            self.written.append(piece)
        return self.open

    def end(self, piece: bytes) -> bool:
        if self.open:
            self.written += [piece, b"over"]
        return self.open


async def write_to(short: Short, *, opened_later: bool) -> list[Message]:
    """Write two pieces and the end; return what went the long way. The second or the end finds the way changed."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    exchange = Exchange()
    hangup = Hangup(scope_of("POST", "/"), exchange.receive)
    async with EventStream(send, [(b"x-a", b"b")], hangup, heartbeat_s=15.0, at_once=short) as out:
        await out.write(b"data: 1\n\n")
        short.open = opened_later
        await out.write(b"data: 2\n\n")
        short.open = True
        await out.end(END)
        assert hangup.over
    return sent


def test_events_take_the_short_way_and_a_slow_reader_is_waited_for() -> None:
    short = Short()
    sent = run_virtual(write_to(short, opened_later=False))
    head = (b"200", b"content-type", b"cache-control", b"x-accel-buffering", b"x-a")
    assert short.written == [*head, b"data: 1\n\n", END, b"over"]
    assert [message.get("body") for message in sent] == [b"data: 2\n\n"]


def test_a_response_that_began_the_long_way_stays_on_it() -> None:
    short = Short()
    short.open = False
    sent = run_virtual(write_to(short, opened_later=True))
    assert short.written == []
    assert [message.get("body") for message in sent] == [None, b"data: 1\n\n", b"data: 2\n\n", END, b""]


def test_an_end_that_a_slow_caller_has_not_taken_is_no_end() -> None:
    async def work() -> None:
        short, exchange, slow = Short(), Exchange(), asyncio.Event()
        hangup = Hangup(scope_of("POST", "/"), exchange.receive)
        sent: list[bytes] = []

        async def send(message: Message) -> None:
            await slow.wait()
            sent.append(message["body"])

        async with EventStream(send, [], hangup, heartbeat_s=15.0, at_once=short) as out:
            await out.write(b"data: 1\n\n")
            short.open = False
            ending = asyncio.create_task(out.end(END))
            await asyncio.sleep(1)
            assert not hangup.over
            ending.cancel()
            await asyncio.wait((ending,))
            slow.set()
            await out.fail(Unavailable("gone"))
        assert b"provider_unavailable" in sent[0]
        assert sent[1:] == [b""]

    run_virtual(work())


def test_what_may_not_wait_is_written_now_or_not_at_all() -> None:
    async def work() -> None:
        short = Short()
        async with Stream(at_once=short).out as out:
            assert out.write_now(b"data: 1\n\n")
            assert out.begun
            assert not out.write_now(END)  # there may be something to do before it
            out.post(b": 2\n\n")
            assert not out.write_now(b"data: 3\n\n")  # what was posted comes first
            await out.write(b"data: 3\n\n")
            assert out.write_now(b"data: 4\n\n")
            short.open = False
            assert not out.write_now(b"data: 5\n\n")
            short.open = True
            await out.end()
            assert not out.write_now(b"data: 6\n\n")
        assert short.written[-4:] == [b": 2\n\ndata: 3\n\n", b"data: 4\n\n", b"", b"over"]

    run_virtual(work())


def test_a_stream_that_speaks_at_once_needs_no_heartbeat() -> None:
    async def work() -> None:
        short = Short()
        async with Stream(at_once=short).out as out:
            for _ in range(5):
                await asyncio.sleep(10)
                assert out.write_now(b"data: 1\n\n")
            await asyncio.sleep(16)
            assert short.written.count(PING) == 1
            await out.end()

    run_virtual(work())
