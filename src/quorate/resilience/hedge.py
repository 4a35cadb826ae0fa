"""A Model that asks a second time when the first answer is late.

Hedged requests: Dean and Barroso, "The Tail at Scale", Communications of the ACM 56(2), 2013.
"""

from collections.abc import AsyncGenerator, Sequence

from quorate.core.errors import QuorateError
from quorate.model import Call, Completion, Delta, Model, opens_reply
from quorate.resilience.hedge_budget import HedgeBudget
from quorate.resilience.hedge_policy import HedgePolicy
from quorate.resilience.hedge_race import HedgeRace
from quorate.resilience.latency_window import LatencyWindow
from quorate.wire.chat import ChatRequest


class Hedging:
    """`model`, asked a second time if it is later than `policy` allows; who speaks first answers.

    A live object, made once for each model: it knows the latest times and how many hedges have been earned. The second
    attempt goes to `model` again, or to those of `on` in turn. "Speaks" is the first token with something in it for a
    streamed request, else the whole answer. The loser is cancelled at once; what both cost is charged to the call.

    If the first attempt fails before the second has started, that is its error; afterwards the second one's answer
    counts. If both fail, the first one's error is raised.
    """

    def __init__(self, model: Model, policy: HedgePolicy, *, on: Sequence[Model] = ()) -> None:
        self._model = model
        self._policy = policy
        self._on = tuple(on) or (model,)
        self._turn = 0
        self._budget = HedgeBudget(policy.share, burst=policy.burst)
        self._streamed = LatencyWindow(policy.window)
        self._whole = LatencyWindow(policy.window)

    @property
    def name(self) -> str:
        """The wrapped model's name."""
        return self._model.name

    @property
    def model(self) -> Model:
        """The wrapped model."""
        return self._model

    @property
    def on(self) -> tuple[Model, ...]:
        """The models that second attempts go to, in turn."""
        return self._on

    def delay_s(self, *, streamed: bool) -> float | None:
        """Return how long an attempt may be silent now before it is hedged; `None` while too little is known."""
        policy = self._policy
        if policy.after_s is not None:
            return policy.after_s
        window = self._window(streamed=streamed)
        return window.quantile(policy.quantile) if len(window) >= policy.min_samples else None

    @opens_reply
    async def open(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta | Completion]:
        """Answer, with at most two attempts."""
        streamed = bool(request.stream)
        self._budget.earn()
        race = HedgeRace(
            self.name, request, call, delay_s=self.delay_s(streamed=streamed), choose=lambda: self._choose(call)
        )
        begun = False
        try:
            try:
                async with self._model.open(request, call) as reply:
                    pieces = await race.first_words(reply, self._window(streamed=streamed))
                    if pieces is not None:
                        begun = True
                        for delta in pieces:
                            yield delta
                        if streamed:
                            async for delta in reply:
                                yield delta
                        completion = await reply.completion()
                        if race.second is not None:
                            await race.settle()
                        yield completion
                        return
            except QuorateError as error:
                if begun or not race.goes_on(error):
                    raise
            while not isinstance(item := await race.next(), Completion):
                yield item
            await race.settle()
            yield item
        finally:
            if race.second is not None:
                await race.settle()

    def _window(self, *, streamed: bool) -> LatencyWindow:
        return self._streamed if streamed else self._whole

    def _choose(self, call: Call) -> Model | None:
        """Return the model of a second attempt that may start now, the next one in turn."""
        if not self._budget.take() or not call.may_try_again():
            return None
        chosen = self._on[self._turn % len(self._on)]
        self._turn += 1
        return chosen
