"""The asynchronous form of OpenAI's Python client, many requests at once."""

import asyncio
import json
from typing import Any

import pytest
from openai import APIError, AsyncOpenAI, RateLimitError

from client_questions import DOUBLE_AND_HALVE, arithmetic_tools, asked
from running_gateway import RunningGateway


@pytest.mark.parametrize("model", ["plain", "translated", "panel", "invented"])
async def test_whole_and_streamed_at_once(async_client: AsyncOpenAI, model: str) -> None:
    async def streamed() -> str:
        stream = await async_client.chat.completions.create(model=model, messages=asked("Say it."), stream=True)
        return "".join([choice.delta.content or "" async for chunk in stream for choice in chunk.choices])

    async def whole() -> str:
        answer = await async_client.chat.completions.create(model=model, messages=asked("Say it."))
        return answer.choices[0].message.content or ""

    answers = await asyncio.gather(*(whole() for _ in range(8)), *(streamed() for _ in range(8)))
    assert all(answers)
    if model != "invented":  # which answers each time as another person would
        assert len(set(answers)) == 1


async def test_tools(async_client: AsyncOpenAI) -> None:
    async with async_client.chat.completions.stream(
        model="plain", messages=asked("Please double 21 and halve 8."), tools=arithmetic_tools()
    ) as stream:
        answer = await stream.get_final_completion()
    calls: Any = answer.choices[0].message.tool_calls
    assert [(call.function.name, json.loads(call.function.arguments)) for call in calls] == DOUBLE_AND_HALVE


async def test_responses(async_client: AsyncOpenAI) -> None:
    async with async_client.responses.stream(model="panel", input="Say it.") as stream:
        response = await stream.get_final_response()
    assert response.output_text


async def test_embeddings_and_models(async_client: AsyncOpenAI) -> None:
    answer = await async_client.embeddings.create(model="hashed", input="a", encoding_format="float")
    assert len(answer.data[0].embedding) == 256
    assert "panel" in [model.id async for model in async_client.models.list()]


async def test_errors(async_client: AsyncOpenAI) -> None:
    with pytest.raises(RateLimitError):
        await async_client.chat.completions.create(model="upstream:f02#async", messages=asked("Hello"))
    with pytest.raises(APIError) as raised:
        async for _ in await async_client.chat.completions.create(
            model="upstream:f08#async", messages=asked("Hello"), stream=True
        ):
            pass
    assert raised.value.code == "provider_unavailable"


async def test_a_cancelled_task_ends_the_work(gateway: RunningGateway, async_client: AsyncOpenAI) -> None:
    behaviour = "delay-20s#cancelled"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await async_client.chat.completions.create(model=f"upstream:{behaviour}", messages=asked("Hello"))
    seen = await asyncio.to_thread(gateway.upstream.wait_for_hangup, behaviour)
    assert seen.model == behaviour


async def test_a_stream_that_is_closed_early_ends_the_work(gateway: RunningGateway, async_client: AsyncOpenAI) -> None:
    behaviour = "gap-100ms+tokens-300#async"
    async with await async_client.chat.completions.create(
        model=f"upstream:{behaviour}", messages=asked("Hello"), stream=True
    ) as stream:
        assert (await anext(aiter(stream))).choices
    seen = await asyncio.to_thread(gateway.upstream.wait_for_hangup, behaviour)
    assert seen.model == behaviour
