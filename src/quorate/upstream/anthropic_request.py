"""A request of Anthropic's Messages format, as far as a simulated model reads it; what it does not know it ignores."""

from typing import Annotated, Any, Literal

import msgspec

from quorate.upstream.prompt import Prompt, Tool, ToolUse

_MESSAGE_TOKENS = 3
_MEDIA_TOKENS = 85
_CHARS_PER_TOKEN = 4
_JSON_WORDS = "JSON object"


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A block of a message; `content` is what a tool said."""

    type: str
    text: str | None = None
    content: "str | list[Block] | None" = None

    @property
    def words(self) -> str:
        """The text of the block, of a tool's result as well."""
        if self.text is not None:
            return self.text
        if isinstance(self.content, list):
            return "".join(block.words for block in self.content)
        return self.content or ""


class TurnMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message of the conversation."""

    role: Literal["user", "assistant"]
    content: str | list[Block]

    @property
    def text(self) -> str:
        """The text of the message, without what tools said."""
        if isinstance(self.content, str):
            return self.content
        return "".join(block.text or "" for block in self.content)

    @property
    def tool_texts(self) -> list[str]:
        """What tools said in the message."""
        if isinstance(self.content, str):
            return []
        return [block.words for block in self.content if block.type == "tool_result"]

    @property
    def tokens(self) -> int:
        """About how many tokens the message has."""
        if isinstance(self.content, str):
            return _MESSAGE_TOKENS + len(self.content) // _CHARS_PER_TOKEN
        media = sum(block.type in {"image", "document"} for block in self.content)
        chars = sum(len(block.words) for block in self.content)
        return _MESSAGE_TOKENS + chars // _CHARS_PER_TOKEN + media * _MEDIA_TOKENS


class ToolSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that may be called."""

    name: str
    input_schema: dict[str, Any] = {}


class ToolChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a tool may, must or must not be called."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class OutputFormat(msgspec.Struct, frozen=True, kw_only=True):
    """The form of the answer."""

    type: Literal["json_schema"]
    schema: dict[str, Any] = {}


class OutputConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the answer."""

    format: OutputFormat | None = None


class MessagesAsk(msgspec.Struct, frozen=True, kw_only=True):
    """The body of `POST /v1/messages`."""

    model: str
    messages: Annotated[list[TurnMessage], msgspec.Meta(min_length=1)]
    max_tokens: Annotated[int, msgspec.Meta(ge=1)]
    system: str | list[Block] | None = None
    stream: bool | None = None
    stop_sequences: list[str] | None = None
    tools: list[ToolSpec] | None = None
    tool_choice: ToolChoice | None = None
    output_config: OutputConfig | None = None

    def prompt(self) -> Prompt:
        """Return the request as the model sees it."""
        last = self.messages[-1]
        texts = [message.text for message in self.messages if message.role == "user" and message.text]
        said = last.tool_texts
        choice = self.tool_choice or ToolChoice(type="auto")
        return Prompt(
            text=texts[-1] if texts else "",
            tokens=sum(message.tokens for message in self.messages) + self._system_tokens(),
            tool_text="\n".join(said) if said else None,
            prefilled=last.role == "assistant",
            tools=tuple(Tool(name=tool.name, schema=tool.input_schema) for tool in self.tools or ()),
            tool_use=_USES[choice.type],
            tool_name=choice.name if choice.type == "tool" else None,
            parallel_tools=not choice.disable_parallel_tool_use,
            schema=self._schema(),
            max_tokens=self.max_tokens,
            stop=tuple(self.stop_sequences or ()),
        )

    def _schema(self) -> dict[str, Any] | None:
        """Return the form of the answer; this format has no field for "any JSON object", so a word to the system is."""
        if self.output_config is not None and self.output_config.format is not None:
            return self.output_config.format.schema
        return {} if _JSON_WORDS in self._system_text() else None

    def _system_tokens(self) -> int:
        return len(self._system_text()) // _CHARS_PER_TOKEN

    def _system_text(self) -> str:
        system = self.system or ""
        return system if isinstance(system, str) else "".join(block.words for block in system)


_USES = {"auto": ToolUse.AUTO, "any": ToolUse.ANY, "tool": ToolUse.ANY, "none": ToolUse.NEVER}
