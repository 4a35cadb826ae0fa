"""Passing requests and answers of an OpenAI-compatible endpoint on, byte for byte apart from the fields we own.

The top level of the body is decoded to raw values (`dict[str, msgspec.Raw]`), so messages, tools and fields that nobody
here knows leave as they came; of the answer only the facts are read that the ledger needs.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

import msgspec

from quorate.core.errors import Malformed, QuorateError
from quorate.model.call import Call
from quorate.model.usage import Charge, Usage
from quorate.providers.account import NO_ANSWER, AllOrNothing, Arrived, RequestAccount
from quorate.providers.dialect import OWN_FIELDS, Target
from quorate.providers.endpoint import Endpoint
from quorate.providers.estimate import (
    DEFAULT_OUTPUT_TOKENS,
    count_images,
    estimate_text_tokens,
    estimate_usage,
    most_output_tokens,
)
from quorate.providers.loose_json import as_count, as_object
from quorate.providers.openai import OpenAIDialect, key_headers
from quorate.providers.relay_facts import UNREAD, Heard, read_answer
from quorate.providers.relayed_stream import RelayedStream
from quorate.providers.transport import HttpRequest, HttpResponse
from quorate.wire.chat import ChatRequest, ChatResponse
from quorate.wire.open import decode

if TYPE_CHECKING:
    from quorate.providers.gate import Permit

Fields = dict[str, msgspec.Raw]
#: From what has come of the answer to the tokens used.
Estimate = Callable[[ChatResponse], Usage]
_Input = str | list[str | int | list[int]]

_FIRST_ERROR_STATUS = 400
_OUTPUT_LIMITS = frozenset({"max_tokens", "max_completion_tokens"})
_RAW_TRUE = msgspec.Raw(b"true")
_RAW_NULL = msgspec.Raw(b"null")
_USAGE_WANTED = msgspec.Raw(b'{"include_usage":true}')
_fields = msgspec.json.Decoder(Fields)
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where one kind of request of one endpoint goes, and with which headers: worked out once."""

    url: str
    headers: Mapping[str, str]
    stream_headers: Mapping[str, str]


