"""What a model is told about an answer that does not keep its contract, and what another is asked to mend."""

from collections.abc import Sequence

import msgspec

from quorate.consensus.framing import PromptMessage, frame, untrusted_notice
from quorate.contracts.contract import Contract
from quorate.model.output import Problem
from quorate.wire.chat import ChatRequest, Message

#: How much of an answer is shown again, and the longest schema that is.
_ANSWER_CHARS = 16_000
_SCHEMA_CHARS = 16_000


def ask_again(request: ChatRequest, answer: str, contract: Contract, problems: Sequence[Problem]) -> ChatRequest:
    """Return the request with the answer that was given and what is wrong with it, as its author reads it."""
    told = f"Your answer cannot be used:\n{_listed(problems)}\nAnswer again, with {contract.wanted} and nothing else."
    shown = (
        Message(role="assistant", content=answer[:_ANSWER_CHARS]),
        Message(role="user", content=told + _schema(contract)),
    )
    return msgspec.structs.replace(request, messages=(*request.messages, *shown))


def repair_messages(
    answer: str, contract: Contract, problems: Sequence[Problem], *, nonce: str
) -> tuple[PromptMessage, ...]:
    """Return the messages that ask a model to bring an answer into its form; `nonce` frames what others wrote."""
    system = (
        f"You bring a text into a form. Reply with {contract.wanted}, as JSON, and nothing else: no fence, no comment."
        f" Keep what the text says; add and guess nothing.{_schema(contract)}\n\n{untrusted_notice(nonce)}"
    )
    shown = (
        frame("text", answer[:_ANSWER_CHARS], nonce=nonce),
        f"What is wrong with it:\n{frame('problems', _listed(problems), nonce=nonce)}",
    )
    return (PromptMessage(role="system", content=system), PromptMessage(role="user", content="\n\n".join(shown)))


def _listed(problems: Sequence[Problem]) -> str:
    return "\n".join(f"- {problem}" for problem in problems)


def _schema(contract: Contract) -> str:
    if contract.schema is None or len(contract.schema.text) > _SCHEMA_CHARS:
        return ""
    return f"\n\nIt has to fit this JSON Schema:\n{contract.schema.text}"
