"""Whatever a provider sends in place of what belongs there, an answer or an error of ours comes out."""

import contextlib
import json
import random
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.errors import ProviderError
from quorate.providers.anthropic import AnthropicDialect
from quorate.providers.dialect import Dialect
from quorate.providers.gemini import GeminiDialect
from quorate.providers.openai import OpenAIDialect
from quorate.wire.chat import ChatResponse
from quorate.wire.sse import SseEvent
from quorate.wire.stream import Joiner

NOW = datetime(2026, 1, 1, tzinfo=UTC)
JUNK: tuple[Any, ...] = (None, True, -1, 1.5, 1e300, 10**30, "", "x", [], {}, [None], [[]], {"a": None})

CALL = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
OPENAI: list[dict[str, Any]] = [
    {
        "id": "c",
        "created": 1,
        "choices": [
            {
                "index": 0,
                "delta": {"role": "assistant", "content": "x", "tool_calls": [CALL]},
                "message": {"role": "assistant", "content": [{"type": "text", "text": "x"}], "tool_calls": [CALL]},
                "finish_reason": "stop",
                "logprobs": {"content": []},
            }
        ],
        "usage": {"prompt_tokens": 1, "total_tokens": 3, "completion_tokens_details": {"reasoning_tokens": 1}},
        "x_groq": {"usage": {"prompt_tokens": 1}},
    },
    {
        "error": {
            "code": 400,
            "message": "x",
            "metadata": {"raw": "x", "reasons": ["a"]},
            "details": [{"reason": "x", "retryDelay": "3s", "violations": [{"quotaId": "x"}]}],
            "innererror": {"code": "x"},
        }
    },
]
ANTHROPIC: list[dict[str, Any]] = [
    {
        "type": "message",
        "id": "m",
        "content": [
            {"type": "text", "text": "x"},
            {"type": "tool_use", "id": "t", "name": "f", "input": {}},
            {"type": "thinking", "thinking": "x", "signature": "s"},
        ],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "cache_read_input_tokens": 2, "output_tokens": 3},
    },
    {"type": "message_start", "message": {"id": "x", "usage": {"input_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "t", "input": {}}},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "server_tool_use", "input": {}}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "{"}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "thinking_delta", "thinking": "x"}},
    {"type": "content_block_stop", "index": 1},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
    {"type": "error", "error": {"type": "x", "message": "y"}},
]
GEMINI: list[dict[str, Any]] = [
    {
        "candidates": [
            {
                "index": 0,
                "content": {"parts": [{"text": "x", "thought": True}, {"functionCall": {"name": "f", "args": {}}}]},
                "finishReason": "STOP",
            }
        ],
        "usageMetadata": {"promptTokenCount": 1},
        "promptFeedback": {"blockReason": ""},
        "responseId": "r",
    },
    {"error": {"code": 500, "message": "x"}},
]


def spoiled(value: Any, rng: random.Random) -> Any:
    """The value with things missing, twice, or of another type."""
    if rng.random() < 0.08:
        return rng.choice(JUNK)
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
        return {key: spoiled(item, rng) for key, item in items if rng.random() > 0.05}
    if isinstance(value, list):
        return [spoiled(item, rng) for item in cast("list[Any]", value)] * rng.choice((1, 1, 2))
    return value


def attempt(dialect: Dialect, bodies: list[str]) -> None:
    """Do with each body whatever can be done; only provider errors are expected."""
    parser, joiner = dialect.stream(), Joiner()
    for body in bodies:
        with contextlib.suppress(ProviderError):
            assert isinstance(dialect.parse(body.encode()), ChatResponse)
        try:
            for chunk in parser.feed(SseEvent(body)):
                joiner.add(chunk)
        except ProviderError:
            pass
        for status in (400, 500):
            assert isinstance(dialect.error(status, {}, body.encode(), now=NOW), ProviderError)
        assert isinstance(joiner.response(), ChatResponse)


@pytest.mark.parametrize(
    ("dialect", "shapes"), [(OpenAIDialect(), OPENAI), (AnthropicDialect(), ANTHROPIC), (GeminiDialect(), GEMINI)]
)
@given(rng=st.randoms(use_true_random=True))
def test_nothing_else_comes_out(dialect: Dialect, shapes: list[dict[str, Any]], rng: random.Random) -> None:
    attempt(dialect, [json.dumps(spoiled(rng.choice(shapes), rng)) for _ in range(20)])
