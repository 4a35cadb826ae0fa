"""A model that is simulated: for demonstrations, tests and load, without key, network or cost. Always labelled so."""

import math
import random
import zlib
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from quorate.core.errors import Failure, InvalidRequest, ProviderError, Rejected
from quorate.model import Call, Charge, Completion, Delta, Usage, opens_reply
from quorate.model.event import Warned
from quorate.providers.account import hold_most
from quorate.providers.estimate import count_images, estimate_prompt_tokens
from quorate.providers.price import Price
from quorate.providers.simulated_bank import Question, QuestionBank, unknown_answer
from quorate.providers.simulated_fault import PAID, Fault, SimulatedFailure
from quorate.providers.simulated_helper import asked_about, helper_answer
from quorate.providers.simulated_profile import SimulatedProfile, default_profiles
from quorate.providers.simulated_run import SimulatedRun
from quorate.wire.chat import ChatRequest

__all__ = [
    "Fault",
    "Question",
    "QuestionBank",
    "Responder",
    "SimulatedFailure",
    "SimulatedModel",
    "SimulatedProfile",
    "default_profiles",
]

PROVIDER = "simulated"
_REMEMBERED_CALLS = 4096
_MOST_CHOICES = 128

#: Given the request and a seeded generator: the text to answer with, or `None` to leave it to the model.
Responder = Callable[[ChatRequest, random.Random], str | None]


