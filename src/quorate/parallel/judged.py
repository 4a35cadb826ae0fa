"""`select: prompt_selector`: a judge model chooses among anonymous answers, asked in both orders.

Judges favour places in the list (Zheng et al. 2023, "Judging LLM-as-a-Judge", section 3.3), so a choice counts only
when the judge makes it in both orders.
"""

import asyncio
from collections.abc import Sequence

from quorate.consensus import labels, parse_selection, selection_messages
from quorate.core.secret import new_nonce
from quorate.model import Model, Outcome
from quorate.parallel.candidates import Candidates
from quorate.parallel.chosen import Chosen, Declined
from quorate.parallel.plan import Select


async def judged(candidates: Candidates) -> Chosen | Declined:
    """Return the judge's choice, or why the judge could not be followed."""
    judge = candidates.helper(candidates.plan.judge)
    order = list(candidates.outcomes)
    candidates.call.random("judge").shuffle(order)
    async with asyncio.TaskGroup() as tasks:
        verdicts = [
            tasks.create_task(_ask(candidates, judge, f"judge#{i}", asked))
            for i, asked in enumerate((order, order[::-1]), 1)
        ]
    first, second = (verdict.result() for verdict in verdicts)
    for verdict in (first, second):
        if isinstance(verdict, str):
            return Declined(reason=verdict)
    assert isinstance(first, Outcome)
    assert isinstance(second, Outcome)
    if first is second:
        return candidates.chosen(first, Select.PROMPT_SELECTOR, f"chosen by {judge.name} in both orders")
    if _agree(candidates, first, second):
        reason = f"{judge.name} chose {first.branch} and {second.branch}, which agree"
        return candidates.chosen(first, Select.PROMPT_SELECTOR, reason)
    return Declined(reason="the judge chose differently when the answers changed places")


def _agree(candidates: Candidates, one: Outcome, other: Outcome) -> bool:
    """Whether two answers say the same, so that it does not matter which of them the judge took."""
    cluster = candidates.cluster(one)
    return cluster is not None and other.index in cluster.members


async def _ask(candidates: Candidates, judge: Model, name: str, order: Sequence[Outcome]) -> Outcome | str:
    """Return the chosen outcome, or why there is none."""
    names = labels(len(order))
    messages = selection_messages(
        candidates.question,
        candidates.labelled(order, names),
        candidates.plan.instructions or "",
        nonce=new_nonce(),
    )
    verdict = await candidates.ask(judge, name, messages)
    if verdict.error is not None:
        return f"the judge failed: {verdict.error.message}"
    try:
        return order[names.index(parse_selection(verdict.text, names))]
    except ValueError as error:
        return f"the judge's verdict cannot be used: {error}"
