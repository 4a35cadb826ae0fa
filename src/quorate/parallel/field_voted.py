"""`select: field_vote`: of JSON answers a value whose every field more than half of the votes support."""

from collections.abc import Iterable

from quorate.consensus import Field, FieldVote, JsonAnswer, json_answer, vote_fields
from quorate.model import Completion, Outcome, Usage
from quorate.parallel.candidates import Candidates
from quorate.parallel.chosen import Chosen, Declined
from quorate.parallel.plan import Select
from quorate.parallel.provenance import Basis, Dissent, Provenance, Source
from quorate.wire.chat import ChatResponse, Choice, Message

_EXACT = 1e-9


async def field_vote(candidates: Candidates) -> Chosen | Declined:
    """Return the value that the votes on each field make, as JSON text, or that no answer is JSON.

    A field without a majority has the best-weighted answer's value and is told as a contradiction. If the fields' mean
    share is below the plan's floor, the best-weighted member's reply stands instead, flagged. Asks nobody.
    """
    answers = {outcome.index: outcome for outcome in candidates.outcomes}
    answered = [found for outcome in answers.values() if (found := _json_answer(candidates, outcome)) is not None]
    if not answered:
        return Declined(reason="no answer is JSON")
    total = sum(candidates.weight(outcome) for outcome in answers.values())
    vote = vote_fields(answered, total=total)
    if vote.share < candidates.plan.floor - _EXACT:
        outcome = candidates.heaviest(answers[each.index] for each in answered)
        reason = (
            f"no consensus: the fields have {vote.share:.2f} of the votes on average, below the floor of"
            f" {candidates.plan.floor:.2f}; the heaviest member's answer was taken"
        )
        return candidates.chosen(outcome, Select.FIELD_VOTE, reason, no_consensus=True)
    return Chosen(
        completion=_completion(vote, answers.values()),
        outcome=None,
        method=Select.FIELD_VOTE,
        reason=_reason(vote, answered, len(answers)),
        provenance=Provenance(basis=Basis.VOTE, sources=tuple(_sources(vote.fields, answers))),
        contradictions=tuple(_dissents(vote.fields, answers)),
    )


def _json_answer(candidates: Candidates, outcome: Outcome) -> JsonAnswer | None:
    weight = candidates.weight(outcome)
    return json_answer(candidates.question, outcome.text, index=outcome.index, weight=weight)


def _reason(vote: FieldVote, answered: list[JsonAnswer], answers: int) -> str:
    undecided = sum(field.open for field in vote.fields)
    decided = f"{len(vote.fields) - undecided} of {len(vote.fields)} fields have a majority"
    voters = (
        f"of {answers} answers" if len(answered) == answers else f"of the {len(answered)} JSON answers of {answers}"
    )
    return f"{decided} {voters} (mean share {vote.share:.2f})"


def _sources(fields: Iterable[Field], answers: dict[int, Outcome]) -> Iterable[Source]:
    for field in fields:
        if field.text:
            branches = tuple(answers[index].branch for index in field.members)
            yield Source(part=field.path, branches=branches, share=field.share)


def _dissents(fields: Iterable[Field], answers: dict[int, Outcome]) -> Iterable[Dissent]:
    for field in fields:
        for rival in field.rivals:
            branches = tuple(answers[index].branch for index in rival.members)
            yield Dissent(branches=branches, share=rival.share, answer=rival.text, part=field.path)


def _completion(vote: FieldVote, answers: Iterable[Outcome]) -> Completion:
    """Return the value as an answer of nobody's; simulated if one of those it comes from is."""
    simulated = any(each.completion is not None and each.completion.metadata.get("simulated") for each in answers)
    choice = Choice(message=Message(role="assistant", content=vote.text), finish_reason="stop")
    return Completion(
        response=ChatResponse(choices=(choice,)),
        model=Select.FIELD_VOTE.value,
        provider="quorate",
        usage=Usage(),
        cost_microusd=0,
        metadata={"simulated": True} if simulated else {},
    )
