"""A result that is given again: what it says stays, and it has cost nothing and taken no time."""

import copy
from dataclasses import replace

import msgspec

from quorate.core.errors import AllFailed, QuorateError
from quorate.model import Completion, Outcome, Spend, Usage
from quorate.parallel.result import Latency, Result
from quorate.parallel.run import spend_warnings

_NO_TIME = Latency(total_s=0.0, critical_path_s=0.0, sequential_s=0.0)


def given_again(result: Result, *, run_id: str, at_s: float) -> Result:
    """Return a copy for another call, `at_s` seconds after that began, without cost or time at any depth.

    It shares nothing that can be changed with the result, and holds on to nothing of the call that it is from.
    """
    of_cost = spend_warnings((*result.branches, *result.helpers))
    return replace(
        result,
        completion=_completion(result.completion, run_id, at_s),
        branches=tuple(_outcome(each, run_id, at_s) for each in result.branches),
        helpers=tuple(_outcome(each, run_id, at_s) for each in result.helpers),
        spend=Spend(),
        latency=_NO_TIME,
        warnings=tuple(each for each in result.warnings if each not in of_cost),
        stages=tuple(replace(each, cost_microusd=0, latency_s=0.0) for each in result.stages),
        run_id=run_id,
    )


def _outcome(outcome: Outcome, run_id: str, at_s: float) -> Outcome:
    return replace(
        outcome,
        completion=None if outcome.completion is None else _completion(outcome.completion, run_id, at_s),
        error=None if outcome.error is None else _error(outcome.error),
        started_s=at_s,
        finished_s=at_s,
        first_token_s=None,
        spend=Spend(),
        attempts=0,
    )


def _completion(completion: Completion, run_id: str, at_s: float) -> Completion:
    """Return the same answer; its id and its time were those of one exchange with a provider."""
    detail = completion.detail
    response = msgspec.structs.replace(completion.response, id="", created=0, usage=Usage().to_wire())
    return replace(
        completion,
        response=copy.deepcopy(response),
        usage=Usage(),
        cost_microusd=0,
        estimated=False,
        metadata=copy.deepcopy(dict(completion.metadata)),
        detail=given_again(detail, run_id=run_id, at_s=at_s) if isinstance(detail, Result) else copy.deepcopy(detail),
        output=copy.deepcopy(completion.output),
    )


def _error(error: QuorateError) -> QuorateError:
    """Return the same error without its traceback and cause, which hold all that was under way when it was raised."""
    kept = error.__class__.__new__(error.__class__, *error.args)
    kept.__dict__.update(error.__dict__)
    if isinstance(kept, AllFailed):
        kept.errors = tuple((branch, _error(each)) for branch, each in kept.errors)
    return kept
