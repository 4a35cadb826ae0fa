"""Token counts without a tokenizer, for what a provider did not count itself: a cancelled stream, a missing `usage`."""

import math

import msgspec

from quorate.model.usage import Usage
from quorate.wire.chat import ChatRequest, ChatResponse, Message, Part

#: The output limit of a model that nobody limits: what the Anthropic dialect sends as well. Providers without a limit
#: of their own may write more.
DEFAULT_OUTPUT_TOKENS = 4096
#: What one picture counts: a 1024 x 1024 picture in full detail by OpenAI's tiles (85 + 4 x 170). The real count
#: depends on size and provider, between about 85 and 3,000.
IMAGE_TOKENS = 765
#: The same picture asked for with `detail: low`.
LOW_DETAIL_IMAGE_TOKENS = 85
#: What other parts count (sound, files): nothing in the request says how long they are.
OPAQUE_PART_TOKENS = 500
#: Role and separators around each message, and the opening of the answer (OpenAI's chat format).
MESSAGE_TOKENS = 3
REPLY_TOKENS = 3

_DIGITS = b"0123456789"
_PUNCTUATION = b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\n\t\r"
_ASCII = bytes(range(128))
#: First bytes of 3-byte and of 4-byte sequences in UTF-8.
_LONG_LEADS = bytes(range(0xE0, 0xF0))
_LONGEST_LEADS = bytes(range(0xF0, 0xF8))

_LETTERS_PER_TOKEN = 4.9
_DIGITS_PER_TOKEN = 2.6
_MARKS_PER_TOKEN = 1.5
_ACCENTED_PER_TOKEN = 2.2
_TOKENS_PER_IDEOGRAPH = 0.95
_TOKENS_PER_EMOJI = 2.0


def estimate_text_tokens(text: str) -> int:
    """Return about how many tokens `text` is; 0 for the empty text, at least 1 for any other.

    Characters are counted by class, each class at about the rate at which byte-pair vocabularies of 100,000 to 200,000
    entries spend tokens on it: Latin letters and spaces 4.9 to a token, digits 2.6, punctuation and line ends 1.5,
    other alphabets 2.2, ideographs and syllabic scripts 0.95 tokens each, emoji 2.

    Error: checked against a dozen published counts only, no corpus: English messages within 15 %, code and Japanese
    within 20 %, a text of a few words up to 45 %. Cost: 0.3 ms for 100,000 ASCII characters, 0.8 ms for mixed ones.
    """
    if not text:
        return 0
    data = text.encode("utf-8", "surrogatepass")
    ascii_count = len(data) - len(data.translate(None, _ASCII))
    digits = len(data) - len(data.translate(None, _DIGITS))
    marks = len(data) - len(data.translate(None, _PUNCTUATION))
    tokens = (ascii_count - digits - marks) / _LETTERS_PER_TOKEN + digits / _DIGITS_PER_TOKEN + marks / _MARKS_PER_TOKEN
    if ascii_count < len(data):
        long = len(data) - len(data.translate(None, _LONG_LEADS))
        longest = len(data) - len(data.translate(None, _LONGEST_LEADS))
        accented = len(text) - ascii_count - long - longest
        tokens += accented / _ACCENTED_PER_TOKEN + long * _TOKENS_PER_IDEOGRAPH + longest * _TOKENS_PER_EMOJI
    return max(1, math.ceil(tokens))


def estimate_prompt_tokens(request: ChatRequest) -> int:
    """Return about how many tokens the prompt of `request` is: messages with their parts, tool calls, tools, format.

    A picture counts `IMAGE_TOKENS`, whatever its size; other parts without text `OPAQUE_PART_TOKENS`.
    """
    tokens = REPLY_TOKENS + sum(MESSAGE_TOKENS + 1 + _message_tokens(message) for message in request.messages)
    for schema in (*(request.tools or ()), request.response_format):
        if schema:
            tokens += estimate_text_tokens(msgspec.json.encode(schema).decode())
    return tokens


def count_images(request: ChatRequest) -> int:
    """Return how many images the prompt of `request` has."""
    return sum(
        part.image_url is not None
        for message in request.messages
        if isinstance(message.content, tuple)
        for part in message.content
    )


def estimate_usage(request: ChatRequest, response: ChatResponse) -> Usage:
    """Return the estimated usage of a whole answer: all its choices, with the reasoning that was shown."""
    reasoning = sum(estimate_text_tokens(choice.message.thoughts) for choice in response.choices)
    answers = sum(_message_tokens(choice.message) for choice in response.choices)
    return Usage(
        prompt_tokens=estimate_prompt_tokens(request),
        completion_tokens=answers + reasoning,
        reasoning_tokens=reasoning,
    )


def most_output_tokens(request: ChatRequest) -> int:
    """Return how many tokens the answers to `request` may have together, `DEFAULT_OUTPUT_TOKENS` each by default."""
    limit = DEFAULT_OUTPUT_TOKENS if request.output_limit is None else request.output_limit
    return limit * max(1, request.n or 1)


def _message_tokens(message: Message) -> int:
    content = message.content
    tokens = (
        sum(_part_tokens(part) for part in content)
        if isinstance(content, tuple)
        else estimate_text_tokens(content or "")
    )
    for call in message.tool_calls or ():
        if call.function is not None:
            tokens += estimate_text_tokens((call.function.name or "") + (call.function.arguments or ""))
    return tokens + estimate_text_tokens(message.refusal or "") + estimate_text_tokens(message.name or "")


def _part_tokens(part: Part) -> int:
    if part.text is not None:
        return estimate_text_tokens(part.text)
    if part.image_url is not None:
        return LOW_DETAIL_IMAGE_TOKENS if part.image_url.detail == "low" else IMAGE_TOKENS
    return OPAQUE_PART_TOKENS
