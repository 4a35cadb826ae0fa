"""Peer review: every member ranks all answers without knowing whose they are, its own among them.

Anonymous labels and an order of its own for each reviewer take away whom and which place to favour; what they cannot
take away is a liking for long answers and for one's own style. N reviews of N answers: tokens grow with N squared.
Source: the ranking stage of llm-council; the count is Borda's (`quorate.consensus.review`).
"""

import asyncio
from dataclasses import dataclass

from quorate.consensus import Ranking, borda, labels, parse_ranking, ranking_messages
from quorate.core.secret import new_nonce
from quorate.model import Outcome
from quorate.parallel.candidates import Candidates
from quorate.parallel.chosen import Declined
from quorate.parallel.helpers import Role, reviewers


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """All answers, best first, and how many of the reviewers' rankings counted."""

    order: tuple[Outcome, ...]
    counted: int
    asked: int


async def reviewed(candidates: Candidates) -> Review | Declined:
    """Return the answers in the order of the weighted rankings; ties go to the greater vote, then the earlier branch.

    Reviews that fail or cannot be read do not count; if fewer than half of them count there is no order.
    """
    answers = candidates.outcomes
    asked = [answers[position] for position in reviewers([candidates.weight(outcome) for outcome in answers])]
    limit = asyncio.Semaphore(candidates.plan.max_concurrent if candidates.plan.enabled else 1)
    async with asyncio.TaskGroup() as tasks:
        reviews = [
            tasks.create_task(_ranking(candidates, reviewer, number, limit)) for number, reviewer in enumerate(asked, 1)
        ]
    found = [review.result() for review in reviews]
    rankings = [each for each in found if isinstance(each, Ranking)]
    if 2 * len(rankings) < len(asked):
        why = next(each for each in found if isinstance(each, str))
        return Declined(reason=f"only {len(rankings)} of {len(asked)} reviews can be used: {why}")
    points = dict(zip((each.index for each in answers), borda(rankings, len(answers)), strict=True))
    order = sorted(answers, key=lambda each: (-points[each.index], -candidates.weight(each), each.index))
    return Review(order=tuple(order), counted=len(rankings), asked=len(asked))


async def _ranking(candidates: Candidates, reviewer: Outcome, number: int, limit: asyncio.Semaphore) -> Ranking | str:
    """Return one member's ranking, by places in `candidates.outcomes`, or why there is none."""
    branch = f"{Role.REVIEW}#{number}"
    shown = list(range(len(candidates.outcomes)))
    candidates.call.random(branch).shuffle(shown)
    names = labels(len(shown))
    messages = ranking_messages(
        candidates.question,
        candidates.labelled([candidates.outcomes[position] for position in shown], names),
        nonce=new_nonce(),
    )
    model = candidates.resolve(candidates.members[reviewer.index].model)
    async with limit:
        review = await candidates.ask(model, branch, messages)
    if review.error is not None:
        return f"{branch} failed: {review.error.message}"
    try:
        order = parse_ranking(review.text, names)
    except ValueError as error:
        return f"{branch} cannot be used: {error}"
    return Ranking(order=tuple(shown[names.index(label)] for label in order), weight=candidates.weight(reviewer))