class RelayEndpoint:
    """Relays requests to an `Endpoint` that speaks OpenAI's language; a live object, made once for each endpoint."""

    def __init__(self, endpoint: Endpoint, dialect: OpenAIDialect) -> None:
        self.endpoint = endpoint
        self._dialect = dialect
        self._model = msgspec.Raw(_encode(endpoint.target.model_id))
        self._params = {
            name: msgspec.Raw(_encode(value)) for name, value in endpoint.params.items() if name not in OWN_FIELDS
        }
        self._chat = _destination(endpoint.target, dialect, "/chat/completions")
        self._embeddings = _destination(endpoint.target, dialect, "/embeddings")

    @property
    def name(self) -> str:
        """The catalog name."""
        return self.endpoint.name

    async def chat(self, fields: Fields, call: Call) -> "WholeAnswer":
        """Send a chat request that is not streamed and return the whole answer.

        Raises `ProviderError`s as `Endpoint.open` does, and charges `call.budget` as it does.
        """
        filled = self._filled(fields)
        body, images = _encode(filled), self._images(fields)
        async with self._sent(
            body, self._chat, _chat_estimate(fields), call, AllOrNothing(), images=images, limits=filled
        ) as sent:
            response, account = sent
            await self._require_answer(response, call)
            answer = await response.read()
            usage = read_answer(answer)
            charge = account.settle(self._dialect.parse(answer)) if usage is None else account.settle_counted(usage)
            return WholeAnswer(body=answer, charge=charge)

    def read(self, answer: bytes) -> ChatResponse:
        """Return in full what an answer says; raises `Malformed` for what is passed on but cannot be read."""
        return self._dialect.parse(answer)

    async def embeddings(self, fields: Fields, call: Call) -> "WholeAnswer":
        """Send an embeddings request and return the whole answer."""
        body = {name: value for name, value in fields.items() if name not in OWN_FIELDS}
        body["model"] = self._model
        estimate = _embedding_estimate(fields)
        async with self._sent(_encode(body), self._embeddings, estimate, call, AllOrNothing()) as (response, account):
            await self._require_answer(response, call)
            answer = await response.read()
            usage = self._embedding_usage(answer)
            charge = account.settle(NO_ANSWER) if usage is None else account.settle_counted(usage)
            return WholeAnswer(body=answer, charge=charge)

    def _embedding_usage(self, body: bytes) -> Usage | None:
        """Return the counts of an embeddings response, `None` if it has none."""
        try:
            facts = msgspec.json.decode(body, type=_EmbeddingFacts)
        except UNREAD as error:
            raise Malformed(f"the answer is not an embeddings response: {error}") from None
        if facts.data == _RAW_NULL:
            if facts.error:
                self._dialect.parse(body)  # raises what the error says
            raise Malformed("the answer is not an embeddings response: it has no data")
        counts = as_object(facts.usage)
        tokens = as_count(counts, "prompt_tokens") or as_count(counts, "total_tokens")
        return Usage(prompt_tokens=tokens) if tokens else None

    @asynccontextmanager
    async def stream(self, fields: Fields, call: Call) -> AsyncGenerator[RelayedStream]:
        """Send a streamed chat request; the context holds the stream, to be read to its end.

        The usage is always asked for; the caller sees it only if it asked as well.
        """
        filled = self._filled(fields)
        body, shown = self._stream_body(filled)
        estimate, heard, images = _chat_estimate(fields), Heard(), self._images(fields)
        async with self._sent(
            body, self._chat, estimate, call, heard, images=images, limits=filled, stream=True
        ) as sent:
            response, account = sent
            await self._require_answer(response, call)
            yield RelayedStream(
                response, heard, account, dialect=self._dialect, answers=_answers(fields), shows_usage=shown
            )

    def _images(self, fields: Fields) -> int:
        """Return how many images the prompt has, if the price asks; the messages are read for it."""
        price = self.endpoint.price
        return 0 if price is None or not price.image_microusd else count_images(_request(fields))

    def _filled(self, fields: Fields) -> Fields:
        body = {name: value for name, value in fields.items() if name not in OWN_FIELDS}
        body["model"] = self._model
        if self._params:
            limited = not _OUTPUT_LIMITS.isdisjoint(fields)
            for name, value in self._params.items():
                if not (limited and name in _OUTPUT_LIMITS):
                    body.setdefault(name, value)
        return body

    def _stream_body(self, body: Fields) -> tuple[bytes, bool]:
        """Return the body with what a stream needs, and whether the caller asked for the usage."""
        body["stream"] = _RAW_TRUE
        options = _options(body.pop("stream_options", None))
        shown = options.get("include_usage") == _RAW_TRUE
        if self._dialect.include_usage:
            body["stream_options"] = (
                msgspec.Raw(_encode({**options, "include_usage": _RAW_TRUE})) if options else _USAGE_WANTED
            )
        return _encode(body), shown

    async def _require_answer(self, response: HttpResponse, call: Call) -> None:
        """Raise what an error status means."""
        if response.status >= _FIRST_ERROR_STATUS:
            raise await self.endpoint.error(response, call)

    def _sent(
        self,
        body: bytes,
        destination: Destination,
        estimate: Estimate,
        call: Call,
        heard: Arrived,
        *,
        images: int = 0,
        limits: Fields | None = None,
        stream: bool = False,
    ) -> "_Sent":
        """Return the request, about to be sent; `limits` are the fields that bound its answer (`None`: it has none)."""
        endpoint = self.endpoint
        call.deadline.require(f"{endpoint.name!r} was asked")
        account = endpoint.account(estimate, heard, call, images=images)
        if call.budget.limits:
            account.reserve(0 if limits is None else _most_output(limits))
        headers = destination.stream_headers if stream else destination.headers
        if call.trace is not None:
            headers = {**headers, **call.trace.headers}
        return _Sent(endpoint, HttpRequest(url=destination.url, headers=headers, body=body), account, call)


