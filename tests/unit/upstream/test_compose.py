"""What simulated models say: plain texts, forms, calls of tools."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.upstream import behaviour_of
from quorate.upstream.compose import compose, pieces_of
from quorate.upstream.embeddings import EmbeddingsAsk, embed
from quorate.upstream.prompt import Answer, Finish, Prompt, Tool, ToolUse

WEATHER = Tool(name="get_weather", schema={"type": "object", "properties": {"city": {"type": "string"}}})
CLOCK = Tool(name="readClock", schema={"type": "object", "properties": {"zone": {"type": "integer"}}})


def answer(name: str, prompt: Prompt) -> Answer:
    return compose(prompt, behaviour_of(name))


def asked(text: str) -> Prompt:
    return Prompt(text=text, tokens=1)


@given(text=st.text(max_size=300))
def test_pieces_join_to_the_text(text: str) -> None:
    assert "".join(pieces_of(text)) == text


@given(text=st.text(max_size=100), size=st.integers(1, 5000), tokens=st.integers(1, 50))
def test_lengths_are_exact(text: str, size: int, tokens: int) -> None:
    assert len(answer(f"size-{size}b", asked(text)).text.encode()) == size
    assert len(answer(f"size-{size}b+tokens-{tokens}", asked(text)).text) == size
    counted = answer(f"tokens-{tokens}", asked(text))
    assert (len(counted.pieces), counted.tokens) == (tokens, tokens)
    assert pieces_of(counted.text) == counted.pieces


def test_answers_are_the_same_for_the_same_prompt_and_tell_prompts_apart() -> None:
    texts = {answer("tokens-9", asked(f"question {number}")).text for number in range(40)}
    assert len(texts) > 5
    assert answer("fast", asked("Why?")).text == "Simulated answer to: Why?"
    assert answer("echo", asked(" a  b\n")).text == " a  b\n"
    assert answer("says-yes_sir", asked("?")).text == "yes sir"


def test_an_answer_is_cut_at_its_limit_and_at_stop_texts() -> None:
    prompt = Prompt(text="", tokens=1, max_tokens=3, stop=("four",))
    spoken = answer("says-one_two_three_four_five", prompt)
    assert (spoken.text, spoken.finish, spoken.tokens) == ("one two three", Finish.LENGTH, 3)
    prompt = Prompt(text="", tokens=1, max_tokens=9, stop=("five", "four"))
    spoken = answer("says-one_two_three_four_five", prompt)
    assert (spoken.text, spoken.finish, spoken.stopped_by) == ("one two three ", Finish.STOP_TEXT, "four")


@pytest.mark.parametrize(
    ("text", "use", "called"),
    [
        ("What is the weather in 'Rome'?", ToolUse.AUTO, ["get_weather"]),
        ("Call get_weather and readClock.", ToolUse.AUTO, ["get_weather", "readClock"]),
        ("Use the tool.", ToolUse.AUTO, ["get_weather"]),
        ("Hello!", ToolUse.AUTO, []),
        ("Hello!", ToolUse.ANY, ["get_weather"]),
        ("What does the clock say?", ToolUse.ANY, ["readClock"]),
        ("What is the weather?", ToolUse.NEVER, []),
    ],
)
def test_tools_are_called_when_they_are_asked_for(text: str, use: ToolUse, called: list[str]) -> None:
    spoken = answer("fast", Prompt(text=text, tokens=1, tools=(WEATHER, CLOCK), tool_use=use))
    assert [call.name for call in spoken.calls] == called
    assert (spoken.finish is Finish.TOOLS) is bool(called)


def test_one_tool_at_a_time_a_named_one_and_none_after_its_result() -> None:
    both = Prompt(text="get_weather, readClock", tokens=1, tools=(WEATHER, CLOCK), parallel_tools=False)
    assert [call.name for call in answer("fast", both).calls] == ["get_weather"]
    named = Prompt(text="Hello 7", tokens=1, tools=(WEATHER, CLOCK), tool_use=ToolUse.ANY, tool_name="readClock")
    (call,) = answer("fast", named).calls
    assert (call.name, json.loads(call.arguments)) == ("readClock", {"zone": 7})
    told = Prompt(text="The weather?", tokens=1, tools=(WEATHER,), tool_text="sunny")
    assert answer("fast", told).text == "The tool says: sunny"


def test_any_json_object_has_the_keys_that_the_prompt_names() -> None:
    prompt = Prompt(text="JSON with 'setup' and 'punch_line', please", tokens=1, schema={})
    assert json.loads(answer("fast", prompt).text).keys() == {"setup", "punch_line"}


@given(text=st.text(max_size=200), dimensions=st.integers(1, 300))
def test_embeddings_are_unit_vectors(text: str, dimensions: int) -> None:
    vector = embed(text, dimensions)
    assert len(vector) == dimensions
    assert math.isclose(sum(value * value for value in vector), 1.0, abs_tol=1e-9)
    assert vector == embed(text, dimensions)


def test_similar_texts_have_similar_embeddings() -> None:
    def cosine(one: str, other: str) -> float:
        return sum(a * b for a, b in zip(embed(one, 512), embed(other, 512), strict=True))

    near = cosine("the cat sat on the mat", "a cat sat on a mat")
    assert near > cosine("the cat sat on the mat", "quarterly revenue grew strongly") + 0.2


def test_inputs_of_embeddings() -> None:
    assert EmbeddingsAsk(model="fast", input="a b").texts == ["a b"]
    assert EmbeddingsAsk(model="fast", input=["a", "b"]).texts == ["a", "b"]
    assert EmbeddingsAsk(model="fast", input=[1, 2]).texts == ["1 2"]
    assert EmbeddingsAsk(model="fast", input=[[1, 2], [3]]).texts == ["1 2", "3"]
