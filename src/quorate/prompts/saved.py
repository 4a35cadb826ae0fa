"""A saved prompt as a Model: `prompt/NAME` answers a chat request like any endpoint."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from quorate.engine.catalog import Entry, ModelCard, ModelKind
from quorate.model import Call, Completion, Delta, opens_reply
from quorate.parallel.ensemble import completion_of
from quorate.parallel.result import Result
from quorate.prompts.folder import PromptFolder
from quorate.wire.chat import ChatRequest

#: What the names of saved prompts begin with, among those of models.
PREFIX = "prompt/"


class SavedPrompt:
    """The prompt `name` of a folder, as it is when it is asked.

    The last user message fills it: a JSON object with its inputs, or the text of its only input (or of `text`). What
    the request says of sampling stands above the prompt's parameters; its other messages are not sent. Streamed
    answers come piece by piece where the plan's do, after the children; one that was kept comes as one piece.
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
        async with aclosing(self._folder.pieces(self._prompt, request, call)) as pieces:
            async for piece in pieces:
                yield completion_of(piece, self.name) if isinstance(piece, Result) else piece


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