class SimulatedModel:
    """Answers like a model of the given profile would: its speed, accuracy, price and faults, none of them real.

    The same seed of the call gives the same answers, latencies and faults; a further attempt in the same call draws
    anew. Answers come from `responder` if it gives one, else from the question bank (judge's and synthesiser's
    prompts of Quorate in the form they ask for), else they are a text that says it is simulated. Every completion has
    `metadata["simulated"]`, every response and chunk `extra["simulated"]`. Waiting is `asyncio.sleep`. Charges like an
    endpoint: what was used, also when cancelled; refusals are free. `time_scale` replaces the profile's.
    """

    def __init__(
        self, profile: SimulatedProfile, *, time_scale: float | None = None, responder: Responder | None = None
    ) -> None:
        self.profile = profile
        self._time_scale = profile.time_scale if time_scale is None else time_scale
        self._responder = responder
        self._bank = QuestionBank.built_in(profile.knowledge)
        self._requests = 0
        self._attempts: OrderedDict[tuple[str, str], int] = OrderedDict()

    @property
    def name(self) -> str:
        """The profile's name."""
        return self.profile.name

    @property
    def price(self) -> Price | None:
        """The profile's price."""
        return self.profile.price

    @opens_reply
    async def open(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta | Completion]:
        """Answer `request`, in pieces of a few tokens if it asks for a stream."""
        call.deadline.require(f"{self.name!r} was asked")
        with hold_most(request, call, model=self.name, price=self.price):
            run = self._begin(request, call)
            try:
                async with aclosing(run.chunks()) as chunks:
                    async for chunk in chunks:
                        if request.stream:
                            yield Delta(chunk=chunk)
            except BaseException as error:
                if not _is_free(error):
                    used = run.usage
                    charge = Charge(usage=used, cost_microusd=self._cost(used, request), estimated=True)
                    call.budget.charge(charge, by=self.name)
                raise
            usage = run.usage
            cost_microusd = self._cost(usage, request)
            call.budget.charge(Charge(usage=usage, cost_microusd=cost_microusd), by=self.name)
        yield Completion(
            response=run.response,
            model=self.name,
            provider=PROVIDER,
            usage=usage,
            cost_microusd=cost_microusd,
            metadata={"simulated": True},
        )

    def _begin(self, request: ChatRequest, call: Call) -> SimulatedRun:
        _check_counts(request)
        prompt_tokens = estimate_prompt_tokens(request)
        self._check_window(prompt_tokens)
        self._requests += 1
        attempt = self._attempt(call)
        if self.profile.price is None and attempt == 1:
            call.emit(_unknown_price(self.name, call))
        about = asked_about(request.prompt_text) or request.prompt_text
        asked = zlib.crc32(about.encode("utf-8", "surrogatepass"))
        purpose = f"simulated/{self.name}/{self.profile.seed}/{attempt}/{asked:08x}"
        answering = call.random(f"{purpose}/answer")
        failure = self._failure(call.random(f"{purpose}/faults"))
        return SimulatedRun(
            model=self.name,
            call=call,
            request=request,
            texts=tuple(self._text(request, about, answering) for _ in range(request.n or 1)),
            failure=failure,
            latency_s=self._latency_s(call.random(f"{purpose}/latency")) * self._time_scale,
            tokens_per_s=self.profile.tokens_per_s / self._time_scale if self._time_scale else math.inf,
            silence_s=0.0 if failure is None else failure.silence_s * self._time_scale,
            response_id=f"chatcmpl-sim-{answering.getrandbits(48):012x}",
            prompt_tokens=prompt_tokens,
        )

    def _check_window(self, prompt_tokens: int) -> None:
        window = self.profile.context_window
        if window is not None and prompt_tokens > window:
            raise Rejected(
                f"the prompt of about {prompt_tokens} tokens is longer than the {window} that {self.name!r} takes "
                "(simulated); shorten it",
                provider=PROVIDER,
                model=self.name,
                failure=Failure.CONTEXT_LENGTH,
                upstream_status=400,
            )

    def _attempt(self, call: Call) -> int:
        """Count the requests of one branch of one call, so that a retry is not bound to fail as its predecessor did."""
        key = (call.id, call.branch)
        self._attempts[key] = count = self._attempts.pop(key, 0) + 1
        if len(self._attempts) > _REMEMBERED_CALLS:
            self._attempts.popitem(last=False)
        return count

    def _failure(self, rng: random.Random) -> SimulatedFailure | None:
        """Return the first fault that strikes; every fault draws, so that one does not change the luck of another."""
        struck = [failure for failure in self.profile.failures if failure.strikes(self._requests, rng)]
        return struck[0] if struck else None

    def _latency_s(self, rng: random.Random) -> float:
        return self.profile.latency_s * math.exp(self.profile.latency_sigma * rng.gauss(0.0, 1.0))

    def _text(self, request: ChatRequest, about: str, rng: random.Random) -> str:
        if self._responder is not None and (given := self._responder(request, rng)) is not None:
            return given
        question = self._bank.find(about)
        accuracy = self.profile.accuracy
        if question is not None:
            accuracy = self.profile.accuracy_by_topic.get(question.topic, accuracy)
        truth = question.right[0] if question is not None else None
        helped = helper_answer(request, rng, truth=truth, skill=accuracy)
        if helped is not None:
            return helped
        if question is not None:
            return question.answer(rng, accuracy=accuracy, shared_error=self.profile.shared_error)
        return unknown_answer(self.name, request, rng)

    def _cost(self, usage: Usage, request: ChatRequest) -> int | None:
        price = self.profile.price
        return None if price is None else price.cost_microusd(usage, images=count_images(request))


def _check_counts(request: ChatRequest) -> None:
    if request.n is not None and not 1 <= request.n <= _MOST_CHOICES:
        raise InvalidRequest(f"n is {request.n!r}; use 1 to {_MOST_CHOICES}", param="n")
    if request.output_limit is not None and request.output_limit < 1:
        raise InvalidRequest(f"the output limit is {request.output_limit!r} tokens; use 1 or more", param="max_tokens")


def _is_free(error: BaseException) -> bool:
    """Whether the provider refused before it worked: what was cut, lost or cancelled later is paid."""
    return isinstance(error, ProviderError) and error.failure not in PAID


def _unknown_price(model: str, call: Call) -> Warned:
    return Warned(
        call_id=call.id,
        at_s=call.at_s,
        code="unknown_price",
        message=f"the price of {model!r} is not known, so this call's cost is not either; give its profile a price",
    )
