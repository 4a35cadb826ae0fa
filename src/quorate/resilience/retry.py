"""A Model that tries again."""

import asyncio
from collections.abc import AsyncGenerator, Callable

from quorate.core.errors import CircuitOpen, QuorateError
from quorate.model import Call, Completion, Delta, Model, opens_reply
from quorate.model.event import BranchRetry
from quorate.resilience.retry_policy import RetryPolicy, decide_retry
from quorate.wire.chat import ChatRequest


class Retrying:
    """`model`, asked again after transient failures as `policy` says, never past the call's deadline.

    An answer of which the caller has a token is not begun again, unless `begins_again` says that the pieces reach
    nobody who could not forget them. Each retry is an event; `on_retry` is told as well.
    """

    def __init__(
        self,
        model: Model,
        policy: RetryPolicy,
        *,
        on_retry: Callable[[BranchRetry], None] | None = None,
        begins_again: bool = False,
    ) -> None:
        self._model = model
        self._policy = policy
        self._on_retry = on_retry
        self._begins_again = begins_again

    @property
    def name(self) -> str:
        """The wrapped model's name."""
        return self._model.name

    @opens_reply
    async def open(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta | Completion]:
        """Answer, with as many attempts as the policy and the deadline allow."""
        attempt = 1
        before: QuorateError | None = None
        while True:
            begun = False
            try:
                async with self._model.open(request, call) as reply:
                    if request.stream:
                        async for delta in reply:
                            begun = begun or (delta.says_something and not self._begins_again)
                            yield delta
                    yield await reply.completion()
                    return
            except QuorateError as error:
                retry = None if begun else next_retry(self._policy, error, call, model=self.name, attempt=attempt)
                if retry is None:
                    told = more_telling(error, before)
                    settle(told, call)
                    raise told from told.__cause__
                before = error
                if self._on_retry is not None:
                    self._on_retry(retry)
            await asyncio.sleep(retry.delay_s)
            attempt += 1


def next_retry(policy: RetryPolicy, error: QuorateError, call: Call, *, model: str, attempt: int) -> BranchRetry | None:
    """Return the retry that follows a failed attempt, after telling the call of it; `None` if there is to be none.

    `attempt` counts from 1. Whoever asks waits for `delay_s`.
    """
    if _is_settled(error, call):
        return None
    decision = decide_retry(
        policy,
        error,
        attempt=attempt,
        remaining_s=call.deadline.remaining_s(),
        rng=call.random(f"retry/{attempt}"),
    )
    if decision.delay_s is None or not call.may_try_again():
        settle(error, call)
        return None
    retry = BranchRetry(
        call_id=call.id,
        at_s=call.at_s,
        branch=call.branch or model,
        model=model,
        attempt=attempt,
        delay_s=decision.delay_s,
        code=error.code,
        message=error.message,
    )
    call.emit(retry)
    return retry


def settle(error: QuorateError, call: Call) -> None:
    """Have no layer above this call's branch try again after `error`."""
    error.settled_at = (call.id, call.branch)


def _is_settled(error: QuorateError, call: Call) -> bool:
    """Whether a policy in this branch, or below it, has given up on the error already."""
    at = error.settled_at
    return at is not None and at[0] == call.id and at[1].startswith(call.branch)


def more_telling(error: QuorateError, before: QuorateError | None) -> QuorateError:
    """Return what the caller is told: of a circuit that its own attempts have opened, the failure that opened it."""
    return before if before is not None and isinstance(error, CircuitOpen) else error
