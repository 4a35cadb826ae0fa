"""Running one branch to its outcome, whatever happens in it."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from quorate.core.errors import DeadlineExceeded, ProviderError, QuorateError, untraced
from quorate.model import Call, Completion, Delta, Outcome, Reply, State
from quorate.model.event import (
    BranchCancelled,
    BranchDelta,
    BranchFailed,
    BranchFallback,
    BranchFinished,
    BranchFirstToken,
    BranchRetry,
    BranchStarted,
)
from quorate.parallel.branch import Branch
from quorate.parallel.live import Live
from quorate.resilience.contracted import Terms
from quorate.resilience.failover import Claim, Failover
from quorate.resilience.retry_policy import RetryPolicy
from quorate.wire.chat import ChatRequest

_log = logging.getLogger("quorate")


@dataclass(slots=True, kw_only=True)
class BranchRun:
    """A live object: a branch under way.

    `run` never raises anything but cancellation; the outcome goes to `settle` in every case. `live` is where pieces
    go while this branch speaks, `None` if nobody reads along; `lose` tells why it was cancelled. `on_speak` is called
    when the branch becomes the one that speaks. `claim` gives it a fallback that does not run in its plan already.
    `terms` are what its answer has to keep.
    """

    branch: Branch
    call: Call
    request: ChatRequest
    retry: RetryPolicy
    settle: Callable[[Outcome], None]
    claim: Claim
    terms: Terms | None = None
    live: Live | None = None
    on_speak: Callable[[Branch], None] | None = None
    lose: str = "the call was broken off"
    attempts: int = 1
    started_s: float = 0.0
    first_token_s: float | None = None

    async def run(self) -> None:
        """Run to the outcome and settle it."""
        self.started_s = self.call.at_s
        self.call.emit(BranchStarted(**self._head(), group=self.branch.group))
        try:
            completion = await self._complete()
        except asyncio.CancelledError as error:
            if _is_cancelled():
                self._cancelled()
                raise
            self._failed(self._broken(error))
        except QuorateError as error:
            self._failed(error)
        except Exception as error:  # noqa: BLE001 - a model of somebody else's may raise anything; it disturbs nobody
            _log.exception("the model %r raised what a model must not raise", self.branch.model.name)
            self._failed(self._broken(error))
        else:
            self._finished(completion)

    async def _complete(self) -> Completion:
        self.call.deadline.require(f"{self.branch.id} started")
        model = Failover(
            model=self.branch.model,
            policy=self.retry,
            claim=self.claim,
            begins_again=self.live is None,
            on_retry=self._count,
            on_fallback=self._count,
            terms=self.terms,
        )
        limit = asyncio.timeout(self.call.deadline.remaining_s())
        try:
            async with limit, model.open(self.request, self.call) as reply:
                if self.request.stream:
                    await self._read(reply)
                return await reply.completion()
        except TimeoutError:
            if not limit.expired():
                raise
            waited_s = self.call.at_s - self.started_s
            raise DeadlineExceeded(f"{self.branch.id} gave no whole answer within {waited_s:.3g} s") from None
        finally:
            del limit  # it holds the task, whose cancellation would hold this frame: a cycle for each branch that lost

    async def _read(self, reply: Reply) -> None:
        early: list[Delta] = []
        async for delta in reply:
            if self.first_token_s is None:
                early.append(delta)
                if not delta.says_something:
                    continue
                self._first_token()
                await self._speak(early)
            elif self.live is not None:
                await self.live.send(delta)
            if delta.text:
                self.call.emit(BranchDelta(**self._head(), text=delta.text))

    def _first_token(self) -> None:
        self.first_token_s = self.call.at_s
        self.call.emit(BranchFirstToken(**self._head()))
        if self.live is None:
            return
        if not self.live.claim(self.branch.id):
            self.live = None
        elif self.on_speak is not None:
            self.on_speak(self.branch)

    async def _speak(self, deltas: list[Delta]) -> None:
        if self.live is not None:
            for delta in deltas:
                await self.live.send(delta)

    def _broken(self, cause: BaseException) -> ProviderError:
        error = ProviderError(f"{type(cause).__name__} inside the model", model=self.branch.model.name)
        error.__cause__ = cause
        return error

    def _count(self, event: BranchRetry | BranchFallback) -> None:
        del event
        self.attempts += 1

    def _finished(self, completion: Completion) -> None:
        outcome = self._outcome(State.FINISHED, completion=completion)
        self.call.emit(BranchFinished(**self._head(), **_spent(outcome)))
        self.settle(outcome)

    def _failed(self, error: QuorateError) -> None:
        # The outcome outlives this branch: with a traceback it would hold all that was going on in it, and be held.
        outcome = self._outcome(State.FAILED, error=untraced(error))
        self.call.emit(
            BranchFailed(
                **self._head(),
                **_spent(outcome),
                code=error.code,
                message=error.message,
            )
        )
        self.settle(outcome)

    def _cancelled(self) -> None:
        outcome = self._outcome(State.CANCELLED)
        self.call.emit(
            BranchCancelled(
                **self._head(),
                **_spent(outcome),
                reason=self.lose,
            )
        )
        self.settle(outcome)

    def _head(self) -> dict[str, Any]:
        return {
            "call_id": self.call.id,
            "at_s": self.call.at_s,
            "branch": self.call.branch,
            "model": self.branch.member.model,
        }

    def _outcome(
        self, state: State, *, completion: Completion | None = None, error: QuorateError | None = None
    ) -> Outcome:
        return Outcome(
            branch=self.branch.id,
            model=self.branch.member.model,
            index=self.branch.index,
            group=self.branch.group,
            state=state,
            started_s=self.started_s,
            finished_s=self.call.at_s,
            first_token_s=self.first_token_s,
            completion=completion,
            error=error,
            spend=self.call.budget.spend,
            attempts=self.attempts,
        )


def _spent(outcome: Outcome) -> dict[str, Any]:
    spend = outcome.spend
    return {
        "latency_s": outcome.latency_s,
        "prompt_tokens": spend.usage.prompt_tokens,
        "completion_tokens": spend.usage.completion_tokens,
        "cost_microusd": spend.cost_microusd,
        "estimated": spend.estimated,
        "attempts": outcome.attempts,
    }


def _is_cancelled() -> bool:
    """Whether somebody cancelled this task: else the cancellation comes from inside the model, and is its failure."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
