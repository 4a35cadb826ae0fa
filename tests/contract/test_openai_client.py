"""What the dialects make of providers' answers is what OpenAI's own client reads, strictly validated."""

import json
from typing import Any

import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from quorate.providers.anthropic import AnthropicDialect
from quorate.providers.dialect import Dialect
from quorate.providers.gemini import GeminiDialect
from quorate.providers.openai import OpenAIDialect
from quorate.wire.open import encode
from quorate.wire.stream import ChatChunk, Joiner, chunk_of
from raw_server import always, raw_server, whole

MISTRAL: dict[str, Any] = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "magistral-x",
    "choices": [
        {
            "index": 0,
            "finish_reason": "model_length",
            "message": {
                "role": "assistant",
                "tool_calls": None,
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                    {"type": "text", "text": "Four"},
                ],
            },
        }
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}
ANTHROPIC: dict[str, Any] = {
    "type": "message",
    "id": "m1",
    "model": "claude-x",
    "role": "assistant",
    "content": [{"type": "text", "text": "Four"}, {"type": "tool_use", "id": "t1", "name": "f", "input": {}}],
    "stop_reason": "tool_use",
    "usage": {"input_tokens": 3, "cache_read_input_tokens": 1, "cache_creation_input_tokens": 1, "output_tokens": 2},
}
GEMINI: dict[str, Any] = {
    "responseId": "r1",
    "modelVersion": "gemini-x",
    "candidates": [
        {
            "content": {"parts": [{"text": "Four"}, {"functionCall": {"name": "f"}, "thoughtSignature": "s"}]},
            "finishReason": "STOP",
        }
    ],
    "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "thoughtsTokenCount": 1},
}
ANSWERS: list[tuple[Dialect, dict[str, Any]]] = [
    (OpenAIDialect(), MISTRAL),
    (AnthropicDialect(), ANTHROPIC),
    (GeminiDialect(), GEMINI),
]


@pytest.mark.parametrize(("dialect", "answer"), ANSWERS)
async def test_whole_and_streamed_answers(dialect: Dialect, answer: dict[str, Any]) -> None:
    response = dialect.parse(json.dumps(answer).encode())
    body = encode(response)
    async with raw_server(always(whole(body, content_type="application/json"))) as server:
        client = AsyncOpenAI(base_url=server.url, api_key="k" * 8, max_retries=0, _strict_response_validation=True)
        read = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}])
        await client.close()
    assert isinstance(read, ChatCompletion)
    assert read.choices[0].message.content == "Four"
    assert read.usage is not None
    assert read.usage.total_tokens == read.usage.prompt_tokens + read.usage.completion_tokens


@pytest.mark.parametrize(("dialect", "answer"), ANSWERS)
def test_chunks(dialect: Dialect, answer: dict[str, Any]) -> None:
    chunk = chunk_of(dialect.parse(json.dumps(answer).encode()))
    joiner = Joiner()
    for each in (chunk, ChatChunk(id=chunk.id, model=chunk.model, usage=chunk.usage)):
        joiner.add(each)
        ChatCompletionChunk.model_validate_json(encode(each), strict=True)
    ChatCompletion.model_validate_json(encode(joiner.response()), strict=True)
