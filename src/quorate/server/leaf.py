"""A request that goes to one endpoint as it is: its one branch and its retries."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from quorate.core.errors import QuorateError, untraced
from quorate.model.call import Call
from quorate.model.event import BranchRetry, State
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
    call = job.watch.call
    began_s, attempt = call.at_s, 1
    state, code = State.CANCELLED, None
    before: QuorateError | None = None
    try:
        while True:
            try:
                result = await ask(call)
            except QuorateError as error:
                retry = _retry(job, error, before, attempt)
                before = untraced(error)
            else:
                state = State.FINISHED
                return result
            await asyncio.sleep(retry.delay_s)
            attempt += 1
    except QuorateError as error:
        state, code = State.FAILED, error.code
        raise
    except Exception:
        state, code = State.FAILED, internal_error().code
        raise
    finally:
        job.watch.branch = _record(job, began_s, attempt, state, code)


def first_token(job: Job) -> None:
    """Tell that the first piece of the answer came."""
    job.watch.first_token_s = job.watch.call.at_s


def _retry(job: Job, error: QuorateError, before: QuorateError | None, attempt: int) -> BranchRetry:
    """Return when to ask again; raises the more telling of two errors if there is no reason to, or no more."""
    watch = job.watch
    policy = job.services.defaults.plan.retry
    retry = None if job.spoke else next_retry(policy, error, watch.call, model=watch.model, attempt=attempt)
    if retry is None:
        told = more_telling(error, before)
        raise told from told.__cause__
    return retry


def _record(job: Job, began_s: float, attempts: int, state: State, code: str | None) -> BranchRecord:
    """Return what became of the branch."""
    watch = job.watch
    spend, usage = watch.call.budget.spend, watch.call.budget.spend.usage
    began_at_s, first_s = watch.began_at_s, watch.first_token_s
    return BranchRecord(
        branch=watch.model,
        model=watch.model,
        provider=job.services.provider_of(watch.model),
        state=state,
        started_at_s=began_at_s + began_s,
        finished_at_s=began_at_s + watch.call.at_s,
        first_token_at_s=None if first_s is None else began_at_s + first_s,
        attempts=attempts,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cost_microusd=spend.cost_microusd,
        estimated=spend.estimated,
        selected=state is State.FINISHED,
        error_code=code,
    )
