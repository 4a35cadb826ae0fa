"""A request as the simulated model sees it, whichever format it came in; and its answer."""

from enum import StrEnum
from typing import Any

import msgspec


class ToolUse(StrEnum):
    """Whether tools may or must be called; a `Prompt` may also name the one to call."""

    AUTO = "auto"
    NEVER = "never"
    ANY = "any"


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that may be called; `schema` is the JSON Schema of its arguments."""

    name: str
    schema: dict[str, Any]


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked. `text` is the user's last message; `tool_text` what a tool has said since, `None` if none has.

    `prefilled`: the conversation ends in an assistant message. `schema` is the form that the answer must have, `{}`
    for any JSON object. `tokens` is the length of the whole conversation.
    """

    text: str
    tokens: int
    tool_text: str | None = None
    prefilled: bool = False
    tools: tuple[Tool, ...] = ()
    tool_use: ToolUse = ToolUse.AUTO
    tool_name: str | None = None
    parallel_tools: bool = True
    schema: dict[str, Any] | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()


class Finish(StrEnum):
    """Why an answer ends."""

    STOP = "stop"
    STOP_TEXT = "stop_text"
    LENGTH = "length"
    TOOLS = "tools"


class CalledTool(msgspec.Struct, frozen=True, kw_only=True):
    """A call of a tool; `arguments` is JSON text."""

    name: str
    arguments: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the model says, token by token, or the tools it calls. `stopped_by` is the stop text that ended it."""

    pieces: tuple[str, ...] = ()
    calls: tuple[CalledTool, ...] = ()
    finish: Finish = Finish.STOP
    stopped_by: str | None = None
    tokens: int = 0

    @property
    def text(self) -> str:
        """The pieces joined."""
        return "".join(self.pieces)
