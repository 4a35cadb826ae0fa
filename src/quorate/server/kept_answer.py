"""What is kept of an answer where the operator keeps texts: one form of it, on whatever way it came."""

from collections.abc import Iterator

from quorate.wire.chat import ChatResponse, Message


def kept_answer(response: ChatResponse) -> str:
    """Return all that an answer says, a line for each: text, reasoning, refusal, and its calls (name, arguments)."""
    return "\n".join(text for choice in response.choices for text in _texts(choice.message) if text)


def _texts(message: Message) -> Iterator[str | None]:
    yield message.text
    yield message.thoughts
    yield message.refusal
    for call in message.tool_calls or ():
        if call.function is not None:
            yield call.function.name
            yield call.function.arguments
