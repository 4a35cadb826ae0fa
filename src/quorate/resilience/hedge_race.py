"""One request with a second attempt in reserve: who speaks first, answers."""

import asyncio
from collections.abc import Callable

from quorate.core.errors import Filtered, QuorateError
from quorate.model import Call, Completion, Delta, Model, Reply
from quorate.model.event import BranchHedged
from quorate.resilience.latency_window import LatencyWindow
from quorate.resilience.second_attempt import SecondAttempt
from quorate.wire.chat import ChatRequest


class HedgeRace:
    """A live object: the race of one request to the model called `name`. `settle` it if there is a `second`.

    The first attempt runs in the caller's own task, so that a request without a hedge costs a timer and no task. After
    `delay_s` (`None`: never) `choose` is asked for the model of the second attempt; it may give none.
    """

    __slots__ = ("_call", "_choose", "_delay_s", "_failure", "_first", "_interrupted", "_name", "_request", "second")

    def __init__(
        self, name: str, request: ChatRequest, call: Call, *, delay_s: float | None, choose: Callable[[], Model | None]
    ) -> None:
        self._name = name
        self._request = request
        self._call = call
        self._delay_s = delay_s
        self._choose = choose
        self._first: asyncio.Task[object] | None = None
        self._interrupted = False
        self._failure: QuorateError | None = None
        self.second: SecondAttempt | None = None

    async def first_words(self, reply: Reply, window: LatencyWindow) -> list[Delta] | None:
        """Return the first attempt's pieces up to the first that says something; none if it is not streamed.

        Then the second attempt is cancelled. `None`: the second attempt spoke first, and the first was interrupted.

        The time goes into `window`. An attempt that was interrupted, failed or was cancelled counts with the time it
        had been silent, if that was beyond the delay: left out, the slow ones would be missing, and the quantile would
        sink with every hedge. Second attempts are not counted: only the quick ones are seen to the end.
        """
        first = self._first = asyncio.current_task()
        assert first is not None
        cancelling = first.cancelling()
        delay_s, monotonic = self._delay_s, self._call.clock.monotonic
        timer = None if delay_s is None else asyncio.get_running_loop().call_later(delay_s, self._start)
        pieces: list[Delta] = []
        spoken, began_s = False, monotonic()
        try:
            if self._request.stream:
                async for delta in reply:
                    pieces.append(delta)
                    if delta.says_something:
                        break
            else:
                await reply.completion()
            spoken = True
        except asyncio.CancelledError:
            # As in `asyncio.timeout`: a cancellation by anybody else must not be taken for ours.
            if not self._interrupted or first.cancelling() - 1 > cancelling:
                raise
        finally:
            self._first = None
            if timer is not None:
                timer.cancel()
            if self._interrupted:
                first.uncancel()
            took_s = monotonic() - began_s
            if spoken or (delay_s is not None and took_s >= delay_s):
                window.add(took_s)
        if not spoken:
            return None
        if self.second is not None:
            self.second.cancel()
        return pieces

    def goes_on(self, failure: QuorateError) -> bool:
        """Return whether the second attempt may still answer after the first one failed without a word.

        A refusal of the content is an answer: nobody else is asked to give another.
        """
        self._failure = failure
        return self.second is not None and not isinstance(failure, Filtered)

    async def next(self) -> Delta | Completion:
        """Return the next piece of the second attempt, and its completion last.

        If it fails without a word, and so did the first attempt, that one's error is raised.
        """
        assert self.second is not None
        try:
            return await self.second.next()
        except QuorateError as error:
            if self._failure is None or self.second.spoken:
                raise
            raise self._failure from error

    async def settle(self) -> None:
        """Cancel the second attempt if there is one, and wait until it has ended: what it cost is charged then."""
        if self.second is not None:
            await self.second.settle()

    def _start(self) -> None:
        """Begin the second attempt: the first is late."""
        model = self._choose()
        if model is None or self._delay_s is None:
            return
        call = self._call
        call.emit(
            BranchHedged(
                call_id=call.id,
                at_s=call.at_s,
                branch=call.branch or self._name,
                model=self._name,
                hedge=model.name,
                after_s=self._delay_s,
            )
        )
        self.second = SecondAttempt(model, self._request, call.child("hedge"), on_speak=self._interrupt)
        self.second.start()

    def _interrupt(self) -> None:
        """Cancel the first attempt in the moment in which the second one speaks."""
        if self._first is not None:
            self._interrupted = True
            self._first.cancel()
