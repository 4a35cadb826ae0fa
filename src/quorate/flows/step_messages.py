"""The messages that a step sends, from the ways in which they may be written."""

from collections.abc import Sequence

from quorate.core.errors import InvalidRequest
from quorate.flows.executor import StepRejected
from quorate.flows.model_section import MessageSection
from quorate.wire.chat import Message
from quorate.wire.open import load


def step_messages(
    system: str | None, prompt: str | None, messages: Sequence[MessageSection] = ()
) -> tuple[Message, ...]:
    """Return the system message, the conversation and the prompt, as far as they are given."""
    head = () if not system else (Message(role="system", content=system),)
    tail = () if not prompt else (Message(role="user", content=prompt),)
    try:
        middle = tuple(load({"role": each.role, "content": each.content}, Message) for each in messages)
    except InvalidRequest as error:
        raise StepRejected(f"a message cannot be read: {error.message}", code="bad_request") from None
    return (*head, *middle, *tail)
