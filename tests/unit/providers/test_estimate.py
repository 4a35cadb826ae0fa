"""Token estimates: bounds that hold for any text, and counts of ordinary texts that must not drift."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.providers.estimate import (
    IMAGE_TOKENS,
    LOW_DETAIL_IMAGE_TOKENS,
    OPAQUE_PART_TOKENS,
    estimate_prompt_tokens,
    estimate_text_tokens,
    estimate_usage,
)
from quorate.wire.chat import (
    ChatRequest,
    ChatResponse,
    Choice,
    FunctionCall,
    ImageUrl,
    Message,
    Part,
    ToolCall,
    user_request,
)


def parts(*content: Part) -> ChatRequest:
    return ChatRequest(messages=(Message(role="user", content=content),))


@given(st.text())
def test_never_negative_and_never_more_than_two_per_byte(text: str) -> None:
    tokens = estimate_text_tokens(text)
    assert (tokens == 0) == (not text)
    assert tokens <= 1 + 2 * len(text.encode("utf-8", "surrogatepass"))


@given(st.text(), st.text())
def test_about_additive(left: str, right: str) -> None:
    together = estimate_text_tokens(left + right)
    apart = estimate_text_tokens(left) + estimate_text_tokens(right)
    assert apart - 2 <= together <= apart


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("The quick brown fox jumps over the lazy dog, as every typist knows.", 13, 18),
        ("for key, value in sorted(table.items()):\n    print(key, value)\n", 15, 26),
        ("3.14159265358979", 6, 12),
        ("今日は天気がとても良いです。", 9, 18),
        ("Сегодня очень хорошая погода.", 9, 18),
        ("\N{GRINNING FACE}" * 4, 4, 12),
    ],
)
def test_ordinary_texts(text: str, low: int, high: int) -> None:
    assert low <= estimate_text_tokens(text) <= high


def test_lone_surrogates_are_counted() -> None:
    assert estimate_text_tokens("\ud800") == 1


def test_prompt_counts_every_message_and_its_frame() -> None:
    one = estimate_prompt_tokens(user_request("hello there"))
    two = estimate_prompt_tokens(user_request("hello there", system="hello there"))
    assert two - one == estimate_text_tokens("hello there") + 4


@pytest.mark.parametrize(
    ("part", "tokens"),
    [
        (Part(type="image_url", image_url=ImageUrl(url="data:image/png;base64," + "A" * 90_000)), IMAGE_TOKENS),
        (Part(type="image_url", image_url=ImageUrl(url="x", detail="low")), LOW_DETAIL_IMAGE_TOKENS),
        (Part(type="input_audio", extra={"input_audio": {"data": "A" * 90_000}}), OPAQUE_PART_TOKENS),
        (Part(type="text", text="hello there"), estimate_text_tokens("hello there")),
    ],
)
def test_parts(part: Part, tokens: int) -> None:
    assert estimate_prompt_tokens(parts(part)) - estimate_prompt_tokens(parts()) == tokens


def test_tools_formats_and_calls_are_part_of_the_prompt() -> None:
    plain = user_request("hi")
    base = estimate_prompt_tokens(plain)
    schema = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
    call = ToolCall(id="1", function=FunctionCall(name="look_up", arguments='{"city": "Paris"}'))
    with_call = ChatRequest(messages=(*plain.messages, Message(tool_calls=(call,))))
    assert estimate_prompt_tokens(ChatRequest(messages=plain.messages, tools=(schema,))) > base + 10
    assert estimate_prompt_tokens(ChatRequest(messages=plain.messages, response_format={"type": "json_object"})) > base
    assert estimate_prompt_tokens(with_call) > base + 8


def test_usage_counts_all_choices_and_shown_reasoning() -> None:
    choice = Choice(message=Message(content="hello there", reasoning_content="let me think"))
    usage = estimate_usage(user_request("hi"), ChatResponse(choices=(choice, choice)))
    thoughts, text = estimate_text_tokens("let me think"), estimate_text_tokens("hello there")
    assert usage.prompt_tokens == estimate_prompt_tokens(user_request("hi"))
    assert (usage.reasoning_tokens, usage.completion_tokens) == (2 * thoughts, 2 * (text + thoughts))


def test_usage_of_an_empty_answer() -> None:
    assert estimate_usage(user_request("hi"), ChatResponse(choices=())).completion_tokens == 0
