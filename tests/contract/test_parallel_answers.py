"""OpenAI's own client reads parallel answers and responses, whole and streamed, from a loopback server."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import msgspec
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from plans import CAPITAL, models, plan
from quorate.core.errors import QuorateError, Unavailable
from quorate.model import new_call
from quorate.parallel.ensemble import Ensemble
from quorate.parallel.plan import Mode
from quorate.parallel.resources import Resources
from quorate.server import responses_api
from quorate.server.parallel_answer import parallel_body
from quorate.server.parallel_request import Progress
from quorate.server.parallel_stream import ParallelStream, parallel_events
from quorate.testing import ScriptedAnswer
from quorate.wire.chat import user_request
from quorate.wire.problem import openai_error_body
from quorate.wire.responses import chat_request, read_responses
from quorate.wire.responses_answer import response_head
from quorate.wire.responses_stream import ResponsesStream
from quorate.wire.sse import encode_sse
from raw_server import RawServer, always, raw_server, streamed, whole

JSON = "application/json"
PARIS = ScriptedAnswer(pieces=("Par", "is"))
BROKEN = ScriptedAnswer(pieces=("Par", "is"), error=Unavailable("the line is dead"))


async def events_of(mode: Mode, progress: Progress, **answers: Any) -> bytes:
    """The bytes of a streamed parallel answer."""
    named = models(**answers)
    made = plan(named, mode=mode)
    stream, sent = ParallelStream(id="par_1", model="panel", created=7, plan=made, progress=progress), list[bytes]()
    call = new_call(sink=lambda event: sent.append(stream.event(event)))
    request = msgspec.structs.replace(user_request(CAPITAL), stream=True)
    ensemble = Ensemble(name="panel", plan=made, resources=Resources(resolve=named.__getitem__))
    try:
        async with ensemble.open(request, call) as reply, aclosing(parallel_events(reply, stream)) as events:
            async for data in events:
                sent.append(data)
    except QuorateError as error:
        sent.append(encode_sse(msgspec.json.encode(openai_error_body(error))))
    return b"".join(sent)


def client(server: RawServer, kind: type[Any], **fields: Any) -> Any:
    return kind(base_url=server.url, api_key="k" * 8, max_retries=0, **fields)


async def synchronously(server: RawServer, ask: Callable[[OpenAI], Any]) -> Any:
    """Runs OpenAI's blocking client in a thread; returns what `ask` makes of it."""

    def work() -> Any:
        with client(server, OpenAI) as made:
            return ask(made)

    return await asyncio.to_thread(work)


def ask_chat(made: OpenAI) -> tuple[str, Any]:
    chunks = list(made.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}], stream=True))
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    return text, chunks[-1]


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("progress", Progress)
async def test_streams_of_every_mode(mode: Mode, progress: Progress) -> None:
    data = await events_of(mode, progress, a=PARIS, b=PARIS, c=PARIS)
    async with raw_server(always(*streamed(data, size=97))) as server:
        text, last = await synchronously(server, ask_chat)
    assert text == "Paris"
    assert last.choices == []
    assert last.synthesis["content"] == "Paris"
    assert last.usage.total_cost_usd == 0
    assert {each["model"] for each in last.responses} == {"a", "b", "c"}


async def test_a_stream_that_breaks_raises_in_the_client() -> None:
    data = await events_of(Mode.RACE, Progress.COMMENTS, a=BROKEN)
    async with raw_server(always(*streamed(data))) as server:
        with pytest.raises(openai.APIError, match="the line is dead"):
            await synchronously(server, ask_chat)


async def test_a_whole_parallel_answer() -> None:
    named = models(a="Paris", b="Paris", c="Lyon")
    made = plan(named)
    result = await Ensemble(name="p", plan=made, resources=Resources(resolve=named.__getitem__)).run(
        user_request(CAPITAL), new_call()
    )
    body = parallel_body(result, plan=made, request_model="panel", id="par_1", created=7)
    async with raw_server(always(whole(body, content_type=JSON))) as server:
        read = await synchronously(
            server, lambda made: made.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}])
        )
    assert read.choices[0].message.content == "Paris"
    assert read.object == "parallel.completion"
    assert read.usage.total_tokens == 0
    assert read.synthesis["consensus_score"] == pytest.approx(2 / 3)


RESPONSES = read_responses(b'{"model": "m", "input": "hi", "stream": true}')


async def responses_of(answer: ScriptedAnswer) -> tuple[bytes, QuorateError | None]:
    """The bytes of a streamed response, and the error that came out of it."""
    (model,) = models(a=answer).values()
    stream = ResponsesStream(response_head(RESPONSES, id="resp_1", created_at=7))
    data = b""
    try:
        async with model.open(chat_request(RESPONSES), new_call()) as reply:
            async for events in responses_api.events(reply, stream):
                data += events
    except QuorateError as error:
        return data + stream.fail(error) if data else data, error
    return data, None


async def test_responses_streamed() -> None:
    data, error = await responses_of(PARIS)
    assert error is None
    async with raw_server(always(*streamed(data, size=50))) as server:
        made = client(server, AsyncOpenAI, _strict_response_validation=True)
        async with made.responses.stream(model="m", input="hi") as stream:
            told = [event.type async for event in stream]
            final = await stream.get_final_response()
        await made.close()
    assert final.output_text == "Paris"
    assert final.usage is not None
    assert (told[0], told[-1]) == ("response.created", "response.completed")


async def test_responses_that_break_are_told_and_raised_on() -> None:
    data, error = await responses_of(BROKEN)
    assert isinstance(error, Unavailable)
    assert b"event: response.failed" in data
    assert await responses_of(ScriptedAnswer(error=error)) == (b"", error)


async def test_a_whole_response() -> None:
    (model,) = models(a="Paris").values()
    async with model.open(chat_request(RESPONSES), new_call()) as reply:
        body = responses_api.body(await reply.completion(), RESPONSES, id="resp_1", created_at=7)
    async with raw_server(always(whole(body, content_type=JSON))) as server:
        made = client(server, AsyncOpenAI, _strict_response_validation=True)
        read = await made.responses.create(model="m", input="hi")
        await made.close()
    assert (read.output_text, read.status) == ("Paris", "completed")
    assert read.usage.total_tokens == 0
