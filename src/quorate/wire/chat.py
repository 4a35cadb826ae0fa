"""Chat completions: request, messages, response (OpenAI's `POST /v1/chat/completions`)."""

from typing import Any, Final

from quorate.wire.open import Open, written


class ImageUrl(Open, frozen=True, kw_only=True):
    """A picture by URL or as a `data:` URL."""

    url: str
    detail: str | None = None


class Part(Open, frozen=True, kw_only=True):
    """One part of a multimodal message; `type` says which of the others is set (`text`, `image_url`, ...)."""

    type: str
    text: str | None = None
    image_url: ImageUrl | None = None


class FunctionCall(Open, frozen=True, kw_only=True):
    """A function the model wants called; `arguments` is JSON text, whole or (in a stream) a piece of it."""

    name: str | None = None
    arguments: str | None = None


class ToolCall(Open, frozen=True, kw_only=True):
    """A tool call; `index` is set in streams and says which call a piece belongs to."""

    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: FunctionCall | None = None


class Message(Open, frozen=True, kw_only=True):
    """A message of the conversation, in requests and responses alike."""

    role: str = written("assistant")
    content: str | tuple[Part, ...] | None = written(None)
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None

    @property
    def text(self) -> str:
        """The text of the message: all text parts joined; empty if there is none."""
        if isinstance(self.content, tuple):
            return "".join(part.text or "" for part in self.content)
        return self.content or ""

    @property
    def thoughts(self) -> str:
        """What a reasoning model showed of its reasoning, under either of the two names in use."""
        return self.reasoning_content or self.reasoning or ""


class StreamOptions(Open, frozen=True, kw_only=True):
    """`include_usage` asks for one last chunk with the usage."""

    include_usage: bool | None = None


class ChatRequest(Open, frozen=True, kw_only=True):
    """A chat request; also what every `Model` is asked with.

    Tools, formats and tool choices stay plain JSON: they are passed on, not interpreted.
    """

    messages: tuple[Message, ...]
    model: str = ""
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    stop: str | tuple[str, ...] | None = None
    seed: int | None = None
    tools: tuple[dict[str, Any], ...] | None = None
    tool_choice: str | dict[str, Any] | None = None
    response_format: dict[str, Any] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    reasoning_effort: str | None = None
    user: str | None = None

    @property
    def output_limit(self) -> int | None:
        """The most tokens the answer may have, under either of the two names in use; `None` if not limited."""
        return self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens

    @property
    def prompt_text(self) -> str:
        """The last user message's text: what the question is, for agreement and selection."""
        return next((message.text for message in reversed(self.messages) if message.role == "user"), "")


#: No request uses more tokens: a server that says so is wrong, and no column adds up what it says.
MOST_TOKENS: Final = 10**9


class PromptTokensDetails(Open, frozen=True, kw_only=True):
    """How the prompt's tokens divide."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class CompletionTokensDetails(Open, frozen=True, kw_only=True):
    """How the completion's tokens divide."""

    reasoning_tokens: int | None = None


class WireUsage(Open, frozen=True, kw_only=True):
    """Token counts as the wire carries them."""

    prompt_tokens: int = written(0)
    completion_tokens: int = written(0)
    total_tokens: int = written(0)
    prompt_tokens_details: PromptTokensDetails | None = None
    completion_tokens_details: CompletionTokensDetails | None = None

    @property
    def counts_something(self) -> bool:
        """Whether any of the three is not zero."""
        return bool(self.prompt_tokens or self.completion_tokens or self.total_tokens)


class Choice(Open, frozen=True, kw_only=True):
    """One of the `n` answers."""

    message: Message
    index: int = written(0)
    finish_reason: str | None = written(None)
    logprobs: dict[str, Any] | None = None


class ChatResponse(Open, frozen=True, kw_only=True):
    """A whole answer."""

    choices: tuple[Choice, ...]
    id: str = written("")
    object: str = written("chat.completion")
    created: int = written(0)
    model: str = written("")
    usage: WireUsage | None = None
    system_fingerprint: str | None = None

    @property
    def message(self) -> Message:
        """The first choice's message; an empty one if the provider sent no choice."""
        return self.choices[0].message if self.choices else Message()

    @property
    def text(self) -> str:
        """The first choice's text."""
        return self.message.text

    @property
    def finish_reason(self) -> str | None:
        """Why the first choice ended (`stop`, `length`, `tool_calls`, `content_filter`)."""
        return self.choices[0].finish_reason if self.choices else None


def user_request(prompt: str, *, model: str = "", system: str | None = None) -> ChatRequest:
    """Return a request of one user message, after an optional system message."""
    head = () if system is None else (Message(role="system", content=system),)
    return ChatRequest(model=model, messages=(*head, Message(role="user", content=prompt)))
