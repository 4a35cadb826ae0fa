"""Answers of saved prompts that are kept: which, how much of them, and how one is given again."""

from dataclasses import dataclass, replace

import msgspec

from quorate.core.bounded_cache import BoundedCache
from quorate.model import Call, Completion, Outcome
from quorate.parallel.plan import Plan
from quorate.parallel.result import Latency, Result
from quorate.parallel.stop import Stopped, min_models
from quorate.prompts.given_again import given_again

#: How much is kept of all prompts of a folder.
MAX_ENTRIES, MAX_BYTES = 1_000, 32 * 1024 * 1024
#: What the end of a branch takes beside its answer, of which twice the length is counted: measured, in bytes.
_OUTCOME_BYTES = 1_500
#: Plans that ended so have not asked all whom they wanted to ask.
_CUT_SHORT = frozenset({Stopped.DEADLINE, Stopped.BUDGET})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A result without cost, and the moment at which it was made."""

    result: Result
    at_s: float


class AnswerCache:
    """Answers by key (`answer_key`), of this process; a live object. The least recently used goes first."""

    def __init__(self, *, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self._kept = BoundedCache[_Kept](max_entries=max_entries, max_size=max_bytes)

    def get(self, key: str, call: Call, *, began_s: float) -> Result | None:
        """Return what is kept under a key as an answer to this call, which asked at `began_s`.

        It has cost nothing, and says in its metadata that it was `cached`, in its reason how long ago it was asked.
        """
        now_s = call.clock.monotonic()
        if (kept := self._kept.get(key, now_s)) is None:
            return None
        result = given_again(kept.result, run_id=call.id, at_s=call.at_s)
        took_s = call.at_s - began_s
        return replace(
            result,
            completion=_marked(result.completion),
            reason=f"asked {now_s - kept.at_s:.0f} s ago: {result.reason}",
            latency=Latency(total_s=took_s, critical_path_s=took_s, sequential_s=took_s),
        )

    def keep(self, key: str, result: Result, *, now_s: float, ttl_s: float | None) -> None:
        """Keep an answer for some seconds, or as long as there is room."""
        kept = _Kept(result=given_again(result, run_id="", at_s=0.0), at_s=now_s)
        self._kept.put(key, kept, size=size_of(kept.result), until_s=None if ttl_s is None else now_s + ttl_s)


def is_whole(result: Result, plan: Plan) -> bool:
    """Return whether an answer is worth to be given again.

    It came to its own end and says something, keeps its contract, and stands for no disagreement; and the plan was not
    cut short, heard as many models as it needs, and chose as it wanted to.
    """
    completion, output = result.completion, result.completion.output
    answered = sum(each.ok for each in result.branches)
    return (
        bool(completion.text.strip())
        and all(choice.finish_reason in {None, "stop"} for choice in completion.response.choices)
        and (output is None or output.valid)
        and not result.no_consensus
        and result.stopped not in _CUT_SHORT
        and answered >= min_models(plan, len(result.branches))
        and all(each.error is None for each in result.helpers)
    )


def size_of(result: Result) -> int:
    """Return about how many bytes of memory a result takes."""
    outcomes = (*result.branches, *result.helpers)
    return _completion_size(result.completion) + sum(_OUTCOME_BYTES + _outcome_size(each) for each in outcomes)


def _outcome_size(outcome: Outcome) -> int:
    return 0 if outcome.completion is None else _completion_size(outcome.completion)


def _completion_size(completion: Completion) -> int:
    detail = completion.detail
    inside = size_of(detail) if isinstance(detail, Result) else 0
    output = 0 if completion.output is None else len(repr(completion.output.value))
    return 2 * (len(repr(completion.response)) + output) + inside


def _marked(completion: Completion) -> Completion:
    """Return the answer, called kept wherever a simulated one is called simulated."""
    response = completion.response
    return replace(
        completion,
        response=msgspec.structs.replace(response, extra={**response.extra, "cached": True}),
        metadata={**completion.metadata, "cached": True},
    )
