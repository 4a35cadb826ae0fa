"""A request that goes to one endpoint as it is: its one branch and its retries."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from quorate.core.errors import QuorateError
from quorate.model.call import Call
from quorate.model.event import State
from quorate.model.run import BranchRecord
from quorate.resilience.retry import more_telling, next_retry
from quorate.server.job import Job
from quorate.server.outbound import internal_error

T = TypeVar("T")


async def as_leaf(job: Job, ask: Callable[[Call], Awaitable[T]]) -> T:
    """Return what `ask` returns, asked again after failures that may pass, as long as the caller has seen nothing.

    The branch has the model's name, and the call's own budget: there is no other branch. Its record is made here and
    not from events: nobody else listens, and events would be a tenth of what the gateway costs.
    """
    leaf = _Leaf(job)
    state, code = State.CANCELLED, None
    try:
        result = await leaf.ask(ask)
        state = State.FINISHED
    except QuorateError as error:
        state, code = State.FAILED, error.code
        raise
    except Exception:
        state, code = State.FAILED, internal_error().code
        raise
    finally:
        job.watch.branch = leaf.record(state, code)
    return result


def first_token(job: Job) -> None:
    """Tell that the first piece of the answer came."""
    job.watch.first_token_s = job.watch.call.at_s


class _Leaf:
    """A live object: the branch under way."""

    __slots__ = ("_attempt", "_began_s", "_job")

    def __init__(self, job: Job) -> None:
        self._job = job
        self._began_s = job.watch.call.at_s
        self._attempt = 1

    async def ask(self, ask: Callable[[Call], Awaitable[T]]) -> T:
        """Ask until there is an answer, or no more reason to."""
        job, call = self._job, self._job.watch.call
        before: QuorateError | None = None
        while True:
            try:
                return await ask(call)
            except QuorateError as error:
                policy = job.services.defaults.plan.retry
                retry = (
                    None if job.spoke else next_retry(policy, error, call, model=job.watch.model, attempt=self._attempt)
                )
                if retry is None:
                    told = more_telling(error, before)
                    raise told from told.__cause__
                before = error
            await asyncio.sleep(retry.delay_s)
            self._attempt += 1

    def record(self, state: State, code: str | None) -> BranchRecord:
        """Return what became of it."""
        job = self._job
        watch, spend = job.watch, job.watch.call.budget.spend
        began_at_s, first_s = watch.began_at_s, watch.first_token_s
        return BranchRecord(
            branch=watch.model,
            model=watch.model,
            provider=job.services.provider_of(watch.model),
            state=state,
            started_at_s=began_at_s + self._began_s,
            finished_at_s=began_at_s + watch.call.at_s,
            first_token_at_s=None if first_s is None else began_at_s + first_s,
            attempts=self._attempt,
            prompt_tokens=spend.usage.prompt_tokens,
            completion_tokens=spend.usage.completion_tokens,
            cost_microusd=spend.cost_microusd,
            estimated=spend.estimated,
            selected=state is State.FINISHED,
            error_code=code,
        )
