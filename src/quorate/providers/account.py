"""What one request to a provider costs: settled when it is answered, estimated when it ends in any other way."""

from collections.abc import Callable
from typing import Protocol

from quorate.core.errors import ProviderError, QuorateError
from quorate.model.call import Call
from quorate.model.event import Warned, ignore_events
from quorate.model.usage import NOTHING_HELD, Charge, Held, Usage
from quorate.providers.broken_off import BrokenOff
from quorate.providers.estimate import count_images, estimate_prompt_tokens, most_output_tokens
from quorate.providers.price import Price
from quorate.wire.chat import ChatRequest, ChatResponse

#: An answer of which nothing has come.
NO_ANSWER = ChatResponse(choices=())


class Arrived(Protocol):
    """What has arrived of an answer (`Joiner` is one)."""

    @property
    def finished(self) -> bool:
        """Whether every answer that began has said why it ended."""
        ...

    def response(self) -> ChatResponse:
        """Return the answer as far as it has come."""
        ...


class AllOrNothing:
    """What has arrived of an answer that is not streamed; a live object."""

    __slots__ = ("answer",)

    def __init__(self) -> None:
        self.answer: ChatResponse | None = None

    @property
    def finished(self) -> bool:
        """Whether it is there."""
        return self.answer is not None

    def response(self) -> ChatResponse:
        """Return it, or one without an answer."""
        return NO_ANSWER if self.answer is None else self.answer


def hold_most(request: ChatRequest, call: Call, *, model: str, price: Price | None) -> Held:
    """Return what a request to `model` holds of the call's budget: the most it may cost; nothing without a price.

    Raises `BudgetSpent` if that is not left.
    """
    if not call.budget.limits:
        return NOTHING_HELD
    prompt_tokens, images = estimate_prompt_tokens(request), count_images(request)
    most = 0 if price is None else price.most_microusd(prompt_tokens, most_output_tokens(request), images=images)
    return call.budget.reserve(most, f"{model!r} was asked")


class RequestAccount:
    """Charges the call for one request, exactly once, or not at all; a live object.

    `reserve` sets aside the most that it may cost, where the call's budget has a limit; `close` gives that back.
    Nothing is charged before the request left (`sent`) or when the provider refused it without giving anything
    (`refused`). `arrived` holds what has come of the answer; `estimate` is asked only if nobody counted the tokens.
    `images` are those in the prompt. `answered` is set when the whole answer was charged.
    """

    def __init__(
        self,
        estimate: Callable[[ChatResponse], Usage],
        arrived: Arrived,
        call: Call,
        *,
        model: str,
        price: Price | None,
        warns_if_unpriced: bool,
        images: int = 0,
    ) -> None:
        self._arrived = arrived
        self._estimate = estimate
        self._call = call
        self._model = model
        self._price = price
        self._warns = warns_if_unpriced
        self._images = images
        self._open = False
        self._held = NOTHING_HELD
        self.answered = False

    def reserve(self, most_output: int) -> None:
        """Reserve the prompt and so many tokens of answer of the call's budget; raises `BudgetSpent`."""
        prompt_tokens, price = self._estimate(NO_ANSWER).prompt_tokens, self._price
        most = 0 if price is None else price.most_microusd(prompt_tokens, most_output, images=self._images)
        self._held = self._call.budget.reserve(most, f"{self._model!r} was asked")

    def sent(self) -> None:
        """From now on the provider may be working for us."""
        self._open = True

    def refused(self, error: QuorateError) -> None:
        """Take note of an error: what the provider itself reports instead of an answer costs nothing."""
        if isinstance(error, BrokenOff):
            self._settle_broken_off(error)
        elif isinstance(error, ProviderError) and error.upstream_status is not None and not self._has_received():
            self._open = False

    def _settle_broken_off(self, error: BrokenOff) -> None:
        """Charge what the provider counted; if it counted nothing, `close` estimates what has arrived."""
        if self._open and error.usage is not None and error.usage.counts_something:
            self._book(Usage.from_wire(error.usage), exact=True)

    def settle(self, response: ChatResponse) -> Charge:
        """Charge a whole answer and return the charge: the provider's own counts, or an estimate if it gave none."""
        self.answered = True
        return self._charge(response, whole=True)

    def settle_counted(self, usage: Usage) -> Charge:
        """Charge a whole answer whose tokens the provider counted."""
        self.answered = True
        return self._book(usage, exact=True)

    def close(self) -> None:
        """Charge what has arrived and the prompt, unless that is settled. Never waits: it runs on cancellation too."""
        if self._open:
            self._charge(self._arrived.response(), whole=False)
        self._held.release()

    def _charge(self, response: ChatResponse, *, whole: bool) -> Charge:
        counted = None if response.usage is None else Usage.from_wire(response.usage)
        if counted is not None and counted.total_tokens > 0 and (whole or self._arrived.finished):
            return self._book(counted, exact=True)
        return self._book(self._estimate(response), exact=False)

    def _book(self, usage: Usage, *, exact: bool) -> Charge:
        self._open = False
        cost = None if self._price is None else self._price.cost_microusd(usage, images=self._images)
        charge = Charge(usage=usage, cost_microusd=cost, estimated=not exact)
        self._call.budget.charge(charge, by=self._model)
        if cost is None and self._warns and self._call.sink is not ignore_events:
            self._warn()
        return charge

    def _warn(self) -> None:
        self._warns = False
        message = f"the price of {self._model!r} is not known; its cost is left out of sums and limits"
        call = self._call
        call.emit(Warned(call_id=call.id, at_s=call.at_s, code="unknown_price", message=message))

    def _has_received(self) -> bool:
        return any(
            choice.message.text or choice.message.thoughts or choice.message.tool_calls or choice.message.refusal
            for choice in self._arrived.response().choices
        )