class _Sent:
    """One request on its way, as an async context manager: the response and the account, which is closed at the end.

    It passes the endpoint's gate first, and reports there at the end.

    Written out: a generator would cost several times as much, and every request pays for it.
    """

    __slots__ = ("_account", "_call", "_endpoint", "_permit", "_sending")

    def __init__(self, endpoint: Endpoint, request: HttpRequest, account: RequestAccount, call: Call) -> None:
        self._endpoint = endpoint
        self._account = account
        self._call = call
        self._permit: Permit | None = None
        self._sending = endpoint.transport.send(request, endpoint.limits, call.deadline, on_sent=account.sent)

    async def __aenter__(self) -> tuple[HttpResponse, RequestAccount]:
        gate, call = self._endpoint.gate, self._call
        try:
            self._permit = gate.enter(call) or await gate.wait(call)
            return await self._sending.__aenter__(), self._account
        except BaseException as error:
            self._close(error)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._sending.__aexit__(kind, error, trace)
        finally:
            self._close(error)

    def _close(self, error: BaseException | None) -> None:
        if isinstance(error, QuorateError):
            self._account.refused(error)
            self._endpoint.sign(error)
        self._account.close()
        if self._permit is not None:
            self._permit.end(error, self._account.answered)


def relay_of(model: object) -> RelayEndpoint | None:
    """Return the relay to a model that speaks OpenAI's language; `None` for every other."""
    if isinstance(model, Endpoint) and isinstance(model.dialect, OpenAIDialect):
        return RelayEndpoint(model, model.dialect)
    return None


class WholeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as it came, and what it was charged."""

    body: bytes
    charge: Charge


def _destination(target: Target, dialect: OpenAIDialect, path: str) -> Destination:
    key = key_headers(target, dialect.key_header)
    headers = {"accept": "application/json", "accept-encoding": "identity", **key}
    plain = target.post(path, {}, headers)
    stream = target.post(path, {}, {**headers, "accept": "text/event-stream"})
    return Destination(url=plain.url, headers=plain.headers, stream_headers=stream.headers)


def _options(raw: msgspec.Raw | None) -> Fields:
    if raw is None:
        return {}
    try:
        return _fields.decode(raw)
    except UNREAD:
        return {}  # null, or nothing that has options


def _answers(fields: Fields) -> int:
    raw = fields.get("n")
    try:
        return 1 if raw is None else msgspec.json.decode(raw, type=int)
    except msgspec.DecodeError:
        return 1


def _most_output(fields: Fields) -> int:
    """Return how many tokens the answers may have together, by what bounds them."""
    named = {name: fields[name] for name in ("max_tokens", "max_completion_tokens", "n") if name in fields}
    try:
        return most_output_tokens(decode(_encode({"messages": [], **named}), ChatRequest))
    except QuorateError:
        return DEFAULT_OUTPUT_TOKENS


def _chat_estimate(fields: Fields) -> Estimate:
    return lambda answer: estimate_usage(_request(fields), answer)


def _request(fields: Fields) -> ChatRequest:
    """Return the request in full, for counting its tokens; one that cannot be read counts as an empty one."""
    try:
        return decode(_encode({name: fields[name] for name in ("messages", "tools") if name in fields}), ChatRequest)
    except QuorateError:
        return ChatRequest(messages=())


class _EmbeddingFacts(msgspec.Struct, frozen=True, kw_only=True):
    usage: Any = None
    data: msgspec.Raw = _RAW_NULL  # kept raw: vectors take long to decode, and nobody here looks at them
    error: Any = None


def _embedding_estimate(fields: Fields) -> Estimate:
    return lambda _: Usage(prompt_tokens=_input_tokens(fields))


def _input_tokens(fields: Fields) -> int:
    """Return about how many tokens are to be embedded; what is given as tokens is counted."""
    try:
        given = msgspec.json.decode(fields["input"], type=_Input)
    except (KeyError, *UNREAD):
        return 0
    items = [given] if isinstance(given, str) else given
    return sum(
        estimate_text_tokens(item) if isinstance(item, str) else 1 if isinstance(item, int) else len(item)
        for item in items
    )
