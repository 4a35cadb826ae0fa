"""A saved prompt as a Model: `prompt/NAME` answers a chat request like any endpoint."""

from collections.abc import AsyncGenerator
from dataclasses import replace

from quorate.engine.catalog import Entry, ModelCard, ModelKind
from quorate.model import Call, Completion, Delta, Spend, opens_reply
from quorate.prompts.folder import PromptFolder
from quorate.wire.chat import ChatRequest

#: What the names of saved prompts begin with, among those of models.
PREFIX = "prompt/"


class SavedPrompt:
    """The prompt `name` of a folder, as it is when it is asked.

    The last user message fills it: a JSON object with its inputs, or the text of its only input (or of `text`). What
    the request says of sampling stands above the prompt's parameters; its other messages are not sent. Streamed
    answers come piece by piece where the plan's do, after the children.
    """

    def __init__(self, name: str, folder: PromptFolder) -> None:
        self._prompt = name
        self._folder = folder

    @property
    def name(self) -> str:
        """The catalog name, `prompt/NAME`."""
        return PREFIX + self._prompt

    @opens_reply
    async def open(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta | Completion]:
        """Answer."""
        asking = await self._folder.asking(self._prompt, request, call)
        async with asking.ensemble.open(asking.request, call) as reply:
            if request.stream:
                async for delta in reply:
                    yield delta
            completion = await reply.completion()
        yield asking.labelled(_with(completion, asking.spend))


def prompt_entry(name: str, folder: PromptFolder) -> Entry:
    """Return the entry of a prompt for a catalog."""
    section = folder.definition(name).section
    card = ModelCard(
        name=PREFIX + name,
        kind=ModelKind.PROMPT,
        provider="quorate",
        description=section.description,
        members=section.asked(),
    )
    return Entry(card=card, make=lambda: SavedPrompt(name, folder))


def _with(completion: Completion, spend: Spend) -> Completion:
    """Return the answer with the cost and the tokens of the children."""
    if spend == Spend():
        return completion
    cost, more = completion.cost_microusd, spend.cost_microusd
    return replace(
        completion,
        usage=completion.usage + spend.usage,
        cost_microusd=None if cost is None or more is None else cost + more,
        estimated=completion.estimated or spend.estimated,
    )
