"""What the upstream answers: from a request to a response in steps."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from quorate.core.clock import Clock
from quorate.core.errors import NotFound, QuorateError
from quorate.upstream.anthropic_answer import message_body, message_events
from quorate.upstream.anthropic_request import MessagesAsk
from quorate.upstream.behaviour import WORDS, Behaviour, behaviour_of
from quorate.upstream.compose import compose
from quorate.upstream.embeddings import EmbeddingsAsk, embeddings_body
from quorate.upstream.fate import HEALTHY, Fate, Fates
from quorate.upstream.fault import Fault
from quorate.upstream.openai_answer import Label, chat_body, chat_events
from quorate.upstream.openai_request import ChatAsk
from quorate.upstream.pacing import streamed, whole
from quorate.upstream.record import Record
from quorate.upstream.refuse import Format, invalid, refuse
from quorate.upstream.steps import End, Response, Until, after, json_response

_encode = msgspec.json.Encoder().encode
_decode_chat = msgspec.json.Decoder(ChatAsk).decode
_decode_messages = msgspec.json.Decoder(MessagesAsk).decode
_decode_embeddings = msgspec.json.Decoder(EmbeddingsAsk).decode

Headers: TypeAlias = list[tuple[bytes, bytes]]
Handler: TypeAlias = Callable[[bytes, Headers, float], Response]

LISTED_MODELS: Final = (*(word.form for word in WORDS), *(fault.value for fault in Fault))


class Routes:
    """A live object: the routes of one upstream, with the memory its faults need."""

    def __init__(self, *, clock: Clock, record: Record, api_key: str | None = None) -> None:
        self._clock = clock
        self._record = record
        self._fates = Fates()
        self._number = 0
        self._key = None if api_key is None else api_key.encode()
        self._handlers: dict[bytes, tuple[bytes, Handler]] = {
            b"/v1/chat/completions": (b"POST", self._chat),
            b"/v1/messages": (b"POST", self._messages),
            b"/v1/embeddings": (b"POST", self._embeddings),
            b"/v1/models": (b"GET", self._models),
            b"/_stats": (b"GET", self._stats),
            b"/_reset": (b"POST", self._reset),
        }

    def respond(self, method: bytes, path: bytes, headers: Headers, body: bytes, now_s: float) -> Response:
        """Return the response to a request that came in at `now_s` of the loop's time."""
        form = Format.ANTHROPIC if path == b"/v1/messages" else Format.OPENAI
        route = self._handlers.get(path)
        if route is None:
            return refuse(invalid(f"no route {path.decode('latin-1')[:200]!r} here", status=404), form, b"")
        if route[0] != method:
            return refuse(invalid(f"use {route[0].decode()} here", status=405), form, b"allow: %b\r\n" % route[0])
        if self._key is not None and path.startswith(b"/v1/") and not _knows(headers, self._key):
            return refuse(invalid("no or a wrong API key", status=401, code="invalid_api_key"), form, b"")
        try:
            return route[1](body, headers, now_s)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return refuse(invalid(f"the body does not fit: {error}"), form, b"")
        except QuorateError as error:
            code = "model_not_found" if isinstance(error, NotFound) else None
            return refuse(invalid(error.message, status=error.http_status, code=code), form, b"")

    def _chat(self, body: bytes, headers: Headers, now_s: float) -> Response:
        del headers
        ask = _decode_chat(body)
        behaviour = behaviour_of(ask.model)
        self._record.model(ask.model)
        prompt = ask.prompt()
        fate = self._fates.decide(ask.model, behaviour, now_s=now_s, prefilled=prompt.prefilled)
        label = self._label("chatcmpl-sim", ask.model)
        lines = b"x-request-id: %b\r\n" % label.id.encode()
        if (other := _instead(fate, behaviour, Format.OPENAI, lines)) is not None:
            return other
        answer = compose(prompt, behaviour)
        if ask.stream:
            return streamed(chat_events(ask, prompt, answer, label), behaviour, fate, lines)
        return whole(chat_body(ask, prompt, answer, label), answer.tokens, behaviour, fate, lines)

    def _messages(self, body: bytes, headers: Headers, now_s: float) -> Response:
        del headers
        ask = _decode_messages(body)
        behaviour = behaviour_of(ask.model)
        self._record.model(ask.model)
        prompt = ask.prompt()
        fate = self._fates.decide(ask.model, behaviour, now_s=now_s, prefilled=prompt.prefilled)
        label = self._label("msg_sim", ask.model)
        lines = b"request-id: %b\r\n" % label.id.encode()
        if (other := _instead(fate, behaviour, Format.ANTHROPIC, lines)) is not None:
            return other
        answer = compose(prompt, behaviour)
        if ask.stream:
            return streamed(message_events(prompt, answer, label), behaviour, fate, lines)
        return whole(message_body(prompt, answer, label), answer.tokens, behaviour, fate, lines)

    def _embeddings(self, body: bytes, headers: Headers, now_s: float) -> Response:
        del headers
        ask = _decode_embeddings(body)
        behaviour = behaviour_of(ask.model)
        self._record.model(ask.model)
        fate = self._fates.decide(ask.model, behaviour, now_s=now_s, prefilled=False)
        lines = b"x-request-id: %b\r\n" % self._label("embd-sim", ask.model).id.encode()
        other = _instead(fate, behaviour, Format.OPENAI, lines)
        return whole(embeddings_body(ask), 1, behaviour, fate, lines) if other is None else other

    def _models(self, body: bytes, headers: Headers, now_s: float) -> Response:
        del body, now_s
        if any(name.lower() == b"anthropic-version" for name, _ in headers):
            data: list[dict[str, Any]] = [
                {"type": "model", "id": name, "display_name": name, "created_at": "2026-01-01T00:00:00Z"}
                for name in LISTED_MODELS
            ]
            ends = {"has_more": False, "first_id": LISTED_MODELS[0], "last_id": LISTED_MODELS[-1]}
            return json_response(200, _encode({"data": data, **ends}))
        data = [
            {"id": name, "object": "model", "created": 1767225600, "owned_by": "simulated"} for name in LISTED_MODELS
        ]
        return json_response(200, _encode({"object": "list", "data": data}))

    def _stats(self, body: bytes, headers: Headers, now_s: float) -> Response:
        del body, headers, now_s
        return json_response(200, _encode(self._record.stats()))

    def _reset(self, body: bytes, headers: Headers, now_s: float) -> Response:
        del body, headers, now_s
        self.reset()
        return json_response(200, b"{}")

    def reset(self) -> None:
        """Forget what was asked: counts begin anew, and faults that happen once happen again."""
        self._fates.forget()
        self._record.reset()

    def _label(self, prefix: str, model: str) -> Label:
        self._number += 1
        return Label(id=f"{prefix}-{self._number}", model=model, created=int(self._clock.unix_s()))


def _instead(fate: Fate, behaviour: Behaviour, form: Format, headers: bytes) -> Response | None:
    """Return the response of a request that gets no answer, or `None`."""
    if fate is HEALTHY:
        return None
    if fate.refusal is not None:
        response = refuse(fate.refusal, form, headers)
        return Response(status=response.status, steps=after(behaviour.delay_s, response.steps))
    if fate.reset:
        return Response(status=0, steps=(End.RESET,))
    if fate.silent_s is not None:
        return Response(status=0, steps=(Until(at_s=fate.silent_s), End.CLOSE))
    return None


def _knows(headers: Headers, key: bytes) -> bool:
    for name, value in headers:
        match name.lower():
            case b"authorization":
                given = value.partition(b" ")[2]
            case b"x-api-key" | b"api-key":
                given = value
            case _:
                continue
        if given == key:
            return True
    return False
