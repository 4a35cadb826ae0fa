"""The contract of replies and of `opens_reply`."""

import asyncio
from collections.abc import AsyncGenerator, Callable

import pytest

from quorate.core.errors import Unavailable
from quorate.model import Call, Completion, Delta, Reply, complete, new_call, opens_reply, stream
from quorate.wire.chat import ChatRequest, ChatResponse, Choice, Message, user_request
from quorate.wire.stream import text_chunk

REQUEST = user_request("hi")
WHOLE = Completion(
    response=ChatResponse(choices=(Choice(message=Message(content="Paris"), finish_reason="stop"),)), model="m"
)
Source = AsyncGenerator[Delta | Completion]


def delta(text: str) -> Delta:
    return Delta(chunk=text_chunk(text))


async def pieces_then_whole() -> Source:
    yield delta("Pa")
    yield delta("ris")
    yield WHOLE


async def whole_only() -> Source:
    yield WHOLE


async def nothing() -> Source:
    for item in ():
        yield item


async def pieces_only() -> Source:
    yield delta("Pa")


class Sourced:
    """A model made from a generator; `log` tells what happened to it."""

    name = "m"

    def __init__(self, source: Callable[[], Source]) -> None:
        self.source = source
        self.log: list[str] = []

    @opens_reply
    async def open(self, request: ChatRequest, call: Call) -> Source:
        self.log.append("opened")
        try:
            async for item in self.source():
                yield item
        except BaseException as error:
            self.log.append(type(error).__name__)
            raise
        finally:
            self.log.append("closed")


@pytest.mark.parametrize(
    ("source", "texts"), [(pieces_then_whole, ["Pa", "ris"]), (whole_only, ["Paris"])], ids=["stream", "whole"]
)
async def test_iterate_then_ask_for_the_whole(source: Callable[[], Source], texts: list[str]) -> None:
    async with Sourced(source).open(REQUEST, new_call()) as reply:
        assert [each.text async for each in reply] == texts
        assert await reply.completion() is WHOLE
        assert [each async for each in reply] == []
        assert await reply.completion() is WHOLE


async def test_the_whole_alone_reads_what_is_left() -> None:
    async with Sourced(pieces_then_whole).open(REQUEST, new_call()) as reply:
        assert (await anext(reply)).text == "Pa"
        assert await reply.completion() is WHOLE
        with pytest.raises(StopAsyncIteration):
            await anext(reply)


async def test_helpers_give_the_whole_and_the_pieces() -> None:
    model = Sourced(pieces_then_whole)
    assert await complete(model, REQUEST, new_call()) is WHOLE
    assert [each.text async for each in stream(model, REQUEST, new_call())] == ["Pa", "ris"]
    # A source waits at its last yield until the context is left: what it has to settle, it settles before.
    assert model.log == ["opened", "GeneratorExit", "closed"] * 2


@pytest.mark.parametrize("source", [nothing, pieces_only])
async def test_a_source_without_a_completion_is_called_a_bug(source: Callable[[], Source]) -> None:
    with pytest.raises(RuntimeError, match="bug in the model"):
        await complete(Sourced(source), REQUEST, new_call())
    with pytest.raises(RuntimeError, match="bug in the model"):
        _ = [each async for each in Reply(source())]


async def test_errors_of_the_source_come_out() -> None:
    async def fails() -> Source:
        yield delta("Pa")
        raise Unavailable("cut")

    model = Sourced(fails)
    with pytest.raises(Unavailable):
        await complete(model, REQUEST, new_call())
    assert model.log == ["opened", "Unavailable", "closed"]


async def test_leaving_closes_the_source_at_once_and_in_the_same_task() -> None:
    tasks: list[object] = []

    async def remembers() -> Source:
        try:
            yield delta("Pa")
            yield WHOLE
        finally:
            tasks.append(asyncio.current_task())

    class Remembering:
        name = "m"

        @opens_reply
        async def open(self, request: ChatRequest, call: Call) -> Source:
            source = remembers()
            try:
                async for item in source:
                    yield item
            finally:
                await source.aclose()

    async with Remembering().open(REQUEST, new_call()) as reply:
        await anext(reply)
        assert tasks == []
    assert tasks == [asyncio.current_task()]


async def test_opening_without_reading_starts_nothing() -> None:
    model = Sourced(whole_only)
    async with model.open(REQUEST, new_call()):
        pass
    assert model.log == []


async def test_leaving_early_is_seen_by_the_source() -> None:
    model = Sourced(pieces_then_whole)
    async with model.open(REQUEST, new_call()) as reply:
        await anext(reply)
    assert model.log == ["opened", "GeneratorExit", "closed"]


async def test_the_consumer_s_error_closes_the_source_and_comes_out_unchanged() -> None:
    model, error = Sourced(pieces_then_whole), ValueError("mine")

    async def consume() -> None:
        async with model.open(REQUEST, new_call()) as reply:
            await anext(reply)
            raise error

    with pytest.raises(ValueError, match="mine") as caught:
        await consume()
    assert caught.value is error
    assert model.log[-1] == "closed"


async def test_cancelling_reaches_the_source() -> None:
    async def waits() -> Source:
        await asyncio.Event().wait()
        yield WHOLE

    model = Sourced(waits)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await complete(model, REQUEST, new_call())
    assert model.log == ["opened", "CancelledError", "closed"]


def test_a_delta_of_a_completion_is_its_text() -> None:
    assert Delta.of(WHOLE).text == WHOLE.text == "Paris"
    assert WHOLE.finish_reason == "stop"


def test_open_keeps_the_name_of_the_method() -> None:
    assert Sourced.open.__name__ == "open"
