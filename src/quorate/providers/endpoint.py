"""One model at one provider: the leaf of every composition, and the place where money is spent."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import msgspec

from quorate.core.errors import Filtered, ProviderError, QuorateError
from quorate.core.secret import redact
from quorate.model.call import Call
from quorate.model.completion import Completion, Delta
from quorate.model.model import opens_reply
from quorate.model.usage import Usage
from quorate.providers.account import AllOrNothing, Arrived, RequestAccount
from quorate.providers.dialect import Dialect, Target
from quorate.providers.estimate import count_images, estimate_usage, most_output_tokens
from quorate.providers.gate import OPEN_GATE, Gate, Permit
from quorate.providers.price import Price
from quorate.providers.stream_reader import StreamReader
from quorate.providers.transport import HttpResponse, PhaseLimits, Transport
from quorate.wire.chat import ChatRequest, ChatResponse
from quorate.wire.open import load
from quorate.wire.stream import Joiner

#: Headers under which providers name a request, for asking them about it.
_REQUEST_ID_HEADERS = ("x-request-id", "request-id", "apim-request-id", "x-goog-request-id", "cf-ray")
_OUTPUT_LIMITS = frozenset({"max_tokens", "max_completion_tokens"})
_FIRST_ERROR_STATUS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A `Model`: `name` is its catalog name, `provider` where it runs.

    `params` are request fields used where the request says nothing. `price` `None` means not known: the cost of a
    call is then `None`, never zero, and each call is told so (`Warned`, code `unknown_price`) if `unpriced_warning`.

    An answer that the provider refused to give (finish reason `content_filter` and nothing else) is `Filtered`. Every
    attempt passes `gate` before it leaves.
    """

    name: str
    provider: str
    dialect: Dialect
    target: Target
    transport: Transport
    limits: PhaseLimits = field(default_factory=PhaseLimits)
    price: Price | None = None
    unpriced_warning: bool = True
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    gate: Gate = OPEN_GATE
    _given: ChatRequest | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        """Read the parameters once; raises `InvalidRequest` for one of the wrong type."""
        if self.params:
            object.__setattr__(self, "_given", load({"messages": [], **self.params}, ChatRequest))

    @opens_reply
    async def open(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta | Completion]:
        """Send the request once and give the answer, streamed if `request.stream`.

        Charged to `call.budget`: the provider's own counts; if the answer was cut, cancelled or timed out after the
        request had left, an estimate of the prompt and of the text received; nothing if the provider refused.
        """
        request = self.with_params(request)
        outgoing = self.dialect.build(request, self.target)
        if call.trace is not None:
            outgoing = msgspec.structs.replace(outgoing, headers={**outgoing.headers, **call.trace.headers})
        call.deadline.require(f"{self.name!r} was asked")
        arrived = Joiner() if request.stream else AllOrNothing()
        account = self.account(
            lambda answer: estimate_usage(request, answer), arrived, call, images=count_images(request)
        )
        if call.budget.limits:
            account.reserve(most_output_tokens(request))
        permit: Permit | None = None
        failure: QuorateError | None = None
        try:
            permit = self.gate.enter(call) or await self.gate.wait(call)
            async with self.transport.send(outgoing, self.limits, call.deadline, on_sent=account.sent) as response:
                if response.status >= _FIRST_ERROR_STATUS:
                    raise await self.error(response, call)
                if isinstance(arrived, Joiner):
                    reader = StreamReader(self.dialect.stream(), arrived, answers=request.n or 1)
                    async with aclosing(reader.deltas(response)) as deltas:
                        async for delta in deltas:
                            yield delta
                else:
                    arrived.answer = self.dialect.parse(await response.read())
            completion = self._completion(account, arrived.response(), response)
        except QuorateError as error:
            account.refused(error)
            self.sign(error)
            failure = error
            raise
        finally:
            account.close()
            if permit is not None:
                permit.end(failure, account.answered)
        yield completion

    def account(
        self, estimate: Callable[[ChatResponse], Usage], arrived: Arrived, call: Call, *, images: int = 0
    ) -> RequestAccount:
        """Return the account of one request to this model, with so many images in its prompt."""
        return RequestAccount(
            estimate,
            arrived,
            call,
            model=self.name,
            price=self.price,
            warns_if_unpriced=self.unpriced_warning,
            images=images,
        )

    def with_params(self, request: ChatRequest) -> ChatRequest:
        """Return the request with this model's parameters where it says nothing itself."""
        given = self._given
        if given is None:
            return request
        taken = _OUTPUT_LIMITS if request.output_limit is not None else frozenset[str]()
        changes: dict[str, Any] = {
            name: value
            for name in self.params
            if name in ChatRequest.__struct_fields__ and name not in taken and getattr(request, name) is None
            for value in (getattr(given, name),)
        }
        return msgspec.structs.replace(request, **changes, extra={**given.extra, **request.extra})

    async def error(self, response: HttpResponse, call: Call) -> ProviderError:
        """Return what a response with an error status means."""
        try:
            body = await response.read()
        except ProviderError:
            body = b""  # the status says enough
        return self.dialect.error(response.status, response.headers, body, now=call.clock.now())

    def _completion(self, account: RequestAccount, answer: ChatResponse, response: HttpResponse) -> Completion:
        charge = account.settle(answer)
        if answer.finish_reason == "content_filter" and not answer.text and not answer.message.tool_calls:
            raise Filtered(_refusal(answer), upstream_status=response.status, upstream_code="content_filter")
        request_id = next((found for name in _REQUEST_ID_HEADERS if (found := response.headers.get(name))), None)
        facts = {"upstream_model": answer.model, "request_id": request_id, "upstream_id": answer.id}
        return Completion(
            response=answer,
            model=self.name,
            provider=self.provider,
            usage=charge.usage,
            cost_microusd=charge.cost_microusd,
            estimated=charge.estimated,
            metadata={name: value for name, value in facts.items() if value},
        )

    def sign(self, error: QuorateError) -> None:
        """Put the names of model and provider into an error, and take the key and the configured headers out."""
        secrets = self.target.secrets()
        message = redact(error.message, secrets)
        if isinstance(error, ProviderError):
            error.provider, error.model = self.provider, self.name
            message = f"{self.name}: {message}"
            if error.upstream_code is not None:
                error.upstream_code = redact(error.upstream_code, secrets)
        error.message = message
        error.args = (message,)


def _refusal(answer: ChatResponse) -> str:
    choice = answer.choices[0]
    details = choice.extra.get("stop_details") or choice.extra.get("finish_message")
    reason = choice.message.refusal or details or choice.extra.get("native_finish_reason") or "content_filter"
    return f"the provider refused to answer: {reason}"
