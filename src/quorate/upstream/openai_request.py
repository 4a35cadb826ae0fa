"""A chat request of OpenAI's format, as far as a simulated model reads it; what it does not know it ignores."""

from typing import Annotated, Any, Literal

import msgspec

from quorate.upstream.prompt import Prompt, Tool, ToolUse

_MESSAGE_TOKENS = 3
_MEDIA_TOKENS = 85
_CHARS_PER_TOKEN = 4


class ContentPart(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a message; anything but text counts as media."""

    type: str
    text: str | None = None


class ChatMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None
    tool_calls: list[msgspec.Raw] | None = None

    @property
    def text(self) -> str:
        """The text of the message."""
        if isinstance(self.content, list):
            return "".join(part.text or "" for part in self.content)
        return self.content or ""

    @property
    def tokens(self) -> int:
        """About how many tokens the message has."""
        media = sum(part.text is None for part in self.content) if isinstance(self.content, list) else 0
        return _MESSAGE_TOKENS + len(self.text) // _CHARS_PER_TOKEN + media * _MEDIA_TOKENS


class FunctionSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A function that may be called."""

    name: str
    parameters: dict[str, Any] | None = None


class ToolSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A tool; only functions can be called."""

    type: str
    function: FunctionSpec | None = None


class FunctionName(msgspec.Struct, frozen=True, kw_only=True):
    """The function that must be called."""

    name: str


class ToolChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A choice of one function."""

    function: FunctionName | None = None


class JsonSchema(msgspec.Struct, frozen=True, kw_only=True):
    """The form of an answer."""

    schema: dict[str, Any] = {}


class ResponseFormat(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the answer is text, any JSON object, or of a form."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class StreamChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the usage comes at the end of a stream."""

    include_usage: bool | None = None


Positive = Annotated[int, msgspec.Meta(ge=1)]


class ChatAsk(msgspec.Struct, frozen=True, kw_only=True):
    """The body of `POST /v1/chat/completions`."""

    model: str
    messages: Annotated[list[ChatMessage], msgspec.Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamChoice | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None
    max_tokens: Positive | None = None
    max_completion_tokens: Positive | None = None
    stop: str | list[str] | None = None
    tools: list[ToolSpec] | None = None
    tool_choice: str | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None

    def prompt(self) -> Prompt:
        """Return the request as the model sees it."""
        user = next((at for at in range(len(self.messages) - 1, -1, -1) if self.messages[at].role == "user"), -1)
        said = [message.text for message in self.messages[user + 1 :] if message.role in {"tool", "function"}]
        text = self.messages[user].text
        tokens = sum(message.tokens for message in self.messages)
        prefilled = self.messages[-1].role == "assistant"
        if not self.tools and self.response_format is None:
            return Prompt(
                text=text,
                tokens=tokens,
                tool_text="\n".join(said) if said else None,
                prefilled=prefilled,
                max_tokens=self.max_completion_tokens or self.max_tokens,
                stop=_stops(self.stop),
            )
        use, name = self._tool_use()
        return Prompt(
            text=text,
            tokens=tokens,
            tool_text="\n".join(said) if said else None,
            prefilled=prefilled,
            tools=tuple(_tool(tool.function) for tool in self.tools or () if tool.function is not None),
            tool_use=use,
            tool_name=name,
            parallel_tools=self.parallel_tool_calls is not False,
            schema=self._schema(),
            max_tokens=self.max_completion_tokens or self.max_tokens,
            stop=_stops(self.stop),
        )

    def _tool_use(self) -> tuple[ToolUse, str | None]:
        choice = self.tool_choice
        if isinstance(choice, ToolChoice):
            return ToolUse.ANY, None if choice.function is None else choice.function.name
        return {"required": ToolUse.ANY, "none": ToolUse.NEVER}.get(choice or "auto", ToolUse.AUTO), None

    def _schema(self) -> dict[str, Any] | None:
        form = self.response_format
        if form is None or form.type == "text":
            return None
        return {} if form.json_schema is None else form.json_schema.schema


def _tool(function: FunctionSpec) -> Tool:
    return Tool(name=function.name, schema=function.parameters or {})


def _stops(stop: str | list[str] | None) -> tuple[str, ...]:
    if not stop:
        return ()
    return (stop,) if isinstance(stop, str) else tuple(stop)
