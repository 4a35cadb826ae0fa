"""A Model that asks others when it fails."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

import msgspec

from quorate.core.errors import QuorateError
from quorate.model import Call, Completion, Delta, Model, opens_reply
from quorate.model.event import BranchFallback, BranchRetry
from quorate.resilience.contracted import Contracted, Terms
from quorate.resilience.resilient import Resilient, bare
from quorate.resilience.retry import Retrying
from quorate.resilience.retry_policy import RetryPolicy
from quorate.wire.chat import ChatRequest

#: Takes a model for this plan; `False` if it runs there already.
Claim = Callable[[str], bool]


class Failover(msgspec.Struct, frozen=True, kw_only=True):
    """`model` with the retries of `policy`, then its fallbacks with the same retries, then theirs.

    The one order in which the wrappers stand: fallbacks around retries around hedging around the gate of one attempt
    (breaker, then concurrency). No model is asked in two places of one plan: `claim` says whether one is free. An
    answer of which the caller has a token is not begun anew, unless `begins_again` says that the pieces reach nobody.
    Each change is an event, told to `on_fallback` as well; the completion names the model that answered. `terms` are
    what every answer has to keep, beside the contract of the model that gives it: between fallbacks and retries.
    """

    model: Model
    policy: RetryPolicy
    claim: Claim
    begins_again: bool = False
    on_retry: Callable[[BranchRetry], None] | None = None
    on_fallback: Callable[[BranchFallback], None] | None = None
    terms: Terms | None = None

    @property
    def name(self) -> str:
        """The name of the model that is asked first."""
        return self.model.name

    @opens_reply
    async def open(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta | Completion]:
        """Answer with the first that can; raises what the first one raised, if none could."""
        route = Route(model=self.model, claim=self.claim)
        while True:
            begun = False
            try:
                async with self._asked(bare(route.model)).open(request, call) as reply:
                    if request.stream:
                        async for delta in reply:
                            begun = begun or (delta.says_something and not self.begins_again)
                            yield delta
                    yield await reply.completion()
                    return
            except QuorateError as error:
                failed = route.model.name
                if begun or not route.advance(error) or not call.may_try_again():
                    raise (error if begun else route.first) from None
                self._tell(call, failed, route.model.name, error)

    def _asked(self, model: Model) -> Model:
        """Return the model with its retries, and around them the contracts: what they hold back can begin anew."""
        inner = model.model if isinstance(model, Contracted) else model
        held_back = self.terms is not None or inner is not model
        asked: Model = Retrying(inner, self.policy, on_retry=self.on_retry, begins_again=self.begins_again or held_back)
        if isinstance(model, Contracted):
            asked = model.around(asked, on_retry=self.on_retry)
        return asked if self.terms is None else self.terms.for_model(asked, on_retry=self.on_retry)

    def _tell(self, call: Call, failed: str, to: str, error: QuorateError) -> None:
        event = fallback_event(call, branch=call.branch or self.name, model=failed, to=to, error=error)
        call.emit(event)
        if self.on_fallback is not None:
            self.on_fallback(event)


@dataclass(slots=True, kw_only=True)
class Route:
    """A live object: the model that is asked now, and those that may be asked after it."""

    model: Model
    claim: Claim
    _waiting: list[tuple[str, Resilient]] = field(default_factory=list[tuple[str, Resilient]])
    _first: QuorateError | None = None

    @property
    def first(self) -> QuorateError:
        """What the model said that was asked first: whoever asked for it is to hear that, not what a stand-in says."""
        assert self._first is not None
        return self._first

    def advance(self, error: QuorateError) -> bool:
        """Go on to the next model after `error`; `False` if there is none."""
        self._first = self._first or error
        model = self.model
        if isinstance(model, Resilient):
            names = model.fallbacks.after(error, of=model.name, window=model.window)
            self._waiting[:0] = [(name, model) for name in names]
        while self._waiting:
            name, owner = self._waiting.pop(0)
            if self.claim(name) and (found := _found(owner, name)) is not None:
                self.model = found
                return True
        return False


def fallback_event(call: Call, *, branch: str, model: str, to: str, error: QuorateError) -> BranchFallback:
    """Return the event that `model` failed with `error` and `to` is asked; `call` has what was spent until then."""
    spend = call.budget.spend
    return BranchFallback(
        call_id=call.id,
        at_s=call.at_s,
        branch=branch,
        model=model,
        to=to,
        code=error.code,
        message=error.message,
        prompt_tokens=spend.usage.prompt_tokens,
        completion_tokens=spend.usage.completion_tokens,
        cost_microusd=spend.cost_microusd,
        estimated=spend.estimated,
    )


def _found(owner: Resilient, name: str) -> Model | None:
    """Return a fallback; `None` for one that cannot be built, e.g. for want of its key: the next one may do."""
    try:
        return owner.resolve(name)
    except QuorateError:
        return None
