"""An endpoint against loopback servers: whole, chunked anywhere, cut, malformed, stalled, refused, cancelled."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from quorate.core.clock import SystemClock
from quorate.core.errors import (
    BudgetSpent,
    DeadlineExceeded,
    Failure,
    Filtered,
    InvalidRequest,
    Malformed,
    ProviderError,
    QuorateError,
    Rejected,
    Unavailable,
)
from quorate.core.net import OutboundGate
from quorate.core.secret import Secret
from quorate.model import Call, Completion, Event, Usage, complete, new_call, stream
from quorate.model.event import Warned
from quorate.providers import stream_reader
from quorate.providers.aiohttp_transport import AiohttpTransport
from quorate.providers.anthropic import AnthropicDialect
from quorate.providers.dialect import Dialect, Target
from quorate.providers.endpoint import Endpoint
from quorate.providers.estimate import estimate_prompt_tokens, estimate_text_tokens
from quorate.providers.gemini import GeminiDialect
from quorate.providers.openai import OpenAIDialect
from quorate.providers.price import Price
from quorate.providers.transport import PhaseLimits
from quorate.wire.chat import ChatRequest, user_request
from quorate.wire.open import load
from quorate.wire.sse import SseEvent
from raw_server import (
    STREAM_HEAD,
    Connection,
    Handler,
    RawServer,
    Received,
    always,
    chunk,
    events,
    raw_server,
    streamed,
    whole,
)

PRICE = Price(input_microusd_per_mtok=1_000_000, output_microusd_per_mtok=10_000_000)
KEY = "sk-very-secret"
ASK = user_request("What is two and two?")
STREAMED = ChatRequest(messages=ASK.messages, stream=True)


def openai_answer(text: str = "Four.", **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
    return {"id": "c1", "model": "gpt-x-2026", "created": 1, "choices": [choice], "usage": usage, **more}


def piece(content: str | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": {} if content is None else {"content": content}, "finish_reason": finish}
    return {"id": "c1", "model": "gpt-x-2026", "created": 1, "choices": [choice], **more}


TEXT = [piece("Fo"), piece("ur"), piece("."), piece(finish="stop")]
COUNT: dict[str, Any] = {
    "id": "c1",
    "choices": [],
    "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15},
}
WHOLE_STREAM = events(*TEXT, COUNT, "[DONE]")

ANTHROPIC_STREAM = events(
    {"type": "message_start", "message": {"id": "m1", "model": "claude", "usage": {"input_tokens": 12}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Fo\u00fcr."}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
    {"type": "message_stop"},
)
GEMINI_STREAM = events(
    {"candidates": [{"content": {"parts": [{"text": "Fo"}]}}], "responseId": "r1"},
    {
        "candidates": [{"content": {"parts": [{"text": "\u00fcr."}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 12, "candidatesTokenCount": 3},
    },
)

Open = Callable[..., Endpoint]


@asynccontextmanager
async def endpoint_at(
    handler: Handler, dialect: Dialect | None = None, **more: Any
) -> AsyncGenerator[tuple[Endpoint, RawServer]]:
    async with raw_server(handler) as server:
        transport = AiohttpTransport(OutboundGate.for_base_urls([server.url]))
        target = Target(model_id="gpt-x", base_url=server.url + "/v1", api_key=Secret(KEY))
        fields: dict[str, Any] = {"limits": PhaseLimits(), "price": PRICE, **more}
        endpoint = Endpoint(
            name="four",
            provider="openai",
            dialect=dialect or OpenAIDialect(),
            target=target,
            transport=transport,
            **fields,
        )
        try:
            yield endpoint, server
        finally:
            await transport.close()


async def failure(endpoint: Endpoint, request: ChatRequest, call: Call) -> QuorateError:
    with pytest.raises(QuorateError) as caught:
        await complete(endpoint, request, call)
    return caught.value


def prompt_tokens(request: ChatRequest = ASK) -> int:
    return estimate_prompt_tokens(request)


async def test_a_whole_answer() -> None:
    call = new_call()
    body = json.dumps(openai_answer()).encode()
    async with endpoint_at(always(whole(body, x_request_id="req-7"))) as (endpoint, server):
        completion = await complete(endpoint, ASK, call)
        (received,) = server.requests
    assert completion.text == "Four."
    assert (completion.model, completion.provider, completion.estimated) == ("four", "openai", False)
    assert completion.usage == Usage(prompt_tokens=12, completion_tokens=3)
    assert completion.cost_microusd == 42
    assert completion.metadata == {"upstream_model": "gpt-x-2026", "request_id": "req-7", "upstream_id": "c1"}
    assert call.budget.spend.known_microusd == 42
    assert not call.budget.spend.estimated
    assert received.path == "/v1/chat/completions"
    assert received.json()["model"] == "gpt-x"


async def test_unknown_fields_survive_both_ways() -> None:
    body = json.dumps(openai_answer(service_tier="x", choices=[{**openai_answer()["choices"][0], "y": 1}])).encode()
    request = load({"messages": [{"role": "user", "content": "x", "z": 2}], "min_p": 0.1}, ChatRequest)
    async with endpoint_at(always(whole(body))) as (endpoint, server):
        completion = await complete(endpoint, request, new_call())
        sent = server.requests[0].json()
    assert sent["min_p"] == 0.1
    assert sent["messages"][0]["z"] == 2
    assert completion.response.extra == {"service_tier": "x"}
    assert completion.response.choices[0].extra == {"y": 1}


async def test_params_fill_what_the_request_leaves_open() -> None:
    body = json.dumps(openai_answer()).encode()
    params = {"temperature": 0.5, "top_k": 3, "max_tokens": 100}
    async with endpoint_at(always(whole(body)), params=params) as (endpoint, server):
        await complete(endpoint, ASK, new_call())
        await complete(
            endpoint, load({"messages": [], "temperature": 0, "max_completion_tokens": 5}, ChatRequest), new_call()
        )
        first, second = (received.json() for received in server.requests)
    assert (first["temperature"], first["top_k"], first["max_tokens"]) == (0.5, 3, 100)
    assert (second["temperature"], second["top_k"], second["max_completion_tokens"]) == (0, 3, 5)
    assert "max_tokens" not in second


@pytest.mark.parametrize("size", [None, 1, 2, 3, 7, 64])
@pytest.mark.parametrize(
    ("dialect", "data", "text"),
    [
        (OpenAIDialect(), WHOLE_STREAM, "Four."),
        (AnthropicDialect(), ANTHROPIC_STREAM, "Fo\u00fcr."),
        (GeminiDialect(), GEMINI_STREAM, "Fo\u00fcr."),
    ],
    ids=["openai", "anthropic", "gemini"],
)
async def test_streams_cut_anywhere_are_the_same(dialect: Dialect, data: bytes, text: str, size: int | None) -> None:
    call = new_call()
    async with endpoint_at(always(*streamed(data, size=size)), dialect) as (endpoint, server):
        async with endpoint.open(STREAMED, call) as reply:
            pieces = [delta.text async for delta in reply]
            completion = await reply.completion()
        assert await complete(endpoint, STREAMED, new_call())
        assert len(server.connections) == 1  # the connection was given back and used again
    assert "".join(pieces) == completion.text == text
    assert len([each for each in pieces if each]) >= 1
    assert completion.usage == Usage(prompt_tokens=12, completion_tokens=3)
    assert not completion.estimated
    assert call.budget.spend.known_microusd == 42


async def test_pieces_come_before_the_end() -> None:
    go_on = asyncio.Event()

    async def handler(connection: Connection, received: Received) -> None:
        await connection.send(STREAM_HEAD, chunk(events(TEXT[0])))
        await go_on.wait()
        await connection.send(chunk(events(*TEXT[1:], "[DONE]")), chunk(b""))

    async with endpoint_at(handler) as (endpoint, _), aclosing(stream(endpoint, STREAMED, new_call())) as deltas:
        assert (await anext(deltas)).text == "Fo"
        go_on.set()
        assert "".join([delta.text async for delta in deltas]) == "ur."


def closing(*pieces: bytes) -> Handler:
    async def handler(connection: Connection, received: Received) -> None:
        await connection.send(*pieces)
        connection.writer.close()

    return handler


@pytest.mark.parametrize("ending", ["chunk", "close"])
@pytest.mark.parametrize("count", [1, 2, 3])
async def test_a_cut_stream_is_never_an_answer(count: int, ending: str) -> None:
    call = new_call()
    pieces = [STREAM_HEAD, chunk(events(*TEXT[:count])), *([chunk(b"")] if ending == "chunk" else [])]
    async with endpoint_at(closing(*pieces)) as (endpoint, _):
        error = await failure(endpoint, STREAMED, call)
    assert isinstance(error, Unavailable)
    assert error.failure is Failure.CUT_STREAM
    received = "".join(["Fo", "ur", "."][:count])
    assert call.budget.spend.usage == Usage(
        prompt_tokens=prompt_tokens(STREAMED), completion_tokens=estimate_text_tokens(received)
    )
    assert call.budget.spend.estimated


async def test_a_stream_without_done_is_whole() -> None:
    async with endpoint_at(always(*streamed(events(*TEXT, COUNT)))) as (endpoint, _):
        assert (await complete(endpoint, STREAMED, new_call())).text == "Four."


async def test_a_whole_stream_that_stays_open_ends_after_a_short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_reader, "GRACE_S", 0.05)

    async def handler(connection: Connection, received: Received) -> None:
        await connection.send(STREAM_HEAD, chunk(events(*TEXT)))
        await connection.gone()

    async with endpoint_at(handler) as (endpoint, server):
        completion = await complete(endpoint, STREAMED, new_call())
        await asyncio.wait_for(server.all_closed(), 1)
    assert completion.text == "Four."
    assert completion.estimated


async def test_a_second_answer_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_reader, "GRACE_S", 0.01)

    async def handler(connection: Connection, received: Received) -> None:
        await connection.send(STREAM_HEAD, chunk(events(*TEXT)))
        await asyncio.sleep(0.05)
        other = [{**each, "choices": [{**each["choices"][0], "index": 1}]} for each in TEXT]
        await connection.send(chunk(events(*other, "[DONE]")), chunk(b""))

    async with endpoint_at(handler) as (endpoint, _):
        request = ChatRequest(messages=ASK.messages, stream=True, n=2)
        completion = await complete(endpoint, request, new_call())
    assert [choice.message.text for choice in completion.response.choices] == ["Four.", "Four."]


async def test_noise_in_a_good_stream_is_skipped() -> None:
    data = events(TEXT[0], "keep-alive", *TEXT[1:], COUNT, "[DONE]")
    async with endpoint_at(always(*streamed(data))) as (endpoint, _):
        assert (await complete(endpoint, STREAMED, new_call())).text == "Four."


async def test_a_bad_event_in_a_stream_that_does_not_end_well_is_told() -> None:
    async with endpoint_at(always(*streamed(events(TEXT[0], "{not json")))) as (endpoint, _):
        assert isinstance(await failure(endpoint, STREAMED, new_call()), Malformed)
    async with endpoint_at(always(*streamed(events("[DONE]")))) as (endpoint, _):
        assert isinstance(await failure(endpoint, STREAMED, new_call()), Malformed)
    async with endpoint_at(always(whole(b"<html>busy</html>"))) as (endpoint, _):
        assert isinstance(await failure(endpoint, ASK, new_call()), Malformed)


async def test_an_error_event_in_the_middle() -> None:
    error = {"error": {"message": f"overloaded, your key {KEY}", "type": "server_error"}}
    call = new_call()
    async with endpoint_at(always(*streamed(events(TEXT[0], error)))) as (endpoint, _):
        told = await failure(endpoint, STREAMED, call)
    assert isinstance(told, Unavailable)
    assert told.failure is Failure.OVERLOAD
    assert KEY not in str(told)
    assert call.budget.spend.usage.completion_tokens == estimate_text_tokens("Fo")


async def test_an_error_event_in_place_of_an_answer_costs_nothing() -> None:
    call = new_call()
    async with endpoint_at(always(*streamed(events({"error": {"message": "overloaded"}})))) as (endpoint, _):
        await failure(endpoint, STREAMED, call)
    assert call.budget.spend.usage.total_tokens == 0


async def test_an_error_status_costs_nothing_and_never_shows_the_key() -> None:
    call = new_call()
    body = json.dumps({"error": {"message": f"Wrong key {KEY}.", "type": "x", "code": f"bad_{KEY}"}}).encode()
    async with endpoint_at(always(whole(body, 429, "Too Many", retry_after="2"))) as (endpoint, server):
        error = await failure(endpoint, STREAMED, call)
        assert len(server.requests) == 1
    assert isinstance(error, Unavailable)
    assert (error.provider, error.model, error.retry_after_s) == ("openai", "four", 2.0)
    assert error.message == str(error) == "four: HTTP 429: Wrong key ***."
    assert KEY not in repr(error) + str(vars(error))
    assert call.budget.spend.usage.total_tokens == 0
    assert call.budget.spend.unpriced == 0


async def test_a_key_in_a_header_of_its_own_is_never_shown() -> None:
    headers = {"Authorization": f"Bearer {KEY}-long", "X-Other": KEY}
    body = json.dumps({"error": {"message": f"Wrong key {KEY}-long, not {KEY}."}}).encode()
    async with endpoint_at(always(whole(body, 401, "No"))) as (endpoint, _):
        with_headers = replace(endpoint, target=replace(endpoint.target, api_key=None, headers=headers))
        error = await failure(with_headers, ASK, new_call())
    assert error.message == "four: HTTP 401: Wrong key ***, not ***."


async def test_a_retry_date_is_compared_with_the_calls_clock() -> None:
    when = (SystemClock().now() + timedelta(seconds=60)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    async with endpoint_at(always(whole(b"", 503, "Busy", retry_after=when))) as (endpoint, _):
        error = await failure(endpoint, ASK, new_call())
    assert error.retry_after_s is not None
    assert 50 < error.retry_after_s <= 60


async def test_an_error_whose_body_is_cut_keeps_its_status() -> None:
    async with endpoint_at(closing(b"HTTP/1.1 503 Busy\r\ncontent-length: 100\r\n\r\nshort")) as (endpoint, _):
        error = await failure(endpoint, ASK, new_call())
    assert isinstance(error, ProviderError)
    assert (error.failure, error.upstream_status) == (Failure.TRANSIENT, 503)


async def test_a_redirect_costs_nothing() -> None:
    call = new_call()
    async with endpoint_at(always(whole(b"", 302, "Found", location="http://10.0.0.1/"))) as (endpoint, _):
        error = await failure(endpoint, ASK, call)
    assert isinstance(error, Rejected)
    assert call.budget.spend.usage.total_tokens == 0


async def test_an_empty_refusal_is_filtered_and_charged() -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "", "refusal": "I will not"}}
    for request, answer in [
        (ASK, whole(json.dumps(openai_answer(choices=[{**choice, "finish_reason": "content_filter"}])).encode())),
        (STREAMED, b"".join(streamed(events(piece(finish="content_filter"), COUNT, "[DONE]")))),
    ]:
        call = new_call()
        async with endpoint_at(always(answer)) as (endpoint, _):
            error = await failure(endpoint, request, call)
        assert isinstance(error, Filtered)
        assert error.upstream_code == "content_filter"
        assert call.budget.spend.known_microusd == 42


async def test_an_answer_that_was_broken_off_costs_what_the_provider_counted() -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "error"}
    for request, answer in [
        (ASK, whole(json.dumps(openai_answer(choices=[choice])).encode())),
        (STREAMED, b"".join(streamed(events(piece(finish="error", usage=COUNT["usage"]), "[DONE]")))),
    ]:
        call = new_call()
        async with endpoint_at(always(answer)) as (endpoint, _):
            error = await failure(endpoint, request, call)
        assert isinstance(error, Unavailable)
        assert (call.budget.spend.known_microusd, call.budget.spend.estimated) == (42, False)


async def test_an_answer_that_was_broken_off_and_not_counted_is_estimated() -> None:
    call = new_call()
    choice = {"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "error"}
    async with endpoint_at(always(whole(json.dumps(openai_answer(choices=[choice], usage=None)).encode()))) as (
        endpoint,
        _,
    ):
        await failure(endpoint, ASK, call)
    assert (call.budget.spend.usage.prompt_tokens, call.budget.spend.estimated) == (prompt_tokens(), True)


@pytest.mark.parametrize("count", [2**64 - 1, 10**30, 1e30])
def test_a_count_that_cannot_be_one_counts_nothing(count: float) -> None:
    usage = {"prompt_tokens": count, "completion_tokens": 3, "total_tokens": count}
    assert OpenAIDialect().parse(json.dumps(openai_answer(usage=usage)).encode()).usage is None
    (chunk,) = OpenAIDialect().stream().feed(SseEvent(json.dumps(piece(usage=usage))))
    assert chunk.usage is None


async def test_missing_usage_is_estimated() -> None:
    call = new_call()
    absurd = {"prompt_tokens": 2**64 - 1, "completion_tokens": 3, "total_tokens": 2**64 + 2}
    for usage in (None, {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, absurd):
        async with endpoint_at(always(whole(json.dumps(openai_answer(usage=usage)).encode()))) as (endpoint, _):
            completion = await complete(endpoint, ASK, call)
        assert completion.estimated
        assert completion.usage.prompt_tokens == prompt_tokens()
        assert completion.cost_microusd == PRICE.cost_microusd(completion.usage)
    assert call.budget.spend.estimated


async def test_an_unknown_price_is_no_cost_and_a_warning() -> None:
    seen: list[Event] = []
    call = new_call(sink=seen.append)
    body = json.dumps(openai_answer()).encode()
    async with endpoint_at(always(whole(body)), price=None) as (endpoint, _):
        completion = await complete(endpoint, ASK, call)
    assert completion.cost_microusd is None
    assert call.budget.spend.cost_microusd is None
    assert call.budget.spend.unpriced == 1
    (warning,) = seen
    assert isinstance(warning, Warned)
    assert (warning.code, warning.call_id) == ("unknown_price", call.id)
    async with endpoint_at(always(whole(body)), price=None, unpriced_warning=False) as (endpoint, _):
        await complete(endpoint, ASK, call)
    assert len(seen) == 1


async def test_nothing_is_sent_without_time_or_money() -> None:
    async with endpoint_at(always(whole(b""))) as (endpoint, server):
        assert isinstance(await failure(endpoint, ASK, new_call(timeout_s=0)), DeadlineExceeded)
        assert isinstance(await failure(endpoint, ASK, new_call(limit_microusd=0)), BudgetSpent)
        bad = load({"messages": [], "n": 2}, ChatRequest)
        refused = Endpoint(
            name="a",
            provider="anthropic",
            dialect=AnthropicDialect(),
            target=endpoint.target,
            transport=endpoint.transport,
        )
        assert isinstance(await failure(refused, bad, new_call()), InvalidRequest)
        assert server.connections == []


async def test_a_server_that_is_not_there_costs_nothing() -> None:
    call = new_call()
    async with endpoint_at(always(b"")) as (endpoint, server):
        pass
    assert server.connections == []
    gone = AiohttpTransport(OutboundGate.for_base_urls([server.url]))
    endpoint = Endpoint(
        name="four", provider="x", dialect=OpenAIDialect(), target=endpoint.target, transport=gone, price=PRICE
    )
    error = await failure(endpoint, ASK, call)
    await gone.close()
    assert isinstance(error, Unavailable)
    assert error.failure is Failure.TRANSIENT
    assert call.budget.spend.usage.total_tokens == 0


async def test_silence_is_charged_as_the_prompt() -> None:
    async def stall(connection: Connection, received: Received) -> None:
        await connection.gone()

    call = new_call()
    async with endpoint_at(stall, limits=PhaseLimits(headers_s=0.05)) as (endpoint, server):
        error = await failure(endpoint, STREAMED, call)
        await server.all_closed()
    assert isinstance(error, Unavailable)
    assert error.failure is Failure.SILENCE
    assert call.budget.spend.usage == Usage(prompt_tokens=prompt_tokens(STREAMED))
    assert call.budget.spend.estimated


async def test_heartbeats_are_no_token() -> None:
    async def comments(connection: Connection, received: Received) -> None:
        await connection.send(STREAM_HEAD, chunk(events({**piece(""), "x": 1})))
        while not connection.writer.is_closing():
            await connection.send(chunk(b": still here\n\n"))
            await asyncio.sleep(0.005)

    async with endpoint_at(comments, limits=PhaseLimits(first_token_s=0.05)) as (endpoint, _):
        error = await failure(endpoint, STREAMED, new_call())
    assert isinstance(error, Unavailable)
    assert "first token" in error.message


async def test_a_stall_in_the_middle_is_noticed() -> None:
    async def stall(connection: Connection, received: Received) -> None:
        await connection.send(STREAM_HEAD, chunk(events(*TEXT[:2])))
        await connection.gone()

    call = new_call()
    async with endpoint_at(stall, limits=PhaseLimits(idle_s=0.05)) as (endpoint, server):
        error = await failure(endpoint, STREAMED, call)
        await server.all_closed()
    assert isinstance(error, Unavailable)
    assert error.failure is Failure.SILENCE
    assert call.budget.spend.usage.completion_tokens == estimate_text_tokens("Four")


async def test_the_deadline_of_the_call_ends_it() -> None:
    async def stall(connection: Connection, received: Received) -> None:
        await connection.send(STREAM_HEAD, chunk(events(TEXT[0])))
        await connection.gone()

    call = new_call(timeout_s=0.05)
    async with endpoint_at(stall) as (endpoint, _):
        assert isinstance(await failure(endpoint, STREAMED, call), DeadlineExceeded)
    assert call.budget.spend.usage.completion_tokens == estimate_text_tokens("Fo")


async def test_an_event_without_end_is_malformed() -> None:
    data = b"data: " + b"x" * (17 * 1024 * 1024)
    async with endpoint_at(always(*streamed(data, size=1024 * 1024))) as (endpoint, _):
        assert isinstance(await failure(endpoint, STREAMED, new_call()), Malformed)


async def test_leaving_early_charges_what_has_come() -> None:
    async def forever(connection: Connection, received: Received) -> None:
        await connection.send(STREAM_HEAD, chunk(events(TEXT[0])))
        await connection.gone()

    call = new_call()
    async with endpoint_at(forever) as (endpoint, server):
        async with endpoint.open(STREAMED, call) as reply:
            assert (await anext(aiter(reply))).text == "Fo"
        await asyncio.wait_for(server.all_closed(), 1)
    assert call.budget.spend.usage.completion_tokens == estimate_text_tokens("Fo")
    assert call.budget.spend.estimated


async def steps(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def slowly(connection: Connection, received: Received) -> None:
    """A good stream, with turns of the loop between its parts, so that a cancellation can fall anywhere."""
    for part in streamed(WHOLE_STREAM, size=60):
        await connection.send(part)
        await steps(2)


@pytest.mark.parametrize("request_", [ASK, STREAMED], ids=["whole", "streamed"])
async def test_cancelling_at_any_step_leaves_nothing_behind(request_: ChatRequest) -> None:
    """Cancel after 0, 1, 2, ... turns of the loop until the call is through: each time all is closed and charged."""

    answered: list[Connection] = []

    async def handler(connection: Connection, received: Received) -> None:
        if received.json().get("stream"):
            await slowly(connection, received)
        else:
            await steps(3)
            await connection.send(*whole(json.dumps(openai_answer()).encode()).partition(b"\r\n\r\n"))
        answered.append(connection)

    finished = charged = 0
    for count in range(400):
        tasks = asyncio.all_tasks()
        call = new_call()
        async with endpoint_at(handler) as (endpoint, server):
            outcome = await cancelled_after(count, complete(endpoint, request_, call))
            if outcome is None:
                # One whose answer had come whole in time is as good as new and may be kept.
                await steps(100)
                cut = [connection for connection in server.connections if connection not in answered]
                assert all(connection.closed.is_set() for connection in cut)
                charged += call.budget.spend.usage.prompt_tokens > 0
                if server.requests:
                    assert call.budget.spend.usage.prompt_tokens > 0
        await steps(3)
        assert asyncio.all_tasks() <= tasks
        if outcome is not None:
            finished += 1
            assert outcome.text == "Four."
            assert call.budget.spend.known_microusd == 42
            if finished == 3:
                break
    assert finished == 3, "the call was never through"
    assert charged > 3


async def cancelled_after(count: int, work: Awaitable[Completion]) -> Completion | None:
    task = asyncio.ensure_future(work)
    await steps(count)
    task.cancel()
    try:
        return await task
    except asyncio.CancelledError:
        return None
